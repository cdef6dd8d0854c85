"""What a bulk edit will change: before and after of the first rows, and why some cannot be saved so."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import inspect

from customerhub.core.errors import HubError, Invalid
from customerhub.core.field_changes import set_fields
from models.base import db
from views.framework.display import display_value, format_column_value
from views.framework.refusals import name_problem

PREVIEWED_ROWS = 20


def build_preview(
    rows: Sequence[Any],
    labels: Mapping[str, str],
    values_of: Callable[[Any], Mapping[str, Any]],
    check: Callable[[Any], None] | None,
    noun: str,
) -> list[dict[str, Any]]:
    """The table of the first rows; none where nothing was entered yet. `labels` are those of the chosen fields.

    The values are set on the rows to be checked, and taken back; nothing is written.
    """
    shown = list(rows[:PREVIEWED_ROWS])
    names = [name for name in labels if any(name in values_of(row) for row in shown)]
    if not names:
        return []
    with db.session.no_autoflush:
        lines = [_describe_row(row, names, values_of(row), check) for row in shown]
    is_single = len(names) == 1
    columns = [{"label": noun.capitalize()}]
    for name in names:
        columns += [{"label": text if is_single else f"{labels[name]}: {text.lower()}"} for text in ("Before", "After")]
    columns.append({"label": "Note"})
    text = f"The first {PREVIEWED_ROWS} of {len(rows):,}" if len(rows) > PREVIEWED_ROWS else None
    return [{"title": "Before and after", "columns": columns, "rows": lines, "text": text}]


def _describe_row(
    row: Any, names: Sequence[str], values: Mapping[str, Any], check: Callable[[Any], None] | None
) -> list[Any]:
    label, before = str(row), {name: display_value(row, name) for name in names}
    is_changed = set_fields(row, values)
    problem = _find_problem(row, check) if is_changed else ""
    after = {name: _display_new(row, name) if name in values else before[name] for name in names}
    db.session.expire(row)
    cells = [cell for name in names for cell in (before[name], after[name])]
    return [label, *cells, problem if is_changed else "No change"]


def _find_problem(row: Any, check: Callable[[Any], None] | None) -> str:
    try:
        if check is not None:
            check(row)
    except HubError as error:
        problems = error.problems if isinstance(error, Invalid) else []
        messages = dict.fromkeys(name_problem(type(row), *problem) for problem in problems) or [error.message]
        return "Cannot be saved: " + ". ".join(messages)
    return ""


def _display_new(row: Any, name: str) -> Any:
    """As `display_value`, of a value that was set and not written: a relation does not follow its column yet."""
    mapper: Any = inspect(type(row))
    value = getattr(row, name)
    relation = mapper.relationships.get(name.removesuffix("_id")) if name.endswith("_id") else None
    if relation is not None:
        related = db.session.get(relation.mapper.class_, value) if value is not None else None
        return str(related) if related is not None else None
    if name in mapper.columns and not isinstance(value, list):
        return format_column_value(mapper.columns[name], value)
    return display_value(row, name)
