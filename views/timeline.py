"""The history as people read it."""

from typing import Any

from flask import request, url_for
from sqlalchemy import ColumnElement, Select, select, true

from customerhub.customers.merging import merged_into
from customerhub.permissions import Actor, Permission
from models import History
from models.base import db
from views import columns as cells
from views.actor import current_actor
from views.showing import changes_of, noun_of
from views.words import sentence

PAGE = 30

# The tables whose screens take more than the permission to see the history.
NARROWER = {
    "hub_user": Permission.USERS_VIEW,
    "approval_task": Permission.TASKS_VIEW,
    "task_comment": Permission.TASKS_VIEW,
}


def _entries_of(row: Any) -> Select[Any]:
    """The entries of a row that the actor may see; of a customer those of everything that hangs on it too, and
    of those that were merged into it.

    Its own carry its id as well.
    """
    mine = (History.table_name == row.__tablename__) & (History.row_id == row.id)
    if row.__tablename__ == "customer":
        mine = History.customer_id.in_([row.id, *(old.old_id for old in merged_into(row))])
    organisation = row.id if row.__tablename__ == "organisation" else row.organisation_id
    return select(History).where(mine, History.organisation_id == organisation, seen_by(current_actor()))


def last_of_gone(model: Any, key: str, actor: Actor) -> History | None:
    """The last change of a row of the actor's organisation that is there no more; None where there never was one."""
    if not key.isascii() or not key.isdigit() or len(key) > 18 or db.session.get(model, int(key)) is not None:
        return None
    query = select(History).where(
        History.table_name == model.__tablename__,
        History.row_id == int(key),
        History.organisation_id == actor.organisation_id,
        seen_by(actor),
    )
    return db.session.scalar(query.order_by(History.id.desc()).limit(1))


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """What of the history `actor` may know of: nothing of tables whose screens they may not open."""
    hidden = [table for table, permission in NARROWER.items() if not actor.may(permission)]
    return History.table_name.not_in(hidden) if hidden else true()


def of_row(row: Any, page: int) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """One page of the entries of a row, the newest first, and its pager."""
    return paged(_entries_of(row), page)


def paged(query: Select[Any], page: int) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    page = min(max(page, 0), 100_000)
    found = list(db.session.scalars(query.order_by(History.id.desc()).limit(PAGE + 1).offset(page * PAGE)))
    more = len(found) > PAGE

    def link(to: int) -> str:
        given: dict[str, Any] = {**request.args.to_dict(), "page": to}
        return url_for(request.endpoint or "", **given)

    pager: dict[str, Any] | None = None
    if page or more:
        pager = {
            "first_text": f"Page {page + 1}",
            "prev": link(page - 1) if page else None,
            "next": link(page + 1) if more else None,
            "pages": [],
        }
    return [told(entry) for entry in found[:PAGE]], pager


def told(entry: History) -> dict[str, Any]:
    """One entry as the timeline shows it."""
    when = cells.moment(entry.at)
    of_record = entry.table_name == "customer"
    if of_record:
        what = f"{entry.action} the record" if entry.action in ("created", "changed", "deleted") else entry.action
    else:
        what = f"{entry.action} {noun_of(entry.table_name)} {entry.title}"
    return {
        "day": when.rpartition(", ")[0],
        "time": when.rpartition(", ")[2],
        "when": when,
        "who": who(entry),
        "what": what,
        "source": origin(entry.source),
        "text": entry.reason,
        "changes": changes_of(entry.table_name, entry.changes),
    }


def who(entry: History) -> str:
    """Who made a change."""
    return entry.actor_name if entry.actor_id else sentence(entry.actor_name)


def origin(source: str) -> str:
    """Where a change came from: "screen admin/customers/edit" reads as "Customers, edit"."""
    kind, _, rest = source.partition(" ")
    if kind == "screen":
        words = [part.replace("-", " ") for part in rest.removeprefix("admin/").split("/") if part]
        return sentence(", ".join(words)) or "Start"
    if kind == "command":
        return f"Command line, {rest}"
    return sentence(source)


def last_change(row: Any) -> tuple[str, str]:
    """Who changed `row` last, and when."""
    entry = db.session.scalar(_entries_of(row).order_by(History.id.desc()).limit(1))
    return (who(entry), cells.moment(entry.at)) if entry else ("Somebody", "meanwhile")
