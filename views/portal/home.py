"""The page of portal users: their customer's own record."""

from typing import Any

from flask import Flask
from flask_login import login_required
from sqlalchemy.orm import joinedload

from customerhub.core.permissions import select_visible
from models import Contract, Customer
from models.base import db
from models.enums import PortalPermission
from views.cells.contracts import status_chip
from views.contracts.customer_tab import columns_of, count_by_status, format_limit_note, list_newest
from views.framework.eager_loading import load_relations
from views.framework.formatting import current_formats, format_amount, format_date
from views.framework.portal_page import PortalPage
from views.framework.uploads import file_link
from views.portal import cases
from views.portal.requests import bp, build_menu, can_see, require_portal_user


@bp.get("/")
@login_required
def home() -> str:
    actor = require_portal_user()
    customer = db.session.scalars(select_visible(Customer, actor).options(joinedload(Customer.status))).first()
    if customer is None or not customer.portal_access:
        card = {"title": "Your portal", "text": "Please ask your contact person to enable it."}
        return PortalPage(title="Not available yet", cards=[card]).render()
    cards = _summary_cards(customer) if can_see(PortalPermission.DASHBOARD) else []
    tables = [_contracts_table(customer)] if can_see(PortalPermission.CONTRACTS) else []
    if can_see(PortalPermission.DOCUMENTS):
        tables.append(_documents_table(customer))
    if not cards and not tables:
        if can_see(PortalPermission.CASES):
            return cases.list_cases()
        cards = [{"title": "Nothing to show", "text": "Your access does not include any page yet."}]
    return PortalPage(title=customer.name, nav=build_menu("home"), cards=cards, tables=tables).render()


def _summary_cards(customer: Customer) -> list[dict[str, Any]]:
    return [
        {"title": "Balance", "figure": f"{format_amount(customer.balance)} {current_formats().currency}"},
        {
            "title": "Your details",
            "items": [
                ("Account no.", customer.account_number),
                ("Email", customer.email),
                ("Contact number", customer.contact_number),
                ("Customer since", format_date(customer.start_date)),
            ],
        },
    ]


def _contracts_table(customer: Customer) -> dict[str, Any]:
    condition = Contract.customer_id == customer.id
    return {
        "title": "Contracts",
        "text": format_limit_note(count_by_status(Contract, condition)).strip() or None,
        "columns": columns_of("Number", "Name", "Connections", "Status", "Start", "End"),
        "rows": [
            [
                each.number,
                each.name,
                f"{each.connections:,}",
                status_chip(each),
                format_date(each.start_date),
                format_date(each.end_date) or None,
            ]
            for each in list_newest(Contract, condition)
        ],
        "empty": {"title": "No contracts", "text": "Your contracts appear here."},
    }


def _documents_table(customer: Customer) -> dict[str, Any]:
    def file_cell(file_id: int | None) -> Any:
        link = file_link(file_id) if file_id else None
        return {"text": link["name"], "url": link["url"]} if link else None

    documents = load_relations(customer.compliance_documents)
    return {
        "title": "Documents",
        "columns": [{"label": "Certificate"}, {"label": "Valid until"}, {"label": "File"}],
        "rows": [[d.certificate, format_date(d.expiry_date), file_cell(d.file_id)] for d in documents],
        "empty": {"title": "No documents", "text": "Your documents appear here."},
    }


def register(app: Flask) -> None:
    app.register_blueprint(bp)
