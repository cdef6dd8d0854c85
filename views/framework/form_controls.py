"""The controls of forms. A form has hundreds of them, and Python makes one several times as fast as a template does.

Templates reach them as `controls.…`; the macros in templates/parts/forms.html put label, help and errors around them.
"""

# ruff: noqa: S704  (every part that goes into Markup here is escaped)
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from wtforms.widgets import Input

from views.framework.date_field import DateField, date_attributes
from views.framework.fields import AmountField
from views.framework.html import render_attributes, render_icon
from views.framework.row_fields import LookupField

EMPTY = Markup("")
REQUIRED_MARK = Markup('<span class="req" aria-hidden="true">*</span>')
MANY_CHOICES = 8  # from which on they stand in several columns
MAX_LISTED_CELLS = 10  # of one list that the summary of errors names


# --- What a field is ---------------------------------------------------------------------------------------------


def is_hidden(field: Any) -> bool:
    """Whether nobody sees the field."""
    return (
        getattr(field.widget, "input_type", None) == "hidden"
        and not hasattr(field, "entries")
        and not isinstance(field, LookupField)
    )


def is_number(field: Any) -> bool:
    """Whether the field holds a number, which is aligned to the right."""
    return getattr(field.widget, "input_type", None) == "number" or isinstance(field, AmountField)


def is_group(field: Any) -> bool:
    """Whether the field is a group of boxes to tick."""
    return hasattr(field, "iter_choices") and field.widget.multiple


def is_wide(field: Any) -> bool:
    """Whether the field takes the whole width of its form."""
    has_many_choices = is_group(field) and len(list(field.iter_choices())) > 4
    return has_many_choices or "TextArea" in field.type or bool((field.render_kw or {}).get("data-wide"))


def error_texts(field: Any) -> list[str]:
    """What is wrong with the field, in words; what is wrong inside of the rows of a list is told there.

    Of what cannot be read at all nothing more is said: it is no wrong number where it is none.
    """
    messages = field.errors
    if not messages:
        return []
    texts = [text for text in messages if isinstance(text, str)] if isinstance(messages, (list, tuple)) else []
    return texts[:1] if getattr(field, "process_errors", None) else texts


def list_errors(*forms: Any) -> list[tuple[str, str, str]]:
    """(id, label, what is wrong) of each field of `forms` that stands in the way of saving; hidden ones have no id.

    The cells of a list are named with their row, the first few of them.
    """
    problems = []
    for field in itertools.chain(*forms):
        messages = error_texts(field)
        if messages and is_hidden(field):
            problems.append(("", "", " ".join(messages)))
        elif messages:
            field_id = f"{field.name}-list" if hasattr(field, "entries") else field.id
            problems.append((field_id, field.label.text or field.name, " ".join(messages)))
        cells = _list_cell_errors(field)
        problems += cells[:MAX_LISTED_CELLS]
        if len(cells) > MAX_LISTED_CELLS:
            cell_id, _, _ = cells[MAX_LISTED_CELLS]
            remaining = len(cells) - MAX_LISTED_CELLS
            problems.append((cell_id, field.label.text, f"{remaining} more to correct"))
    return problems


def _list_cell_errors(field: Any) -> list[tuple[str, str, str]]:
    """As `list_errors`, of the cells of a list."""
    return [
        (cell.id, f"{field.label.text}, row {number}, {cell.label.text}", " ".join(error_texts(cell)))
        for number, entry in enumerate(getattr(field, "entries", ()), 1)
        for cell in entry
        if cell.errors and error_texts(cell)
    ]


@dataclass(frozen=True)
class FoldedCells:
    """Cells of a row that are shown on demand: at once where one is to be corrected."""

    is_open: bool
    has_values: bool


def describe_folded(entry: Any, names: Sequence[str]) -> FoldedCells:
    cells = [entry[name] for name in names]
    return FoldedCells(any(cell.errors for cell in cells), any(cell.data is not None for cell in cells))


# --- How it looks ------------------------------------------------------------------------------------------------


