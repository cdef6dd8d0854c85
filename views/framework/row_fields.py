"""The form fields that choose one row or several of a table."""

from collections.abc import Sequence
from typing import Any

from flask import g, url_for
from markupsafe import escape
from wtforms import Field
from wtforms.fields import SelectMultipleField
from wtforms.fields.choices import Choice
from wtforms.utils import unset_value
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import HiddenInput

from models.base import db
from models.keys import fold_text
from views.framework.choices import Source, mark_selected
from views.framework.fields import SelectWidget
from views.http.urls import parse_id

UNCHOSEN = "Choose one from the list, or clear the box"
MAX_LOOKED_UP = 20  # rows that a look-up offers at a time


class RowField(Field):
    """One row of a set-up table, or none. Its data is the row's id."""

    widget = SelectWidget()

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
        chosen_id = parse_id(text)
        if chosen_id is None:
            raise ValueError("Choose one from the list")
        self.data = chosen_id

    def pre_validate(self, form: Any) -> None:
        if self.data is None or self.data == self.stored:
            return
        if not any(key == self.data and active for key, _, active in self.source.list_choices()):
            raise ValidationError("Choose one from the list")

    def render_options(self) -> str:
        options = self.source.render_options(self.data, self.stored)
        # Without a blank one, a browser would take the first for a row that is gone.
        has_selection = self.flags.required and " selected" in options
        return options if has_selection else f'<option value="">{escape(self.blank)}</option>{options}'

    def display_text(self) -> str:
        return self.source.label_of(self.data)


class ExplicitRowField(Field):
    """One of the rows `choices`, (id, label) each, or none by a choice of its own where that has a label: to choose
    nothing is refused. So nobody takes away what several rows hold by not looking.
    """

    widget = SelectWidget()
    NONE = "none"

    def __init__(
        self, label: str = "", *, choices: Sequence[tuple[int, str]], none_label: str = "", **kwargs: Any
    ) -> None:
        super().__init__(label, **kwargs)
        self.flags.required = True
        self.choices = choices
        self.none_label = none_label
        self.is_none_chosen = False

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            text = valuelist[0].strip()
            self.is_none_chosen = bool(self.none_label) and text == self.NONE
            self.data = parse_id(text)

    def pre_validate(self, form: Any) -> None:
        if not self.is_none_chosen and not self._is_row_chosen():
            alternative = f", or “{self.none_label}”" if self.none_label else ""
            raise ValidationError(f"Choose one from the list{alternative}")

    def _is_row_chosen(self) -> bool:
        return self.data in [key for key, _ in self.choices]

    def render_options(self) -> str:
        none = [(self.NONE, self.none_label)] if self.none_label else []
        options = [*none, *((str(key), label) for key, label in self.choices)]
        chosen = self.NONE if self.is_none_chosen else ""
        if self._is_row_chosen():
            chosen = str(self.data)
        html = "".join(f'<option value="{key}">{escape(label)}</option>' for key, label in options)
        return mark_selected(html, chosen) if chosen else f'<option value="">Choose…</option>{html}'


class LookupField(Field):
    """One row of a large table, found while typing. Its data is the row's id, which is that of the text in the box.

    The script of the box sends no id with text that nobody was chosen for. Without the script, text that is no longer
    what the page showed is what was typed: it means the row that is called exactly so, or is refused and kept.
    """

    widget = HiddenInput()
    data: int | None
    unchosen_text = ""

    def __init__(
        self, label: str = "", validators: Any = None, *, source: Source, lookup: str, screen: str = "", **kwargs: Any
    ):
        """`screen` answers the look-up, where the form is shown on another one's page."""
        super().__init__(label, validators, **kwargs)
        self.source = source
        self.lookup = lookup
        self.screen = screen

    process_formdata = RowField.process_formdata
    process_data = RowField.process_data

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        super().process(formdata, data, extra_filters)
        typed, shown = ((formdata or {}).get(f"{self.name}-{part}") for part in ("text", "shown"))
        if typed is None or self.process_errors:
            return
        if shown is None:  # the script has seen to it that an id is that of the text
            shown = typed if self.data else ""
        text = typed.strip()
        if text == shown.strip():
            return
        self.data = self._find_named(text) if text else None
        if text and self.data is None:
            self.unchosen_text = text

    def _find_named(self, text: str) -> int | None:
        """The one row that may be chosen and is called `text`, whatever the case."""
        matches = [key for key, label in self.source.search(text, MAX_LOOKED_UP) if fold_text(label) == fold_text(text)]
        return matches[0] if len(matches) == 1 else None

    def pre_validate(self, form: Any) -> None:
        if self.unchosen_text:
            raise StopValidation(UNCHOSEN)  # `Optional` would take the missing id for a blank box
        if self.data is not None and self.data != self.stored and not self.source.can_choose(self.data):
            raise ValidationError("Choose one from the list")

    @property
    def lookup_url(self) -> str:
        return url_for(f"{self.screen or g.get('form_screen', '')}.ajax_lookup", name=self.lookup)

    @property
    def current_text(self) -> str:
        return self.unchosen_text or self.source.label_of(self.data)

    def _value(self) -> str:
        return "" if self.data is None else str(self.data)

    def display_text(self) -> str:
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
        chosen_ids = [parse_id(text) for text in valuelist]
        if None in chosen_ids:
            raise ValueError("Choose from the list")
        self.data = list(dict.fromkeys(chosen_ids))

    def iter_choices(self) -> Any:
        for key, label, active in self.source.list_choices():
            if active or key in self.data or key in self.stored:
                yield Choice(str(key), label, key in self.data, {})

    def pre_validate(self, form: Any) -> None:
        allowed_ids = {key for key, _, active in self.source.list_choices() if active or key in self.stored}
        if not set(self.data) <= allowed_ids:
            raise ValidationError("Choose from the list")

    def populate_obj(self, obj: Any, name: str) -> None:
        if set(self.data) != set(self.stored) or obj.id is None:
            rows = db.session.scalars(self.source.build_query().with_only_columns(self.source.model)).all()
            setattr(obj, name, [row for row in rows if row.id in set(self.data)])

    def display_text(self) -> str:
        return ", ".join(label for key, label, _ in self.source.list_choices() if key in self.data)
