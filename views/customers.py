"""Customers: the list, the form with its tabs, and what can be done to them."""

from typing import Any

from flask import abort, jsonify, request, url_for
from flask_admin import expose
from sqlalchemy import Select
from sqlalchemy.orm import joinedload, selectinload

from customerhub.customers.default_values import list_sets, values_of
from customerhub.customers.records import delete_customer, find_usual_status, save_customer, why_not_deleted
from customerhub.customers.search import found_ids, found_rows, matching
from customerhub.permissions import Permission
from models import CatalogItem, ComplianceDocument, Customer, CustomerStatus, Department, User
from models.enums import BillingCycle, CatalogType, CustomerKind, Risk, Stage
from views import customer_form as form
from views import customer_page
from views.base import HubModelView
from views.choices import Source
from views.columns import Column, Filter, amount, day, risk_chip, stage_chip
from views.customer_cells import customer_link, missing_setup
from views.customer_operations import ASSIGN
from views.editing import DetailsPage
from views.forms import shown_value
from views.listing import COUNTED, ListArgs
from views.operation import Operation
from views.words import word

DELETE = Operation(
    name="delete",
    label="Delete",
    permission=Permission.CUSTOMERS_DELETE,
    run=delete_customer,
    unavailable=why_not_deleted,
    explain="A customer that nothing is linked to is deleted at once, with its contacts and addresses. "
    "One with billing lines, documents, profiles or users is refused: drop it instead.",
    icon="trash",
    danger=True,
    removes=True,
)

COLUMNS = (
    Column("name", "Name", customer_link, sort=Customer.sort_name, load=(joinedload(Customer.status),), text=str),
    Column("reference", "Reference", lambda row: row.reference, sort=Customer.reference_key),
    Column("account_number", "Account no.", lambda row: row.account_number, sort=Customer.account_number),
    Column("region", "Region", lambda row: row.region.name if row.region else None,
           load=(joinedload(Customer.region),)),
    Column("risk", "Risk", lambda row: risk_chip(row.risk)),
    Column("stage", "Stage", lambda row: stage_chip(row.stage)),
    Column("balance", "Balance", lambda row: amount(row.balance), align="right",
           load=(joinedload(Customer.accounts),)),
    Column("account_manager", "Account manager", lambda row: row.account_manager.name if row.account_manager else None,
           load=(joinedload(Customer.account_manager),)),
    Column("start_date", "Start", lambda row: day(row.start_date), sort=Customer.start_date, align="right"),
    Column("status", "Status", lambda row: {"chip": row.status.name, "colour": row.status.colour}, usual=False,
           load=(joinedload(Customer.status),)),
    Column("kind", "Kind", lambda row: word(row.kind), usual=False),
    Column("email", "Email", lambda row: row.email, usual=False),
    Column("contact_number", "Contact number", lambda row: row.contact_number, usual=False),
    Column("credit_limit", "Credit limit", lambda row: amount(row.credit_limit), align="right", usual=False),
    Column("dealer", "Dealer", lambda row: row.dealer.code if row.dealer else None, usual=False,
           load=(joinedload(Customer.dealer),)),
    Column("group", "Group", lambda row: row.group.name if row.group else None, usual=False,
           load=(joinedload(Customer.group),)),
    Column("billing_cycle", "Billing cycle", lambda row: word(row.billing_cycle), usual=False),
    Column("departments", "Departments", lambda row: ", ".join(d.name for d in row.departments), usual=False,
           load=(selectinload(Customer.departments),)),
)  # fmt: skip

FILTERS = (
    Filter("status", "Status", Customer.status_id, "select", source=Source(CustomerStatus), nullable=False),
    Filter("risk", "Risk", Customer.risk, "select", members=Risk),
    Filter("stage", "Stage", Customer.stage, "select", members=Stage, nullable=False),
    Filter("region", "Region", Customer.region_id, "select", source=Source(CatalogItem, CatalogType.REGION)),
    Filter("account_manager", "Account manager", Customer.account_manager_id, "select",
           source=Source(User, staff_only=True)),
    Filter("billing_cycle", "Billing cycle", Customer.billing_cycle, "select", members=BillingCycle, nullable=False),
    Filter("kind", "Kind", Customer.kind, "select", members=CustomerKind, nullable=False),
    Filter("prospect", "Prospect", Customer.is_prospect, "yes"),
    Filter("category", "Category", Customer.category_id, "select", source=Source(CatalogItem, CatalogType.CATEGORY)),
    Filter("start_date", "Start", Customer.start_date, "date"),
    Filter("credit_limit", "Credit limit", Customer.credit_limit, "number"),
    Filter("email", "Email", Customer.email),
    Filter("expiry", "Document expires", ComplianceDocument.expiry_date, "date", nullable=False,
           owner=ComplianceDocument.customer_id, model=Customer),
    Filter("portal", "Portal access", Customer.portal_access, "yes"),
)  # fmt: skip

# Set-up data that no customer can do without: what it is called and where it is added.
NEEDED: tuple[tuple[Source, str, str, dict[str, Any]], ...] = (
    (Source(CatalogItem, CatalogType.REGION), "region", "catalogs", {"type": "region"}),
    (Source(Department), "department", "departments", {}),
    (Source(CustomerStatus), "status", "statuses", {}),
)


