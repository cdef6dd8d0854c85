"""Columns of the workbook for what an organisation requires and no workbook has: otherwise no new customer could come
by one.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Date, Enum, Integer, inspect

from customerhub.core import validation
from customerhub.core.errors import Invalid, quote_text
from customerhub.core.money import parse_amount
from customerhub.customers import rules
from customerhub.customers.choice_rules import CHOICE_RULES
from customerhub.customers.form_layout import CUSTOMER_FORM, REQUIRABLE
from customerhub.customers.importing.columns import COLUMNS_BY_FIELD, CellType, Column
from customerhub.customers.importing.lookups import Lookup, load_lookup
from customerhub.customers.records import BOUNDS, CLEANERS
from customerhub.form_layouts.required import list_required_fields
from models import Customer
from models.keys import fold_text
from models.types import ScaledDecimal

# A number that no other customer may have is checked against registers and duplicates: such a customer is entered in
# the form.
_ENTERED_BY_HAND: Final = {"registration_number", "identity_number", "vat_number"}
EXTRA_FIELDS: Final = tuple(sorted(REQUIRABLE - COLUMNS_BY_FIELD.keys() - _ENTERED_BY_HAND))
MARKUP_FIELD: Final = "markup"  # the one that counts where a class of calls has none
NO_COLUMN_TEXT: Final = (
    "Required by your organisation, but the workbook has no column for it. Enter this customer in the form"
)
_EXAMPLES: Final = {
    CellType.DATE: "2025-01-31",
    CellType.NUMBER: "100",
    CellType.NAME: "A name in your set-up",
    CellType.TEXT: "Any text",
    CellType.PERCENT: "12.5",
}
_EXAMPLES_OF_FIELDS: Final = {
    "customer_type": "private limited",
    "dealer_id": "A dealer code in your set-up",
    "website": "www.example.com",
}
_NOUNS: Final = {"dealer_id": "dealer code", MARKUP_FIELD: "fallback markup on calls in percent"}
# What the list of customers calls them, where that is no spelling of the header.
_LIST_LABELS: Final = {
    "business_entity_id": "Bill style (business entity)",
    "channel_id": "Acquisition channel",
    "dealer_id": "Partner (dealer code)",
    MARKUP_FIELD: "Fallback markup on calls",
}


def list_extra_columns() -> list[Column]:
    """A column for each field that an organisation may require and that the usual columns do not fill."""
    return [build_column(name) for name in EXTRA_FIELDS]


def list_required_columns(organisation_id: int) -> list[Column]:
    """Those of the extra columns whose field the organisation requires."""
    required_fields = list_required_fields(CUSTOMER_FORM, organisation_id)
    return [build_column(name) for name in EXTRA_FIELDS if name in required_fields]


def build_column(name: str) -> Column:
    """The extra column that fills the field `name`."""
    words = name.removesuffix("_id").split("_")
    cell_type, clean = _choose_reading(name)
    return Column(
        words[0] + "".join(word.capitalize() for word in words[1:]),
        name,
        f"The customer's {_name_field(name)}, which your organisation requires",
        _EXAMPLES_OF_FIELDS.get(name, _EXAMPLES[cell_type]),
        cell_type=cell_type,
        clean=clean,
        history_field=name.removesuffix("_id"),
        list_label=_LIST_LABELS.get(name, ""),
        is_required=True,
        # 12 % and 0.12 are the same number and mean different ones.
        is_cacheable=cell_type not in (CellType.TEXT, CellType.PERCENT),
    )


def _name_field(name: str) -> str:
    return _NOUNS.get(name, name.removesuffix("_id").replace("_", " "))


def _choose_reading(name: str) -> tuple[CellType, Callable[[str], Any]]:
    kind: Any = inspect(Customer).columns[name].type
    if name.endswith("_id"):
        return CellType.NAME, str
    if isinstance(kind, Date):
        return CellType.DATE, str
    if name == MARKUP_FIELD:
        return CellType.PERCENT, rules.clean_markup
    if isinstance(kind, ScaledDecimal):
        return CellType.NUMBER, lambda text: _parse_number(name, text, kind.places)
    if isinstance(kind, Integer):
        return CellType.NUMBER, lambda text: _parse_whole_number(name, text)
    if isinstance(kind, Enum):
        return CellType.TEXT, lambda text: _parse_member(text, kind.enum_class)
    default_cleaner = validation.clean_text
    return CellType.TEXT, CLEANERS.get(name, lambda text: default_cleaner(text, max_length=kind.length))


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


def load_extra_lookups(columns: Iterable[Column], organisation_id: int) -> dict[str, Lookup]:
    """What those of the extra `columns` that hold names choose from, by the field they fill."""
    relations = inspect(Customer).relationships
    lookups = {}
    for column in columns:
        if column.cell_type is CellType.NAME:
            target = relations[column.field.removesuffix("_id")].mapper.class_
            rule = CHOICE_RULES.get(column.field)
            conditions = [] if rule is None else [rule.build_condition(target)]
            lookups[column.field] = load_lookup(_name_field(column.field), target, organisation_id, *conditions)
    return lookups
