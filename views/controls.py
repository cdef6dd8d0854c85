"""The controls of a form, where a form has hundreds of them: what WTForms and a macro do, in less time.

Templates reach them as `ui.…`: templates/parts.html passes them on.
"""

# ruff: noqa: S704  (every part that goes into Markup here is escaped)
from typing import Any

from markupsafe import Markup
from wtforms import Form
from wtforms.meta import DefaultMeta
from wtforms.widgets import DateInput, Input

from views.markup import attributes

NOTHING = Markup("")
REQUIRED = Markup('<span class="req" aria-hidden="true">*</span>')
NUMBERS = ("DecimalField", "IntegerField", "FloatField", "AmountField", "WholeField")
SIMPLE = ("StringField", "AmountField", "DateField", "ChoiceField", "RowField")


class QuickMeta(DefaultMeta):
    """Renders a plain input as WTForms does."""

    def render_field(self, field: Any, render_kw: dict[str, Any]) -> Any:
        widget, flags = field.widget, vars(field.flags)
        if not _is_plain(widget, flags) or getattr(field, "_datalist", None) is not None:
            return super().render_field(field, render_kw)
        given = {**(field.render_kw or {}), **render_kw, "name": field.name}
        given.setdefault("id", field.id)
        given.setdefault("type", widget.input_type)
        if "value" not in given:
            given["value"] = field._value()
        for name in widget.validation_attrs:
            if name in flags:
                given.setdefault(name, flags[name])
        return Markup(f"<input {attributes(given)}>")


def _is_plain(widget: Any, flags: dict[str, Any]) -> bool:
    """Whether `widget` is an input without a twist of its own."""
    if type(widget) is DateInput:
        return "min" not in flags and "max" not in flags
    return bool(type(widget).__call__ is Input.__call__)


class HubForm(Form):
    """The base of forms with many fields."""

    Meta = QuickMeta


def is_hidden(field: Any) -> bool:
    """Whether nobody sees the field."""
    return (
        getattr(field.widget, "input_type", None) == "hidden"
        and not hasattr(field, "entries")
        and not getattr(field, "lookup_url", None)
    )


def is_number(field: Any) -> bool:
    """Whether the field holds a number, which is aligned to the right."""
    return getattr(field.widget, "input_type", None) == "number" or field.type in NUMBERS


def errors(field: Any) -> list[str]:
    """What is wrong with the field, in words; what is wrong inside of the rows of a list is told there.

    Of what cannot be read at all nothing more is said: it is no wrong number where it is none.
    """
    told = field.errors
    words = [text for text in told if isinstance(text, str)] if isinstance(told, (list, tuple)) else []
    return words[:1] if getattr(field, "process_errors", None) else words


def wrong(form: Any) -> list[tuple[str, str, str]]:
    """(id, label, what is wrong) of each field of a form that stands in the way of saving; hidden ones have no id."""
    found = []
    for field in form:
        said = errors(field)
        rows = sum(bool(part.errors) for entry in getattr(field, "entries", ()) for part in entry)
        if said and is_hidden(field):
            found.append(("", "", " ".join(said)))
        elif rows:
            text = f"{rows} {'fields' if rows > 1 else 'field'} to correct"
            found.append((f"{field.name}-list", field.label.text or field.name, text))
        elif said:
            found.append((field.id, field.label.text, " ".join(said)))
    return found


def mark(field: Any) -> Markup:
    """The star of a required field."""
    return REQUIRED if field.flags.required else NOTHING


def unseen(entry: Any) -> Markup:
    """The hidden fields of one row of a list."""
    return Markup("".join(field() for field in entry if is_hidden(field)))


def simple(field: Any, bare: bool = False) -> Any:
    """The control of a field as the macro `control` makes it; None where there is more to it and only that one can."""
    more = field.render_kw or {}
    if field.type not in SIMPLE or field.errors or "data-suffix" in more or "class" in more:
        return None
    given = {"class": "input"}
    if is_number(field):
        if not bare and getattr(field, "suffix", None):
            return None
        given |= {"class": "input num", "inputmode": more.get("inputmode") or "decimal"}
    if bare:
        given["aria-label"] = field.label.text
    elif field.description:
        given["aria-describedby"] = f"{field.id}-help"
    return field(**given)
