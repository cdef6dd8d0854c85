"""Attachments: a list across customers, the upload, and the tab of a customer."""

from typing import Any, BinaryIO, cast

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.activity import attachments
from customerhub.activity.attachments import Upload
from customerhub.core import services
from customerhub.core.config import MIB
from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor, Permission
from customerhub.core.spreadsheets import CellKind
from customerhub.customers.choice_rules import STAFF_ONLY
from models import Attachment, Contract, Customer, StoredFile, User
from models.base import db
from views.cells.customer_part_view import CUSTOMER_FIELD, CustomerPartView
from views.cells.customers import CustomerFilter, customer_link
from views.framework.choices import Source
from views.framework.columns import Cell, Column
from views.framework.edit_page import DetailsPage
from views.framework.exported import Exported, Related
from views.framework.filters import Filter
from views.framework.formatting import format_datetime
from views.framework.operation import Operation
from views.framework.panel import Panel
from views.framework.screen import ViewResponse
from views.framework.uploads import format_size
from views.http import form_tokens
from views.http.urls import parse_id, path_to

SCREEN = "attachments"
TAB = "attachments"
MAX_LISTED = 200  # attachments on the page of a customer or contract


def file_cell(row: Attachment) -> Cell:
    """The name of the file as a link to it, with its size."""
    url = url_for("files.download", file_id=row.file_id)
    return {"text": row.name, "url": url, "sub": format_size(row.file.size)}


class AttachmentView(CustomerPartView):
    noun = "attachment"
    title = "Attachments"
    intro = "Files that were attached to customers and contracts."
    empty_text = "Attach files on the Attachments tab of a customer."
    customer_tab = TAB
    columns = (
        Column("name", "File", file_cell, sort=Attachment.name, export=Exported(Attachment.name)),
        Column(
            "customer",
            "Customer",
            lambda row: customer_link(row.customer),
            export_text=lambda row: row.customer.name,
            export=Exported(Related(Attachment.customer, Customer.name)),
        ),
        Column("description", "Description", lambda row: row.description, export=Exported(Attachment.description)),
        Column(
            "contract",
            "Contract",
            lambda row: row.contract.number if row.contract else None,
            load_options=(joinedload(Attachment.contract),),
            export=Exported(Related(Attachment.contract, Contract.number)),
            collapsed_format="on {}",
        ),
        Column(
            "size",
            "Size",
            lambda row: format_size(row.file.size),
            default_visible=False,
            export=Exported(Related(Attachment.file, StoredFile.size), render=format_size),
        ),
        Column(
            "uploaded_by",
            "Attached by",
            lambda row: row.uploaded_by.name if row.uploaded_by else "System",
            load_options=(joinedload(Attachment.uploaded_by),),
            export=Exported(Related(Attachment.uploaded_by, User.name), render=lambda name: name or "System"),
            collapsed_format="by {}",
        ),
        Column(
            "created_at",
            "Attached",
            lambda row: format_datetime(row.created_at),
            sort=Attachment.id,
            export=Exported(Attachment.created_at, kind=CellKind.MOMENT),
            collapsed_format="{}",
        ),
    )
    filters = (
        Filter("name", "File", Attachment.name, nullable=False),
        CustomerFilter("customer", "Customer", Attachment.customer_id, nullable=False),
        Filter("description", "Description", Attachment.description),
        Filter("uploaded_by", "Attached by", Attachment.uploaded_by_id, "select", source=Source(User, STAFF_ONLY)),
        Filter("created_at", "Attached", Attachment.created_at, "date", nullable=False),
    )
    search_columns = (Attachment.name, Attachment.description)
    search_hint = "File, description, customer"
    default_order = (Attachment.id.desc(),)
    load_options = (joinedload(Attachment.customer).joinedload(Customer.status), joinedload(Attachment.file))
    details_load_options = (joinedload(Attachment.uploaded_by), joinedload(Attachment.contract))
    fields = (CUSTOMER_FIELD, "description")
    operations = (
        Operation(
            name="delete",
            label="Delete",
            past_tense="deleted",
            permission=Permission.CUSTOMERS_EDIT,
            run=attachments.delete_attachment,
            run_many=attachments.delete_attachments,
            explanation="The file is deleted for good. The history keeps its name.",
            icon="trash",
            danger=True,
            deletes_rows=True,
        ),
    )
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = Permission.CUSTOMERS_EDIT
    save = staticmethod(attachments.save_attachment)

    @property
    def can_create(self) -> bool:
        return False  # files are attached on the page of their customer or contract

    @expose("/upload/", methods=("POST",))
    def upload(self) -> ViewResponse:
        """Attach the files that were chosen or dropped, to a customer or to a contract."""
        customer_id, contract_id = (parse_id(request.args.get(name, "")) for name in ("customer_id", "contract_id"))
        if customer_id is None or not self.may_edit():
            abort(404 if customer_id is None else 403)
        back_url = self.build_tab_url(customer_id)
        if contract_id is not None:
            back_url = f"{path_to('contracts.details_view', contract_id)}&tab={TAB}"
        duplicate = form_tokens.claim_token()
        if duplicate is not None and duplicate.is_same:
            return duplicate.redirect_again(back_url)
        files = [file for file in request.files.getlist("files") if file.filename]
        try:
            attached, refusals = attachments.attach_files(
                customer_id,
                [Upload(cast(BinaryIO, file.stream), file.filename or "", file.mimetype) for file in files],
                contract_id=contract_id,
                description=request.form.get("description"),
                actor=self.actor,
            )
            form_tokens.set_redirect(back_url)
            db.session.commit()
        except HubError as error:
            db.session.rollback()
            flash(error.message, "error")
            return redirect(back_url, 303)
        for name, reason in refusals.items():
            flash(f"{name} was not attached. {reason}.", "error")
        if attached:
            names = str(attached[0]) if len(attached) == 1 else f"{len(attached)} files"
            flash(f"Attached: {names}", "success")
        return redirect(back_url, 303)

    def fill_header(self, page: DetailsPage, row: Attachment) -> None:
        page.meta = [
            ("Customer", customer_link(row.customer)),
            ("Attached by", row.uploaded_by.name if row.uploaded_by else "System"),
            ("Attached", format_datetime(row.created_at)),
        ]

    def fill_details(self, page: DetailsPage, row: Attachment, _tab: str) -> None:
        edit_url = url_for(f"{SCREEN}.edit_view", id=row.id) if self.can_edit else None
        contract = row.contract
        contract_cell = (
            {"text": str(contract), "url": path_to("contracts.details_view", contract.id)} if contract else None
        )
        items = [
            ("File", file_cell(row)),
            ("Description", row.description),
            ("Contract", contract_cell),
        ]
        page.sections.append({"title": "Details", "items": items, "edit_url": edit_url})


