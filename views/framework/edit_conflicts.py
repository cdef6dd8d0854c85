"""Edit conflicts: two people save the same record; the second is notified, and neither loses what they typed."""

import json
from collections.abc import Sequence
from typing import Any

from wtforms import Form

from views.framework.display import noun_of
from views.framework.fields import UploadField
from views.framework.forms import format_value
from views.framework.inline_rows import InlineEntry, InlineList, opened_version
from views.framework.labels import capitalize_first
from views.framework.row_fields import RowsField

METADATA_FIELDS = ("id", "version", "original")

Change = tuple[str, str, str]  # label, what they saved, what became of mine
Values = dict[str, Any]


def serialize_form(form: Form) -> str:
    """Every value of `form`, those of its inline rows by their ids, as it was opened."""
    values = _values(form)
    for entry in form:
        if isinstance(entry, InlineList):
            values[entry.short_name] = {each.entry_id: _values(each.form) for each in entry.entries}
    return json.dumps(values, separators=(",", ":"))


def _values(form: Form) -> Values:
    return {name: comparable_value(entry) for name, entry in _value_fields(form)}


def _value_fields(form: Form) -> list[tuple[str, Any]]:
    """The fields that hold one value, by the names of their columns."""
    entries: list[Any] = list(form)
    return [
        (entry.short_name, entry)
        for entry in entries
        if entry.short_name not in METADATA_FIELDS and not isinstance(entry, InlineList)
    ]


def original_values(form: Form) -> Values:
    """What `form` held when it was opened, as far as it still says so."""
    try:
        values = json.loads(form["original"].data or "{}")
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def comparable_value(entry: Any) -> Any:
    """A field's data as plain text, to be compared."""
    if isinstance(entry, UploadField):
        return format_value(entry.stored)
    data = entry.data
    return sorted(map(str, data)) if isinstance(data, list) else format_value(data)


def display_text(entry: Any) -> str:
    """A field's data as people read it."""
    return entry.display_text() if hasattr(entry, "display_text") else format_value(entry.data)


def is_stale(form: Form, stored_form: Form, version: int) -> bool:
    """Whether somebody saved the record, or a row of it, after `form` was opened."""
    original = original_values(form)
    for entry in form:
        if isinstance(entry, InlineList) and (entry.stale_rows() or _has_missing_rows(entry, original)):
            return True
        # Several that are chosen are kept in a table of their own, so the record's version does not tell of them.
        if isinstance(entry, RowsField) and original.get(entry.short_name) not in (
            None,
            comparable_value(stored_form[entry.short_name]),
        ):
            return True
    return opened_version(form) != version


def merge_changes(form: Form, stored_form: Form, version: int) -> list[Change]:
    """Take over into `form` what only they changed, and tell that and what both changed.

    Saving `form` again then loses neither side. `stored_form` is the form of the record as it is now.
    """
    original = original_values(form)
    changes = _merge_values(form, stored_form, original, "")
    for entry in form:
        if isinstance(entry, InlineList):
            changes += _merge_rows(entry, stored_form[entry.short_name], _rows_of(original, entry))
    form["version"].data, form["original"].data = version, serialize_form(stored_form)
    return changes


def _merge_values(form: Form, stored_form: Form, original: Values, prefix: str) -> list[Change]:
    """As `merge_changes`, for the fields that hold one value; `prefix` names the inline row that they are of."""
    changes = []
    for name, own_field in _value_fields(form):
        stored_field, original_value = stored_form[name], original.get(name)
        if isinstance(own_field, UploadField):
            if comparable_value(stored_field) != original_value and (
                own_field.data or own_field.pending_token or own_field.remove
            ):
                changes.append(
                    (
                        f"{prefix}{own_field.label.text}",
                        stored_field.current_name,
                        own_field.display_text() or "Removed",
                    )
                )
            continue
        if comparable_value(stored_field) == comparable_value(own_field):
            continue
        if comparable_value(own_field) == original_value:
            own_field.data, own_field.raw_data = stored_field.data, None
            changes.append(
                (f"{prefix}{own_field.label.text}", display_text(stored_field), "Unchanged; their value is kept")
            )
        elif comparable_value(stored_field) != original_value:
            changes.append((f"{prefix}{own_field.label.text}", display_text(stored_field), display_text(own_field)))
    return changes


def _rows_of(original: Values, entry: InlineList) -> dict[str, Values]:
    rows_by_id = original.get(entry.short_name)
    rows = rows_by_id.items() if isinstance(rows_by_id, dict) else ()
    return {key: values for key, values in rows if isinstance(values, dict)}


def _has_missing_rows(entry: InlineList, original: Values) -> bool:
    """Whether a row that was there, and is not removed here too, is no longer there."""
    known_rows = _rows_of(original, entry)
    return any(each.is_missing and not each.removed and each.entry_id in known_rows for each in entry.entries)


def _merge_rows(own_list: InlineList, stored_list: InlineList, original_rows: dict[str, Values]) -> list[Change]:
    stored_entries = {each.entry_id: each for each in stored_list.entries}
    changes: list[Change] = []
    for entry in list(own_list.entries):
        original_row = original_rows.get(entry.entry_id, {})
        row_label = f"{capitalize_first(noun_of(own_list.inline.model.__tablename__))} {_row_name(entry)}".strip()
        if entry.entry_id in stored_entries:
            stored_entry = stored_entries[entry.entry_id]
            is_changed = _values(stored_entry.form) != original_row
            if entry.removed and is_changed:
                changes.append((row_label, _row_name(stored_entry), "Removed"))
            elif not entry.removed:
                changes += _merge_values(entry.form, stored_entry.form, original_row, f"{row_label}, ")
            entry.form["version"].data = stored_entry.form["version"].data
        elif entry.is_missing and entry.entry_id in original_rows and not entry.removed:
            if _values(entry.form) == original_row:
                own_list.entries.remove(entry)
                changes.append((row_label, "Removed", "Unchanged; will be removed"))
            else:
                entry.treat_as_new()
                changes.append((row_label, "Removed", "Will be added again"))
    known_ids = {entry.entry_id for entry in own_list.entries} | original_rows.keys()
    own_list.append_rows([entry.entry_id for key, entry in stored_entries.items() if key not in known_ids])
    return changes


def _row_name(entry: InlineEntry) -> str:
    """What a row is known by: the first thing that it says."""
    return next((display_text(field) for _, field in _value_fields(entry.form) if display_text(field)), "")


def list_entered_values(form: Form, names: Sequence[str]) -> list[tuple[str, str]]:
    """(label, text) of every field with a value; lists of rows are listed separately."""
    entries: list[Any] = [form[name] for name in names]
    labelled_texts = [
        (entry.label.text, _entered_text(entry)) for entry in entries if not isinstance(entry, InlineList)
    ]
    return [(label, text) for label, text in labelled_texts if text]


def build_entered_table(rows: InlineList) -> dict[str, Any]:
    """The rows of an inline list as a table."""
    remaining = [entry for entry in rows.entries if not entry.removed]
    return {
        "title": rows.label.text,
        "columns": [{"label": rows.template_entry[name].label.text} for name in rows.columns],
        "rows": [[_entered_text(entry[name]) for name in rows.columns] for entry in remaining],
        "empty": "No rows.",
    }


def _entered_text(entry: Any) -> str:
    """A field's data as people read it; what could not be read, as it was typed."""
    if entry.process_errors:
        return ", ".join(text for text in entry.raw_data or () if isinstance(text, str))
    return display_text(entry)
