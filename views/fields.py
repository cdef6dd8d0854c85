"""The form fields that WTForms does not bring: rows to choose from, amounts, files, lists of rows."""

import enum
from decimal import Decimal
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape
from werkzeug.datastructures import FileStorage
from wtforms import Field, Form
from wtforms.fields import DecimalField, FileField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import Choice, SelectChoice
from wtforms.utils import unset_value
from wtforms.validators import ValidationError
from wtforms.widgets import HiddenInput

from customerhub import money
from customerhub.errors import Invalid
from views.choices import Source, selected
from views.markup import attributes
from views.words import sentence, word


class Options:
    """A select box. Its options are written once and reused by every row that offers the same."""

    multiple = False
    input_type = "select"
    validation_attrs = ("required",)
    field_flags: dict[str, Any] = {}

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("id", field.id)
        if field.flags.required:
            kwargs.setdefault("required", True)
        kwargs["name"] = field.name
        return Markup(f"<select {attributes(kwargs)}>{field.options_html()}</select>")  # noqa: S704  (both parts are escaped)


@lru_cache(maxsize=256)
def members_html(members: type[enum.StrEnum]) -> str:
    """The option elements of an enum, none selected."""
    return "".join(
        f'<option value="{escape(m.value)}">{escape(word(m))}</option>' for m in members
    )


class RowField(Field):
    """One row of a set-up table, or none. Its data is the row's id."""

    widget = Options()

    def __init__(self, label: str = "", validators: Any = None, *, source: Source, blank: str = "", **kwargs: Any):
        super().__init__(label, validators, **kwargs)
        self.source = source
        self.blank = blank

    def process_data(self, value: Any) -> None:
        self.data = value
        self.stored = value

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        text = valuelist[0].strip()
        if not text:
            self.data = None
            return
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise ValueError("Choose one from the list")
        self.data = int(text)

    def pre_validate(self, form: Any) -> None:
        if self.data is None or self.data == self.stored:
            return
        if not any(key == self.data and active for key, _, active in self.source.rows()):
            raise ValidationError("Choose one from the list")

    def options_html(self) -> str:
        blank = (
            "" if self.flags.required and self.data is not None else f'<option value="">{escape(self.blank)}</option>'
        )
        return blank + self.source.options(self.data, self.stored)

    def shown(self) -> str:
        return self.source.label(self.data)


class LookupField(Field):
    """One row of a large table, found while typing. Its data is the row's id."""

    widget = HiddenInput()

    def __init__(self, label: str = "", validators: Any = None, *, source: Source, lookup: str, **kwargs: Any):
        super().__init__(label, validators, **kwargs)
        self.source = source
        self.lookup = lookup

    process_formdata = RowField.process_formdata
    process_data = RowField.process_data

    def pre_validate(self, form: Any) -> None:
        if self.data is not None and self.data != self.stored and not self.source.label(self.data):
            raise ValidationError("Choose one from the list")

    @property
    def lookup_url(self) -> str:
        return f"../ajax/lookup/?name={self.lookup}"

    @property
    def current_text(self) -> str:
        return self.source.label(self.data)

    def _value(self) -> str:
        return "" if self.data is None else str(self.data)

    def shown(self) -> str:
        return self.current_text


