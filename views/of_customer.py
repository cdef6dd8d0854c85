"""Screens over what customers have signed or ordered: the customer is chosen first, the rest among what is its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import abort, g, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import Select, String, or_, type_coerce
from sqlalchemy.orm import joinedload
from wtforms import Form

from customerhub.contracts.eligibility import why_not
from customerhub.customers.search import found_ids
from customerhub.permissions import Permission, Sight, scope
from models import Contract, Customer, InvoiceProfile
from models.base import db
from models.enums import ContractStatus
from views import customer_approval
from views.base import Answer, HubModelView
from views.choices import Choice, Source
from views.fields import RowField
from views.filling import submitted
from views.listing import ListArgs
from views.paths import path_to

CUSTOMER = "customer_id"


@dataclass(frozen=True)
class OfCustomer(Source):
    """The rows of a table that are of one customer. They are read by themselves: no other form offers the same."""

    customer_id: int = 0

    def _rows(self, sight: Sight) -> Select[Any]:
        model: Any = self.model
        return super()._rows(sight).where(model.customer_id == self.customer_id)

    def _columns(self) -> tuple[Any, ...]:
        if self.model is not Contract:
            return super()._columns()
        return Contract.id, self._label().label("label"), (Contract.status != ContractStatus.ENDED).label("active")

    def _label(self) -> Any:
        if self.model is InvoiceProfile:
            return InvoiceProfile.name + " (" + type_coerce(InvoiceProfile.status, String) + ")"
        return Contract.number + " " + Contract.name if self.model is Contract else super()._label()

    def rows(self) -> list[Choice]:
        kept: dict[Source, list[Choice]] = g.setdefault("choices", {})
        if self not in kept:
            kept[self] = [(key, label, bool(active)) for key, label, active in db.session.execute(self.query())]
        return kept[self]


class OfCustomerField(RowField):
    """One row of the customer of the form, or none."""

    def __init__(self, label: str = "", validators: Any = None, *, of: OfCustomer, **kwargs: Any) -> None:
        super().__init__(label, validators, source=of, **kwargs)

    def offer(self, customer_id: Any) -> None:
        """Offer the rows of this customer."""
        self.source: Source = replace(self.source, customer_id=customer_id or 0)  # type: ignore[call-arg]


class _OfCustomerForm:
    """A form that offers what is the customer's, once it is known who that is."""

    def process(self: Any, *given: Any, **named: Any) -> None:
        super().process(*given, **named)  # type: ignore[misc]
        for entry in self:
            if isinstance(entry, OfCustomerField):
                entry.offer(self[CUSTOMER].data)


class OfCustomerView(HubModelView):
    """A screen each row of which is a customer's for good. `fields` begin with the customer; `own` has those that
    choose among what is the customer's.
    """

    own: dict[str, Any] = {}
    tab = ""  # on the customer's page

    def scaffold_form(self) -> type[Form]:
        return type(f"{self.model.__name__}Form", (_OfCustomerForm, super().scaffold_form()), dict(self.own))

    def found(self, query: Select[Any], args: ListArgs) -> Select[Any]:
        """By what a row says of itself, and by what its customer is found by."""
        if not args.search:
            return query
        customers = found_ids(scope(Customer, self.actor), args.search)
        return query.where(or_(self.model.customer_id.in_(customers), self.find(args.search)))

    # --- Form ----------------------------------------------------------------------------------------------

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Answer:
        """The form, with ?customer_id= of that customer; without, it asks for the customer first."""
        if request.method == "POST" and self.can_create and not request.form.keys() & set(self.fields[1:]):
            return self._go_on()
        answer: Answer = super().create_view()
        return answer

    def _go_on(self) -> Answer:
        form: Any = self._create_form_class(submitted(self._form_classes()))
        chosen = form[CUSTOMER]
        if chosen.validate(form) and chosen.data is not None:
            return redirect(url_for(f"{self.endpoint}.create_view", customer_id=chosen.data), 303)
        chosen.errors = chosen.errors or ["Choose a customer from the list"]
        shown: Answer = self._show_form(self._edit_page(form, None))
        return shown

    def first_values(self) -> dict[str, Any]:
        key = request.args.get(CUSTOMER, "")
        if not key:
            return self.usual_values(None)
        customer = self._customer(int(key)) if key.isascii() and key.isdigit() and len(key) < 19 else None
        if customer is None:
            abort(404)
        return {CUSTOMER: customer.id, **self.usual_values(customer)}

    def usual_values(self, customer: Customer | None) -> dict[str, Any]:
        """What the form of a new row begins with."""
        return {}

    def _customer(self, key: Any) -> Customer | None:
        found = scope(Customer, self.actor).where(Customer.id == key).options(joinedload(Customer.status))
        return db.session.scalars(found).first() if isinstance(key, int) else None

    def _edit_page(self, form: Any, row: Any) -> Any:
        page = super()._edit_page(form, row)
        customer = self._customer(form[CUSTOMER].data)
        if customer is None:
            page.main, page.subtitle = (CUSTOMER,), "Choose the customer first."
            page.submit_label, page.more_submits = "Go on", []
            return page
        page.main = [name for name in self.fields if name != CUSTOMER]
        page.subtitle = f"{customer.name}, account no. {customer.account_number}"
        page.banners += [*customer_approval.banners(customer), *self._refusals(customer, row)]
        if row is None:
            page.cancel_url = f"{path_to('customers.details_view', customer.id)}&tab={self.tab}"
        return page

    def _refusals(self, customer: Customer, row: Any) -> list[dict[str, Any]]:
        """Why what is entered could not be saved."""
        problem = why_not(customer, actor=self.actor) if row is None else self.why_not_changed(row)
        return [{"kind": "error", "text": f"{problem}."}] if problem else []

    def why_not_changed(self, row: Any) -> str | None:
        """Why `row` cannot be edited, or None where it can."""
        return None

    def _after_save(self, row: Any) -> Any:
        if "_add_another" in request.form:
            return redirect(url_for(f"{self.endpoint}.create_view", customer_id=row.customer_id), 303)
        return super()._after_save(row)

    # --- Details -------------------------------------------------------------------------------------------

    def row_actions(self, row: Any) -> list[dict[str, Any]]:
        actions = super().row_actions(row)
        return actions if self.why_not_changed(row) is None else [each for each in actions if each["label"] != "Edit"]

    def section(self, row: Any, title: str, items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        """A section of the details page, with a link to change it where that can be done."""
        may = self.actor.may(self.edit_permission or Permission.ERASE) and self.why_not_changed(row) is None
        edit = url_for(f"{self.endpoint}.edit_view", id=row.id) if may else None
        return {"title": title, "items": list(items), "edit_url": edit}
