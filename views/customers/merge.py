"""Merging two customers: which one stays, which of their values, and what moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement
from wtforms import Form, RadioField, SelectChoice, ValidationError

from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor, Permission, select_visible
from customerhub.customers.merging import (
    build_partner_condition,
    count_rows_to_move,
    list_differing_fields,
    merge_customers,
    merge_refusal_reason,
)
from models import Customer
from models.base import db
from views.framework.choices import Source
from views.framework.columns import plain_text
from views.framework.display import display_value, label_for, noun_of
from views.framework.formatting import format_date, local_date
from views.framework.forms import RequiredMarker
from views.framework.labels import capitalize_first
from views.framework.operation import Operation
from views.framework.row_fields import LookupField
from views.http.actor import current_actor

FIRST, SECOND = "first", "second"
TWO_REQUIRED_TEXT = "Select two customers: one to keep and one to merge into it"
# What a customer is linked to through tables of pairs.
PAIR_TABLE_NOUNS = {"customer_department": "department", "customer_invoice_type": "invoice type", "customer_tag": "tag"}


@dataclass(frozen=True)
class MergePartnerSource(Source):
    """Customers, of whom those are offered with whom the `first` can be merged, once that one is known."""

    first_id: int | None = None

    def _offered_condition(self) -> ColumnElement[bool]:
        query = select_visible(Customer, current_actor()).where(Customer.id == self.first_id)
        first = db.session.scalar(query)
        return build_partner_condition(first) if first is not None else super()._offered_condition()


class OtherCustomerField(LookupField):
    """The customer that the `first` is to be merged with."""

    first: Customer

    def set_first(self, customer: Customer) -> None:
        self.first = customer
        self.source: Source = MergePartnerSource(Customer, first_id=customer.id)

    def pre_validate(self, form: Any) -> None:
        super().pre_validate(form)
        other = db.session.get(Customer, self.data) if self.data is not None else None
        if other is None:
            raise ValidationError("Choose a customer")
        reason = merge_refusal_reason(self.first, other)
        if reason is not None:
            raise ValidationError(reason)

    @property
    def lookup_url(self) -> str:
        return url_for(".ajax_lookup", name=self.lookup, first=self.first.id)


class OtherCustomerForm(Form):
    """With which other customer one is to be merged."""

    other_id = OtherCustomerField("Merge with", [RequiredMarker()], source=Source(Customer), lookup="merge.other_id")


class SideField(RadioField):
    """One of the two sides; None where a form says nothing, which then is that of the record to keep."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = next(iter(valuelist), "") or None

    def pre_validate(self, form: Any) -> None:
        if self.data is not None:
            super().pre_validate(form)


def _build_form(rows: Sequence[Any], _actor: Actor) -> type[Form]:
    """Which one stays, and for each field in which they differ whose value."""
    if len(rows) != 2:
        return Form
    first, second = rows
    fields: dict[str, Any] = {
        "survivor": SideField(
            "Record to keep",
            choices=[SelectChoice(FIRST, _describe_customer(first)), SelectChoice(SECOND, _describe_customer(second))],
            default=FIRST,
            description="It keeps its number, status and stage, and the values chosen below. "
            "Links to the other record lead to it.",
        )
    }
    for name in list_differing_fields(first, second):
        choices = [SelectChoice(side, _field_text(row, name)) for side, row in zip((FIRST, SECOND), rows, strict=True)]
        fields[f"field_{name}"] = SideField(
            label_for(Customer, name), choices=choices, default=_default_side(rows, name)
        )
    return type("MergeForm", (Form,), fields)


def _default_side(rows: Sequence[Any], name: str) -> str:
    """Where only one of the two has a value, it is that; else that of the record to keep."""
    return FIRST if getattr(rows[0], name) not in (None, "", []) else SECOND


def _field_text(row: Any, name: str) -> str:
    return plain_text(display_value(row, name)) or "(blank)"


def _describe_customer(customer: Customer) -> str:
    return f"{customer.name}, {customer.account_number}, since {format_date(local_date(customer.created_at))}"


def _order_by_survivor(rows: Sequence[Any], survivor: str | None) -> tuple[Any, Any]:
    return (rows[1], rows[0]) if survivor == SECOND else (rows[0], rows[1])


def _merge(rows: Sequence[Any], *, actor: Actor, survivor: str | None = FIRST, **chosen_sides: str | None) -> None:
    if len(rows) != 2:
        raise Invalid(TWO_REQUIRED_TEXT)
    survivor = survivor or FIRST
    kept_customer, merged_customer = _order_by_survivor(rows, survivor)
    taken_fields = [name.removeprefix("field_") for name, side in chosen_sides.items() if side not in (None, survivor)]
    merge_customers(kept_customer, merged_customer, fields_from_other=taken_fields, actor=actor)


def _list_refusal_reasons(rows: Sequence[Any], _actor: Actor) -> dict[int, str]:
    """Of two that cannot be merged why, by their ids."""
    reason = merge_refusal_reason(*rows) if len(rows) == 2 else None
    return dict.fromkeys((row.id for row in rows), reason) if reason is not None else {}


def _preview(rows: Sequence[Any], values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    """What moves to the record that stays."""
    if len(rows) != 2:
        return []
    survivor = values.get("survivor") or FIRST
    kept_customer, merged_customer = _order_by_survivor(rows, survivor)
    moved_rows = [
        [capitalize_first(PAIR_TABLE_NOUNS.get(table) or noun_of(table)), str(count)]
        for table, count in count_rows_to_move(merged_customer)
    ]
    return [
        {
            "title": f"Records to be moved from {merged_customer.name} to {kept_customer.name}",
            "columns": [{"label": "Records"}, {"label": "Count", "align": "right"}],
            "rows": moved_rows,
            "empty": "No linked records.",
        },
    ]


MERGE = Operation(
    name="merge",
    label="Merge",
    past_tense="merged",
    permission=Permission.CUSTOMERS_MERGE,
    run=_merge,
    unavailable_reasons=_list_refusal_reasons,
    form=_build_form,
    form_template="customers/merge_form.html",
    preview=_preview,
    all_or_none=True,
    explanation="Merges two customers. All linked records are moved to the customer to keep; issued documents do not "
    "change. This cannot be undone.",
    icon="merge",
    danger=True,
)
