"""The form fields that WTForms does not bring: codes, amounts, files. Those of rows are in row_fields.py."""

import enum
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar

from markupsafe import Markup, escape
from werkzeug.datastructures import FileStorage
from wtforms import Field
from wtforms.fields import DecimalField, FileField, IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.utils import unset_value
from wtforms.validators import ValidationError

from customerhub.core.errors import Invalid
from customerhub.core.money import format_unit_price, parse_amount
from views.framework import uploads
from views.framework.choices import mark_selected
from views.framework.formatting import current_formats
from views.framework.html import render_attributes
from views.framework.labels import capitalize_first, member_label
from views.framework.locales import CodeNames

_WHOLE = re.compile(r"[+-]?[0-9]{1,10}")


class SelectWidget:
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
        return Markup(f"<select {render_attributes(kwargs)}>{field.render_options()}</select>")  # noqa: S704  (both parts are escaped)


@lru_cache(maxsize=256)
def render_members(members: tuple[enum.StrEnum, ...]) -> str:
    """The option elements of members of an enum, none selected."""
    return "".join(f'<option value="{escape(m.value)}">{escape(member_label(m))}</option>' for m in members)


class ChoiceField(SelectField):
    """One member of an enum, or none. A page may narrow what is `offered`: what is posted from an older one is refused
    by the operation.
    """

    widget = SelectWidget()
    offered: tuple[enum.StrEnum, ...] | None = None

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
        super().__init__(label, validators, coerce=self._parse_member, choices=[m.value for m in members], **kwargs)

    def _parse_member(self, text: Any) -> Any:
        if text is None or text == "":
            return None
        return self.members(text)

    def pre_validate(self, form: Any) -> None:
        if self.data is None and not self.blank:
            raise ValidationError("Choose one")

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            try:
                self.data = self._parse_member(valuelist[0])
            except ValueError:
                raise ValueError("Choose one from the list") from None

    def render_options(self) -> str:
        blank = '<option value=""></option>' if self.blank or self.data is None else ""
        offered = self.offered or tuple(self.members)
        if self.data is not None and self.data not in offered:
            offered = (*offered, self.data)
        return blank + mark_selected(render_members(offered), escape(self.data.value) if self.data else None)

    def display_text(self) -> str:
        return member_label(self.data)


class CodeField(Field):
    """One of many codes that have names, such as a country, or none. Its data is the code. A page may narrow what is
    `offered`.
    """

    widget = SelectWidget()
    offered: tuple[str, ...] | None = None

    def __init__(
        self,
        label: str = "",
        validators: Any = None,
        *,
        code_names: Callable[[], CodeNames],
        blank: bool,
        **kwargs: Any,
    ):
        super().__init__(label, validators, **kwargs)
        self.code_names = code_names
        self.blank = blank

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = valuelist[0].strip() or None

    def render_options(self) -> str:
        blank = '<option value=""></option>' if self.blank or not self.data else ""
        options = render_codes(self.code_names) if self.offered is None else self._render_offered()
        if self.data and f'value="{escape(self.data)}"' not in options:
            options += f'<option value="{escape(self.data)}">{escape(self.data)}</option>'
        return blank + mark_selected(options, escape(self.data) if self.data else None)

    def _render_offered(self) -> str:
        names = dict(self.code_names())
        return "".join(
            f'<option value="{escape(code)}">{escape(names.get(code, code))}</option>' for code in self.offered or ()
        )

    def display_text(self) -> str:
        return dict(self.code_names()).get(self.data, self.data) if self.data else ""


@lru_cache(maxsize=8)
def render_codes(code_names: Callable[[], CodeNames]) -> str:
    """The option elements of a list of codes, none selected."""
    return "".join(f'<option value="{escape(code)}">{escape(name)}</option>' for code, name in code_names())


class ChoicesField(SelectMultipleField):
    """Several members of an enum, kept as a list of their values."""

    def __init__(self, label: str = "", validators: Any = None, *, members: type[enum.StrEnum], **kwargs: Any):
        choices = [SelectChoice(m.value, member_label(m)) for m in members]
        super().__init__(label, validators, choices=choices, **kwargs)

    def display_text(self) -> str:
        return ", ".join(capitalize_first(value) for value in self.data or [])