def required_mark(field: Any) -> Markup:
    """The star of a required field; that of one which is `required_when` another has a value is hidden until then."""
    condition = getattr(field, "required_when", "")
    if not condition:
        return REQUIRED_MARK if field.flags.required else EMPTY
    attributes = {"class": "req", "data-required-when": condition, "hidden": not field.flags.required}
    return Markup('<span {} aria-hidden="true">*</span>').format(Markup(render_attributes(attributes)))


def hidden_inputs(form: Any) -> Markup:
    """The hidden fields of a form, or of one row of a list."""
    return Markup("".join(_render_input(field, {}) for field in form if is_hidden(field)))


def render_control(field: Any, bare: bool = False) -> Markup:
    """The control of a field. In a row of a list it is `bare`: named by its column, without help, with its error."""
    errors = error_texts(field)
    attributes: dict[str, Any] = {}
    described_by = [f"{field.id}-help"] if field.description and not bare else []
    if errors:
        described_by.append(f"{field.id}-error")
        attributes["aria-invalid"] = "true"
    if described_by:
        attributes["aria-describedby"] = " ".join(described_by)
    if bare:
        attributes["aria-label"] = field.label.text
    html = _render_kind(field, attributes, bare)
    if bare and errors:
        html += Markup('<span class="field-error" id="{}-error">{}</span>').format(field.id, " ".join(errors))
    return html


def _render_kind(field: Any, attributes: dict[str, Any], bare: bool) -> Markup:
    if isinstance(field, LookupField):
        return _render_lookup(field, attributes, bare)
    if isinstance(field, DateField):
        return _render_date(field, attributes)
    if is_group(field):
        return _render_choices(field, attributes)
    kind = getattr(field.widget, "input_type", "")
    if kind == "checkbox":
        return _render_switch(field, attributes, bare)
    if kind == "file":
        return _render_file(field, attributes)
    if kind == "password":
        return _render_password(field, attributes)
    return _render_box(field, attributes, bare)


def _render_box(field: Any, attributes: dict[str, Any], bare: bool) -> Markup:
    """A box to type into, or to choose one from, with the unit that it counts."""
    attributes["class"] = "input"
    if is_number(field):
        attributes |= {"class": "input num", "inputmode": (field.render_kw or {}).get("inputmode") or "decimal"}
    elif field.type == "ColorField":
        attributes["class"] = "input colour"
    elif "TextArea" in field.type and not (field.render_kw or {}).get("rows"):
        attributes["rows"] = 2 if bare else 4
    html = _render_input(field, attributes)
    if bare or not isinstance(field, AmountField) or not field.suffix:
        return html
    return Markup('<span class="affix">{}<span class="suffix">{}</span></span>').format(html, field.suffix)


def _render_date(field: DateField, attributes: dict[str, Any]) -> Markup:
    return _wrap_date(_render_input(field, date_attributes(**attributes, **{"class": "input"})), field.label.text)


def render_date_box(name: str, value: str, label: str) -> Markup:
    """A box for a day outside of forms that have fields."""
    attributes = date_attributes(**{"name": name, "value": value, "aria-label": label, "class": "input"})
    return _wrap_date(Markup("<input {}>").format(Markup(render_attributes(attributes))), label)


def _wrap_date(box: Markup, label: str) -> Markup:
    """The box with the button of its calendar."""
    return Markup(
        '<span class="affix date-box">{}<button type="button" class="affix-btn needs-js" data-calendar '
        'aria-label="Choose {} from a calendar">{}</button></span>'
    ).format(box, label, render_icon("calendar"))


def _render_input(field: Any, attributes: dict[str, Any]) -> Markup:
    """A plain input as WTForms makes it, in less time; what has more to it WTForms makes itself."""
    widget, flags = field.widget, vars(field.flags)
    if not _is_plain_input(widget):
        return Markup(field(**attributes))
    attributes = {**(field.render_kw or {}), **attributes, "name": field.name}
    attributes.setdefault("id", field.id)
    attributes.setdefault("type", widget.input_type)
    if "value" not in attributes:
        attributes["value"] = field._value()
    for name in widget.validation_attrs:
        if name in flags:
            attributes.setdefault(name, flags[name])
    return Markup(f"<input {render_attributes(attributes)}>")


def _is_plain_input(widget: Any) -> bool:
    """Whether `widget` is an input without a twist of its own."""
    return bool(type(widget).__call__ is Input.__call__)


