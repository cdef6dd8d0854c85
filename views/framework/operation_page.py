"""The pages of operations: the chosen rows, a preview, and the result of each."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import abort, flash, g, redirect, request, url_for
from flask_admin import expose
from werkzeug.datastructures import MultiDict

from customerhub.core.errors import Invalid
from models.base import db
from views.framework.form_binding import attach_errors, fields_of
from views.framework.labels import capitalize_first
from views.framework.list_page import ListArgs
from views.framework.operation import (
    MAX_ROWS,
    Operation,
    OperationPage,
    describe_rows,
    run_operation,
    split_by_availability,
)
from views.framework.operation_forms import OperationForms, build_forms
from views.framework.row_fields import LookupField
from views.framework.screen import Screen, ViewResponse
from views.http import form_tokens
from views.http.urls import parse_id

TOO_MANY_ROWS = f"You can select up to {MAX_ROWS} rows at a time."
MAX_ADDRESS_LENGTH = 8000  # a web server takes 8190 characters with the method around it
CHANGED_MEANWHILE = "Changed by another user after you opened this page. Please review it again"


class OperationMixin(Screen):
    """The operations of a HubModelView."""

    def list_operations(self) -> list[Operation]:
        """Every operation of the screen."""
        return list(self.operations)

    def find_operation(self, name: str, _entries: MultiDict[str, str]) -> Operation | None:
        """The operation called so. What it asks for may follow from what was entered."""
        return next((each for each in self.list_operations() if each.name == name), None)

    def all_operations(self) -> list[Operation]:
        """The operations that the actor may run at all."""
        return [operation for operation in self.list_operations() if self.actor.has_permission(operation.permission)]

    def bulk_operations(self) -> list[Operation]:
        """Those of them that can be done to several rows at once."""
        return [operation for operation in self.all_operations() if operation.bulk]

    def available_operations(self, row: Any) -> list[Operation]:
        """The operations that the actor may run and that can be done to `row` now, as far as is asked beforehand."""
        return [
            operation
            for operation in self.all_operations()
            if operation.on_record
            and (operation.is_always_offered or split_by_availability(operation, [row], self.actor)[0])
        ]

    def operation_url(self, operation: str, ids: Sequence[Any], back: str | None = None) -> str:
        """The page of an operation on these rows; `back` is the query of the list that it leads back to, where there is
        room for it.
        """
        url = url_for(f"{self.endpoint}.operation_view", operation=operation, id=list(ids))
        whole_url = f"{url}&{urlencode({'back': back})}" if back else url
        return whole_url if len(whole_url) <= MAX_ADDRESS_LENGTH else url

    def parse_left_list(self) -> ListArgs:
        """What the list showed that was left for the present page."""
        return self.parse_list_args(MultiDict(parse_qsl(request.values.get("back", "").removeprefix("?"))))

    def _list_url(self) -> str:
        """The list as it was left: with the filters, the order and the page that the address says."""
        args = self.parse_left_list()
        return url_for(f"{self.endpoint}.index_view") + args.query_string(page=args.page).removesuffix("?")

    def operation_lookups(self) -> dict[str, Any]:
        """The rows that the look-up fields of the actor's operations choose from, by the field's look-up name."""
        forms = [each.form for each in self.all_operations() if isinstance(each.form, type)]
        fields = (unbound for form in forms for _, unbound in fields_of(form, LookupField))
        return {unbound.kwargs["lookup"]: unbound.kwargs["source"] for unbound in fields}

    @expose("/action/", methods=("POST",))
    def action_view(self) -> ViewResponse:
        """From the ticked rows of the list to the page of the operation."""
        ids = request.form.getlist("rowid")
        if not ids or len(ids) > MAX_ROWS:
            flash(TOO_MANY_ROWS if ids else "Select one or more rows first.", "warning")
            return redirect(self._list_url())
        operation = self._get_operation(request.form.get("action", ""))
        return redirect(self.operation_url(operation.name, ids, request.form.get("back")), 303)

    @expose("/available/")
    def available_view(self) -> Any:
        """Of each operation on several rows: how many of the ticked ones it can be done to, and why not to others."""
        return self._describe_available(self._selected_rows(request.args.getlist("id")))

    def _describe_available(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        return [
            {"name": operation.name, "count": len(can), "reason": cannot[0][1] if cannot else ""}
            for operation in self.bulk_operations()
            for can, cannot in [split_by_availability(operation, rows, self.actor)]
        ]

    @expose("/operation/<operation>/", methods=("GET", "POST"))
    def operation_view(self, operation: str) -> ViewResponse:
        """What will happen, the form, the preview; on POST it is done and each row's result is shown."""
        chosen = self._get_operation(operation)
        is_submission = request.method == "POST" and "preview" not in request.form
        duplicate = form_tokens.claim_token() if is_submission else None
        if duplicate is not None and duplicate.is_same:
            return duplicate.redirect_again(self._list_url())
        rows = self._selected_rows(request.args.getlist("id"))
        can, cannot = split_by_availability(chosen, rows, self.actor)
        can, changed_rows = _split_unchanged(chosen, can)
        cannot += changed_rows
        g.crumb = chosen.label
        forms = build_forms(chosen, rows, can, self.actor)
        page = self._build_operation_page(chosen, forms, can, cannot)
        if duplicate is not None:
            page.errors.append(form_tokens.SAVED_WITH_OTHER_ENTRIES)
        elif is_submission and can and not (changed_rows and chosen.all_or_none) and forms.validate():
            response = self._run(chosen, can, forms, page)
            if response is not None:
                return response
        if chosen.preview and can:
            page.refreshes_preview = forms.form is not None
            page.preview = chosen.preview(can, forms.preview_values, self.actor)
        status = 422 if can and duplicate is None else 409
        return self.render("screens/operation.html", page=page), status if is_submission else 200

    def _get_operation(self, name: str) -> Operation:
        operation = self.find_operation(name, request.form)
        if operation is None:
            abort(404)
        if not self.actor.has_permission(operation.permission):
            abort(403)
        return operation

    def _selected_rows(self, ids: Sequence[str]) -> list[Any]:
        """The rows with these ids, in their order; 404 where one of them is not the actor's to know of.

        Raises Invalid where they are more than LIMIT.
        """
        if len(ids) > MAX_ROWS:
            raise Invalid(TOO_MANY_ROWS)
        parsed_ids = [parse_id(text) for text in ids]
        if not parsed_ids or None in parsed_ids:
            abort(404)
        keys = list(dict.fromkeys(parsed_ids))
        found = (
            db.session.scalars(self.base_query().where(self.model.id.in_(keys)).options(*self.load_options))
            .unique()
            .all()
        )
        if len(found) != len(keys):
            abort(404)
        by_key = {row.id: row for row in found}
        return [by_key[key] for key in keys]

    def _build_operation_page(
        self, operation: Operation, forms: OperationForms, can: list[Any], cannot: list[tuple[Any, str]]
    ) -> OperationPage:
        rows = [*can, *(row for row, _ in cannot)]
        what = describe_rows(can or rows, self.noun)
        subjects = [self._describe_subject(row) for row in can]
        return OperationPage(
            title=operation.format_title(what),
            explanation=operation.explanation,
            form=forms.form,
            form_template=operation.form_template,
            subjects={
                "can": subjects,
                "cannot": [{**self._describe_subject(row), "why": why} for row, why in cannot],
            },
            button=operation.format_button(what),
            danger=operation.danger,
            back_url=self.url_of(rows[0]) if len(rows) == 1 else self._list_url(),
            hidden_fields=[("seen", f"{row.id}:{operation.row_version(row)}") for row in rows],
            noun=self.noun,
            past_tense=operation.past_tense,
            choices=operation.list_choices() if operation.list_choices else None,
            row_columns=forms.columns,
            row_forms=[
                (subject, forms.row_forms[row.id])
                for subject, row in zip(subjects, can, strict=True)
                if row.id in forms.row_forms
            ],
        )

    def _describe_subject(self, row: Any) -> dict[str, Any]:
        return {"id": row.id, "label": str(row), "url": self.url_of(row)}

    def find_deletion_url(self, _rows: list[Any]) -> str:
        """Where the deletion of these rows leads."""
        return self._list_url()

    def _run(
        self, operation: Operation, rows: list[Any], forms: OperationForms, page: OperationPage
    ) -> ViewResponse | None:
        """Run it; None where what was typed is refused and the page is to be shown again."""
        index = self._list_url()
        back = self.find_deletion_url(rows) if operation.deletes_rows else page.back_url or index
        label = capitalize_first(str(rows[0]))
        results = run_operation(operation, rows, forms.values, self.actor, self.url_of, forms.values_by_id)
        is_one = len(results) == 1 or operation.all_or_none
        result_url = operation.result_url if is_one and results[0]["ok"] else None
        if result_url is not None:
            back = result_url(results[0]["return_value"])
        if any(result["ok"] for result in results):
            form_tokens.set_redirect(back)
            db.session.commit()
        else:
            db.session.rollback()
        if result_url is not None and operation.all_or_none:
            return redirect(back, 303)
        skipped = [{**row, "ok": False, "text": row["why"]} for row in page.subjects["cannot"]]
        if len(results) == 1 and not skipped:
            if results[0]["ok"]:
                if result_url is None:
                    flash(f"{label} {operation.past_tense}", "success")
                return redirect(back, 303)
            if forms.form is not None:
                page.errors += attach_errors(forms.form, results[0]["error"], self.model)
                return None
        page.results = [*results, *skipped]
        page.title = operation.label
        page.back_url = index
        return self.render("screens/operation.html", page=page)


def _split_unchanged(operation: Operation, rows: Sequence[Any]) -> tuple[list[Any], list[tuple[Any, str]]]:
    """The rows that are as the posted page showed them, and (row, why not) of the others."""
    posted_versions = dict(text.split(":", 1) for text in request.form.getlist("seen") if ":" in text)
    unchanged, changed = [], []
    for row in rows:
        if posted_versions.get(str(row.id), operation.row_version(row)) == operation.row_version(row):
            unchanged.append(row)
        else:
            changed.append((row, CHANGED_MEANWHILE))
    return unchanged, changed
