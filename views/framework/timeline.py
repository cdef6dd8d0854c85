"""The history as a timeline of entries."""

from typing import Any

from sqlalchemy import Select, select

from customerhub.core.history_access import visibility_condition
from customerhub.core.permissions import Actor
from customerhub.customers.merging import list_merged_customers
from models import History
from models.base import db
from views.framework import formatting
from views.framework.display import changes_of, noun_of
from views.framework.labels import capitalize_first
from views.framework.paging import Pager, paginate
from views.http.actor import current_actor
from views.http.urls import parse_id

PAGE_SIZE = 30


def _entries_query(row: Any) -> Select[Any]:
    """The entries of a row that the actor may see; of a customer those of everything that hangs on it too, and
    of those that were merged into it.

    Its own carry its id as well.
    """
    own_entries = (History.table_name == row.__tablename__) & (History.row_id == row.id)
    if row.__tablename__ == "customer":
        own_entries = History.customer_id.in_([row.id, *(old.old_id for old in list_merged_customers(row))])
    organisation = row.id if row.__tablename__ == "organisation" else row.organisation_id
    return select(History).where(
        own_entries, History.organisation_id == organisation, visibility_condition(current_actor())
    )


def find_deletion(model: Any, key: str, actor: Actor) -> History | None:
    """The last change of a row of the actor's organisation that is there no more; None where there never was one."""
    row_id = parse_id(key)
    if row_id is None or db.session.get(model, row_id) is not None:
        return None
    query = select(History).where(
        History.table_name == model.__tablename__,
        History.row_id == row_id,
        History.organisation_id == actor.organisation_id,
        visibility_condition(actor),
    )
    return db.session.scalar(query.order_by(History.id.desc()).limit(1))


def list_row_entries(row: Any) -> tuple[list[dict[str, Any]], Pager | None]:
    """One page of the entries of a row, the newest first, and its pager."""
    entries, pager = paginate(_entries_query(row).order_by(History.id.desc()), PAGE_SIZE)
    return [timeline_entry(entry) for entry in entries], pager


def timeline_entry(entry: History) -> dict[str, Any]:
    """One entry as the timeline shows it."""
    when = formatting.format_datetime(entry.at)
    is_customer = entry.table_name == "customer"
    if is_customer:
        what = f"{entry.action} the record" if entry.action in ("created", "changed", "deleted") else entry.action
    else:
        what = f"{entry.action} {noun_of(entry.table_name)} {entry.title}"
    return {
        "day": when.rpartition(", ")[0],
        "time": when.rpartition(", ")[2],
        "who": describe_actor(entry),
        "what": what,
        "source": describe_source(entry.source),
        "text": entry.reason,
        "changes": changes_of(entry.table_name, entry.changes),
    }


def describe_actor(entry: History) -> str:
    """Who made a change."""
    return entry.actor_name if entry.actor_id else capitalize_first(entry.actor_name)


def describe_source(source: str) -> str:
    """Where a change came from: "screen admin/customers/edit" reads as "Customers, edit"."""
    kind, _, rest = source.partition(" ")
    if kind == "screen":
        words = [part.replace("-", " ") for part in rest.removeprefix("admin/").split("/") if part]
        return capitalize_first(", ".join(words)) or "Start"
    if kind == "command":
        return f"Command line, {rest}"
    return capitalize_first(source)


def describe_last_change(row: Any) -> tuple[str, str]:
    """Who changed `row` last, and when."""
    entry = db.session.scalar(_entries_query(row).order_by(History.id.desc()).limit(1))
    return (describe_actor(entry), formatting.format_datetime(entry.at)) if entry else ("Another user", "just now")
