"""Rows that belong to the row of a form and are edited with it."""

import re
from collections.abc import Sequence
from typing import Any, Final

from wtforms import Field, Form
from wtforms.fields import SelectField
from wtforms.utils import unset_value
from wtforms.widgets import HiddenInput

LINE_FIELDS: Final = 6  # as many as stand beside each other; rows with more of them take several lines


class InlineEntry:
    """One row of an InlineList: a form of its own, with the id of the row behind it.

    It is `is_missing` where there is no row with this id in the list.
    """

    def __init__(self, form: Form, entry_id: str, *, removed: bool = False, is_missing: bool = False) -> None:
        self.form = form
        self.entry_id = entry_id
        self.removed = removed
        self.is_missing = is_missing
        self.row: Any = None
        self.kept_text = ""

    def treat_as_new(self) -> None:
        """Count as a row that is yet to be added."""
        self.entry_id, self.is_missing = "", False
        self.form["id"].data = self.form["version"].data = None

    def __iter__(self) -> Any:
        return iter(self.form)

    def __getitem__(self, name: str) -> Any:
        return self.form[name]

    def is_blank(self, empty: Form) -> bool:
        """Whether nothing was typed into a new row, which began as `empty`."""
        return not self.entry_id and all(
            str(raw or "").strip() in ("", initial_text(empty[field.short_name]))
            for field in self.form
            if not isinstance(field, SelectField)
            for raw in field.raw_data or ()
        )


def initial_text(field: Any) -> str:
    """What an untouched field sends."""
    return str(field._value()) if hasattr(field, "_value") else ""


def opened_version(form: Form) -> Any:
    """The version of the row when `form` was opened; None where it does not say."""
    return form["version"].data if form["version"].raw_data else None


class InlineList(Field):
    """Rows that belong to the row of the form, edited with it. Its data is the list of present rows."""

    widget = HiddenInput()
    LIMIT = 2000

    def __init__(self, label: str = "", *, inline: Any, form_class: type[Form], **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.inline = inline
        self.form_class = form_class
        self.columns = inline.fields
        self.has_several_lines = len(self.columns) > LINE_FIELDS
        self.add_label = inline.add_label
        self.entries: list[InlineEntry] = []
        self.entries_by_position: dict[int, InlineEntry] = {}

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        self.process_errors: list[str] = []
        self.errors: Any = []
        self.data = [] if data is unset_value or data is None else list(data)
        present = {str(row.id): row for row in self.data}
        numbers = self._row_numbers(formdata) if formdata else set()
        if len(numbers) > self.LIMIT:
            self.process_errors.append(f"At most {self.LIMIT} rows can be saved at once")
            formdata = None
        if not formdata:
            self.entries = [self._entry(number, row, None, present) for number, row in enumerate(self.data)]
            return
        entries = (self._entry(number, None, formdata, present) for number in sorted(numbers))
        empty = self.template_entry.form
        self.entries = [
            entry for entry in entries if not entry.is_blank(empty) and not (entry.removed and not entry.entry_id)
        ]

    def _row_numbers(self, formdata: Any) -> set[int]:
        """The numbers of the rows that were posted."""
        of_row = re.compile(re.escape(self.name) + r"-(0|[1-9][0-9]{0,5})-.")
        return {int(found[1]) for key in formdata if (found := of_row.match(key))}

    def _entry(self, number: Any, row: Any, formdata: Any, present: dict[str, Any]) -> InlineEntry:
        prefix = f"{self.name}-{number}"
        if formdata is None:
            form = self.form_class(None, obj=row, prefix=prefix)
            entry = InlineEntry(form, "" if row is None else str(row.id or ""))
        else:
            entry_id = formdata.get(f"{prefix}-id", "").strip()
            row = present.get(entry_id)
            form = self.form_class(formdata, obj=row, prefix=prefix)
            removed = bool(formdata.get(f"del-{prefix}"))
            entry = InlineEntry(form, entry_id, removed=removed, is_missing=bool(entry_id) and row is None)
        if row is not None and self.inline.kept_text is not None:
            entry.kept_text = self.inline.kept_text(row)
        return entry

    @property
    def template_entry(self) -> InlineEntry:
        return InlineEntry(self.form_class(None, prefix=f"{self.name}-__n__-"), "")

    @property
    def picker(self) -> dict[str, Any] | None:
        return self.inline.picker() if self.inline.picker else None

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        self.errors = list(self.process_errors)
        remaining = [entry for entry in self.entries if not entry.removed]
        if any(entry.is_missing for entry in remaining):
            self.errors.append("A row in this list no longer exists. Remove it here or reload the page")
        self.errors += [entry.form.errors for entry in remaining if not entry.form.validate()]
        return not self.errors

    def drop_removed(self, obj: Any, name: str) -> None:
        """Take the removed rows from `obj`, before others come that may want their place."""
        rows = getattr(obj, name)
        removed_ids = {entry.entry_id for entry in self.entries if entry.removed}
        for row in [row for row in rows if str(row.id) in removed_ids]:
            rows.remove(row)

    def populate_obj(self, obj: Any, name: str) -> None:
        rows = getattr(obj, name)
        present = {str(row.id): row for row in rows}
        for entry in self.entries:
            if entry.removed:
                continue
            entry.row = present.get(entry.entry_id)
            if entry.row is None:
                entry.row = self.inline.model(organisation_id=obj.organisation_id)
                rows.append(entry.row)
            for field in entry.form:
                if field.short_name not in ("id", "version") and not field.errors:
                    field.populate_obj(entry.row, field.short_name)
        self.entries_by_position = {rows.index(entry.row): entry for entry in self.entries if entry.row is not None}

    def collect_errors(self) -> None:
        """Take the errors of the rows as they are now."""
        messages = [error for error in self.errors if isinstance(error, str)]
        self.errors = messages + [each.form.errors for each in self.entries if each.form.errors]

    def stale_rows(self) -> list[Any]:
        """The present rows that somebody else saved after this form was opened."""
        if self.process_errors:  # none that was posted was read
            return []
        present = {str(row.id): row for row in self.data}
        return [
            present[entry.entry_id]
            for entry in self.entries
            if entry.entry_id in present and opened_version(entry.form) != present[entry.entry_id].version
        ]

    def append_rows(self, ids: Sequence[str]) -> None:
        """Show the present rows with these ids too, behind the others."""
        present = {str(row.id): row for row in self.data}
        numbers = (int(entry.form["id"].name.split("-")[-2]) for entry in self.entries)
        first = max(numbers, default=-1) + 1
        self.entries += [self._entry(first + step, present[key], None, present) for step, key in enumerate(ids)]

    def add_blank_row(self) -> None:
        """Show a row that is yet to be filled in."""
        self.entries.append(self._entry(len(self.entries), None, None, {}))

    def display_text(self) -> str:
        return f"{len(self.entries)} rows"
