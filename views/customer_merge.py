"""Making one of two customers: which one stays, which of their values, and what moves."""

from collections.abc import Sequence
from typing import Any

from wtforms import Form, SelectChoice, SelectField, ValidationError

from customerhub.customers.merging import differing, merge_customers, what_moves, why_not_merged
from customerhub.errors import Invalid
from customerhub.permissions import Actor, Permission
from models import Customer
from views.choices import Source
from views.columns import day, local_date, plain
from views.fields import LookupField
from views.forms import Particular
from views.operation import Operation
from views.showing import label_for, noun_of, shown
from views.words import sentence

FIRST, SECOND, USUAL = "first", "second", ""
PICK_TWO = "Tick two customers: one that stays and one that is merged into it"
# What a customer is linked to through tables of pairs.
PAIRED = {"customer_department": "department", "customer_invoice_type": "invoice type"}


class OtherField(LookupField):
    """Another customer than the `first`."""

    first: int | None = None

    def pre_validate(self, form: Any) -> None:
        super().pre_validate(form)
        if self.data is None:
            raise ValidationError("Choose a customer")
        if self.data == self.first:
            raise ValidationError("Choose another one: this is the same record")


class OtherForm(Form):
    """With which other customer one is to be merged."""

    other_id = OtherField("Merge with", [Particular()], source=Source(Customer), lookup="merge.other_id")


def _form(rows: Sequence[Any], _actor: Actor) -> type[Form]:
    """Which one stays, and for each field in which they differ whose value."""
    if len(rows) != 2:
        return Form
    first, second = rows
    made: dict[str, Any] = {
        "survivor": SelectField(
            "Which record stays", choices=[SelectChoice(FIRST, _told(first)), SelectChoice(SECOND, _told(second))],
            description="It keeps its number, status and stage, and its values where below nothing else is chosen. "
            "The address of the other leads to it.", render_kw={"data-wide": "1"},
        )
    }  # fmt: skip
    for name in differing(first, second):
        values = [_value(row, name) for row in rows]
        offered = ((USUAL, "Of the record that stays"), (FIRST, values[0]), (SECOND, values[1]))
        choices = [SelectChoice(*each) for each in offered]
        made[f"field_{name}"] = SelectField(label_for(Customer, name), choices=choices, default=_filled(rows, name))
    return type("MergeForm", (Form,), made)


def _filled(rows: Sequence[Any], name: str) -> str:
    """Where only one of the two has a value, it is that."""
    has = [getattr(row, name) not in (None, "", []) for row in rows]
    return USUAL if all(has) or not any(has) else FIRST if has[0] else SECOND


def _value(row: Any, name: str) -> str:
    return plain(shown(row, name)) or "(blank)"


def _told(customer: Customer) -> str:
    return f"{customer.name}, {customer.account_number}, since {day(local_date(customer.created_at))}"


def _sides(rows: Sequence[Any], survivor: str | None) -> tuple[Any, Any]:
    return (rows[1], rows[0]) if survivor == SECOND else (rows[0], rows[1])


def _run(rows: Sequence[Any], *, actor: Actor, survivor: str = FIRST, **chosen: str) -> None:
    if len(rows) != 2:
        raise Invalid(PICK_TWO)
    stays, goes = _sides(rows, survivor)
    take = [name.removeprefix("field_") for name, side in chosen.items() if side not in (USUAL, survivor)]
    merge_customers(stays, goes, take=take, actor=actor)


def _preview(rows: Sequence[Any], values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    """What moves, and what the record that stays will hold."""
    if len(rows) != 2:
        return []
    survivor = values.get("survivor") or FIRST
    stays, goes = _sides(rows, survivor)
    problem = why_not_merged(stays, goes)
    moving = [[sentence(PAIRED.get(table) or noun_of(table)), str(count)] for table, count in what_moves(goes)]
    held = []
    for name in differing(stays, goes):
        side = values.get(f"field_{name}") or survivor
        kept, left = (stays, goes) if side == survivor else (goes, stays)
        held.append([label_for(Customer, name), _value(kept, name), _value(left, name)])
    return [
        {
            "title": f"What moves from {goes.name} to {stays.name}",
            "columns": [{"label": "What"}, {"label": "How many", "align": "right"}],
            "rows": moving,
            "empty": problem or "Nothing is linked to it.",
        },
        {
            "title": "What the record holds then",
            "columns": [{"label": "Field"}, {"label": "Kept"}, {"label": "Not kept"}],
            "rows": held,
            "empty": "The two do not differ.",
        },
    ]


MERGE = Operation(
    name="merge",
    label="Merge",
    permission=Permission.CUSTOMERS_MERGE,
    run=_run,
    form=_form,
    preview=_preview,
    together=True,
    explain="Two records become one. Everything linked moves to the one that stays; nothing that was issued changes. "
    "This cannot be undone.",
    icon="merge",
    danger=True,
)
