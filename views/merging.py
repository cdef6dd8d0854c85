"""Two people who save the same record: the second is told, and neither loses what they typed."""

import json
from typing import Any

from wtforms import Form

from views.fields import RowsField, UploadField
from views.forms import shown_value
from views.inline_list import Entry, InlineList, opened_at
from views.showing import noun_of
from views.words import sentence

HIDDEN = ("id", "version", "original")

Change = tuple[str, str, str]  # label, what they saved, what became of mine
Values = dict[str, Any]


def snapshot(form: Form) -> str:
    """Every value of `form`, those of its inline rows by their ids, as it was opened."""
    kept = _values(form)
    for entry in form:
        if isinstance(entry, InlineList):
            kept[entry.short_name] = {each.entry_id: _values(each.form) for each in entry.entries}
    return json.dumps(kept, separators=(",", ":"))


def _values(form: Form) -> Values:
    return {name: canonical(entry) for name, entry in _plain(form)}


def _plain(form: Form) -> list[tuple[str, Any]]:
    """The fields that hold one value, by the names of their columns."""
    entries: list[Any] = list(form)
    return [
        (entry.short_name, entry)
        for entry in entries
        if entry.short_name not in HIDDEN and not isinstance(entry, InlineList)
    ]


def original(form: Form) -> Values:
    """What `form` held when it was opened, as far as it still says so."""
    try:
        kept = json.loads(form["original"].data or "{}")
    except (ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def canonical(entry: Any) -> Any:
    """A field's data as plain text, to be compared."""
    if isinstance(entry, UploadField):
        return shown_value(entry.stored)
    data = entry.data
    return sorted(map(str, data)) if isinstance(data, list) else shown_value(data)


def readable(entry: Any) -> str:
    """A field's data as people read it."""
    return entry.shown() if hasattr(entry, "shown") else shown_value(entry.data)


def is_stale(form: Form, theirs: Form, version: int) -> bool:
    """Whether somebody saved the record, or a row of it, after `form` was opened."""
    was = original(form)
    for entry in form:
        if isinstance(entry, InlineList) and (entry.stale() or _gone(entry, was)):
            return True
        # Several that are chosen are kept in a table of their own, so the record's version does not tell of them.
        if isinstance(entry, RowsField) and was.get(entry.short_name) not in (
            None,
            canonical(theirs[entry.short_name]),
        ):
            return True
    return opened_at(form) != version


def merge(form: Form, theirs: Form, version: int) -> list[Change]:
    """Take over into `form` what only they changed, and tell that and what both changed.

    Saving `form` again then loses neither side. `theirs` is the form of the record as it is now.
    """
    was = original(form)
    changes = _merge_values(form, theirs, was, "")
    for entry in form:
        if isinstance(entry, InlineList):
            changes += _merge_rows(entry, theirs[entry.short_name], _rows_of(was, entry))
    form["version"].data, form["original"].data = version, snapshot(theirs)
    return changes


def _merge_values(form: Form, theirs: Form, was: Values, of: str) -> list[Change]:
    """As `merge`, for the fields that hold one value; `of` names the inline row that they are of."""
    changes = []
    for name, mine in _plain(form):
        there, before = theirs[name], was.get(name)
        if isinstance(mine, UploadField):
            if canonical(there) != before and (mine.data or mine.held or mine.remove):
                changes.append((f"{of}{mine.label.text}", there.current_name, mine.shown() or "Removed"))
            continue
        if canonical(there) == canonical(mine):
            continue
        if canonical(mine) == before:
            mine.data, mine.raw_data = there.data, None
            changes.append((f"{of}{mine.label.text}", readable(there), "Left as it was; theirs is kept"))
        elif canonical(there) != before:
            changes.append((f"{of}{mine.label.text}", readable(there), readable(mine)))
    return changes


def _rows_of(was: Values, entry: InlineList) -> dict[str, Values]:
    found = was.get(entry.short_name)
    rows = found.items() if isinstance(found, dict) else ()
    return {key: values for key, values in rows if isinstance(values, dict)}


def _gone(entry: InlineList, was: Values) -> bool:
    """Whether a row that was there, and is not removed here too, is no longer there."""
    known = _rows_of(was, entry)
    return any(each.lost and not each.removed and each.entry_id in known for each in entry.entries)


def _merge_rows(mine: InlineList, theirs: InlineList, was: dict[str, Values]) -> list[Change]:
    now = {each.entry_id: each for each in theirs.entries}
    changes: list[Change] = []
    for entry in list(mine.entries):
        before = was.get(entry.entry_id, {})
        of = f"{sentence(noun_of(mine.inline.model.__tablename__))} {_name(entry)}".strip()
        if entry.entry_id in now:
            there = now[entry.entry_id]
            changed = _values(there.form) != before
            if entry.removed and changed:
                changes.append((of, _name(there), "Removed"))
            elif not entry.removed:
                changes += _merge_values(entry.form, there.form, before, f"{of}, ")
            entry.form["version"].data = there.form["version"].data
        elif entry.lost and entry.entry_id in was and not entry.removed:
            if _values(entry.form) == before:
                mine.entries.remove(entry)
                changes.append((of, "Removed", "Left as it was; it is removed"))
            else:
                entry.make_new()
                changes.append((of, "Removed", "Saving adds it again"))
    known = {entry.entry_id for entry in mine.entries} | was.keys()
    mine.take_in([entry.entry_id for key, entry in now.items() if key not in known])
    return changes


def _name(entry: Entry) -> str:
    """What a row is known by: the first thing that it says."""
    return next((readable(field) for _, field in _plain(entry.form) if readable(field)), "")
