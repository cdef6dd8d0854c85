"""The form fields that WTForms does not bring: rows to choose from, codes, amounts, files."""

import enum
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from flask import url_for
from markupsafe import Markup, escape
from werkzeug.datastructures import FileStorage
from wtforms import Field
from wtforms.fields import DecimalField, FileField, IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import Choice, SelectChoice
from wtforms.utils import unset_value
from wtforms.validators import ValidationError
from wtforms.widgets import HiddenInput

from customerhub.errors import Invalid
from customerhub.money import parse
from views import files
from views.choices import Source, selected
from views.columns import formats, unit_price
from views.markup import attributes
from views.places import Named
from views.words import sentence, word

_WHOLE = re.compile(r"[+-]?[0-9]{1,10}")


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
    return "".join(f'<option value="{escape(m.value)}">{escape(word(m))}</option>' for m in members)


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
        options = self.source.options(self.data, self.stored)
        # Without a blank one, a browser would take the first for a row that is gone.
        needless = self.flags.required and " selected" in options
        return options if needless else f'<option value="">{escape(self.blank)}</option>{options}'

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
        if self.data is not None and self.data != self.stored and not self.source.offers(self.data):
            raise ValidationError("Choose one from the list")

    @property
    def lookup_url(self) -> str:
        return url_for(".ajax_lookup", name=self.lookup)

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
        offered = {key for key, _, active in self.source.rows() if active or key in self.stored}
        if not set(self.data) <= offered:
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


class CodeField(Field):
    """One of many codes that have names, such as a country, or none. Its data is the code."""

    widget = Options()

    def __init__(
        self, label: str = "", validators: Any = None, *, named: Callable[[], Named], blank: bool, **kwargs: Any
    ):
        super().__init__(label, validators, **kwargs)
        self.named = named
        self.blank = blank

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = valuelist[0].strip() or None

    def options_html(self) -> str:
        blank = '<option value=""></option>' if self.blank or not self.data else ""
        known = codes_html(self.named)
        if self.data and f'value="{escape(self.data)}"' not in known:
            known += f'<option value="{escape(self.data)}">{escape(self.data)}</option>'
        return blank + selected(known, escape(self.data) if self.data else None)

    def shown(self) -> str:
        return dict(self.named()).get(self.data, self.data) if self.data else ""


@lru_cache(maxsize=8)
def codes_html(named: Callable[[], Named]) -> str:
    """The option elements of a list of codes, none selected."""
    return "".join(f'<option value="{escape(code)}">{escape(name)}</option>' for code, name in named())


class ChoicesField(SelectMultipleField):
    """Several members of an enum, kept as a list of their values."""

    def __init__(self, label: str = "", validators: Any = None, *, members: type[enum.StrEnum], **kwargs: Any):
        choices = [SelectChoice(m.value, word(m)) for m in members]
        super().__init__(label, validators, choices=choices, **kwargs)

    def shown(self) -> str:
        return ", ".join(sentence(value) for value in self.data or [])


class WholeField(IntegerField):
    """A whole number of ten digits at the most."""

    def process_formdata(self, valuelist: list[str]) -> None:
        typed = valuelist[0].strip() if valuelist else ""
        if not typed:
            self.data = None
        elif not _WHOLE.fullmatch(typed):
            self.data = None
            raise ValueError("Write a whole number, such as 30")
        else:
            self.data = int(typed)


class AmountField(DecimalField):
    """A decimal amount, typed with or without thousands separators."""

    widget = StringField.widget

    def __init__(
        self,
        label: str = "",
        validators: Any = None,
        *,
        decimals: int,
        limit: Decimal,
        money: bool = True,
        **kwargs: Any,
    ):
        super().__init__(label, validators, places=None, **kwargs)
        self.decimals = decimals
        self.limit = limit
        self.money = money

    @property
    def suffix(self) -> str:
        """What the amount counts."""
        return formats().currency if self.money else "%"

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        if not valuelist[0].strip():
            self.data = None
            return
        try:
            self.data = parse(valuelist[0], places=self.decimals)
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
        return unit_price(self.data).replace(",", "") if self.money else f"{self.data.normalize():f}"


class UploadField(FileField):
    """A file of a row: the present one, a new one, or none any more. Its data is what was uploaded.

    `held` is a token of what was uploaded before, with a form that was refused.
    """

    def process_data(self, value: Any) -> None:
        self.stored = value
        self.data = None
        self.remove = False
        self.held: str | None = None
        self.kept: Any = None

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        super().process(formdata, data, extra_filters)
        if not isinstance(self.data, FileStorage) or not self.data.filename:
            self.data = None
        if formdata is not None:
            self.remove = bool(formdata.get(f"{self.name}-remove"))
            self.held = formdata.get(f"{self.name}-held") if self.data is None else None

    def hold(self) -> None:
        """Keep what was uploaded for the next try."""
        if self.data is not None:
            self.held = files.hold(self.data)

    @property
    def held_name(self) -> str | None:
        file = files.held(self.held) if self.held else None
        return file.name if file else None

    @property
    def current(self) -> dict[str, str] | None:
        return files.told(self.stored) if self.stored else None

    @property
    def current_name(self) -> str:
        return self.current["name"] if self.current else ""

    @property
    def holds(self) -> int | None:
        """The file that the row has once it is filled."""
        return self.kept.id if self.kept is not None else None if self.remove else self.stored

    def store(self) -> None:
        """Put what was uploaded into the store.

        Raises Invalid where it is empty or too large, or was uploaded before and is no longer kept.
        """
        if self.data is not None:
            self.kept = files.keep(self.data)
        elif self.held:
            self.kept = files.held(self.held)
            if self.kept is None:
                raise Invalid("The file you chose before is no longer kept. Choose it again")

    def populate_obj(self, obj: Any, name: str) -> None:
        if self.kept is not None:
            setattr(obj, name, self.kept.id)
        elif self.remove:
            setattr(obj, name, None)

    def shown(self) -> str:
        return self.data.filename if self.data else self.held_name or ""
