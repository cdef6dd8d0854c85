"""Why something was refused, in words that tell what is meant where no field stands beside them."""

from typing import Any, Final

from sqlalchemy import inspect

from customerhub.core.errors import HubError, Invalid
from customerhub.form_layouts.required import REQUIRED_TEXT
from views.framework.display import label_for

_UNNAMED_TEXTS: Final = (REQUIRED_TEXT, "Required")  # those that say nothing without their field


def describe_refusal(error: HubError, model: type[Any]) -> str:
    """Why an operation on a row of `model` was refused; what is required and missing is named, all of it."""
    problems = error.problems if isinstance(error, Invalid) else []
    names = [_label_field(model, field) for field, text in problems if field and text == error.message]
    if error.message not in _UNNAMED_TEXTS or not names:
        return error.message
    return f"{', '.join(dict.fromkeys(names))}: {error.message}"


def name_problem(model: type[Any], field: str | None, text: str) -> str:
    """What is wrong with a field of a row of `model`, with its name where `text` does not tell it."""
    return f"{_label_field(model, field)}: {text}" if field and text in _UNNAMED_TEXTS else text


def _label_field(model: type[Any], field: str) -> str:
    """The label of a field, or of the cell "contacts.0.email" of a list of rows."""
    list_name, _, cell = field.partition(".")
    position, _, column = cell.partition(".")
    relation = inspect(model).relationships.get(list_name)
    if relation is None or not column:
        return label_for(model, field)
    return f"{label_for(model, list_name)}, row {int(position) + 1}, {label_for(relation.mapper.class_, column)}"
