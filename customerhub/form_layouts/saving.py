"""Saving the layout of a form, and going back to the default one."""

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import Conflict, Invalid
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.core.row_validation import Problems
from customerhub.custom_fields.definitions import list_definitions
from customerhub.custom_fields.fields import announce_change
from customerhub.form_layouts.layouts import (
    CORE,
    FormDescription,
    Layout,
    LayoutDraft,
    build_layout,
    complete_hidden,
    find_layout,
)
from models import FormLayout
from models.base import db

_MOVES: Final = "form_layout_moves"  # what was moved by the layouts that are about to be written
CHANGED_MEANWHILE: Final = "Another administrator saved this form after you opened it"


def find_saved_layout(description: FormDescription, organisation_id: int) -> FormLayout | None:
    """The row of the layout; None where the form was never changed."""
    query = select(FormLayout).where(
        FormLayout.organisation_id == organisation_id, FormLayout.owner == description.owner
    )
    saved: FormLayout | None = db.session.scalar(query)
    return saved


def get_version(description: FormDescription, organisation_id: int) -> int:
    """The version of the layout that is in force, 0 as long as there is none."""
    saved = find_saved_layout(description, organisation_id)
    return saved.version if saved is not None else 0


def save_layout(description: FormDescription, draft: LayoutDraft | None, *, version: int, actor: Actor) -> FormLayout:
    """Have the form be as `draft` says, or as the hub brings it where that is None. `version` is the one that the draft
    was made from.

    Raises Invalid with every problem, Conflict where somebody saved another layout meanwhile.
    """
    require_permission(actor, Permission.SETUP_EDIT)
    with save_changes():
        before = find_layout(description, actor.organisation_id)
        announce_change(actor.organisation_id)  # whoever else saves waits here, and then sees the new version
        saved = find_saved_layout(description, actor.organisation_id)
        if version != (saved.version if saved is not None else 0):
            raise Conflict(CHANGED_MEANWHILE)
        definitions = list_definitions(description.owner, actor.organisation_id)
        if draft is not None and (problems := list_problems(description, draft, actor.organisation_id)):
            raise Invalid.from_problems(problems)
        after = build_layout(description, definitions, draft)
        if after == build_layout(description, definitions):
            draft = None  # the default form follows new versions of the hub
        saved = saved or FormLayout(organisation_id=actor.organisation_id, owner=description.owner)
        saved.places = {} if draft is None else {each.name: list(each.fields) for each in after.sections}
        order = [name for section in after.sections for name in section.fields]
        saved.hidden = [name for name in order if name in after.hidden]
        saved.required = [name for name in order if name in after.required]
        db.session.add(saved)
        db.session().info.setdefault(_MOVES, {})[saved] = describe_moves(before, after)
        db.session.flush()
    return saved


def note_moves(session: Session, _context: Any, _instances: Any) -> None:
    """Listener of `before_flush`: the entry of a layout in the history tells what was moved."""
    for saved, moves in session.info.pop(_MOVES, {}).items():
        history.note_changes(saved, moves)


def list_problems(description: FormDescription, draft: LayoutDraft, organisation_id: int) -> Problems:
    """(field, message) of all that the form cannot be."""
    definitions = list_definitions(description.owner, organisation_id)
    required_custom = {each.name for each in definitions if each.is_required(of_prospect=False)}
    known = {each.name for each in definitions} | {name for each in description.sections for name in each.fields}
    problems: Problems = [
        (name, "This field was removed. Open the page again") for name in _list_names(draft) if name not in known
    ]
    problems += [(name, description.needed[name]) for name in sorted(draft.hidden & description.needed.keys())]
    problems += [(name, "A required field cannot be hidden") for name in sorted(draft.hidden & required_custom)]
    hidden = complete_hidden(description, draft.hidden)
    problems += [(name, "A required field cannot be hidden") for name in sorted(hidden & draft.required)]
    problems += [
        (name, "This field cannot be required") for name in sorted((draft.required & known) - description.requirable)
    ]
    problems += [
        (name, "Tables cannot stand above the tabs. Choose a tab")
        for name in draft.places.get(CORE, ())
        if name in description.lists
    ]
    return problems


def _list_names(draft: LayoutDraft) -> list[str]:
    return [name for names in draft.places.values() for name in names]


def describe_moves(before: Layout, after: Layout) -> dict[str, list[str | None]]:
    """[place before, place after] of each field that was moved, by its name."""
    former, latter = _index_places(before), _index_places(after)
    moved = {name for name, place in latter.items() if name in former and former[name][0] != place[0]}
    for section, other in zip(before.sections, after.sections, strict=True):
        stayed, order = ([name for name in each.fields if name not in moved] for each in (section, other))
        for operation, start, end, _, _ in SequenceMatcher(None, stayed, order, autojunk=False).get_opcodes():
            if operation in ("delete", "replace"):
                moved.update(name for name in stayed[start:end] if name in latter)
    return {name: [_describe(former[name]), _describe(latter[name])] for name in latter if name in moved}


def _index_places(layout: Layout) -> Mapping[str, tuple[str, int]]:
    return {
        name: (section.label, position)
        for section in layout.sections
        for position, name in enumerate(section.fields, 1)
    }


def _describe(place: tuple[str, int]) -> str:
    label, position = place
    return f"{label}, position {position}"