class WholeNumberField(IntegerField):
    """A whole number of ten digits at the most."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        if not text:
            self.data = None
        elif not _WHOLE.fullmatch(text):
            self.data = None
            raise ValueError("Enter a whole number, e.g. 30")
        else:
            self.data = int(text)


class NumberChoiceField(Field):
    """One of a few whole numbers that have names, such as a month, or none, which is called `blank`."""

    widget = SelectWidget()

    def __init__(
        self, label: str = "", validators: Any = None, *, names: Mapping[int, str], blank: str = "", **kwargs: Any
    ):
        super().__init__(label, validators, **kwargs)
        self.names = names
        self.blank = blank

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        text = valuelist[0].strip()
        self.data = next((number for number in self.names if str(number) == text), None)
        if text and self.data is None:
            raise ValueError("Choose one from the list")

    def render_options(self) -> str:
        options = "".join(f'<option value="{number}">{escape(name)}</option>' for number, name in self.names.items())
        return f'<option value="">{escape(self.blank)}</option>{mark_selected(options, self.data)}'

    def display_text(self) -> str:
        return "" if self.data is None else self.names.get(self.data, "")


class YesNoField(Field):
    """Yes, no, or no answer: where a box that is not ticked would say no by itself."""

    widget = SelectWidget()
    _ANSWERS: ClassVar[dict[str, bool]] = {"y": True, "n": False}

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = self._ANSWERS.get(valuelist[0].strip())

    def render_options(self) -> str:
        answer = next((text for text, value in self._ANSWERS.items() if value is self.data), "")
        options = '<option value="y">Yes</option><option value="n">No</option>'
        return f'<option value=""></option>{mark_selected(options, answer) if answer else options}'

    def display_text(self) -> str:
        return {None: "", True: "Yes", False: "No"}[self.data]


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
        return current_formats().currency if self.money else "%"

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        if not valuelist[0].strip():
            self.data = None
            return
        try:
            self.data = parse_amount(valuelist[0], places=self.decimals)
        except Invalid as error:
            self.data = None
            raise ValueError(error.message) from None
        if abs(self.data) > self.limit:
            self.data = None
            raise ValueError(f"Enter at most {self.limit:,.2f}")

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        return format_unit_price(self.data).replace(",", "") if self.money else f"{self.data.normalize():f}"


class UploadField(FileField):
    """A file of a row: the present one, a new one, or none any more. Its data is what was uploaded.

    `pending_token` is a token of what was uploaded before, with a form that was refused.
    """

    def process_data(self, value: Any) -> None:
        self.stored = value
        self.data = None
        self.remove = False
        self.pending_token: str | None = None
        self.stored_file: Any = None

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        super().process(formdata, data, extra_filters)
        if not isinstance(self.data, FileStorage) or not self.data.filename:
            self.data = None
        if formdata is not None:
            self.remove = bool(formdata.get(f"{self.name}-remove"))
            self.pending_token = formdata.get(f"{self.name}-held") if self.data is None else None

    def keep_pending(self) -> None:
        """Keep what was uploaded for the next try."""
        if self.data is not None:
            self.pending_token = uploads.keep_pending(self.data)

    @property
    def pending_name(self) -> str | None:
        file = uploads.find_pending(self.pending_token) if self.pending_token else None
        return file.name if file else None

    @property
    def current(self) -> dict[str, str] | None:
        return uploads.file_link(self.stored) if self.stored else None

    @property
    def current_name(self) -> str:
        return self.current["name"] if self.current else ""

    @property
    def resulting_file_id(self) -> int | None:
        """The file that the row has once it is filled."""
        if self.stored_file is not None:
            return self.stored_file.id
        return None if self.remove else self.stored

    def store(self) -> None:
        """Put what was uploaded into the store.

        Raises Invalid where it is empty or too large, or was uploaded before and is no longer kept.
        """
        if self.data is not None:
            self.stored_file = uploads.store_upload(self.data)
        elif self.pending_token:
            self.stored_file = uploads.find_pending(self.pending_token)
            if self.stored_file is None:
                raise Invalid("The file you uploaded is no longer available. Choose it again")

    def populate_obj(self, obj: Any, name: str) -> None:
        if self.stored_file is not None:
            setattr(obj, name, self.stored_file.id)
        elif self.remove:
            setattr(obj, name, None)

    def display_text(self) -> str:
        return self.data.filename if self.data else self.pending_name or ""
