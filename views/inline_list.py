"""Rows that belong to the row of a form and are edited with it."""

import re
from collections.abc import Sequence
from typing import Any

from wtforms import Field, Form
from wtforms.fields import SelectField
from wtforms.utils import unset_value
from wtforms.widgets import HiddenInput


class Entry:
    """One row of an InlineList: a form of its own, with the id of the row behind it.

    It is `lost` where there is no row with this id in the list.
    """

    def __init__(self, form: Form, entry_id: str, *, removed: bool = False, lost: bool = False) -> None:
        self.form = form
        self.entry_id = entry_id
        self.removed = removed
        self.lost = lost
        self.row: Any = None

    def make_new(self) -> None:
        """Count as a row that is yet to be added."""
        self.entry_id, self.lost = "", False
        self.form["id"].data = self.form["version"].data = None

    def __iter__(self) -> Any:
        return iter(self.form)

    def __getitem__(self, name: str) -> Any:
        return self.form[name]

    def is_blank(self, empty: Form) -> bool:
        """Whether nothing was typed into a new row, which began as `empty`."""
        return not self.entry_id and all(
            str(raw or "").strip() in ("", begun_as(empty[field.short_name]))
            for field in self.form
            if not isinstance(field, SelectField)
            for raw in field.raw_data or ()
        )


def begun_as(field: Any) -> str:
    """What an untouched field sends."""
    return str(field._value()) if hasattr(field, "_value") else ""


def opened_at(form: Form) -> Any:
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
        self.add_label = inline.add_label
        self.entries: list[Entry] = []
        self.placed: dict[int, Entry] = {}

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        self.process_errors: list[str] = []
        self.errors: Any = []
        self.data = [] if data is unset_value or data is None else list(data)
        present = {str(row.id): row for row in self.data}
        numbers = self._numbers_in(formdata) if formdata else set()
        if len(numbers) > self.LIMIT:
            self.process_errors.append(f"At most {self.LIMIT} rows can be saved at once")
            formdata = None
        if not formdata:
            self.entries = [self._entry(number, row, None, present) for number, row in enumerate(self.data)]
            return
        made = (self._entry(number, None, formdata, present) for number in sorted(numbers))
        empty = self.template_entry.form
        self.entries = [
            entry for entry in made if not entry.is_blank(empty) and not (entry.removed and not entry.entry_id)
        ]

    def _numbers_in(self, formdata: Any) -> set[int]:
        """The numbers of the rows that were posted."""
        of_row = re.compile(re.escape(self.name) + r"-(0|[1-9][0-9]{0,5})-.")
        return {int(found[1]) for key in formdata if (found := of_row.match(key))}

    def _entry(self, number: Any, row: Any, formdata: Any, present: dict[str, Any]) -> Entry:
        prefix = f"{self.name}-{number}"
        if formdata is None:
            return Entry(self.form_class(None, obj=row, prefix=prefix), "" if row is None else str(row.id or ""))
        entry_id = formdata.get(f"{prefix}-id", "").strip()
        row = present.get(entry_id)
        form = self.form_class(formdata, obj=row, prefix=prefix)
        removed = bool(formdata.get(f"del-{prefix}"))
        return Entry(form, entry_id, removed=removed, lost=bool(entry_id) and row is None)

    @property
    def template_entry(self) -> Entry:
        return Entry(self.form_class(None, prefix=f"{self.name}-__n__-"), "")

    @property
    def picker(self) -> dict[str, Any] | None:
        return self.inline.picker() if self.inline.picker else None

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        self.errors = list(self.process_errors)
        kept = [entry for entry in self.entries if not entry.removed]
        if any(entry.lost for entry in kept):
            self.errors.append("A row of this list is gone or is not yours. Remove it here, or reload the page")
        self.errors += [entry.form.errors for entry in kept if not entry.form.validate()]
        return not self.errors

    def drop_removed(self, obj: Any, name: str) -> None:
        """Take the removed rows from `obj`, before others come that may want their place."""
        rows = getattr(obj, name)
        gone = {entry.entry_id for entry in self.entries if entry.removed}
        for row in [row for row in rows if str(row.id) in gone]:
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
        self.placed = {rows.index(entry.row): entry for entry in self.entries if entry.row is not None}

    def gather_errors(self) -> None:
        """Take the errors of the rows as they are now."""
        said = [error for error in self.errors if isinstance(error, str)]
        self.errors = said + [each.form.errors for each in self.entries if each.form.errors]

    def stale(self) -> list[Any]:
        """The present rows that somebody else saved after this form was opened."""
        if self.process_errors:  # none that was posted was read
            return []
        present = {str(row.id): row for row in self.data}
        return [
            present[entry.entry_id]
            for entry in self.entries
            if entry.entry_id in present and opened_at(entry.form) != present[entry.entry_id].version
        ]

    def take_in(self, ids: Sequence[str]) -> None:
        """Show the present rows with these ids too, behind the others."""
        present = {str(row.id): row for row in self.data}
        numbers = (int(entry.form["id"].name.split("-")[-2]) for entry in self.entries)
        first = max(numbers, default=-1) + 1
        self.entries += [self._entry(first + step, present[key], None, present) for step, key in enumerate(ids)]

    def shown(self) -> str:
        return f"{len(self.entries)} rows"
