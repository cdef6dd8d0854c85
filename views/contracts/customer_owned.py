"""Screens over what customers have signed or ordered: the customer is chosen first, the rest among what is its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from flask import g, url_for
from sqlalchemy import ColumnElement, Select, String, select, type_coerce
from wtforms import Form

from customerhub.contracts.eligibility import build_eligible_condition, refusal_reason
from customerhub.core.permissions import AccessScope, Permission
from customerhub.core.spreadsheets import CellKind
from customerhub.customers.search import has_only_short_words, select_fragment_matches
from models import Contract, Customer, CustomerOrder, InvoiceProfile
from models.base import db
from views.approvals import customer_tab as approvals_tab
from views.cells.contracts import LOAD_CUSTOMER
from views.cells.customer_part_view import CUSTOMER_FIELD, CustomerPartView
from views.cells.customers import customer_link
from views.framework.choices import Choice, Source
from views.framework.columns import Column
from views.framework.exported import Exported, Related
from views.framework.row_fields import RowField
from views.http.actor import current_actor


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


class CustomerOwnedView(CustomerPartView):
    """A screen over what customers may enter; `owned_fields` of its form choose among what is the customer's."""

    owned_fields: dict[str, Any] = {}
    customer_tab = "contracts"
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
    has_bulk_edit = True

    def scaffold_form(self) -> type[Form]:
        return type(
            f"{self.model.__name__}Form", (_CustomerOwnedForm, super().scaffold_form()), dict(self.owned_fields)
        )

    def build_own_search_condition(self, search: str) -> ColumnElement[bool]:
        if has_only_short_words(search):  # of which there is no index
            return super().build_own_search_condition(search)
        matches = select_fragment_matches(select(self.model), self.model, search)
        condition: ColumnElement[bool] = self.model.id.in_(matches.with_only_columns(self.model.id))
        return condition

    def list_customer_banners(self, customer: Customer, row: Any) -> list[dict[str, Any]]:
        return [*approvals_tab.build_alert_banners(customer), *self._edit_banners(customer, row)]

    def _edit_banners(self, customer: Customer, row: Any) -> list[dict[str, Any]]:
        """Why what is entered could not be saved."""
        problem = refusal_reason(customer, actor=self.actor) if row is None else self.edit_refusal(row)
        return [{"kind": "error", "text": f"{problem}."}] if problem else []

    def edit_refusal(self, row: Any) -> str | None:
        """Why `row` cannot be edited, or None where it can."""
        return None

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
