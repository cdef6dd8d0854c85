"""Columns of the workbook for what an organisation requires and no workbook has: otherwise no new customer could come
by one.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Date, Enum, Integer, inspect

from customerhub.core import validation
from customerhub.core.errors import Invalid, quote_text
from customerhub.core.money import parse_amount
from customerhub.customers.choice_rules import CHOICE_RULES
from customerhub.customers.form_layout import REQUIRABLE
from customerhub.customers.importing.columns import COLUMNS_BY_FIELD, CellType, Column
from customerhub.customers.importing.lookups import Lookup, load_lookup
from customerhub.customers.records import BOUNDS, CLEANERS
from customerhub.customers.required_fields import list_required_fields
from models import Customer
from models.keys import fold_text
from models.types import ScaledDecimal

# A number that no other customer may have is checked against registers and duplicates: such a customer is entered in
# the form.
_ENTERED_BY_HAND: Final = {"registration_number", "identity_number", "vat_number"}
EXTRA_FIELDS: Final = tuple(sorted(REQUIRABLE - COLUMNS_BY_FIELD.keys() - _ENTERED_BY_HAND))
NO_COLUMN_TEXT: Final = "Required by your organisation, and no column of the workbook. Enter this customer in the form"
_EXAMPLES: Final = {
    CellType.DATE: "2025-01-31",
    CellType.NUMBER: "100",
    CellType.NAME: "A name in your set-up",
    CellType.TEXT: "Any text",
}


def list_required_columns(organisation_id: int) -> list[Column]:
    """A column for each field that the organisation requires and that the usual columns do not fill."""
    return [_build_column(name) for name in EXTRA_FIELDS if name in list_required_fields(organisation_id)]


def _build_column(name: str) -> Column:
    words = name.removesuffix("_id").split("_")
    cell_type, clean = _choose_reading(name)
    return Column(
        words[0] + "".join(word.capitalize() for word in words[1:]),
        name,
        f"The customer's {' '.join(words)}, which your organisation requires",
        _EXAMPLES[cell_type],
        cell_type=cell_type,
        clean=clean,
        history_field=name.removesuffix("_id"),
        is_required=True,
        is_cacheable=cell_type is not CellType.TEXT,
    )


def _choose_reading(name: str) -> tuple[CellType, Callable[[str], Any]]:
    kind: Any = inspect(Customer).columns[name].type
    if name.endswith("_id"):
        return CellType.NAME, str
    if isinstance(kind, Date):
        return CellType.DATE, str
    if isinstance(kind, ScaledDecimal):
        return CellType.NUMBER, lambda text: _parse_number(name, text, kind.places)
    if isinstance(kind, Integer):
        return CellType.NUMBER, lambda text: _parse_whole_number(name, text)
    if isinstance(kind, Enum):
        return CellType.TEXT, lambda text: _parse_member(text, kind.enum_class)
    usual_cleaner = validation.clean_text
    return CellType.TEXT, CLEANERS.get(name, lambda text: usual_cleaner(text, max_length=kind.length))


def _parse_number(name: str, text: str, places: int) -> Decimal | None:
    number = parse_amount(text, places=places) if text.strip() else None
    if number is not None and name in BOUNDS:
        validation.check_bounds(number, name, *BOUNDS[name])
    return number


def _parse_whole_number(name: str, text: str) -> int | None:
    number = _parse_number(name, text, 0)
    return None if number is None else int(number)


def _parse_member(text: str, members: Any) -> Any:
    bare = fold_text(text)
    if not bare:
        return None
    found = next((member for member in members if fold_text(member.value) == bare), None)
    if found is None:
        raise Invalid(f"{quote_text(text)} is none of these: {', '.join(member.value for member in members)}")
    return found


def load_required_lookups(organisation_id: int) -> dict[str, Lookup]:
    """What the required columns that hold names choose from, by the field they fill."""
    relations = inspect(Customer).relationships
    lookups = {}
    for column in list_required_columns(organisation_id):
        if column.cell_type is CellType.NAME:
            target = relations[column.field.removesuffix("_id")].mapper.class_
            rule = CHOICE_RULES.get(column.field)
            conditions = [] if rule is None else [rule.build_condition(target)]
            noun = column.field.removesuffix("_id").replace("_", " ")
            lookups[column.field] = load_lookup(noun, target, organisation_id, *conditions)
    return lookups