def _render_switch(field: Any, attributes: dict[str, Any], bare: bool) -> Markup:
    if bare:
        return Markup(field(**attributes, **{"class": "check"}))
    box = field(**attributes, **{"class": "switch-input", "role": "switch"})
    return Markup(
        '<span class="switch">{}<span class="switch-on" aria-hidden="true">Yes</span>'
        '<span class="switch-off" aria-hidden="true">No</span></span>'
    ).format(box)


def _render_password(field: Any, attributes: dict[str, Any]) -> Markup:
    """A password, with a button that shows it."""
    button = Markup(
        '<button type="button" class="affix-btn needs-js" data-reveal="{}" aria-pressed="false" '
        'aria-label="Show {}">{}</button>'
    ).format(field.id, field.label.text, render_icon("eye"))
    return Markup('<span class="affix">{}{}</span>').format(field(**attributes, **{"class": "input"}), button)


def _render_lookup(field: Any, attributes: dict[str, Any], bare: bool) -> Markup:
    """A row that is found while its name is typed: its id is sent hidden, beside the text. Without a script the text
    that was shown is sent too, by which what was typed is told from it.
    """
    attributes |= {
        "class": "input",
        "id": field.id,
        "name": f"{field.name}-text",
        "value": field.current_text or "",
        "autocomplete": "off",
        "placeholder": (field.render_kw or {}).get("placeholder") or "Type to search",
        "required": bool(field.flags.required),
    }
    hidden = {"type": "hidden", "name": field.name, "value": field._value()}
    shown = {
        "type": "hidden",
        "name": f"{field.name}-shown",
        "value": "" if field.unchosen_text else attributes["value"],
    }
    return Markup(
        '<span class="lookup" data-lookup="{}"><input {}><input {}><button type="button" class="lookup-clear needs-js" '
        'aria-label="Clear {}">{}</button></span>{}'
    ).format(
        field.lookup_url,
        Markup(render_attributes(hidden)),
        Markup(render_attributes(attributes)),
        field.label.text,
        render_icon("close"),
        EMPTY if bare else Markup("<noscript><input {}></noscript>").format(Markup(render_attributes(shown))),
    )


def _render_choices(field: Any, attributes: dict[str, Any]) -> Markup:
    """Boxes to tick, one for each choice."""
    boxes = [
        Markup('<label class="choice"><input {}><span>{}</span></label>').format(
            Markup(
                render_attributes({"type": "checkbox", "name": field.name, "value": each[0], "checked": bool(each[2])})
            ),
            each[1],
        )
        for each in field.iter_choices()
    ]
    attributes |= {
        "class": "choices many" if len(boxes) > MANY_CHOICES else "choices",
        "role": "group",
        "aria-labelledby": f"{field.id}-label",
        "id": field.id,
    }
    content = Markup("\n").join(boxes) or Markup('<span class="hint">No options available.</span>')
    more = field.render_more() if hasattr(field, "render_more") else EMPTY
    return Markup("<span {}>{}</span>{}").format(Markup(render_attributes(attributes)), content, more)


def _render_file(field: Any, attributes: dict[str, Any]) -> Markup:
    """A file to upload; above it the present one with a box that removes it, and what a refused form held."""
    current = getattr(field, "current", None)
    html = _render_present_file(field, current) if current else EMPTY
    if getattr(field, "pending_name", None):
        html += Markup(
            '<label class="choice file-held"><input type="checkbox" name="{}-held" value="{}" checked>'
            "<span>{}</span></label>"
        ).format(field.name, field.pending_token, field.pending_name)
    return html + Markup(field(**attributes, **{"class": "input file"}))


def _render_present_file(field: Any, current: dict[str, str]) -> Markup:
    remove = {"type": "checkbox", "name": f"{field.name}-remove", "value": "1", "checked": field.remove}
    return Markup(
        '<span class="file-now">{}<a href="{}">{}</a> <span class="hint">{}</span>'
        '<label class="choice"><input {}><span>Remove</span></label></span>'
    ).format(
        render_icon("file"),
        current["url"],
        current["name"],
        current["size"],
        Markup(render_attributes(remove)),
    )
