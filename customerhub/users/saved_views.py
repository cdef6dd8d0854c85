"""Saved views of lists: each belongs to one person, who may share it with their organisation.

What others see of a view is in the history, what its owner alone sees is not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote_plus

from sqlalchemy import ColumnElement, func, select

from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid, NotAllowed, NotFound
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.core.validation import clean_text
from models import SavedView
from models.base import column_length, db

MAX_VIEWS = 20  # of one person, and shared ones of an organisation, for each list


def save_view(screen: str, *, name: str, query: str, is_shared: bool, actor: Actor) -> SavedView:
    """Keep `query` of the list `screen` as a view of the actor.

    Raises Invalid where the name or the query is missing or too long, or there are too many views, Conflict where the
    name is taken, NotAllowed where the actor may not share.
    """
    if actor.id is None:
        raise NotAllowed("Only a person can save views.")
    view = SavedView(user_id=actor.id, screen=screen, query=_check_query(query))
    with _save_recorded(view):
        _set_name(view, name)
        _require_room(SavedView.screen == screen, SavedView.user_id == actor.id)
        _share(view, is_shared, actor)
        db.session.add(view)
    return view


def change_view(view: SavedView, *, name: str, is_shared: bool, actor: Actor) -> None:
    """Rename `view`, and share it or stop sharing it. Raises as `save_view`."""
    _require_owner(view, actor)
    with _save_recorded(view):
        _set_name(view, name)
        _share(view, is_shared, actor)


def change_query(view: SavedView, query: str, *, actor: Actor) -> None:
    """Have `view` show what `query` asks for. Raises Invalid where that is nothing or too much."""
    _require_owner(view, actor)
    with _save_recorded(view):
        view.query = _check_query(query)


def stop_sharing(view: SavedView, *, actor: Actor) -> None:
    """Leave `view` to its owner alone. Administrators may do it too, because owners leave."""
    if not can_stop_sharing(view.user_id, actor):
        raise NotAllowed("Only the owner of a view and administrators can stop sharing it.")
    with _save_recorded(view):
        view.shared_with_id = None


def delete_view(view: SavedView, *, actor: Actor) -> None:
    _require_owner(view, actor)
    with _save_recorded(view):
        view.shared_with_id = None
        db.session.delete(view)


def get_view(view_id: int, *, actor: Actor) -> SavedView:
    """The view with this id that is the actor's or shared with them. Raises NotFound where there is none."""
    view = db.session.get(SavedView, view_id)
    if view is None or (view.user_id != actor.id and view.shared_with_id != actor.organisation_id):
        raise NotFound("This view no longer exists.")
    return view


def can_stop_sharing(owner_id: int, actor: Actor) -> bool:
    return owner_id == actor.id or actor.has_permission(Permission.USERS_EDIT)


@contextmanager
def _save_recorded(view: SavedView) -> Iterator[None]:
    """As `save_changes`, with a line in the history for what changes of `view` for others than its owner."""
    organisation_id, before = view.shared_with_id, _describe_shared(view)
    with save_changes():
        yield
    after = _describe_shared(view)
    changes = {
        name: [before.get(name), after.get(name)] for name in before | after if before.get(name) != after.get(name)
    }
    if changes:
        entry = history.build_entry(
            organisation_id=view.shared_with_id or organisation_id or 0,
            action=_name_action(is_shared=bool(after), was_shared=bool(before)),
            table=SavedView.__tablename__,
            row_id=view.id,
            title=str(after.get("name") or before["name"]),
            changes=changes,
        )
        history.record([entry])


def _name_action(*, is_shared: bool, was_shared: bool) -> str:
    if is_shared and was_shared:
        return "changed"
    return "shared" if is_shared else "no longer shared"


def _describe_shared(view: SavedView) -> dict[str, Any]:
    """What others than its owner see of `view`; nothing where it is not shared."""
    if view.shared_with_id is None:
        return {}
    screen = view.screen.replace("-", " ").capitalize()
    return {"name": view.name, "screen": screen, "query": unquote_plus(view.query)}


def _require_owner(view: SavedView, actor: Actor) -> None:
    if view.user_id != actor.id:
        raise NotAllowed("Only the owner of a view can change it.")


def _set_name(view: SavedView, name: str) -> None:
    cleaned_name = clean_text(name, max_length=column_length(SavedView.name), field="name")
    if cleaned_name is None:
        raise Invalid("Enter a name for the view.", "name")
    view.name = cleaned_name


def _check_query(query: str) -> str:
    if not query:
        raise Invalid("Filter or sort the list first, then enter a name for the view.")
    if len(query) > column_length(SavedView.query):
        raise Invalid("Too many filters for one view.")
    return query


def _share(view: SavedView, is_shared: bool, actor: Actor) -> None:
    if is_shared == (view.shared_with_id is not None):
        return
    if is_shared:
        require_permission(actor, Permission.VIEWS_SHARE)
        _require_room(SavedView.screen == view.screen, SavedView.shared_with_id == actor.organisation_id)
    view.shared_with_id = actor.organisation_id if is_shared else None


def _require_room(*conditions: ColumnElement[bool]) -> None:
    count = db.session.scalar(select(func.count()).select_from(SavedView).where(*conditions)) or 0
    if count >= MAX_VIEWS:
        raise Invalid(f"There can be up to {MAX_VIEWS} views of a list. Delete one first.")
