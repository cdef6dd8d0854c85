"""Setting up custom fields: adding, changing, moving and removing them."""

import re
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import event, func, inspect, select, update

from customerhub.core import clock
from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid, StillLinked, WrongState
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.references import pluralize
from customerhub.core.row_validation import Problems, clean_row
from customerhub.custom_fields.places import list_tabs
from models import CustomField, CustomFieldChoice, Organisation
from models.base import column_length, db, get_table
from models.custom_fields import VALUE_TABLES
from models.enums import CustomFieldKind, CustomFieldOwner, FieldRequirement
from models.keys import fold_text

MAX_FIELDS: Final = 100  # of one owner in an organisation
MAX_CHOICES: Final = 200  # of one field
ALREADY_REMOVED: Final = "This field is already removed"
# The kinds that values of another kind may become as they are.
LOSSLESS_KINDS: Final = {
    CustomFieldKind.LINK: (CustomFieldKind.TEXT,),
    CustomFieldKind.AMOUNT: (CustomFieldKind.NUMBER,),
}
_NOT_IN_KEYS = re.compile("[^a-z0-9]+")


def save_field(field: CustomField, *, actor: Actor) -> CustomField:
    """Check `field` as it now stands, with its choices, and flush it. From the next request on it is everywhere.

    A new one gets its key, and its place behind the others. Raises Invalid with every problem found, Conflict where its
    label is taken or somebody saved it meanwhile.
    """
    with save_changes():
        require_permission(actor, Permission.SETUP_EDIT)
        require_access(actor, field)
        if field.removed_at is not None:
            raise WrongState(ALREADY_REMOVED)
        announce_change(actor.organisation_id)
        if field.id is None:
            _complete_new_field(field, actor)
        problems = clean_row(field) + _list_problems(field) + _list_choice_problems(field)
        if problems:
            raise Invalid.from_problems(problems)
        db.session.add(field)
    return field


def announce_change(organisation_id: int) -> None:
    """Have every process read the fields and form layouts anew. Whoever else changes them for this organisation waits
    until the end.
    """
    table = get_table(Organisation)
    statement = update(table).where(table.c.id == organisation_id).values(custom_fields_token=uuid4().hex)
    db.session.connection().execute(statement)
    db.session.expire(db.session.get_one(Organisation, organisation_id), ["custom_fields_token"])


def _complete_new_field(field: CustomField, actor: Actor) -> None:
    field.organisation_id = actor.organisation_id
    if field.owner is None:
        return
    known = select(CustomField.key, CustomField.position).where(
        CustomField.organisation_id == actor.organisation_id, CustomField.owner == field.owner
    )
    rows = db.session.execute(known).all()
    field.key = build_key(field.name or "", {row.key for row in rows})
    field.position = max((row.position for row in rows), default=0) + 1


def build_key(label: str, taken_keys: set[str]) -> str:
    """The key of a field called `label`: "Contract class" is contract_class, a second one contract_class_2."""
    length = column_length(CustomField.key)
    base = _NOT_IN_KEYS.sub("_", fold_text(label)).strip("_")[: length - 4].strip("_") or "field"
    number = 1
    key = base
    while key in taken_keys:
        number += 1
        key = f"{base}_{number}"
    return key


def _list_problems(field: CustomField) -> Problems:
    problems: Problems = []
    if field.owner is None or field.kind is None:
        return problems  # told by `clean_row`
    if field.tab is not None and field.tab not in dict(list_tabs(field.owner)):
        problems.append(("tab", "Choose a tab from the list"))
    if field.requirement is FieldRequirement.ALWAYS and field.owner is not CustomFieldOwner.CUSTOMER:
        problems.append(("requirement", "Only customers can be prospects: choose Required"))
    if field.id is None:
        if count_fields(field.owner, field.organisation_id) >= MAX_FIELDS:
            problems.append(("name", f"There can be at most {MAX_FIELDS} fields. Remove one first"))
        return problems
    changed = inspect(field).attrs
    if changed.owner.history.has_changes():
        problems.append(("owner", "A field stays with what it was added to. Add a new field instead"))
    (previous_kind,) = changed.kind.history.deleted or (field.kind,)
    if previous_kind is not field.kind and field.kind not in LOSSLESS_KINDS.get(previous_kind, ()):
        problems += _list_kind_problems(field, previous_kind)
    return problems


