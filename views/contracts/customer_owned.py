"""Screens over what customers have signed or ordered: the customer is chosen first, the rest among what is its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from flask import abort, g, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import ColumnElement, Select, String, or_, select, type_coerce
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import Form

from customerhub.contracts.eligibility import build_eligible_condition, refusal_reason
from customerhub.core.permissions import AccessScope, Permission, select_visible
from customerhub.core.spreadsheets import CellKind
from customerhub.customers.search import has_only_short_words, select_fragment_matches, select_matching_ids
from models import Contract, Customer, CustomerOrder, InvoiceProfile
from models.base import db
from views.approvals import customer_tab as approvals_tab
from views.cells.contracts import LOAD_CUSTOMER
from views.cells.customers import customer_link
from views.framework.choices import Choice, Source
from views.framework.columns import Column
from views.framework.edit_page import EditPage
from views.framework.exported import Exported, Related
from views.framework.form_binding import submitted_data
from views.framework.list_page import ListArgs
from views.framework.model_view import HubModelView
from views.framework.row_fields import RowField
from views.framework.screen import ViewResponse
from views.http.actor import current_actor
from views.http.urls import parse_id, path_to

CUSTOMER_FIELD = "customer_id"


@dataclass(frozen=True)
class EligibleCustomerSource(Source):
    """Customers, of whom those are offered that may enter a contract today."""

    def _offered_condition(self) -> ColumnElement[bool]:
        return build_eligible_condition(current_actor().organisation_id)


@dataclass(frozen=True)
class CustomerOwnedSource(Source):
    """The rows of a table that are of one customer, of which those in one of `statuses` may be chosen. They are read by
    themselves: no other form offers the same.
    """

    statuses: tuple[StrEnum, ...] = ()
    customer_id: int = 0

    def _scoped_rows(self, access_scope: AccessScope) -> Select[Any]:
        model: Any = self.model
        return super()._scoped_rows(access_scope).where(model.customer_id == self.customer_id)

    def _columns(self) -> tuple[Any, ...]:
        model: Any = self.model
        return model.id, self._label().label("label"), model.status.in_(self.statuses).label("active")

    def _label(self) -> Any:
        if self.model is InvoiceProfile:
            return InvoiceProfile.name + " (" + type_coerce(InvoiceProfile.status, String) + ")"
        return Contract.number + " " + Contract.name if self.model is Contract else super()._label()

    def list_choices(self) -> list[Choice]:
        choices_by_source: dict[Source, list[Choice]] = g.setdefault("choices", {})
        if self not in choices_by_source:
            choices_by_source[self] = [
                (key, label, bool(active)) for key, label, active in db.session.execute(self.build_query())
            ]
        return choices_by_source[self]


class CustomerOwnedField(RowField):
    """One row of the customer of the form, or none."""

    def __init__(
        self, label: str = "", validators: Any = None, *, owned_source: CustomerOwnedSource, **kwargs: Any
    ) -> None:
        super().__init__(label, validators, source=owned_source, **kwargs)

    def set_customer(self, customer_id: Any) -> None:
        """Offer the rows of this customer."""
        self.source: Source = replace(self.source, customer_id=customer_id or 0)  # type: ignore[call-arg]


class _CustomerOwnedForm(Form):
    """A form that offers what is the customer's, once it is known who that is."""

    def process(self, *args: Any, **kwargs: Any) -> None:
        super().process(*args, **kwargs)
        for entry in self:
            if isinstance(entry, CustomerOwnedField):
                entry.set_customer(self[CUSTOMER_FIELD].data)


def customer_column(model: type[Contract] | type[CustomerOrder]) -> Column:
    return Column(
        "customer",
        "Customer",
        lambda row: customer_link(row.customer),
        load_options=(LOAD_CUSTOMER[model],),
        export_text=lambda row: row.customer.name,
        export=Exported(Related(model.customer, Customer.name)),
    )


def connections_column(model: type[Contract] | type[CustomerOrder]) -> Column:
    return Column(
        "connections",
        "Connections",
        lambda row: f"{row.connections:,}",
        sort=model.connections,
        align="right",
        export=Exported(model.connections, kind=CellKind.COUNT),
    )


class CustomerOwnedView(HubModelView):
    """A screen each row of which is a customer's for good. `fields` begin with the customer; `owned_fields` has those
    that choose among what is the customer's.
    """

    owned_fields: dict[str, Any] = {}
    customer_tab = "contracts"  # on the customer's page
    field_args = {
        CUSTOMER_FIELD: {
            "required": False,
            "marked_required": True,
            "source": EligibleCustomerSource(Customer),
            "description": "Live customers that can have contracts",
        },
        "number": {"required": False, "description": "Leave blank to assign automatically"},
    }
    view_permission = Permission.CONTRACTS_VIEW
    edit_permission = Permission.CONTRACTS_EDIT

    def scaffold_form(self) -> type[Form]:
        return type(
            f"{self.model.__name__}Form", (_CustomerOwnedForm, super().scaffold_form()), dict(self.owned_fields)
        )

    def apply_search(self, query: Select[Any], args: ListArgs) -> Select[Any]:
        """By what a row says of itself, and by what its customer is found by."""
        if not args.search:
            return query
        customers = select_matching_ids(select_visible(Customer, self.actor), args.search)
        return query.where(or_(self.model.customer_id.in_(customers), self._own_search_condition(args.search)))

    def _own_search_condition(self, search: str) -> ColumnElement[bool]:
        if has_only_short_words(search):  # of which there is no index
            return self.search_condition(search)
        matches = select_fragment_matches(select(self.model), self.model, search)
        condition: ColumnElement[bool] = self.model.id.in_(matches.with_only_columns(self.model.id))
        return condition

    # --- Form ----------------------------------------------------------------------------------------------

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> ViewResponse:
        """The form, with ?customer_id= of that customer; without, it asks for the customer first."""
        if request.method == "POST" and self.can_create and not request.form.keys() & set(self.fields[1:]):
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
        page.banners += [*approvals_tab.build_alert_banners(customer), *self._edit_banners(customer, row)]
        if row is None:
            page.cancel_url = f"{path_to('customers.details_view', customer.id)}&tab={self.customer_tab}"
        return page

    def _edit_banners(self, customer: Customer, row: Any) -> list[dict[str, Any]]:
        """Why what is entered could not be saved."""
        problem = refusal_reason(customer, actor=self.actor) if row is None else self.edit_refusal(row)
        return [{"kind": "error", "text": f"{problem}."}] if problem else []

    def edit_refusal(self, row: Any) -> str | None:
        """Why `row` cannot be edited, or None where it can."""
        return None

    def _after_save(self, row: Any) -> Response:
        if "_add_another" in request.form:
            return redirect(url_for(f"{self.endpoint}.create_view", customer_id=row.customer_id), 303)
        return super()._after_save(row)

    # --- Details -------------------------------------------------------------------------------------------

    def row_actions(self, row: Any) -> list[dict[str, Any]]:
        actions = super().row_actions(row)
        return actions if self.edit_refusal(row) is None else [each for each in actions if each["label"] != "Edit"]

    def build_section(self, row: Any, title: str, items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        """A section of the details page, with a link to change it where that can be done."""
        can_edit = (
            self.actor.has_permission(self.edit_permission or Permission.ERASE) and self.edit_refusal(row) is None
        )
        edit_url = url_for(f"{self.endpoint}.edit_view", id=row.id) if can_edit else None
        return {"title": title, "items": list(items), "edit_url": edit_url}
