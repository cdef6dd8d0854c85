"""The operations on jobs in a queue: the page that shows what will happen, and the result of each."""

from collections.abc import Sequence
from typing import Any

from flask import abort, flash, g, redirect, render_template, request, url_for

from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor, Permission
from jobs.monitoring import job_control, queue_contents
from jobs.monitoring.queue_contents import JobInfo, JobState
from jobs.queue import QueueUnavailable
from models.base import db
from views.framework.labels import capitalize_first
from views.framework.operation import MAX_ROWS, Operation, OperationPage, split_by_availability
from views.framework.operation_page import TOO_MANY_ROWS
from views.http import form_tokens
from views.http.actor import current_actor
from views.system.jobs.blueprint import bp, describe_queue_failure, parse_job_ids, requested_queue, requested_state
from views.system.jobs.cells import STATE_LABELS, job_label, job_url

RESTART_NOTE = "Pending work, such as messages to be sent, is picked up again by the schedule."


def _job_operation(
    run: job_control.JobOperation, states: Sequence[JobState], *, explanation: str, icon: str, past_tense: str
) -> Operation:
    """What can be done to jobs in `states`, and to what cannot be read as a job."""

    def unavailable_reason(job: JobInfo, _actor: Actor) -> str | None:
        if job.state in states or not job.is_readable:
            return None
        return STATE_LABELS[job.state][0] if job.state else "Set aside"

    return Operation(
        name=run.__name__,
        label=capitalize_first(run.__name__),
        permission=Permission.JOBS,
        run=lambda job, *, actor: run(job.queue, job.id, actor=actor),
        explanation=explanation,
        unavailable_reason=unavailable_reason,
        icon=icon,
        danger=run is not job_control.retry,
        past_tense=past_tense,
    )


OPERATIONS = (
    _job_operation(
        job_control.retry,
        (JobState.FAILED, JobState.SCHEDULED),
        explanation="The job is added to the end of its queue and run again with the same arguments.",
        icon="refresh",
        past_tense="retried",
    ),
    _job_operation(
        job_control.cancel,
        (JobState.WAITING, JobState.SCHEDULED),
        explanation=f"The job is removed from its queue and not run. {RESTART_NOTE}",
        icon="stop",
        past_tense="cancelled",
    ),
    _job_operation(
        job_control.discard,
        (JobState.FAILED,),
        explanation=f"The job and its error are deleted. {RESTART_NOTE}",
        icon="trash",
        past_tense="discarded",
    ),
)


def list_operations(job: JobInfo) -> list[Operation]:
    """What can be done to `job` where it is."""
    return [each for each in OPERATIONS if each.unavailable_reason(job, current_actor()) is None]


def operation_url(operation: Operation, queue: str, state: JobState, ids: Sequence[str] = ()) -> str:
    """The page of an operation on the jobs of a queue in a state."""
    return url_for("schedule.operation_page", operation=operation.name, queue=queue, place=state.value, id=list(ids))


def _get_operation(name: str) -> Operation:
    return next((each for each in OPERATIONS if each.name == name), None) or abort(404)


@bp.post("/jobs/action/")
def choose() -> Any:
    """From the ticked jobs of a list to the page of the operation."""
    name, state = requested_queue(), requested_state()
    operation, ids = _get_operation(request.form.get("action", "")), request.form.getlist("rowid")
    if not ids or len(ids) > MAX_ROWS:
        flash(TOO_MANY_ROWS if ids else "Select the jobs first.", "warning")
        return redirect(url_for("schedule.list_jobs", queue=name, place=state.value), 303)
    return redirect(operation_url(operation, name, state, parse_job_ids(ids)), 303)


@bp.route("/operation/<operation>/", methods=("GET", "POST"))
def operation_page(operation: str) -> Any:
    """What will happen; on POST it is done, and the result of each is shown."""
    chosen = _get_operation(operation)
    name, state = requested_queue(), requested_state()
    back = url_for("schedule.list_jobs", queue=name, place=state.value)
    g.crumb = chosen.label
    duplicate_submission = form_tokens.claim_token() if request.method == "POST" else None
    if duplicate_submission is not None:
        return duplicate_submission.redirect_again(back)
    form_tokens.set_redirect(back)
    page = OperationPage(
        title=chosen.label,
        explanation=chosen.explanation,
        danger=chosen.danger,
        back_url=back,
        noun="job",
        past_tense=chosen.past_tense,
    )
    try:
        if request.args.get("all") == "1" and chosen in list_operations(JobInfo("", name, JobState.FAILED)):
            response = _run_for_all(chosen, name, page)
        else:
            response = _run_for_selected(chosen, name, parse_job_ids(request.args.getlist("id")), page)
    except QueueUnavailable as error:
        db.session.rollback()
        flash(describe_queue_failure(error), "error")
        return redirect(back, 303)
    db.session.commit()
    return response


def _run_for_all(operation: Operation, name: str, page: OperationPage) -> Any:
    count = queue_contents.count_jobs()[name][JobState.FAILED]
    if not count:
        flash("There are no failed jobs any more.", "info")
        return redirect(page.back_url or "", 303)
    page.title = page.button = f"{operation.label} {'the failed job' if count == 1 else f'all {count:,} failed jobs'}"
    page.explanation = f"All failed jobs of the queue “{name}”. {operation.explanation}"
    if request.method == "GET":
        return render_template("screens/operation.html", page=page)

    def run(queue: str, job_id: str, *, actor: Actor) -> None:
        operation.run(JobInfo(job_id, queue, JobState.FAILED), actor=actor)

    done, remaining = job_control.apply_to_failed_jobs(run, name, actor=current_actor())
    remaining_text = f" {remaining:,} remaining: please repeat." if remaining else ""
    flash(f"{page.describe_results(done)}.{remaining_text}", "warning" if remaining else "success")
    return redirect(page.back_url or "", 303)


def _run_for_selected(operation: Operation, name: str, ids: list[str], page: OperationPage) -> Any:
    found_jobs = queue_contents.find_jobs(name, ids)
    if not ids or (request.method == "GET" and not found_jobs):
        abort(404)
    can, cannot = split_by_availability(operation, list(found_jobs.values()), current_actor())
    links = {job.id: {"label": job_label(job), "url": job_url(job)} for job in found_jobs.values()}
    subject = links[ids[0]]["label"] if len(ids) == 1 and links else f"{len(ids):,} jobs"
    page.title = page.button = f"{operation.label}: {subject}" if len(ids) == 1 else f"{operation.label} {subject}"
    page.subjects = {
        "can": [links[job.id] for job in can],
        "cannot": [{**links[job.id], "why": why} for job, why in cannot],
    }
    if request.method == "GET":
        return render_template("screens/operation.html", page=page)
    return _run(operation, [found_jobs.get(job_id) or JobInfo(job_id, name, None) for job_id in ids], links, page)


def _run(operation: Operation, jobs: list[JobInfo], links: dict[str, dict[str, str]], page: OperationPage) -> Any:
    """Do it to each by itself: one that is refused does not stop the others, and what is gone is told as such."""
    results = []
    for job in jobs:
        label = links.get(job.id, {}).get("label", "Job that no longer exists")
        try:
            operation.run(job, actor=current_actor())
        except HubError as error:
            results.append({"label": label, "ok": False, "text": error.message})
        else:
            results.append({"label": label, "ok": True, "text": ""})
    if len(results) == 1 and results[0]["ok"]:
        flash(f"{results[0]['label']} {operation.past_tense}", "success")
        return redirect(page.back_url or "", 303)
    page.results = results
    return render_template("screens/operation.html", page=page)
