"""What an operation asks for: what is the same for all rows once, what belongs to a row of each by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wtforms import Form

from customerhub.core.permissions import Actor
from views.framework.form_binding import submitted_data
from views.framework.form_controls import is_number
from views.framework.operation import Operation


@dataclass
class OperationForms:
    """The form of an operation, and of many rows those of each with fields of its own, by the row's id.

    `columns` has (name, label, whether it is a number) of the fields that any of these has.
    """

    form: Form | None
    row_forms: dict[int, Form] = field(default_factory=dict)
    columns: list[tuple[str, str, bool]] = field(default_factory=list)

    def validate(self) -> bool:
        """Whether every field of all forms can be read."""
        forms = [*([self.form] if self.form is not None else []), *self.row_forms.values()]
        invalid = [form for form in forms if not form.validate()]
        return not invalid

    @property
    def values(self) -> dict[str, Any]:
        return {} if self.form is None else _values_of(self.form)

    @property
    def preview_values(self) -> dict[str, Any]:
        """The values of the form, and where rows have forms of their own theirs as `values_by_id`."""
        return self.values | ({"values_by_id": self.values_by_id} if self.row_forms else {})

    @property
    def values_by_id(self) -> dict[int, dict[str, Any]]:
        return {key: _values_of(form) for key, form in self.row_forms.items()}


def _values_of(form: Form) -> dict[str, Any]:
    return {name: value for name, value in form.data.items() if name != "csrf_token"}


def build_forms(
    operation: Operation, selected: Sequence[Any], can: Sequence[Any], actor: Actor, entries: Any = None
) -> OperationForms:
    """The forms of an operation on the rows that were `selected`, of which it can be done to some: as they were posted,
    or as they begin. `entries` are what was posted before, with the request that started a job.
    """
    kind = operation.form
    if kind is not None and not isinstance(kind, type):
        kind = kind(can or selected, actor)
    values = operation.initial_values(can or selected, actor) if operation.initial_values else {}
    if operation.row_form is None:
        return OperationForms(_bind(kind, values, entries) if kind else None)
    if len(selected) > 1 or any(name.startswith("row-") for name in entries or ()):
        row_forms = {row.id: _bind_row_form(operation.row_form(row), operation, row, entries) for row in can}
        return _label_by_row(_bind(kind, values, entries) if kind else None, can, row_forms)
    (row,) = selected
    kinds = [each for each in (operation.row_form(row), kind) if each is not None]
    both = type("OperationForm", tuple(kinds), {}) if kinds else None
    return OperationForms(_bind(both, values | operation.initial_row_values(row), entries) if both else None)


def _bind(kind: type[Form], values: dict[str, Any], entries: Any, prefix: str = "") -> Form:
    return kind(submitted_data([kind]) if entries is None else entries, data=values, prefix=prefix)


def _bind_row_form(kind: type[Form] | None, operation: Operation, row: Any, entries: Any) -> Form | None:
    return _bind(kind, operation.initial_row_values(row), entries, f"row-{row.id}") if kind else None


def _label_by_row(form: Form | None, rows: Sequence[Any], row_forms: dict[int, Form | None]) -> OperationForms:
    """Each field is called by its row too, as others have the same; the columns are called by the fields alone."""
    columns: dict[str, tuple[str, str, bool]] = {}
    found = {row.id: (row, row_form) for row in rows if (row_form := row_forms[row.id]) is not None}
    for row, row_form in found.values():
        for each in row_form:
            columns.setdefault(each.short_name, (each.short_name, each.label.text, is_number(each)))
            each.label.text = f"{each.label.text}, {row}"
    return OperationForms(form, {key: row_form for key, (_, row_form) in found.items()}, list(columns.values()))
