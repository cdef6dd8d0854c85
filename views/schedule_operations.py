"""What can be done with jobs in a queue: the page that tells what will happen, and what came of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, g, redirect, render_template, request, url_for

from customerhub.errors import HubError
from jobs import registries, steering
from jobs.queue import QueueAway
from jobs.registries import Place
from models.base import db
from views import once
from views.actor import current_actor
from views.operating import TOO_MANY
from views.operation import LIMIT, OperationPage
from views.schedule import AWAY, asked_place, asked_queue, bp, job_ids
from views.schedule_cells import PLACE_WORDS, job_url, label_of


@dataclass(frozen=True)
class Act:
    """Something that can be done with the jobs at some places."""

    label: str
    run: Callable[..., None]
    places: tuple[Place, ...]
    explain: str
    icon: str
    danger: bool = False


AGAIN = "What the hub still has to do, such as a message to be sent, the schedule finds again."
ACTS = {
    "retry": Act(
        "Retry", steering.retry, (Place.FAILED, Place.LATER),
        "It is put at the end of its queue and tried once more, as it was asked for then.", "refresh",
    ),
    "cancel": Act(
        "Cancel", steering.cancel, (Place.WAITING, Place.LATER),
        f"It is taken out of its queue, so that nobody begins with it. {AGAIN}", "stop", danger=True,
    ),
    "discard": Act(
        "Discard", steering.discard, (Place.FAILED,),
        f"The job and how it failed are forgotten. {AGAIN}", "trash", danger=True,
    ),
}  # fmt: skip


def act_url(name: str, queue: str, place: Place, ids: Sequence[str] = ()) -> str:
    """The page of an act on the jobs of a queue at a place."""
    return url_for("schedule.operation_page", operation=name, queue=queue, place=place.value, id=list(ids))


@bp.post("/jobs/action/")
def choose() -> Any:
    """From the ticked jobs of a list to the page of the operation."""
    name, place = asked_queue(), asked_place()
    act, ids = request.form.get("action", ""), request.form.getlist("rowid")
    if act not in ACTS:
        abort(404)
    if not ids or len(ids) > LIMIT:
        flash(TOO_MANY if ids else "Tick the jobs first.", "warning")
        return redirect(url_for("schedule.jobs", queue=name, place=place.value), 303)
    return redirect(act_url(act, name, place, job_ids(ids)), 303)


@bp.route("/operation/<operation>/", methods=("GET", "POST"))
def operation_page(operation: str) -> Any:
    """What will happen; on POST it is done, and the result of each is shown."""
    chosen = ACTS.get(operation) or abort(404)
    name, place = asked_queue(), asked_place()
    back = url_for("schedule.jobs", queue=name, place=place.value)
    g.crumb = chosen.label
    sent = once.claim() if request.method == "POST" else None
    if sent is not None:
        return sent.lead_on(back)
    once.lead_to(back)
    page = OperationPage(title=chosen.label, explain=chosen.explain, danger=chosen.danger, back_url=back)
    try:
        if request.args.get("all") == "1" and Place.FAILED in chosen.places:
            answer = _with_all(chosen, name, page)
        else:
            answer = _with_some(chosen, name, job_ids(request.args.getlist("id")), page)
    except QueueAway:
        db.session.rollback()
        flash(AWAY, "error")
        return redirect(back, 303)
    db.session.commit()
    return answer


def _with_all(act: Act, name: str, page: OperationPage) -> Any:
    count = registries.counts()[name][Place.FAILED]
    if not count:
        flash("There is no failed job any more.", "info")
        return redirect(page.back_url or "", 303)
    page.title = page.button = f"{act.label} {'the failed job' if count == 1 else f'all {count:,} failed jobs'}"
    page.explain = f"Every failed job of the queue “{name}”. {act.explain}"
    if request.method == "GET":
        return render_template("operation.html", page=page)
    done, left = steering.all_failed(act.run, name, actor=current_actor())
    more = f" {left:,} are left: do it once more." if left else ""
    flash(f"{act.label}: done with {done:,}.{more}", "warning" if left else "success")
    return redirect(page.back_url or "", 303)


def _with_some(act: Act, name: str, ids: list[str], page: OperationPage) -> Any:
    found = registries.find_several(name, ids)
    if not ids or (request.method == "GET" and not found):
        abort(404)
    can = [job for job in found.values() if job.place in act.places or not job.is_readable]
    named = {job.id: {"label": label_of(job), "url": job_url(job)} for job in found.values()}
    cannot = [
        {**named[job.id], "why": f"is {PLACE_WORDS[job.place][0].lower()}" if job.place else "is set aside"}
        for job in found.values()
        if job not in can
    ]
    what = named[ids[0]]["label"] if len(ids) == 1 and named else f"{len(ids):,} jobs"
    page.title = page.button = f"{act.label}: {what}" if len(ids) == 1 else f"{act.label} {what}"
    page.subjects = {"can": [named[job.id] for job in can], "cannot": cannot}
    if request.method == "GET":
        return render_template("operation.html", page=page)
    return _run(act, name, ids, named, page)


def _run(act: Act, name: str, ids: list[str], named: dict[str, dict[str, str]], page: OperationPage) -> Any:
    """Do it to each by itself: one that is refused does not stop the others."""
    results = []
    for job_id in ids:
        label = named.get(job_id, {}).get("label", "A job that is not there any more")
        try:
            act.run(name, job_id, actor=current_actor())
        except HubError as error:
            results.append({"label": label, "ok": False, "text": error.message})
        else:
            results.append({"label": label, "ok": True, "text": ""})
    if len(results) == 1 and results[0]["ok"]:
        flash(f"Done: {page.title}", "success")
        return redirect(page.back_url or "", 303)
    page.results = results
    return render_template("operation.html", page=page)