def _list_kind_problems(field: CustomField, previous_kind: CustomFieldKind) -> Problems:
    """What is there cannot become another kind without losing something."""
    count = count_values(field)
    if not count:
        return []
    text = f"{describe_values(field, count)}, so it stays a field of the kind {previous_kind}. Add a new field instead"
    return [("kind", text)]


def _list_choice_problems(field: CustomField) -> Problems:
    if field.kind is not CustomFieldKind.CHOICE:
        field.choices = []
        return []
    if not field.choices:
        return [("choices", "Enter at least one choice")]
    if len(field.choices) > MAX_CHOICES:
        return [("choices", f"There can be at most {MAX_CHOICES} choices")]
    _number_choices(field.choices)
    problems: Problems = []
    known_names: set[str] = set()
    for place, choice in enumerate(field.choices):
        choice.organisation_id = field.organisation_id
        problems += [(f"choices.{place}.{name}", text) for name, text in clean_row(choice)]
        if (name_key := fold_text(choice.name or "")) in known_names:
            problems.append((f"choices.{place}.name", "There is already a choice of this name"))
        known_names.add(name_key)
    return problems


def _number_choices(choices: Sequence[CustomFieldChoice]) -> None:
    """Number them as they were numbered by hand; those without a number come last."""
    for position, choice in enumerate(sorted(choices, key=lambda each: (each.position is None, each.position or 0)), 1):
        if choice.position != position:
            choice.position = position


def count_fields(owner: CustomFieldOwner, organisation_id: int) -> int:
    """How many fields the organisation has added to this owner and not removed."""
    query = select(func.count()).select_from(CustomField)
    conditions = (CustomField.owner == owner, CustomField.removed_at.is_(None))
    return db.session.scalar(query.where(CustomField.organisation_id == organisation_id, *conditions)) or 0


def count_values(field: CustomField) -> int:
    """How many customers, contracts or profiles have something in `field`."""
    return count_values_by_id([field])[field.id]


def count_values_by_id(fields: Sequence[CustomField]) -> dict[int, int]:
    """As `count_values`, of each of `fields` by its id."""
    counts = dict.fromkeys((field.id for field in fields), 0)
    for owner in {field.owner for field in fields}:
        column = VALUE_TABLES[owner].c.field_id
        query = select(column, func.count()).where(column.in_(counts)).group_by(column)
        counts |= {row[0]: row[1] for row in db.session.execute(query)}
    return counts


def describe_values(field: CustomField, count: int) -> str:
    """The count in words: "12 customers have a value in “Contract class”"."""
    noun = field.owner.value
    return f"{count:,} {f'{noun} has' if count == 1 else f'{pluralize(noun)} have'} a value in “{field.name}”"


@event.listens_for(CustomFieldChoice, "before_delete")
def _refuse_deletion_in_use(_mapper: Any, connection: Any, choice: CustomFieldChoice) -> None:
    """A choice that something has cannot be deleted by any form."""
    tables = VALUE_TABLES.values()
    count = sum(connection.scalar(select(func.count()).where(table.c.choice_id == choice.id)) for table in tables)
    if count:
        text = f"The choice {choice} is in use ({count:,}) and cannot be removed. Make it inactive instead"
        raise StillLinked(text, "choices")


def move_field(field: CustomField, *, steps: int, actor: Actor) -> None:
    """Move `field` among the fields of its owner, forwards by `steps` or, where they are negative, back."""
    require_permission(actor, Permission.SETUP_EDIT)
    require_access(actor, field)
    with save_changes():
        announce_change(actor.organisation_id)
        query = select(CustomField).where(
            CustomField.organisation_id == field.organisation_id,
            CustomField.owner == field.owner,
            CustomField.removed_at.is_(None),
        )
        others = list(db.session.scalars(query.order_by(CustomField.position, CustomField.id)))
        place = others.index(field)
        others.insert(min(max(place + steps, 0), len(others) - 1), others.pop(place))
        for position, each in enumerate(others, 1):
            if each.position != position:
                each.position = position


def remove_field(field: CustomField, *, actor: Actor) -> None:
    """Remove `field` for good. It is gone from every screen with the next request; its values are deleted after that,
    by `removal.delete_values`, each with its entry in the history, which keeps the field's label.
    """
    require_permission(actor, Permission.SETUP_EDIT)
    require_access(actor, field)
    if field.removed_at is not None:
        raise WrongState(ALREADY_REMOVED)
    with save_changes():
        announce_change(actor.organisation_id)
        field.removed_at, field.active, field.name_key = clock.get_now(), False, None
