"""What somebody typed into a form, to be read and copied where the form itself can no longer be saved."""

from collections.abc import Sequence
from typing import Any

from wtforms import Form

from views.inline_list import InlineList
from views.merging import readable


def typed_into(form: Form, names: Sequence[str]) -> list[tuple[str, str]]:
    """(label, text) of every field that holds something; lists of rows are told by themselves."""
    entries: list[Any] = [form[name] for name in names]
    told = [(entry.label.text, _text(entry)) for entry in entries if not isinstance(entry, InlineList)]
    return [(label, text) for label, text in told if text]


def table_typed_into(rows: InlineList) -> dict[str, Any]:
    """The rows of an inline list as a table."""
    shown = [entry for entry in rows.entries if not entry.removed]
    return {
        "title": rows.label.text,
        "columns": [{"label": rows.template_entry[name].label.text} for name in rows.columns],
        "rows": [[_text(entry[name]) for name in rows.columns] for entry in shown],
        "empty": "No rows.",
    }


def _text(entry: Any) -> str:
    """A field's data as people read it; what could not be read, as it was typed."""
    if entry.process_errors:
        return ", ".join(text for text in entry.raw_data or () if isinstance(text, str))
    return readable(entry)