def add_attachments(page: DetailsPage, customer_id: int, *, contract: Contract | None = None, actor: Actor) -> None:
    """Put the attachments of a customer, or those of its contract, on its page, with the form that adds some."""
    may_edit = actor.has_permission(Permission.CUSTOMERS_EDIT)
    if may_edit:
        contract_id = contract.id if contract is not None else None
        url = url_for(f"{SCREEN}.upload", customer_id=customer_id, contract_id=contract_id)
        limit = f"{services.get_current().max_upload_bytes / MIB:g} MB"
        page.panel = Panel("activity/upload.html", {"url": url, "limit": limit})
        page.scripts = [*page.scripts, "js/attachments.js"]
    page.tables.append(_build_table(customer_id, contract, may_edit))


def _build_table(customer_id: int, contract: Contract | None, may_edit: bool) -> dict[str, Any]:
    owner = Attachment.customer_id == customer_id if contract is None else Attachment.contract_id == contract.id
    rows = db.session.scalars(
        select(Attachment)
        .where(owner)
        .options(*(joinedload(each) for each in (Attachment.file, Attachment.uploaded_by, Attachment.contract)))
        .order_by(Attachment.id.desc())
        .limit(MAX_LISTED + 1)
    ).all()
    labels = ["File", "Description", *(["Contract"] if contract is None else []), "Attached by", "Attached"]
    more = len(rows) > MAX_LISTED
    return {
        "title": "Attachments",
        "text": f"Showing the newest {MAX_LISTED} attachments." if more else None,
        "columns": [{"label": label} for label in (*labels, "")],
        "rows": [_build_cells(row, contract is None, may_edit) for row in rows[:MAX_LISTED]],
        "empty": {"title": "No attachments yet", "text": "Files of any type, such as letters, quotes and photos."},
    }


def _build_cells(row: Attachment, shows_contract: bool, may_edit: bool) -> list[Cell]:
    contract = row.contract
    links: list[Cell] = [{"text": "Details", "url": path_to(f"{SCREEN}.details_view", row.id)}]
    if may_edit:
        url = url_for(f"{SCREEN}.operation_view", operation="delete", id=row.id)
        links.append({"text": "Delete", "url": url})
    contract_cells: list[Cell] = []
    if shows_contract:
        contract_cells = [
            {"text": contract.number, "url": path_to("contracts.details_view", contract.id)} if contract else None
        ]
    return [
        file_cell(row),
        row.description,
        *contract_cells,
        row.uploaded_by.name if row.uploaded_by else "System",
        format_datetime(row.created_at),
        links,
    ]
