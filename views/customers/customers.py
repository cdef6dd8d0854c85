"""Customers: the list, the form with its tabs, and the operations on them."""

from collections.abc import Sequence
from typing import Any

from flask import abort, flash, g, jsonify, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import joinedload
from werkzeug.exceptions import NotFound
from wtforms import Form

from customerhub.core.permissions import Permission
from customerhub.customers.after_save import SaveOutcome
from customerhub.customers.choice_rules import CHOICE_RULES
from customerhub.customers.deletion import delete_customer, delete_customers, deletion_refusal_reasons
from customerhub.customers.form_layout import CUSTOMER_FORM
from customerhub.customers.importing.account_columns import ACCOUNTS_SHEET
from customerhub.customers.importing.account_export import SHEET_COLUMNS, load_account_rows
from customerhub.customers.merging import find_survivor_id
from customerhub.customers.profile_form import PROFILE_FORM
from customerhub.customers.records import check_customer, save_customer_with_outcome
from customerhub.customers.saving_many import TOGETHER
from customerhub.customers.search import build_search_condition
from customerhub.customers.search_pages import find_page
from customerhub.customers.statuses import find_default_status
from customerhub.form_layouts.layouts import Layout
from jobs.exports import DependentTable
from models import CatalogItem, Customer, CustomerStatus, Department, Organisation
from models.base import db
from views.approvals.alerts import RAISE
from views.approvals.blacklist import REMOVAL, REQUEST
from views.approvals.stage_operations import STAGE_OPERATIONS
from views.cells.customers import build_missing_setup_banners, find_usual_status_id
from views.contracts import customer_tab as contracts_tab
from views.customers import form as form
from views.customers import record, record_tabs, tags
from views.customers.columns import COLUMNS, FILTERS, list_import_columns
from views.customers.default_values import DefaultValuesMixin
from views.customers.duplicate_warning import DuplicateWarningMixin
from views.customers.merge import MERGE, TWO_REQUIRED_TEXT, MergePartnerSource, OtherCustomerForm
from views.customers.operations import ASSIGN
from views.customers.record_facts import RecordFacts, load_facts
from views.customers.replacement_question import QUESTION, ReplacementQuestionMixin
from views.customers.report import REPORT
from views.customers.reviews import RECORD
from views.customers.save_outcome import describe_outcome
from views.framework import formatting
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.custom_columns import add_columns, add_filters, extend_screen
from views.framework.edit_page import DetailsPage, EditPage
from views.framework.form_layouts import arrange_rows, arrange_screen, get_layout
from views.framework.forms import format_value
from views.framework.list_page import COUNT_LIMIT, ListArgs
from views.framework.model_view import HubModelView
from views.framework.operation import Operation, OperationPage
from views.framework.screen import ViewResponse
from views.http.urls import parse_id, path_to
from views.signing.profile_sending import SEND_NDA
from views.users import customer_tab as portal_tab

DELETE = Operation(
    name="delete",
    label="Delete",
    past_tense="deleted",
    permission=Permission.CUSTOMERS_DELETE,
    run=delete_customer,
    run_many=delete_customers,
    unavailable_reasons=lambda customers, _actor: deletion_refusal_reasons(customers),
    explanation="Customers without linked records are deleted immediately, including their contacts, addresses and "
    "portal users without a sign-in. Customers with billing lines, documents, profiles or other users cannot be "
    "deleted. Personal data stays in the history of changes and, for imported customers, in the rows and the "
    "workbook of the import: this does not erase it.",
    icon="trash",
    danger=True,
    deletes_rows=True,
    is_always_offered=True,
)

# Set-up data that no customer can do without: what it is called and where it is added.
REQUIRED_SETUP: tuple[tuple[Source, str, str, dict[str, Any]], ...] = (
    (Source(CatalogItem, CHOICE_RULES["region_id"]), "region", "catalogs", {"type": "region"}),
    (Source(Department), "department", "departments", {}),
    (Source(CustomerStatus), "status", "statuses", {}),
)


