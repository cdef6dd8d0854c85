"""Customers: the list, the form with its tabs, and what can be done to them."""

from typing import Any

from flask import abort, flash, g, jsonify, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import Select
from sqlalchemy.orm import joinedload
from werkzeug.exceptions import NotFound

from customerhub.customers.default_values import list_sets, values_of
from customerhub.customers.merging import find_survivor
from customerhub.customers.records import delete_customer, find_usual_status, save_customer, why_not_deleted
from customerhub.customers.search import found_ids, found_rows, matching
from customerhub.permissions import Permission
from models import CatalogItem, Customer, CustomerStatus, Department
from models.enums import CatalogType
from views import customer_contracts, customer_page, customer_portal
from views import customer_form as form
from views.alerts import RAISE
from views.base import Answer, HubModelView
from views.blacklist import REMOVAL, REQUEST
from views.choices import Source
from views.customer_alike import AskingOfTheAlike
from views.customer_cells import missing_setup
from views.customer_list import COLUMNS, FILTERS
from views.customer_merge import MERGE, PICK_TWO, OtherForm
from views.customer_operations import ASSIGN
from views.customer_reviews import RECORD
from views.editing import DetailsPage
from views.forms import shown_value
from views.listing import COUNTED, ListArgs
from views.operation import Operation, OperationPage
from views.paths import path_to
from views.reports import REPORT
from views.task_operations import MOVES

DELETE = Operation(
    name="delete",
    label="Delete",
    permission=Permission.CUSTOMERS_DELETE,
    run=delete_customer,
    unavailable=lambda customers, _actor: why_not_deleted(customers),
    explain="A customer that nothing is linked to is deleted at once, with its contacts, addresses and a "
    "portal user who never signed in. One with billing lines, documents, profiles or other users is refused: drop it "
    "instead.",
    icon="trash",
    danger=True,
    removes=True,
)

# Set-up data that no customer can do without: what it is called and where it is added.
NEEDED: tuple[tuple[Source, str, str, dict[str, Any]], ...] = (
    (Source(CatalogItem, CatalogType.REGION), "region", "catalogs", {"type": "region"}),
    (Source(Department), "department", "departments", {}),
    (Source(CustomerStatus), "status", "statuses", {}),
)


class CustomerView(AskingOfTheAlike, HubModelView):
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
    operations = (*MOVES, ASSIGN, RECORD, REPORT, RAISE, REQUEST, REMOVAL, MERGE, DELETE)
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

    def get_one(self, id: Any) -> Any:
        """The customer; one that was merged away leads to the one that took its place."""
        try:
            return super().get_one(id)
        except NotFound:
            text = str(id)
            is_key = text.isascii() and text.isdigit() and len(text) < 19
            survivor = find_survivor(int(text), actor=self.actor) if is_key and request.method == "GET" else None
            if survivor is None:
                raise
            given: dict[str, Any] = {**(request.view_args or {}), **request.args.to_dict(), "id": survivor}
            return abort(redirect(url_for(request.endpoint or "", **given)))

    @expose("/operation/<operation>/", methods=("GET", "POST"))
    def operation_view(self, operation: str) -> Answer:
        """As every operation; merging is of two, and of one begins by choosing the other."""
        ids = list(dict.fromkeys(request.args.getlist("id")))
        if len(ids) == 1 and (operation == MERGE.name or request.method == "GET"):
            self._operation(operation)
            customer = self.get_one(ids[0])
            if operation == MERGE.name:
                return self._choose_other(customer)
        elif operation == MERGE.name and len(ids) > 2 and self.actor.may(MERGE.permission):
            flash(f"{PICK_TWO}.", "warning")
            return redirect(url_for("customers.index_view"), 303)
        answer = super().operation_view(operation)
        if operation != MERGE.name or request.method != "POST":
            return answer
        return self._after_merging(ids) or answer

    def _after_merging(self, ids: list[str]) -> Answer | None:
        """To the one of the two that stays; None where they are two still."""
        survivors = [find_survivor(int(key), actor=self.actor) for key in ids]
        for survivor in filter(None, survivors):
            flash("The two are one record now.", "success")
            return redirect(path_to("customers.details_view", survivor), 303)
        return None

    def _choose_other(self, customer: Customer) -> Answer:
        chosen = OtherForm(request.form if request.method == "POST" else None)
        chosen.other_id.first = customer.id
        status = 200
        if request.method == "POST":
            if chosen.validate():
                return redirect(self.operation_url(MERGE.name, [customer.id, chosen.other_id.data]), 303)
            status = 422
        g.crumb = MERGE.label
        page = OperationPage(
            title=f"Merge {customer}", explain="Choose the customer that is the same. You see what differs before "
            "anything is done.", form=chosen, button="Compare the two", back_url=self.url_of(customer),
        )  # fmt: skip
        return self.render("operation.html", page=page), status

    def operation_lookups(self) -> dict[str, Any]:
        return super().operation_lookups() | {"merge.other_id": Source(Customer)}

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
        usual = {"start_date": form.today(), "existing_relationship": False, "portal_access": True}
        status = find_usual_status(self.actor.organisation_id)  # where there is none, a banner says so
        return usual | ({"status_id": status.id} if status else {})

    def _edit_page(self, filled: Any, row: Any) -> Any:
        if row is not None:
            form.offer_statuses(filled, row)
        page = super()._edit_page(filled, row)
        page.columns = 3
        page.live["portal"] = self._portal_plan(filled, row)
        if row is not None:
            page.tab_tables["contracts"] = [customer_contracts.contracts_table(row, self.actor)]
        else:
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

    def form_tabs(self, page: Any) -> Any:
        """The contracts stand before the profiles that they follow."""
        tabs = super().form_tabs(page)
        return tabs if page.is_new else (*tabs[:-1], form.CONTRACTS, tabs[-1])

    def _show_form(self, page: Any) -> Any:
        """The review tab shows the next dates, and follows what is typed."""
        review = {
            "title": "Next reviews",
            "url": url_for("customers.review_dates"),
            "lines": form.review_lines(
                shown_value(page.form["review_start_date"].data), shown_value(page.form["review_frequency"].data)
            ),
        }
        page.live["review"] = review
        return super()._show_form(page)

    def _portal_plan(self, filled: Any, row: Any) -> dict[str, Any]:
        """The portal tab tells what saving does about the first portal user, and follows the email address."""
        url = url_for("customers.portal_plan", id=row.id if row else None)
        lines = customer_portal.plan(shown_value(filled["email"].data), row)
        return {"title": "Portal users", "url": url, "follows": "email", "lines": lines}

    @expose("/portal-plan/", methods=("POST",))
    def portal_plan(self) -> Any:
        """What saving the customer with the email address that is being typed does, as lines of text."""
        if not self.can_edit:
            abort(403)
        row = self.get_one(request.args["id"]) if "id" in request.args else None
        return jsonify({"lines": customer_portal.plan(request.form.get("email", ""), row)})

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
