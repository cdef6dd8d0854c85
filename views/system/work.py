"""The work that waits for whoever is signed in: the page behind the bell, and what the start page shows of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, abort, g, redirect, render_template, request, url_for
from flask_login import login_required

from customerhub.core.capped_counts import format_count
from customerhub.core.permissions import Actor, Permission
from customerhub.work.visits import SeenMarks, build_marks, record_visit
from customerhub.work.work_list import FEW, MOST_LISTED, ListedItem, WorkGroup, list_work
from models.base import db
from views.cells.customers import customer_link
from views.framework.formatting import format_date, get_today
from views.framework.menu import count_work
from views.http.actor import current_actor
from views.http.urls import path_of

bp = Blueprint("work", __name__, url_prefix="/admin/work")
MAX_MOMENT_LENGTH = 40
SINCE = "since"  # of an address: up to when everything had been seen; blank for never
EMPTY = {"icon": "ok", "title": "Nothing is waiting for you", "text": "New tasks, follow-ups and reviews appear here."}


@bp.get("/")
@login_required
def index() -> str:
    """All that waits, with marks on what came since the last look."""
    actor = _require_staff()
    g.crumbs = [("Start", path_of("home.home")), ("Notifications", None)]
    groups = list_work(actor, today=get_today(), marks=_read_marks(actor), limit=MOST_LISTED)
    page = {
        "title": "Notifications",
        "subtitle": "What is waiting for you. What came since you last looked is marked as new.",
        "work": describe_groups(groups),
        "empty": EMPTY,
        "profile_url": path_of("profile.edit_profile"),
    }
    return render_template("system/work.html", page=page)


@bp.post("/seen/")
@login_required
def see_work() -> Any:
    """From the bell to the page: all that is there so far is seen. The page still marks what was unread until now; a
    second press carries the same moment and marks the same.
    """
    actor = _require_staff()
    record_visit(actor)
    db.session.commit()
    return redirect(url_for("work.index", since=request.form.get(SINCE, "")[:MAX_MOMENT_LENGTH]), 303)


def _require_staff() -> Actor:
    actor = current_actor()
    if not actor.has_permission(Permission.STAFF_HOME):
        abort(403)
    return actor


def _read_marks(actor: Actor) -> SeenMarks:
    """Since when things are new: the moment of the address, else the last look."""
    text = request.args.get(SINCE)
    if text is None:
        return build_stored_marks(actor)
    try:
        seen_at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return build_stored_marks(actor)
    return build_marks(seen_at, actor.organisation_id) if _is_usable(seen_at) else build_stored_marks(actor)


def _is_usable(moment: datetime | None) -> bool:
    """Whether it is a moment of the years that there are dates of."""
    return moment is None or (moment.tzinfo is not None and 1970 <= moment.year <= 9000)


def build_stored_marks(actor: Actor) -> SeenMarks:
    """The marks of when `actor` last looked."""
    work = count_work()
    return build_marks(work.seen_at if work is not None else None, actor.organisation_id)


def list_start_work(actor: Actor) -> list[dict[str, Any]]:
    """What the start page shows: the first few of each kind of work."""
    return describe_groups(list_work(actor, today=get_today(), marks=build_stored_marks(actor), limit=FEW))


def describe_groups(groups: Sequence[WorkGroup]) -> list[dict[str, Any]]:
    """Groups of work as templates/parts/work.html shows them."""
    return [
        {
            "name": group.kind.name,
            "title": group.kind.title,
            "count": format_count(group.count),
            "url": group.path,
            "items": [_describe_item(listed) for listed in group.items],
        }
        for group in groups
    ]


def _describe_item(listed: ListedItem) -> dict[str, Any]:
    item = listed.item
    tone = "amber" if item.due_on is not None else "neutral"
    return {
        "text": item.text,
        "url": item.path,
        "customer": customer_link(item.customer),
        "due": format_date(item.due_on) if item.due_on else "",
        "state": {"chip": item.state, "tone": "red" if item.is_late else tone} if item.state else None,
        "is_new": listed.is_new,
        "mention_id": item.mention_id,
    }


def register(app: Flask) -> None:
    app.register_blueprint(bp)