class RowsField(SelectMultipleField):
    """Several rows of a set-up table. Its data is the list of their ids; the attribute holds the rows."""

    def __init__(self, label: str = "", validators: Any = None, *, source: Source, **kwargs: Any):
        super().__init__(label, validators, coerce=int, choices=None, validate_choice=False, **kwargs)
        self.source = source

    def process_data(self, value: Any) -> None:
        self.data = [row if isinstance(row, int) else row.id for row in value or []]
        self.stored = list(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            self.data = list(dict.fromkeys(int(text) for text in valuelist))
        except ValueError:
            raise ValueError("Choose from the list") from None

    def iter_choices(self) -> Any:
        for key, label, active in self.source.rows():
            if active or key in self.data or key in self.stored:
                yield Choice(str(key), label, key in self.data, {})

    def pre_validate(self, form: Any) -> None:
        known = {key for key, _, _ in self.source.rows()}
        if not set(self.data) <= known:
            raise ValidationError("Choose from the list")

    def populate_obj(self, obj: Any, name: str) -> None:
        from models.base import db

        if set(self.data) != set(self.stored) or obj.id is None:
            rows = db.session.scalars(self.source.query().with_only_columns(self.source.model)).all()
            setattr(obj, name, [row for row in rows if row.id in set(self.data)])

    def shown(self) -> str:
        return ", ".join(label for key, label, _ in self.source.rows() if key in self.data)


class ChoiceField(SelectField):
    """One member of an enum, or none."""

    widget = Options()

    def __init__(
        self,
        label: str = "",
        validators: Any = None,
        *,
        members: type[enum.StrEnum],
        blank: bool,
        **kwargs: Any,
    ):
        self.members = members
        self.blank = blank
        super().__init__(label, validators, coerce=self._read, choices=[m.value for m in members], **kwargs)

    def _read(self, text: Any) -> Any:
        if text is None or text == "":
            return None
        return self.members(text)

    def pre_validate(self, form: Any) -> None:
        if self.data is None and not self.blank:
            raise ValidationError("Choose one")

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            try:
                self.data = self._read(valuelist[0])
            except ValueError:
                raise ValueError("Choose one from the list") from None

    def options_html(self) -> str:
        blank = '<option value=""></option>' if self.blank or self.data is None else ""
        return blank + selected(members_html(self.members), escape(self.data.value) if self.data else None)

    def shown(self) -> str:
        return word(self.data)


class ChoicesField(SelectMultipleField):
    """Several members of an enum, kept as a list of their values."""

    def __init__(self, label: str = "", validators: Any = None, *, members: type[enum.StrEnum], **kwargs: Any):
        choices = [SelectChoice(m.value, word(m)) for m in members]
        super().__init__(label, validators, choices=choices, **kwargs)

    def shown(self) -> str:
        return ", ".join(sentence(value) for value in self.data or [])


class AmountField(DecimalField):
    """A decimal amount, typed with or without thousands separators."""

    widget = StringField.widget

    def __init__(self, label: str = "", validators: Any = None, *, decimals: int, limit: Decimal, **kwargs: Any):
        super().__init__(label, validators, places=None, **kwargs)
        self.decimals = decimals
        self.limit = limit

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        if not valuelist[0].strip():
            self.data = None
            return
        try:
            self.data = money.parse(valuelist[0], places=self.decimals)
        except Invalid as error:
            self.data = None
            raise ValueError(error.message) from None
        if abs(self.data) > self.limit:
            self.data = None
            raise ValueError(f"{self.limit:,.2f} is the most")

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        plain = f"{self.data:f}"
        return plain if self.decimals <= 2 or "." not in plain else plain.rstrip("0").rstrip(".")


class UploadField(FileField):
    """A file of a row: the present one, a new one, or none any more. Its data is what was uploaded."""

    def process_data(self, value: Any) -> None:
        self.stored = value
        self.data = None
        self.remove = False

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        super().process(formdata, data, extra_filters)
        self.remove = bool(formdata is not None and formdata.get(f"{self.name}-remove"))
        if not isinstance(self.data, FileStorage) or not self.data.filename:
            self.data = None

    @property
    def current(self) -> dict[str, str] | None:
        from views.files import told

        return told(self.stored) if self.stored else None

    def populate_obj(self, obj: Any, name: str) -> None:
        from views.files import keep

        if self.data is not None:
            setattr(obj, name, keep(self.data).id)
        elif self.remove:
            setattr(obj, name, None)

    def shown(self) -> str:
        return self.data.filename if self.data else ""


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

    def is_blank(self) -> bool:
        """Whether nothing was typed into a new row."""
        return not self.entry_id and all(
            not field.raw_data or all(not str(raw or "").strip() for raw in field.raw_data)
            for field in self.form
            if not isinstance(field, SelectField)
        )


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
        self.entries = [entry for entry in made if not entry.is_blank() and not (entry.removed and not entry.entry_id)]

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
        return Entry(self.form_class(None, prefix=f"{self.name}-__n__"), "", False)

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
