"""Bulk operations: those on many rows that a job does, and those that can be undone."""

import io
from datetime import timedelta
from typing import Any

from flask import Response, flash, g, jsonify, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import Select

from customerhub.core import clock, operation_runs
from customerhub.core.errors import HubError
from customerhub.core.operation_runs import ACTIVE_STATES
from customerhub.core.permissions import Permission
from customerhub.core.references import pluralize
from customerhub.core.spreadsheets import CONTENT_TYPES, CellKind, write_csv
from customerhub.signing.setting_up import CONNECTION_TEST
from jobs import operations
from jobs.queue import BULK, try_enqueue
from models import OperationRun
from models.base import db
from models.enums import RunOutcome, TransferState
from views.framework.bulk_edit import DIRECT_ROWS
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.filters import Filter
from views.framework.formatting import current_formats, format_datetime
from views.framework.labels import capitalize_first, member_label
from views.framework.model_view import HubModelView
from views.framework.operation import describe_outcome
from views.http.urls import path_to
from views.system.exports import TONES

MAX_LISTED = 200  # refused rows on the page; the file of results has all of them


def describe_run(run: OperationRun) -> str:
    """What came of a run so far: "58 customers changed, 2 customers not changed"."""
    parts = []
    if run.changed_rows or run.done_rows == 0:
        parts.append(describe_outcome(run.changed_rows, run.noun, run.past_tense))
    if run.unchanged_rows:
        parts.append(describe_outcome(run.unchanged_rows, run.noun, "already as entered"))
    if run.refused_rows:
        parts.append(describe_outcome(run.refused_rows, run.noun, run.past_tense, failed=True))
    return ", ".join(parts)