class CustomerView(HubModelView):
    noun = "customer"
    title = "Customers"
    empty_text = "Add your first customer, or import a spreadsheet of them."
    columns = COLUMNS
    filters = FILTERS
    searched = (Customer.search_text,)
    search_hint = "Name, reference, account no., email, phone"
    usual_order = (Customer.sort_name,)
    needs = tuple(source for source, *_ in NEEDED)
    load = (joinedload(Customer.status),)
    fields = form.MAIN
    tabs = form.TABS
    inlines = form.INLINES
    field_args = form.ARGS
    operations = (ASSIGN, DELETE)
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = Permission.CUSTOMERS_EDIT
    save = staticmethod(save_customer)

    def find(self, search: str) -> Any:
        return matching(search)

    def counted(self, query: Select[Any], args: ListArgs) -> Select[Any]:
        if not args.search:
            return super().counted(query, args)
        return found_ids(query, args.search, None if args.exact else COUNTED)

    def paged(self, query: Select[Any], args: ListArgs, total: int) -> Select[Any]:
        if not args.search:
            return query
        return found_rows(query, args.search, total=total, many=COUNTED, skipped=args.page * args.page_size)

    def menu_actions(self, args: ListArgs) -> list[dict[str, Any]]:
        actions = super().menu_actions(args)
        if self.actor.may(Permission.CUSTOMERS_IMPORT):
            actions.insert(1, {"label": "Import from Excel", "url": url_for("imports.upload"), "icon": "upload"})
        return actions

    # --- Form ----------------------------------------------------------------------------------------------

    def form_banners(self) -> list[dict[str, Any]]:
        return self.banners()

    def banners(self) -> list[dict[str, Any]]:
        return missing_setup(self._missing(), self.actor)

    def _missing(self) -> list[tuple[str, str]]:
        """(noun, address to add one) of each kind of set-up data that a customer needs and that there is none of."""
        missing = [
            (noun, url_for(f"{screen}.create_view", **more))
            for source, noun, screen, more in NEEDED
            if not any(active for _, _, active in source.rows())
        ]
        if find_usual_status(self.actor.organisation_id) is None and "status" not in dict(missing):
            missing.append(("status that bills", url_for("statuses.create_view")))
        return missing

    def first_values(self) -> dict[str, Any]:
        return self._usual_values() | self._chosen_defaults()

    def _usual_values(self) -> dict[str, Any]:
        usual = {"start_date": form.today(), "existing_relationship": False}
        status = find_usual_status(self.actor.organisation_id)  # where there is none, a banner says so
        return usual | ({"status_id": status.id} if status else {})

    def _edit_page(self, filled: Any, row: Any) -> Any:
        if row is not None:
            form.offer_statuses(filled, row)
        page = super()._edit_page(filled, row)
        page.columns = 3
        if row is None:
            sets = list_sets(actor=self.actor)
            page.load_default = {
                "url": url_for("customers.create_view"),
                "fill_url": url_for("customers.default_values"),
                "choices": [(s.id, s.name) for s in sets],
            }
        return page

    @expose("/default-values/")
    def default_values(self) -> Any:
        """What a set of default values puts into the form of a new customer: {field: {value, text, usual}}.

        `usual` is what the field of an empty form holds.
        """
        if not self.can_create:
            abort(404)
        values = self._chosen_defaults()
        filled, usual = (self._create_form_class(None, data=each) for each in (values, self._usual_values()))
        return jsonify(
            {
                name: {
                    "value": shown_value(filled[name].data),
                    "text": getattr(filled[name], "current_text", ""),
                    "usual": shown_value(usual[name].data),
                }
                for name in values
                if name in filled
            }
        )

    def _chosen_defaults(self) -> dict[str, Any]:
        chosen = request.args.get("defaults", "")
        return values_of(int(chosen), actor=self.actor) if chosen.isdecimal() and len(chosen) < 19 else {}

    def _show_form(self, page: Any) -> Any:
        """The review tab shows the next dates, and follows what is typed."""
        review = {
            "title": "Next reviews",
            "url": url_for("customers.review_dates"),
            "lines": form.review_lines(
                shown_value(page.form["review_start_date"].data), shown_value(page.form["review_frequency"].data)
            ),
        }
        page.live = {"review": review}
        return super()._show_form(page)

    @expose("/review-dates/", methods=("POST",))
    def review_dates(self) -> Any:
        """The next review dates for a start and a frequency that are being typed, as lines of text."""
        start = request.form.get("review_start_date", "")
        return jsonify({"lines": form.review_lines(start, request.form.get("review_frequency", ""))})

    # --- Record --------------------------------------------------------------------------------------------

    def details_tabs(self, row: Customer, active: str) -> list[dict[str, Any]]:
        return customer_page.tabs(row, active, self.actor)

    def fill_header(self, page: DetailsPage, row: Customer) -> None:
        customer_page.header(page, row)

    def fill_details(self, page: DetailsPage, row: Customer, tab: str) -> None:
        customer_page.fill(page, row, tab, self)

    @expose("/peek/")
    def peek(self) -> Any:
        """What hovering over a customer's name tells."""
        return jsonify(customer_page.peek(self.get_one(request.args.get("id", ""))))
