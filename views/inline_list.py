"""Rows that belong to the row of a form and are edited with it."""

from typing import Any

from wtforms import Field, Form
from wtforms.fields import SelectField
from wtforms.utils import unset_value
from wtforms.widgets import HiddenInput


class Entry:
    """One row of an InlineList: a form of its own, with the id of the row behind it."""

    def __init__(self, form: Form, entry_id: str, removed: bool) -> None:
        self.form = form
        self.entry_id = entry_id
        self.removed = removed

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


class InlineList(Field):
    """Rows that belong to the row of the form, edited with it. Its data is the list of present rows."""

    widget = HiddenInput()
    LIMIT = 2000

    def __init__(self, label: str = "", *, inline: Any, form_class: type[Form], **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.inline = inline
        self.form_class = form_class
        self.columns = inline.fields
        self.layout = inline.layout
        self.add_label = inline.add_label
        self.entries: list[Entry] = []

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        self.process_errors: list[str] = []
        self.errors: Any = []
        self.data = [] if data is unset_value or data is None else list(data)
        present = {str(row.id): row for row in self.data}
        if not formdata:
            self.entries = [self._entry(number, row, None, present) for number, row in enumerate(self.data)]
            return
        numbers = {
            int(key[len(self.name) + 1 :].partition("-")[0])
            for key in formdata
            if key.startswith(f"{self.name}-") and key[len(self.name) + 1 :].partition("-")[0].isdecimal()
        }
        if len(numbers) > self.LIMIT:
            self.process_errors.append(f"At most {self.LIMIT} rows can be saved at once")
            numbers = set()
        made = (self._entry(number, None, formdata, present) for number in sorted(numbers))
        empty = self.template_entry.form
        self.entries = [
            entry for entry in made if not entry.is_blank(empty) and not (entry.removed and not entry.entry_id)
        ]

    def _entry(self, number: Any, row: Any, formdata: Any, present: dict[str, Any]) -> Entry:
        prefix = f"{self.name}-{number}"
        entry_id = "" if row is None else str(row.id or "")
        if formdata is not None:
            entry_id = formdata.get(f"{prefix}-id", "").strip()
            row = present.get(entry_id)
            if entry_id and row is None:
                self.process_errors.append("A row of this list is gone or is not yours. Reload the page")
        form = self.form_class(formdata, obj=row, prefix=prefix)
        return Entry(form, entry_id, bool(formdata is not None and formdata.get(f"del-{prefix}")))

    @property
    def template_entry(self) -> Entry:
        return Entry(self.form_class(None, prefix=f"{self.name}-__n__-"), "", False)

    @property
    def picker(self) -> dict[str, Any] | None:
        return self.inline.picker() if self.inline.picker else None

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        self.errors = list(self.process_errors)
        bad = [entry for entry in self.entries if not entry.removed and not entry.form.validate()]
        self.errors += [entry.form.errors for entry in bad]
        return not self.errors

    def populate_obj(self, obj: Any, name: str) -> None:
        rows = getattr(obj, name)
        present = {str(row.id): row for row in rows}
        for entry in self.entries:
            row = present.get(entry.entry_id)
            if entry.removed:
                if row is not None:
                    rows.remove(row)
                continue
            if row is None:
                row = self.inline.model(organisation_id=obj.organisation_id)
                rows.append(row)
            for field in entry.form:
                if field.short_name not in ("id", "version"):
                    field.populate_obj(row, field.short_name)

    def hold_files(self) -> None:
        """Keep what was uploaded for the next try."""
        for entry in self.entries:
            for field in entry.form:
                if hasattr(field, "hold") and not entry.removed:
                    field.hold()

    def stale(self) -> list[Any]:
        """The present rows that somebody else saved after this form was opened, and that it would change."""
        present = {str(row.id): row for row in self.data}
        return [
            present[entry.entry_id]
            for entry in self.entries
            if entry.entry_id in present and entry.form["version"].data != present[entry.entry_id].version
        ]

    def take_versions(self) -> None:
        """Count the present rows as seen, so that saving again overwrites them."""
        present = {str(row.id): row for row in self.data}
        for entry in self.entries:
            if entry.entry_id in present:
                entry.form["version"].data = present[entry.entry_id].version

    def shown(self) -> str:
        return f"{len(self.entries)} rows"
