"""Twenty custom fields of customers, filled for all of them: what lists are measured with."""

from itertools import cycle, islice
from typing import Any, Final

from sqlalchemy import text

from customerhub.core.permissions import Actor
from customerhub.custom_fields.definitions import FieldDefinition, list_definitions
from customerhub.custom_fields.fields import save_field
from models import CustomField, Organisation
from models.base import db
from models.enums import CustomFieldKind, CustomFieldOwner

FIELD_COUNT: Final = 20
K, OWNER = CustomFieldKind, CustomFieldOwner.CUSTOMER
# What each customer has in a field of a kind, as SQL over its id; beside it the columns that hold it.
VALUES: Final = {
    K.TEXT: ("text, text_key", "'Text ' || (id % 5000), 'text ' || (id % 5000)"),
    K.LINK: ("text, text_key", "'https://p.example/' || id, 'https://p.example/' || id"),
    K.NUMBER: ("number", "(id * 7919 % 100003) * 10000"),
    K.AMOUNT: ("number", "(id * 104729 % 100003) * 10000"),
    K.YES_NO: ("yes", "id % 3 = 0"),
}
DATES: Final = {
    "sqlite": "date('2020-01-01', '+' || (id * 31 % 4000) || ' days')",
    "postgresql": "DATE '2020-01-01' + CAST(id * 31 % 4000 AS integer)",
}


def fill_custom_fields(organisation: Organisation) -> None:
    """Add to the demo's fields until there are twenty, and fill them for every customer that has nothing there."""
    actor = Actor(None, organisation.id)
    missing_count = FIELD_COUNT - len(list_definitions(OWNER, organisation.id))
    for number, kind in enumerate(islice(cycle((*VALUES, K.DATE)), missing_count), 1):
        save_field(CustomField(owner=OWNER, name=f"Measured {number}", kind=kind), actor=actor)
    for definition in list_definitions(OWNER, organisation.id):
        _fill_field(definition, organisation.id)
    db.session.commit()


def _fill_field(definition: FieldDefinition, organisation_id: int) -> None:
    columns, values = _choose_values(definition)
    statement = (
        f"INSERT INTO customer_custom_value (owner_id, field_id, organisation_id, {columns}) "
        f"SELECT id, {definition.id}, organisation_id, {values} FROM customer "
        f"WHERE organisation_id = {organisation_id} ON CONFLICT DO NOTHING"
    )
    db.session.connection().execute(text(statement))


def _choose_values(definition: FieldDefinition) -> tuple[str, Any]:
    if definition.kind is K.DATE:
        return "day", DATES[db.engine.dialect.name]
    if definition.kind is K.CHOICE:
        cases = " ".join(f"WHEN {place} THEN {choice.id}" for place, choice in enumerate(definition.choices))
        return "choice_id", f"CASE id % {len(definition.choices)} {cases} END"
    return VALUES[definition.kind]
