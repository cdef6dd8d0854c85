"""Changing fields of many rows at once: the fields of the form, the rules of its save, and the way back."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask import has_request_context, request
from sqlalchemy import JSON, inspect
from werkzeug.datastructures import MultiDict
from wtforms import Form

from customerhub.core import operation_runs
from customerhub.core.errors import HubError
from customerhub.core.field_changes import (
    SavingTogether,
    change_fields,
    change_many_fields,
    count_gone,
    restore_values,
    store_value,
)
from customerhub.core.operation_runs import RowResult
from customerhub.core.permissions import Actor
from customerhub.core.preloading import preload_lists
from customerhub.core.references import noun_of, pluralize
from models import OperationRun
from models.enums import RunOutcome
from views.framework.bulk_edit_forms import CommonForm, OwnForm, add_clear_boxes, copy_field, is_offered, label_of_field
from views.framework.bulk_edit_preview import PREVIEWED_ROWS, build_preview
from views.framework.forms import build_field
from views.framework.operation import MAX_ROWS, FieldChoices, Operation, OperationPage, always_available
from views.framework.operation_forms import OperationForms
from views.framework.operation_matching import MatchingMixin
from views.framework.operation_runs import parse_entries

NAME = "edit-fields"
DIRECT_ROWS = 200  # each may take the rules of a whole record
CHANGED_SINCE = "Changed since, so not restored"
FIELD_REQUIRED = "Choose one or more fields to change"
CHOSEN, ADDED = "chosen_field", "add_field"  # what the page sends beside the values


class BulkEditMixin(MatchingMixin):
    """The operation "Edit fields" of a HubModelView.

    It offers the fields of the form. `own_fields` belong to one row and are asked for each; of these, `further_fields`
    are no fields of the form. `fixed_fields` are those that are not changed by editing.
    """

    has_bulk_edit: bool = False
    own_fields: Sequence[str] = ()
    further_fields: Sequence[str] = ()
    fixed_fields: Sequence[str] = ()
    check: ClassVar[Any] = None  # (row) raises what keeps a row, as it stands, from being saved
    bulk_edit_refusal: ClassVar[Any] = None  # (row, actor) tells why a row cannot be edited
    together: SavingTogether | None = None

    def group_bulk_fields(self) -> list[tuple[str, list[str]]]:
        """The names of the fields that can be changed in bulk, under the headings of the form."""
        groups = [("Core fields", list(self.fields)), *((label, list(names)) for _, label, names in self.tabs)]
        form = self._edit_form_class
        common = [
            (heading, [name for name in names if name not in self.own_fields and self._can_offer(form, name)])
            for heading, names in groups
        ]
        own = [name for name in self.own_fields if self._can_offer(form, name)] + list(self.further_fields)
        if _is_about_whole_list():
            own = []
        return [(heading, names) for heading, names in (*common, (f"Of each {self.noun}", own)) if names]

    def _can_offer(self, form: type[Form], name: str) -> bool:
        return name not in self.fixed_fields and is_offered(getattr(form, name, None))

    # --- The operation -------------------------------------------------------------------------------------

    def list_operations(self) -> list[Operation]:
        others = super().list_operations()
        return [self.build_edit_operation(()), *others] if self.has_bulk_edit else others

    def find_operation(self, name: str, entries: MultiDict[str, str]) -> Operation | None:
        if name == NAME and self.has_bulk_edit:
            return self.build_edit_operation(self._parse_chosen(entries))
        return super().find_operation(name, entries)

    def _parse_chosen(self, entries: MultiDict[str, str]) -> list[str]:
        """The fields that were chosen to be changed, in the order in which they were."""
        offered = {name for _, names in self.group_bulk_fields() for name in names}
        names = entries.getlist(CHOSEN)
        step, _, removed = entries.get("preview", "").partition(":")
        if step == "add":
            names.append(entries.get(ADDED, ""))
        return [name for name in dict.fromkeys(names) if name in offered and name != removed]

    def build_edit_operation(self, chosen: Sequence[str], *, all_own: bool = False) -> Operation:
        """The operation that changes the `chosen` fields. With `all_own` each row has values of its own for all of
        them, which no form asks for.
        """
        own_names = [name for name in chosen if all_own or name in (*self.own_fields, *self.further_fields)]
        common_names = [name for name in chosen if name not in own_names]
        row_form = self._build_own_form(() if all_own else own_names) if own_names else None
        permission = self.edit_permission
        assert permission is not None

        def run_many(rows: Sequence[Any], **values: Any) -> dict[int, HubError]:
            assert self.together is not None
            values_by_id = {row.id: _values_of(row, values) for row in rows}
            return change_many_fields(rows, values_by_id, type(self).save, self.together, actor=values["actor"])

        return Operation(
            name=NAME,
            label="Edit fields",
            past_tense="changed",
            button="Change {}",
            permission=permission,
            run=self._run_edit,
            run_many=run_many if self.together is not None else None,
            form=self._build_common_form(common_names, is_incomplete=not chosen),
            row_form=(lambda _row: row_form) if row_form is not None else None,
            initial_row_values=lambda row: {name: getattr(row, name) for name in own_names},
            unavailable_reason=type(self).bulk_edit_refusal or always_available,
            preview=self._preview_edit,
            explanation=f"Choose the fields to change. Each {self.noun} is saved by the rules of its form: what they "
            "refuse stays as it is and is listed with the reason. The changes can be undone on the next page.",
            icon="edit",
            on_record=False,
            direct_rows=DIRECT_ROWS,
            read_values=lambda row: {name: store_value(getattr(row, name)) for name in chosen},
            list_choices=lambda: self._list_choices(chosen),
        )

    def _list_choices(self, chosen: Sequence[str]) -> FieldChoices:
        return [
            (heading, [(name, label_of_field(self._get_field(name)), name in chosen) for name in names])
            for heading, names in self.group_bulk_fields()
        ]

    def _get_field(self, name: str) -> Any:
        """The declaration of a field as the form has it."""
        unbound = getattr(self._edit_form_class, name, None)
        return build_field(self.model, name) if unbound is None else unbound

    def _build_common_form(self, names: Sequence[str], *, is_incomplete: bool) -> type[Form]:
        fields = {name: copy_field(self._get_field(name)) for name in names}
        attributes = add_clear_boxes(fields, [name for name in names if self._is_clearable(name)])
        attributes |= {"common_names": tuple(names), "is_incomplete": is_incomplete}
        return type("CommonForm", (CommonForm,), attributes)

    def _build_own_form(self, names: Sequence[str]) -> type[Form]:
        attributes = {name: copy_field(self._get_field(name)) for name in names}
        return type("OwnForm", (OwnForm,), {**attributes, "own_names": tuple(names)})

    def _is_clearable(self, name: str) -> bool:
        """Whether the field may hold nothing, as far as that does not depend on the row."""
        mapper: Any = inspect(self.model)
        column = mapper.columns.get(name)
        return column is None or column.nullable or isinstance(column.type, JSON)

    def _build_operation_page(
        self, operation: Operation, forms: OperationForms, can: list[Any], cannot: list[tuple[Any, str]]
    ) -> OperationPage:
        page = super()._build_operation_page(operation, forms, can, cannot)
        if page.choices is not None and _is_about_whole_list():
            page.explanation += f" What belongs to one {self.noun} is changed for up to {MAX_ROWS} selected rows."
        is_submission = request.method == "POST" and "preview" not in request.form
        if request.form.get("preview") == "add":
            _focus_field(page.form, request.form.get(ADDED, ""))
        if is_submission and page.choices is not None and not page.chosen_fields:
            page.errors.append(FIELD_REQUIRED)
        return page

    # --- Doing and undoing ---------------------------------------------------------------------------------

    def _run_edit(self, row: Any, *, actor: Actor, **values: Any) -> None:
        change_fields(row, _values_of(row, values), type(self).save, actor=actor)

    def _preview_edit(self, rows: Sequence[Any], values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
        chosen = self._parse_chosen(request.form)
        preload_lists(rows[:PREVIEWED_ROWS], chosen)
        labels = {name: label_of_field(self._get_field(name)) for name in chosen}
        return build_preview(rows, labels, lambda row: _values_of(row, values), type(self).check, self.noun)

    def perform_on_rows(
        self, run: OperationRun, operation: Operation, rows: Sequence[Any], actor: Actor
    ) -> list[RowResult]:
        preload_lists(rows, parse_entries(run).getlist(CHOSEN))
        if run.undone_run_id is None:
            return super().perform_on_rows(run, operation, rows, actor)
        changes = operation_runs.load_undo(run, [row.id for row in rows])
        names = sorted({name for each in changes.values() for name in each})
        unchanged = [row for row in rows if row.id in changes and _holds_changes(row, changes[row.id])]
        refused = [
            RowResult(row.id, str(row), RunOutcome.REFUSED, CHANGED_SINCE) for row in rows if row not in unchanged
        ]
        stored = {row.id: {name: before for name, (before, _) in changes[row.id].items()} for row in unchanged}
        previous = restore_values(self.model, stored)
        gone = count_gone(stored, previous)
        values_by_id = {key: {"own_changes": values} for key, values in previous.items()}
        edit = self.build_edit_operation(names, all_own=True)
        results = self.run_and_compare(edit, unchanged, {"changes": {}}, values_by_id, actor)
        operation_runs.forget_undo(run, [each.row_id for each in results if each.outcome is not RunOutcome.REFUSED])
        return refused + [
            RowResult(each.row_id, each.label, each.outcome, each.message or self._describe_gone(gone.get(each.row_id)))
            for each in results
        ]

    def _describe_gone(self, counts: Mapping[str, int] | None) -> str:
        """What of a row could not be put back, as it was deleted since: so many related rows of each field."""
        relations: Any = inspect(self.model).relationships
        nouns = (
            (noun_of(relations[name].mapper.class_.__tablename__), count) for name, count in (counts or {}).items()
        )
        parts = [f"{count} {noun if count == 1 else pluralize(noun)}" for noun, count in nouns]
        return f"Without {' and '.join(parts)} deleted in the meantime" if parts else ""


def _focus_field(form: Form | None, name: str) -> None:
    """The field that was just added is the next to be filled in."""
    if form is not None and name in form:
        form[name].render_kw = {**(form[name].render_kw or {}), "autofocus": True}


def _is_about_whole_list() -> bool:
    """Whether the page is about all rows of the list, of which nothing is asked one by one."""
    return has_request_context() and request.args.get("all") == "1"


def _values_of(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a row is to hold: what all get, and what was entered for it."""
    own_values = values.get("values_by_id", {}).get(row.id, values)
    return {**values.get("changes", {}), **own_values.get("own_changes", {})}


def _holds_changes(row: Any, changes: Mapping[str, Sequence[Any]]) -> bool:
    """Whether `row` still holds what it was changed to."""
    return all(store_value(getattr(row, name)) == after for name, (_, after) in changes.items())
