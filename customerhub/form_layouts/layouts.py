"""The layout of a form as it is in force: what the hub brings, and what an organisation made of it.

What is kept names fields and sections. Names that are no longer known are passed over, and fields that came since stand
at the end of their usual section, so that a layout outlives new versions and removed custom fields.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import select

from customerhub.custom_fields.definitions import FieldDefinition, find_token, list_definitions
from models import FormLayout
from models.base import db
from models.enums import CustomFieldOwner

CORE: Final = "core"  # the section above the tabs
MAX_REMEMBERED: Final = 256  # organisations and forms


@dataclass(frozen=True)
class Section:
    """Fields that stand together: above the tabs, or on one of them."""

    name: str
    label: str
    fields: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FormDescription:
    """A form as the hub brings it.

    The first of `sections` stands above the tabs; `custom_section` has the custom fields for which no other was chosen.
    `needed` says of fields that cannot be hidden why. `requirable` are those that an organisation may require. `lists`
    are rows of their own, which have no room above the tabs. A field of `companions` has others that follow it
    everywhere; one of `parents` is asked for only beside another and is hidden with it. `leading` fields stand before
    all others and cannot be arranged; `always_required` ones are required in every organisation. What is requirable is
    asked of a row where `is_asked(field, values)`, which looks at the values of the `deciding` fields.
    """

    owner: CustomFieldOwner
    sections: tuple[Section, ...]
    custom_section: str
    needed: Mapping[str, str]
    requirable: frozenset[str]
    lists: frozenset[str] = frozenset()
    companions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    leading: tuple[str, ...] = ()
    always_required: frozenset[str] = frozenset()
    deciding: tuple[str, ...] = ()
    is_asked: Callable[[str, Mapping[str, Any]], bool] = lambda _name, _values: True


@dataclass(frozen=True)
class LayoutDraft:
    """What an administrator chose: the fields of each section in their order, hidden ones where they would stand."""

    places: Mapping[str, tuple[str, ...]]
    hidden: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Layout:
    """A form as it is shown. `sections` have all fields, `hidden` of which are not on the form."""

    sections: tuple[Section, ...]
    hidden: frozenset[str]
    required: frozenset[str]

    def list_shown(self, section: Section) -> tuple[str, ...]:
        return tuple(name for name in section.fields if name not in self.hidden)

    @property
    def core(self) -> tuple[str, ...]:
        """The fields above the tabs."""
        return self.list_shown(self.sections[0])

    @property
    def tabs(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """(name, label, fields) of each tab that has anything to show."""
        tabs = ((each.name, each.label, self.list_shown(each)) for each in self.sections[1:])
        return tuple(each for each in tabs if each[2])

    def find_section(self, name: str) -> str | None:
        """The section in which the form shows a field; None where it is hidden."""
        if name in self.hidden:
            return None
        return next((each.name for each in self.sections if name in each.fields), None)

    @property
    def draft(self) -> LayoutDraft:
        """The layout as something to change."""
        return LayoutDraft({each.name: each.fields for each in self.sections}, self.hidden, self.required)


def find_layout(description: FormDescription, organisation_id: int) -> Layout:
    """The layout of a form that is in force in an organisation."""
    token = find_token(organisation_id)
    return build_layout(description, ()) if token is None else _find_layout(token, organisation_id, description)


@lru_cache(maxsize=MAX_REMEMBERED)
def _find_layout(_token: str, organisation_id: int, description: FormDescription) -> Layout:
    query = select(FormLayout.places, FormLayout.hidden, FormLayout.required)
    is_meant = (FormLayout.organisation_id == organisation_id, FormLayout.owner == description.owner)
    with db.session.no_autoflush:
        kept = db.session.execute(query.where(*is_meant)).first()
    draft = _read_draft(*kept) if kept is not None else None
    return build_layout(description, list_definitions(description.owner, organisation_id), draft)


def _read_draft(places: dict[str, Any], hidden: list[str], required: list[str]) -> LayoutDraft:
    return LayoutDraft({name: tuple(names) for name, names in places.items()}, frozenset(hidden), frozenset(required))


@lru_cache(maxsize=MAX_REMEMBERED)
def _list_usual_sections(description: FormDescription, definitions: tuple[FieldDefinition, ...]) -> tuple[Section, ...]:
    names_by_section: dict[str, list[str]] = {each.name: list(each.fields) for each in description.sections}
    for each in definitions:
        chosen = each.tab if each.tab in names_by_section else description.custom_section
        names_by_section[chosen].append(each.name)
    return tuple(Section(each.name, each.label, tuple(names_by_section[each.name])) for each in description.sections)


def build_layout(
    description: FormDescription, definitions: Sequence[FieldDefinition], draft: LayoutDraft | None = None
) -> Layout:
    """The form by `draft`, or the default one. Whatever `draft` says, what is needed is shown: also a custom field that
    has become required since it was hidden.
    """
    usual_sections = _list_usual_sections(description, tuple(definitions))
    if draft is None:
        return Layout(usual_sections, frozenset(), frozenset())
    known = {name for section in usual_sections for name in section.fields}
    placed = {section.name: list(draft.places.get(section.name, ())) for section in usual_sections}
    seen: set[str] = set()
    for names in placed.values():
        names[:] = [name for name in dict.fromkeys(names) if name in known and name not in seen]
        seen.update(names)
    for section in usual_sections:
        placed[section.name] += [name for name in section.fields if name not in seen]
    _follow_companions(description, placed)
    required_custom = {each.name for each in definitions if each.is_required(of_prospect=False)}
    hidden = complete_hidden(description, (draft.hidden & known) - description.needed.keys() - required_custom)
    sections = tuple(Section(each.name, each.label, tuple(placed[each.name])) for each in usual_sections)
    return Layout(sections, hidden, (draft.required & description.requirable) - hidden)


def _follow_companions(description: FormDescription, placed: dict[str, list[str]]) -> None:
    followers = {name for names in description.companions.values() for name in names}
    for section, names in placed.items():
        leading = [name for name in names if name not in followers]
        placed[section] = [each for name in leading for each in (name, *description.companions.get(name, ()))]


def complete_hidden(description: FormDescription, hidden: Collection[str]) -> frozenset[str]:
    """`hidden`, and all that is hidden with it."""
    complete = set(hidden)
    while True:
        more = {child for child, parent in description.parents.items() if parent in complete}
        more |= {each for name in complete for each in description.companions.get(name, ())}
        if more <= complete:
            return frozenset(complete)
        complete |= more
