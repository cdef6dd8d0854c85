"""Making one of two customers: which one stays, which of their values, and what moves."""

from collections.abc import Sequence
from typing import Any

from wtforms import Form, SelectField

from customerhub.customers.merging import differing, merge_customers, what_moves, why_not_merged
from customerhub.errors import Invalid
from customerhub.permissions import Actor, Permission
from models import Customer
from views.choices import Source
from views.columns import day, plain
from views.fields import LookupField
from views.operation import Operation
from views.showing import label_for, noun_of, shown
from views.words import sentence

FIRST, SECOND = "first", "second"


class OtherForm(Form):
    """With which other customer one is to be merged."""

    other_id = LookupField("Merge with", source=Source(Customer), lookup="merge.other_id")


def _form(rows: Sequence[Any], _actor: Actor) -> type[Form]:
    """Which one stays, and for each field in which they differ whose value."""
    if len(rows) != 2:
        return Form
    first, second = rows
    made: dict[str, Any] = {
        "survivor": SelectField(
            "Which record stays", choices=[(FIRST, _told(first)), (SECOND, _told(second))],
            description="It keeps its number, status and stage. The address of the other leads to it.",
        )
    }  # fmt: skip
    for name in differing(first, second):
        values = [plain(shown(row, name)) or "(blank)" for row in rows]
        filled = FIRST if getattr(first, name) not in (None, "", []) else SECOND
        made[f"field_{name}"] = SelectField(
            label_for(Customer, name), choices=list(zip((FIRST, SECOND), values, strict=True)), default=filled
        )
    return type("MergeForm", (Form,), made)


def _told(customer: Customer) -> str:
    return f"{customer.name}, {customer.account_number}, since {day(customer.created_at.date())}"


def _sides(rows: Sequence[Any], survivor: str | None) -> tuple[Any, Any]:
    return (rows[1], rows[0]) if survivor == SECOND else (rows[0], rows[1])


def _run(rows: Sequence[Any], *, actor: Actor, survivor: str = FIRST, **chosen: str) -> None:
    if len(rows) != 2:
        raise Invalid("Tick two customers: one that stays and one that is merged into it")
    stays, goes = _sides(rows, survivor)
    take = [name.removeprefix("field_") for name, side in chosen.items() if side != survivor]
    merge_customers(stays, goes, take=take, actor=actor)


def _preview(rows: Sequence[Any], values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    if len(rows) != 2:
        return []
    stays, goes = _sides(rows, values.get("survivor"))
    problem = why_not_merged(stays, goes)
    moving = [[sentence(noun_of(table)), str(count)] for table, count in what_moves(goes)]
    return [
        {
            "title": f"What moves from {goes.name} to {stays.name}",
            "columns": [{"label": "What"}, {"label": "How many", "align": "right"}],
            "rows": moving,
            "empty": problem or "Nothing is linked to it.",
        }
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