class OperationRunView(HubModelView):
    noun = "bulk operation"
    title = "Bulk operations"
    intro = "Your operations on many rows, with progress and results."
    empty_text = "Operations on all rows of a list, and edits of several rows, are listed here."
    columns = (
        Column("title", "Operation", lambda row: row.title, export=Exported(OperationRun.title)),
        Column(
            "state",
            "State",
            lambda row: {"chip": member_label(row.state), "tone": TONES[row.state]},
            sort=OperationRun.state,
            export=Exported(OperationRun.state, render=member_label),
        ),
        Column("result", "Result", describe_run, no_truncate=True, export=Exported(render=describe_run)),
        Column(
            "created_at",
            "Started",
            lambda row: format_datetime(row.created_at),
            sort=OperationRun.id,
            export=Exported(OperationRun.created_at, kind=CellKind.MOMENT),
        ),
    )
    filters = (Filter("state", "State", OperationRun.state, "select", members=TransferState, nullable=False),)
    search_columns = (OperationRun.title,)
    search_hint = "Search by operation"
    default_order = (OperationRun.id.desc(),)
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = None

    def base_query(self) -> Select[Any]:
        """One's own: the result names rows that its owner may see. A test of eSignature has a page of its own."""
        own_runs = super().base_query().where(OperationRun.user_id == self.actor.id)
        return own_runs.where(OperationRun.screen != CONNECTION_TEST)

    @expose("/details/")
    def details_view(self) -> Any:
        run = self.get_one(request.args.get("id", ""))
        if request.args.get("as") == "json":
            return jsonify(build_progress(run))
        g.crumb = run.title
        is_over = run.state not in ACTIVE_STATES
        page = {
            "title": capitalize_first(describe_run(run)) if run.state is TransferState.DONE else run.title,
            "subtitle": run.title if run.state is TransferState.DONE else None,
            **build_progress(run),
            "problems_title": f"Not {run.past_tense}",
            "poll_url": f"{self.url_of(run)}&as=json",
            "cancel_url": url_for("operation-runs.cancel_view", id=run.id),
            "cancel_hint": f"What was {run.past_tense} stays so.",
            "result": self._build_result(run) if is_over else None,
        }
        return self.render("screens/progress.html", page=page)

    def _build_result(self, run: OperationRun) -> dict[str, Any]:
        back = {
            "label": "Back to the list",
            "url": url_for(f"{run.screen}.index_view") + run.address.removesuffix("?"),
            "primary": True,
        }
        results = {"label": "Download results", "url": url_for("operation-runs.results_view", id=run.id)}
        actions = [back, {**results, "icon": "download"}]
        undoable_count = operation_runs.count_undoable_rows(run)
        if undoable_count:
            label = f"Undo {undoable_count:,} {run.noun if undoable_count == 1 else pluralize(run.noun)}"
            actions.insert(
                1, {"label": label, "post_url": url_for("operation-runs.undo_view", id=run.id), "icon": "undo"}
            )
        texts = {
            TransferState.DONE: f"Finished {format_datetime(run.finished_at)}",
            TransferState.CANCELLED: f"Cancelled. {capitalize_first(describe_run(run))}",
            TransferState.FAILED: f"{run.problem}. {capitalize_first(describe_run(run))}",
        }
        notes = [
            f"{count:,} {run.noun if count == 1 else pluralize(run.noun)}: {message[0].lower()}{message[1:]}"
            for message, count in operation_runs.count_notes(run)
        ]
        return {"text": ". ".join([texts[run.state], *notes]), "actions": actions}

    @expose("/cancel/", methods=("POST",))
    def cancel_view(self) -> Any:
        run = self.get_one(request.args.get("id", ""))
        url = self.url_of(run)
        if not operations.cancel(run.id):
            flash("Already finished.", "info")
        return redirect(url, 303)

    @expose("/undo/", methods=("POST",))
    def undo_view(self) -> Any:
        """Take back what a run changed: at once where that is done soon, else by a job."""
        run = self.get_one(request.args.get("id", ""))
        try:
            undo = operation_runs.start_undo(run, actor=self.actor)
            is_direct = undo.total_rows <= DIRECT_ROWS
            if is_direct:
                perform = operations.get_performers()[run.screen]
                operation_runs.perform_at_once(undo, perform, actor=self.actor)
        except HubError as error:
            db.session.rollback()
            flash(f"{error.message}.", "error")
            run = self.get_one(request.args["id"])
            return redirect(self.url_of(operation_runs.find_undo(run) or run), 303)
        undo_id = undo.id
        db.session.commit()
        if not is_direct:
            try_enqueue(operations.perform, undo_id, queue=BULK)
        return redirect(url_for("operation-runs.details_view", id=undo_id), 303)

    @expose("/results/")
    def results_view(self) -> Any:
        """What became of each row, as a file."""
        run = self.get_one(request.args.get("id", ""))
        file = io.StringIO(newline="")
        headings = (capitalize_first(run.noun), "Result", "Reason")
        separator = current_formats().list_separator
        rows = (_describe_row(run, *each) for each in operation_runs.iterate_results(run))
        write_csv(file, headings, rows, separator)
        name = f"bulk-operation-{run.id}.csv"
        return Response(
            file.getvalue(),
            content_type=CONTENT_TYPES["csv"],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _describe_row(run: OperationRun, label: str, outcome: RunOutcome | None, message: str) -> tuple[str, str, str]:
    results = {RunOutcome.DONE: run.past_tense, RunOutcome.REFUSED: f"not {run.past_tense}", None: "not processed"}
    return label, capitalize_first(results.get(outcome, "unchanged")), message


def build_progress(run: OperationRun) -> dict[str, Any]:
    """How far a run is: state, rows done and in all, rows a second, the time left in words, and what was refused."""
    rate_text = left_text = ""
    if run.state is TransferState.RUNNING and run.started_at and run.done_rows:
        seconds = max((clock.get_now() - run.started_at).total_seconds(), 0.1)
        speed = run.done_rows / seconds
        rate_text = f"{speed:,.0f} rows a second"
        left_text = f"about {timedelta(seconds=round((run.total_rows - run.done_rows) / speed))} left"
    return {
        "state": run.state.value,
        "done": run.done_rows,
        "total": run.total_rows,
        "rate_text": rate_text,
        "left_text": left_text,
        "problems": [
            (row.label or f"#{row.row_id}", row.message or "", path_to(f"{run.screen}.details_view", row.row_id))
            for row in operation_runs.list_refused(run, limit=MAX_LISTED)
        ],
    }
