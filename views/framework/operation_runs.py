"""Operations that are kept as a run: with more rows than are done while the browser waits, or that can be undone."""

from collections.abc import Sequence
from typing import Any

from flask import has_request_context, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from customerhub.core import operation_runs
from customerhub.core.errors import Invalid, NotFound
from customerhub.core.operation_runs import RowResult, RunRequest
from customerhub.core.permissions import Actor, require_permission
from jobs import operations
from jobs.queue import BULK, try_enqueue
from models import OperationRun, OperationRunRow, Organisation
from models.base import db
from models.enums import RunOutcome
from views.framework.edit_page import EditMixin
from views.framework.formatting import use_formats
from views.framework.operation import Operation, OperationPage, run_operation, split_by_availability
from views.framework.operation_forms import OperationForms, build_forms
from views.framework.screen import ViewResponse
from views.http import form_tokens
from views.http.actor import ORGANISATION_FIELD, acting_for_job

CHANGED_SINCE_START = "Changed by another user after this was started"
# What a form carries along that is no entry.
_CARRIED = frozenset(
    {"csrf_token", form_tokens.TOKEN_FIELD, form_tokens.TAB_FIELD, ORGANISATION_FIELD, "seen", "total", "back", "run"}
)


class RunMixin(EditMixin):
    """The runs of a HubModelView: how they are started, and what is done to their rows."""

    # --- Starting ------------------------------------------------------------------------------------------

    def _run(
        self, operation: Operation, rows: list[Any], forms: OperationForms, page: OperationPage
    ) -> ViewResponse | None:
        is_direct = len(rows) <= operation.direct_rows
        if is_direct and operation.read_values is None:
            return super()._run(operation, rows, forms, page)
        skipped = [
            RowResult(subject["id"], subject["label"], RunOutcome.REFUSED, subject["why"])
            for subject in page.subjects["cannot"]
        ]
        versions = [(row.id, row.version) for row in rows]
        run = operation_runs.start_run(self._describe_run(operation, page), versions, actor=self.actor, refused=skipped)
        if not is_direct:
            return self.lead_to_run(run, is_waiting=True)
        operation_runs.perform_at_once(run, self.perform_run, actor=self.actor)
        if run.total_rows == run.refused_rows == 1:
            page.errors.append(operation_runs.list_refused(run, limit=1)[0].message or "")
            db.session.rollback()
            return None
        return self.lead_to_run(run, is_waiting=False)

    def _describe_run(self, operation: Operation, page: OperationPage) -> RunRequest:
        """What the posted form asks for."""
        return RunRequest(
            screen=self.endpoint,
            operation=operation.name,
            title=page.title,
            noun=self.noun,
            past_tense=operation.past_tense,
            address=self.parse_left_list().query_string(),
            entries=[(name, text) for name, text in request.form.items(multi=True) if name not in _CARRIED],
        )

    def lead_to_run(self, run: OperationRun, *, is_waiting: bool) -> ViewResponse:
        """Commit, have a worker do what waits, and go to the page that shows how far it is."""
        run_id = run.id
        url = url_for("operation-runs.details_view", id=run_id)
        form_tokens.set_redirect(url)
        db.session.commit()
        if is_waiting:
            try_enqueue(operations.perform, run_id, queue=BULK)
        return redirect(url, 303)

    # --- Doing ---------------------------------------------------------------------------------------------

    def perform_run(self, run: OperationRun, run_rows: Sequence[OperationRunRow], actor: Actor) -> list[RowResult]:
        """Do the operation of `run` to these of its rows, as `actor` may: who may, and what can be done to a row, is
        asked again. Runs in a worker, without a request, or within one.

        Raises NotAllowed where `actor` may not, Invalid where what was entered is no longer right.
        """
        require_permission(actor, self.view_permission)
        with acting_for_job(actor):
            if not has_request_context():
                use_formats(db.session.get_one(Organisation, actor.organisation_id))
            operation = self.find_operation(run.operation, parse_entries(run))
            if operation is None:
                raise NotFound("There is no such operation any more")
            require_permission(actor, operation.permission)
            rows = self.load_run_rows([row.row_id for row in run_rows])
            versions = {row.row_id: row.seen_version for row in run_rows}
            results = [
                RowResult(row.id, str(row), RunOutcome.REFUSED, CHANGED_SINCE_START)
                for row in rows
                if row.version != versions[row.id]
            ]
            rows = [row for row in rows if row.version == versions[row.id]]
            return results + self.perform_on_rows(run, operation, rows, actor)

    def load_run_rows(self, ids: Sequence[int]) -> list[Any]:
        """Those of the rows with these ids that the actor may know of, in their order."""
        query = self.base_query().where(self.model.id.in_(ids)).options(*self.load_options)
        by_id = {row.id: row for row in db.session.scalars(query).unique()}
        return [by_id[key] for key in ids if key in by_id]

    def perform_on_rows(
        self, run: OperationRun, operation: Operation, rows: Sequence[Any], actor: Actor
    ) -> list[RowResult]:
        """Do what `run` asks for to those of its rows that nobody has changed since it was started."""
        can, cannot = split_by_availability(operation, rows, actor)
        refused = [RowResult(row.id, str(row), RunOutcome.REFUSED, reason) for row, reason in cannot]
        if not can:
            return refused
        forms = build_forms(operation, can, can, actor, parse_entries(run))
        if forms.form is not None and not forms.form.validate():
            raise Invalid(_describe_errors(forms.form))
        for row in [row for row in can if row.id in forms.row_forms and not forms.row_forms[row.id].validate()]:
            can.remove(row)
            message = _describe_errors(forms.row_forms[row.id])
            refused.append(RowResult(row.id, str(row), RunOutcome.REFUSED, message))
        return refused + self.run_and_compare(operation, can, forms.values, forms.values_by_id, actor)

    def run_and_compare(
        self,
        operation: Operation,
        rows: Sequence[Any],
        values: dict[str, Any],
        values_by_id: dict[int, dict[str, Any]],
        actor: Actor,
    ) -> list[RowResult]:
        """Do it, and tell of each row what became of it; where that can be told, also what was changed."""
        read = operation.read_values
        ids = [row.id for row in rows]
        before = {row.id: read(row) for row in rows} if read else {}
        results = run_operation(operation, rows, values, actor, lambda _row: "", values_by_id, keeps_others=True)
        row_results = []
        for key, row, result in zip(ids, rows, results, strict=True):
            outcome, undo = (RunOutcome.DONE if result["ok"] else RunOutcome.REFUSED), None
            if result["ok"] and read:
                after = read(row)
                changes = {name: [old, after[name]] for name, old in before[key].items() if after[name] != old}
                outcome = RunOutcome.DONE if changes else RunOutcome.UNCHANGED
                undo = {"version": row.version, "values": changes} if changes else None
            row_results.append(RowResult(key, result["label"], outcome, result["text"], undo))
        return row_results


def parse_entries(run: OperationRun) -> MultiDict[str, str]:
    """The fields of the form as they were sent."""
    return MultiDict((name, text) for name, text in run.entries)


def _describe_errors(form: Any) -> str:
    """What is wrong with the fields of a form, in one line."""
    return ". ".join(f"{field.label.text}: {field.errors[0]}" for field in form if field.errors)
