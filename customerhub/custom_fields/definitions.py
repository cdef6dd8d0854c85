"""The custom fields of an organisation as forms, lists and rules use them: plain values, read when they were changed.

An organisation's row has a token that is another one after each change of its fields. Every request reads that row, so
what a process remembers by the token is right in all processes at once, and costs no statement.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import select

from models import CustomField, CustomFieldChoice, Organisation
from models.base import db
from models.custom_fields import CUSTOM_PREFIX, VALUE_COLUMNS
from models.enums import CustomFieldKind, CustomFieldOwner, FieldRequirement

MAX_REMEMBERED: Final = 256  # organisations
_KEPT: Final = "custom_fields_organisations"

TEXT_KINDS: Final = (CustomFieldKind.TEXT, CustomFieldKind.LINK)
NUMBER_KINDS: Final = (CustomFieldKind.NUMBER, CustomFieldKind.AMOUNT)


@dataclass(frozen=True)
class FieldChoice:
    """What a field of the kind `choice` may hold. One that is not active stays where it is and is not chosen anew."""

    id: int
    label: str
    active: bool


@dataclass(frozen=True)
class FieldDefinition:
    """A custom field. `name` is what it is called in code: the attribute of its owner, the column and filter of a list,
    and the field of a form.
    """

    id: int
    owner: CustomFieldOwner
    key: str
    label: str
    kind: CustomFieldKind
    help_text: str
    requirement: FieldRequirement
    tab: str
    is_in_use: bool
    choices: tuple[FieldChoice, ...]

    @property
    def name(self) -> str:
        return CUSTOM_PREFIX + self.key

    @property
    def column(self) -> str:
        """The column of a value's row that holds its values."""
        return VALUE_COLUMNS[self.kind]

    @property
    def decimals(self) -> int:
        """How many decimals its numbers have at the most."""
        return 2 if self.kind is CustomFieldKind.AMOUNT else 4

    def is_required(self, *, of_prospect: bool) -> bool:
        if of_prospect:
            return self.requirement is FieldRequirement.ALWAYS
        return self.requirement is not FieldRequirement.OPTIONAL

    def find_choice(self, choice_id: int | None) -> FieldChoice | None:
        return next((choice for choice in self.choices if choice.id == choice_id), None)


def list_definitions(owner: CustomFieldOwner, organisation_id: int) -> tuple[FieldDefinition, ...]:
    """The fields in use of this owner, in their order."""
    token = find_token(organisation_id)
    return () if token is None else _list_in_use(token, organisation_id, owner)


def has_definitions(organisation_id: int) -> bool:
    """Whether the organisation may have added a field."""
    return find_token(organisation_id) is not None


def find_definition(owner: CustomFieldOwner, name: str, organisation_id: int) -> FieldDefinition | None:
    """The field with this name, also one that is inactive or removed; None where there never was one."""
    token = find_token(organisation_id) if name.startswith(CUSTOM_PREFIX) else None
    return None if token is None else _index_by_name(token, organisation_id).get((owner, name))


def find_token(organisation_id: int) -> str | None:
    """By what a process knows the custom fields and form layouts of an organisation; None where it never had any.

    Its row is kept by the session, which reads it anew in each transaction.
    """
    session = db.session()
    kept: dict[int, Organisation] = session.info.setdefault(_KEPT, {})
    organisation = kept.get(organisation_id)
    if organisation is None or organisation not in session:
        with session.no_autoflush:
            organisation = session.get(Organisation, organisation_id)
        if organisation is None:
            return None
        kept[organisation_id] = organisation
    return organisation.custom_fields_token


@lru_cache(maxsize=MAX_REMEMBERED)
def _list_in_use(token: str, organisation_id: int, owner: CustomFieldOwner) -> tuple[FieldDefinition, ...]:
    known = _load_definitions(token, organisation_id)
    return tuple(each for each in known if each.owner is owner and each.is_in_use)


@lru_cache(maxsize=MAX_REMEMBERED)
def _index_by_name(token: str, organisation_id: int) -> dict[tuple[CustomFieldOwner, str], FieldDefinition]:
    return {(each.owner, each.name): each for each in _load_definitions(token, organisation_id)}


@lru_cache(maxsize=MAX_REMEMBERED)
def _load_definitions(_token: str, organisation_id: int) -> tuple[FieldDefinition, ...]:
    """All fields that the organisation has or had. The token, which is never used twice, tells how they are now.

    Read as plain values: a form may be changing the rows themselves.
    """
    fields = (
        select(*(getattr(CustomField, name) for name in _COLUMNS))
        .where(CustomField.organisation_id == organisation_id)
        .order_by(CustomField.position, CustomField.id)
    )
    choices = (
        select(CustomFieldChoice.field_id, CustomFieldChoice.id, CustomFieldChoice.name, CustomFieldChoice.active)
        .where(CustomFieldChoice.organisation_id == organisation_id)
        .order_by(CustomFieldChoice.position, CustomFieldChoice.id)
    )
    with db.session.no_autoflush:
        choices_by_field: dict[int, list[FieldChoice]] = {}
        for choice in db.session.execute(choices):
            definition = FieldChoice(choice.id, choice.name, choice.active)
            choices_by_field.setdefault(choice.field_id, []).append(definition)
        return tuple(
            _build_definition(row, tuple(choices_by_field.get(row.id, ()))) for row in db.session.execute(fields)
        )


_COLUMNS: Final = (
    "id",
    "owner",
    "key",
    "name",
    "kind",
    "help",
    "requirement",
    "tab",
    "active",
    "removed_at",
)


def _build_definition(row: Any, choices: tuple[FieldChoice, ...]) -> FieldDefinition:
    return FieldDefinition(
        id=row.id,
        owner=row.owner,
        key=row.key,
        label=row.name,
        kind=row.kind,
        help_text=row.help or "",
        requirement=row.requirement,
        tab=row.tab or "",
        is_in_use=row.active and row.removed_at is None,
        choices=choices,
    )
