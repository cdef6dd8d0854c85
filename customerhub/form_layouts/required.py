"""What an organisation requires of its rows beyond what the hub does: one rule for every form and operation.

Asked where somebody enters a row: of all of it when it is new or in a form, and otherwise of what is changed or has
come to be asked of it. An operation that changes something else of a row which was there before is not stopped.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import inspect

from customerhub.core.row_validation import Problems
from customerhub.form_layouts.layouts import FormDescription, find_layout

REQUIRED_TEXT: Final = "Required by your organisation"


def list_required_fields(description: FormDescription, organisation_id: int) -> frozenset[str]:
    """The fields that the organisation requires, beside those of every organisation."""
    return find_layout(description, organisation_id).required


def list_missing(
    description: FormDescription,
    values: Mapping[str, Any],
    organisation_id: int,
    *,
    asked: Collection[str] | None = None,
) -> Problems:
    """(field, message) of each field that the organisation requires and `values` lacks; of the `asked` fields only,
    where these are given. `values` maps the names of columns to what the row has.
    """
    return [
        (name, REQUIRED_TEXT)
        for name in sorted(list_required_fields(description, organisation_id))
        if (asked is None or name in asked) and values.get(name) in (None, "") and description.is_asked(name, values)
    ]


def list_missing_of(
    description: FormDescription, row: Any, *, is_entered: bool, left_out: Collection[str] = ()
) -> Problems:
    """As `list_missing`, of a row as it now stands, but for the fields that are `left_out`; `is_entered` where all of
    it is in a form.
    """
    names = list_required_fields(description, row.organisation_id) - set(left_out)
    if not names:
        return []
    state: Any = inspect(row)
    asked = names
    if state.persistent and not is_entered:
        before = {name: _find_previous(row, state, name) for name in description.deciding}
        asked = frozenset(
            name for name in names if state.attrs[name].history.has_changes() or not description.is_asked(name, before)
        )
    values = {name: getattr(row, name) for name in (*names, *description.deciding)}
    return list_missing(description, values, row.organisation_id, asked=asked)


def _find_previous(row: Any, state: Any, name: str) -> Any:
    deleted = state.attrs[name].history.deleted
    return deleted[0] if deleted else getattr(row, name)