@arrange_screen(CUSTOMER_FORM)
@extend_screen(Customer, columns=add_columns, filters=add_filters)
@arrange_rows(PROFILE_FORM, "invoice_profiles")
class CustomerView(DefaultValuesMixin, ReplacementQuestionMixin, DuplicateWarningMixin, HubModelView):
    noun = "customer"
    title = "Customers"
    empty_text = "Add your first customer or import a spreadsheet."
    columns = COLUMNS
    filters = FILTERS
    search_columns = (Customer.search_text,)
    search_hint = "Name, reference, account no., email, phone"
    default_order = (Customer.sort_name,)
    choice_sources = tuple(source for source, *_ in REQUIRED_SETUP)
    load_options = (joinedload(Customer.status),)
    details_load_options = tuple(
        joinedload(getattr(Customer, name))
        for name, relation in inspect(Customer).relationships.items()
        if not relation.uselist
    )
    field_pairs = form.FIELD_PAIRS
    inlines = form.INLINES
    field_args = form.FIELD_ARGS
    operations = (
        ASSIGN,
        *STAGE_OPERATIONS,
        RECORD,
        REPORT,
        RAISE,
        REQUEST,
        REMOVAL,
        MERGE,
        SEND_NDA,
        tags.ADD,
        tags.REMOVE,
        DELETE,
    )
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = Permission.CUSTOMERS_EDIT
    record_tabs = form.RECORD_TABS
    save = staticmethod(save_customer_with_outcome)
    has_bulk_edit = True
    own_fields = form.OWN_FIELDS
    further_fields = form.FURTHER_OWN_FIELDS
    check = staticmethod(check_customer)
    together = TOGETHER

    def search_condition(self, search: str) -> Any:
        return build_search_condition(search)

    def find_page(self, query: Select[Any], args: ListArgs, order: Sequence[Any]) -> tuple[int, Select[Any]]:
        if not args.search:
            return super().find_page(query, args, order)
        page = find_page(
            query,
            args.search,
            order=order,
            offset=args.page * args.page_size,
            limit=args.page_size + 1,
            max_count=COUNT_LIMIT,
            is_exact=args.exact,
        )
        return page.total, select(Customer.id).where(Customer.id.in_(page.ids))

    def list_import_columns(self) -> list[str]:
        return list_import_columns(self.columns, self.actor.organisation_id)

    def list_dependent_tables(self, columns: Sequence[Column]) -> Sequence[DependentTable]:
        """What is exported as for import has the further accounts of the customers, as the workbook of an import."""
        if {column.name for column in columns} != {*self.list_import_columns()}:
            return ()
        return [DependentTable(ACCOUNTS_SHEET, SHEET_COLUMNS, load_account_rows)]

    def menu_actions(self, args: ListArgs) -> list[dict[str, Any]]:
        actions = super().menu_actions(args)
        if self.actor.has_permission(Permission.CUSTOMERS_IMPORT):
            actions.insert(1, {"label": "Import from Excel", "url": url_for("imports.upload"), "icon": "upload"})
        return actions

    def list_search_links(self, args: ListArgs) -> list[tuple[str, str]]:
        quick_search = url_for("quick_search.index")
        return [("Modify search", quick_search + args.query_string()), ("New search", quick_search)]

    def get_one(self, id: Any, load_options: Sequence[Any] = ()) -> Any:
        """The customer; one that was merged away leads to the one that took its place."""
        try:
            return super().get_one(id, load_options)
        except NotFound:
            merged_id = parse_id(str(id)) if request.method == "GET" else None
            survivor = None if merged_id is None else find_survivor_id(merged_id, actor=self.actor)
            if survivor is None:
                raise
            url_values: dict[str, Any] = {**(request.view_args or {}), **request.args.to_dict(), "id": survivor}
            return abort(redirect(url_for(request.endpoint or "", **url_values)))

    @expose("/operation/<operation>/", methods=("GET", "POST"))
    def operation_view(self, operation: str) -> ViewResponse:
        """As every operation; merging is of two, and of one begins by choosing the other."""
        ids = list(dict.fromkeys(request.args.getlist("id")))
        if len(ids) == 1 and (operation == MERGE.name or request.method == "GET"):
            self._get_operation(operation)
            customer = self.get_one(ids[0])
            if operation == MERGE.name:
                return self._choose_other(customer)
        elif operation == MERGE.name and len(ids) > 2 and self.actor.has_permission(MERGE.permission):
            flash(f"{TWO_REQUIRED_TEXT}.", "warning")
            return redirect(self._list_url(), 303)
        response = super().operation_view(operation)
        if operation != MERGE.name or request.method != "POST":
            return response
        return self._after_merging(ids) or response

    @expose("/available/")
    def available_view(self) -> Any:
        """As of every list; merging is of two."""
        entries = super().available_view()
        if "all" not in request.args and len(set(request.args.getlist("id"))) <= 2:
            return entries
        refusal = {"count": 0, "reason": TWO_REQUIRED_TEXT}
        return [entry | refusal if entry["name"] == MERGE.name else entry for entry in entries]

    def _after_merging(self, ids: list[str]) -> ViewResponse | None:
        """To the one of the two that stays; None where they are two still."""
        survivors = [find_survivor_id(int(key), actor=self.actor) for key in ids]
        for survivor in filter(None, survivors):
            flash("Customers merged.", "success")
            return redirect(path_to("customers.details_view", survivor), 303)
        return None

    def _choose_other(self, customer: Customer) -> ViewResponse:
        other_form = OtherCustomerForm(request.form if request.method == "POST" else None)
        other_form.other_id.set_first(customer)
        status = 200
        if request.method == "POST":
            if other_form.validate():
                return redirect(self.operation_url(MERGE.name, [customer.id, other_form.other_id.data]), 303)
            status = 422
        g.crumb = MERGE.label
        page = OperationPage(
            title=f"Merge {customer}",
            explanation="Choose the duplicate. The differences are shown before anything is changed.",
            form=other_form,
            button="Compare",
            back_url=self.url_of(customer),
        )
        return self.render("screens/operation.html", page=page), status

    def operation_lookups(self) -> dict[str, Any]:
        first_id = parse_id(request.args.get("first", ""))
        return super().operation_lookups() | {"merge.other_id": MergePartnerSource(Customer, first_id=first_id)}

    def scaffold_form(self) -> type[Form]:
        form_class = super().scaffold_form()
        form_class.tags = tags.TagsField("Tags", source=tags.SOURCE)
        return form_class

    # --- Form ----------------------------------------------------------------------------------------------

    def form_banners(self) -> list[dict[str, Any]]:
        return self.list_banners()

    def list_banners(self) -> list[dict[str, Any]]:
        return build_missing_setup_banners(self._missing_setup(), self.actor)

    def _missing_setup(self) -> list[tuple[str, str]]:
        """(noun, address to add one) of each kind of set-up data that a customer needs and that there is none of."""
        missing = [
            (noun, url_for(f"{screen}.create_view", **more))
            for source, noun, screen, more in REQUIRED_SETUP
            if not any(active for _, _, active in source.list_choices())
        ]
        if find_usual_status_id() is None and "status" not in dict(missing):
            missing.append(("status with billing", url_for("statuses.create_view")))
        return missing

    def initial_values(self) -> dict[str, Any]:
        return self.default_field_values() | self.chosen_default_values()

    def default_field_values(self) -> dict[str, Any]:
        defaults = {"start_date": formatting.get_today(), "existing_relationship": False, "portal_access": True}
        status = find_default_status(self.actor.organisation_id)  # where there is none, a banner says so
        return defaults | ({"status_id": status.id} if status else {})

    def _edit_page(self, bound_form: Any, row: Any) -> EditPage:
        if row is not None:
            form.offer_statuses(bound_form, row)
        if "tags" in bound_form:
            bound_form["tags"].adds_new = self.actor.has_permission(Permission.SETUP_EDIT)
        page = super()._edit_page(bound_form, row)
        layout = get_layout(CUSTOMER_FORM)
        organisation = db.session.get_one(Organisation, self.actor.organisation_id)
        page.main = form.list_core_parts(row, layout, self._pair_fields(self.fields), organisation.name)
        if page.is_new and request.method == "GET":
            bound_form["name"].render_kw = {**(bound_form["name"].render_kw or {}), "autofocus": True}
        form.mark_required_fields(bound_form, layout.required, is_prospect=bool(bound_form["is_prospect"].data))
        page.columns = 3
        self._add_live_text(page, layout, "portal_access", self._portal_plan(bound_form, row))
        if row is not None:
            page.tab_tables["contracts"] = [contracts_tab.build_contracts_table(row, self.actor)]
        self.offer_default_values(page)
        return page

    def _add_live_text(self, page: EditPage, layout: Layout, field: str, text: dict[str, Any]) -> None:
        """Show `text`, which follows the form, where `field` stands."""
        section = layout.find_section(field)
        if section is not None:
            page.live.setdefault(section, []).append(text)

    def save_entered(self, row: Customer) -> SaveOutcome:
        return save_customer_with_outcome(
            row, actor=self.actor, is_entered=True, agreed_replacements=QUESTION.list_agreed()
        )

    def describe_outcome(self, outcome: SaveOutcome) -> list[str]:
        return describe_outcome(outcome)

    def form_tabs(self, page: Any) -> Any:
        """The contracts stand before the profiles that they follow."""
        tabs = list(super().form_tabs(page))
        if not page.is_new:
            place = next((place for place, (_, _, names) in enumerate(tabs) if "invoice_profiles" in names), len(tabs))
            tabs.insert(place, form.CONTRACTS)
        return tabs

    def _render_form(self, page: Any) -> Any:
        """Where the reviews are set the next dates are shown, and follow what is typed."""
        if "review_start_date" in page.form:
            review = {
                "title": "Next reviews",
                "url": url_for("customers.review_dates"),
                "lines": form.list_review_dates(
                    format_value(page.form["review_start_date"].data), format_value(page.form["review_frequency"].data)
                ),
            }
            self._add_live_text(page, get_layout(CUSTOMER_FORM), "review_start_date", review)
        return super()._render_form(page)

    def _portal_plan(self, bound_form: Any, row: Any) -> dict[str, Any]:
        """The portal tab shows what saving does about the first portal user, and follows the email address."""
        url = url_for("customers.portal_plan", id=row.id if row else None)
        lines = portal_tab.describe_portal_plan(format_value(bound_form["email"].data), row)
        return {"title": "Portal users", "url": url, "follows": "email", "lines": lines}

    @expose("/portal-plan/", methods=("POST",))
    def portal_plan(self) -> Any:
        """What saving the customer with the email address that is being typed does, as lines of text."""
        if not self.can_edit:
            abort(403)
        row = self.get_one(request.args["id"]) if "id" in request.args else None
        return jsonify({"lines": portal_tab.describe_portal_plan(request.form.get("email", ""), row)})

    @expose("/review-dates/", methods=("POST",))
    def review_dates(self) -> Any:
        """The next review dates for a start and a frequency that are being typed, as lines of text."""
        start = request.form.get("review_start_date", "")
        return jsonify({"lines": form.list_review_dates(start, request.form.get("review_frequency", ""))})

    # --- Record --------------------------------------------------------------------------------------------

    def find_edit_url(self, row: Customer) -> str | None:
        """The address of the form, for who may edit."""
        return url_for("customers.edit_view", id=row.id) if self.can_edit else None

    def load_facts(self, row: Customer) -> RecordFacts:
        return load_facts(row)

    def details_tabs(self, page: DetailsPage, row: Customer, active: str) -> list[dict[str, Any]]:
        return record_tabs.build_tabs(row, active, page.facts, self.actor)

    def fill_header(self, page: DetailsPage, row: Customer) -> None:
        record.fill_header(page, row)

    def fill_details(self, page: DetailsPage, row: Customer, tab: str) -> None:
        record.fill_tab(page, row, tab, self)

    @expose("/peek/")
    def peek(self) -> Any:
        """The details shown when hovering over a customer's name."""
        return jsonify(record.build_peek(self.get_one(request.args.get("id", ""))))
