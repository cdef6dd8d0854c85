"""Screens each row of which is a customer's for good: the customer is chosen first, and then all else."""

from collections.abc import Sequence
from typing import Any

from flask import abort, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import ColumnElement, Select, or_
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import Form

from customerhub.core.permissions import select_visible
from customerhub.customers.search import select_matching_ids
from models import Customer
from models.base import db
from views.framework.edit_page import EditPage
from views.framework.form_binding import submitted_data
from views.framework.list_page import ListArgs
from views.framework.model_view import HubModelView
from views.framework.screen import ViewResponse
from views.http.urls import parse_id, path_to

CUSTOMER_FIELD = "customer_id"


class CustomerPartView(HubModelView):
    """A screen over what belongs to customers. `fields` begin with CUSTOMER_FIELD; `customer_tab` is the tab of the
    customer's page that shows the rows.
    """

    customer_tab = ""
    field_args: dict[str, dict[str, Any]] = {CUSTOMER_FIELD: {"required": False, "marked_required": True}}

    def apply_search(self, query: Select[Any], args: ListArgs) -> Select[Any]:
        """By what a row says of itself, and by what its customer is found by."""
        if not args.search:
            return query
        customers = select_matching_ids(select_visible(Customer, self.actor), args.search)
        own_condition = self.build_own_search_condition(args.search)
        return query.where(or_(self.model.customer_id.in_(customers), own_condition))

    def build_own_search_condition(self, search: str) -> ColumnElement[bool]:
        """What of a row itself is searched."""
        return self.search_condition(search)

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> ViewResponse:
        """The form, with ?customer_id= of that customer; without, it asks for the customer first."""
        if request.method == "POST" and self.can_create and not request.form.keys() & set(self.all_fields()[1:]):
            return self._continue_with_customer()
        return super().create_view()

    def _continue_with_customer(self) -> ViewResponse:
        form: Any = self._create_form_class(submitted_data(self._form_classes()))
        customer_field = form[CUSTOMER_FIELD]
        if customer_field.validate(form) and customer_field.data is not None:
            return redirect(url_for(f"{self.endpoint}.create_view", customer_id=customer_field.data), 303)
        customer_field.errors = customer_field.errors or ["Choose a customer from the list"]
        return self._render_form(self._edit_page(form, None))

    def initial_values(self) -> dict[str, Any]:
        key = request.args.get(CUSTOMER_FIELD, "")
        if not key:
            return self.default_values(None)
        customer_id = parse_id(key)
        customer = None if customer_id is None else self._find_customer(customer_id)
        if customer is None:
            abort(404)
        return {CUSTOMER_FIELD: customer.id, **self.default_values(customer)}

    def default_values(self, customer: Customer | None) -> dict[str, Any]:
        """What the form of a new row begins with."""
        return {}

    def _find_customer(self, key: Any) -> Customer | None:
        query = select_visible(Customer, self.actor).where(Customer.id == key).options(joinedload(Customer.status))
        return db.session.scalars(query).first() if isinstance(key, int) else None

    def _edit_page(self, form: Form, row: Any) -> EditPage:
        page = super()._edit_page(form, row)
        customer = self._find_customer(form[CUSTOMER_FIELD].data)
        if customer is None:
            page.main, page.subtitle = (CUSTOMER_FIELD,), "Choose the customer first."
            page.submit_label, page.more_submits = "Continue", []
            return page
        page.main = [name for name in self.fields if name != CUSTOMER_FIELD]
        page.subtitle = f"{customer.name}, account no. {customer.account_number}"
        page.banners += self.list_customer_banners(customer, row)
        if row is None:
            page.cancel_url = self.build_tab_url(customer.id)
        return page

    def form_tabs(self, page: EditPage) -> Sequence[tuple[str, str, Sequence[str]]]:
        """None as long as the customer is to be chosen."""
        return () if tuple(page.main) == (CUSTOMER_FIELD,) else super().form_tabs(page)

    def build_preview_page(self, form: Form) -> EditPage:
        """As if the customer were chosen."""
        page = super().build_preview_page(form)
        page.main, page.subtitle = [name for name in self.fields if name != CUSTOMER_FIELD], None
        return page

    def list_customer_banners(self, customer: Customer, row: Any) -> list[dict[str, Any]]:
        """What people must know of the customer before they fill in this form."""
        return []

    def build_tab_url(self, customer_id: int) -> str:
        """The address of the customer's page, with the tab that shows the rows."""
        return f"{path_to('customers.details_view', customer_id)}&tab={self.customer_tab}"

    def find_deletion_url(self, rows: list[Any]) -> str:
        return self.build_tab_url(rows[0].customer_id) if len(rows) == 1 else super().find_deletion_url(rows)

    def _after_save(self, row: Any) -> Response:
        if "_add_another" in request.form:
            return redirect(url_for(f"{self.endpoint}.create_view", customer_id=row.customer_id), 303)
        return super()._after_save(row)
