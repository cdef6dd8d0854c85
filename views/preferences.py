"""What each person keeps for a list: its columns and named views."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Flask, abort, current_app, flash, redirect, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import and_, delete, select
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict

from customerhub.customers.rules import clean_text
from customerhub.errors import Invalid
from models.base import db
from models.people import ListPreference, SavedView, User
from views import listing
from views.columns import Column

bp = Blueprint("preferences", __name__, url_prefix="/admin/list")
MOST_VIEWS = 20
LONGEST_QUERY = 2000
LONGEST_ADDRESS = 6000  # of a list; links on its page add to it, and a web server takes 8190 characters at the most
TOO_LONG = "These are too many filters for one address, so the whole list is shown. Use fewer, or shorter ones."


@dataclass(frozen=True)
class Kept:
    """The choices of one person for one list."""

    columns: list[str] | None
    views: Sequence[Any]  # id, name and query of each

    def columns_of(self, columns: Sequence[Column]) -> list[Column]:
        """The columns to show, in the chosen order; the usual ones where nothing was chosen."""
        by_name = {column.name: column for column in columns}
        chosen = [by_name[name] for name in self.columns or [] if name in by_name]
        return chosen or [column for column in columns if column.usual]

    def tabs(self, screen: str, query: str) -> list[dict[str, Any]]:
        if not self.views:
            return []
        home = url_for(f"{screen}.index_view")
        tabs: list[dict[str, Any]] = [{"label": "All", "url": home, "active": query == "?", "delete_url": None}]
        for view in self.views:
            tabs.append(
                {
                    "label": view.name,
                    "url": f"{home}?{view.query}",
                    "active": query == f"?{view.query}",
                    "delete_url": url_for("preferences.delete_view", view_id=view.id),
                }
            )
        return tabs

    def picker(self, screen: str, columns: Sequence[Column]) -> dict[str, Any]:
        shown = [column.name for column in self.columns_of(columns)]
        rest = [column.name for column in columns if column.name not in shown]
        labels = {column.name: column.label for column in columns}
        return {
            "url": url_for("preferences.choose_columns", screen=screen),
            "choices": [(name, labels[name], name in shown) for name in [*shown, *rest]],
        }


def of(user_id: int, screen: str) -> Kept:
    """What a person keeps for a list."""
    mine = select(User.id).where(User.id == user_id).subquery()
    found = db.session.execute(
        select(ListPreference.columns, SavedView.id, SavedView.name, SavedView.query)
        .select_from(mine)
        .outerjoin(ListPreference, and_(ListPreference.user_id == mine.c.id, ListPreference.screen == screen))
        .outerjoin(SavedView, and_(SavedView.user_id == mine.c.id, SavedView.screen == screen))
        .order_by(SavedView.id)
    ).all()
    return Kept(found[0].columns if found else None, [view for view in found if view.id is not None])


def _screen(name: str) -> Any:
    """The screen called `name`, where this person may open it; ends the request with 404 where not."""
    known = {view.endpoint: view for view in current_app.extensions["admin"][0]._views if hasattr(view, "columns")}
    if name not in known or not known[name].is_accessible():
        abort(404)
    return known[name]


def _home(view: Any) -> str:
    return url_for(f"{view.endpoint}.index_view")


@bp.post("/<screen>/columns")
@login_required
def choose_columns(screen: str) -> Any:
    view = _screen(screen)
    wanted = dict.fromkeys(request.form.getlist("column"))
    known = {column.name for column in view.columns}
    names = None if request.form.get("reset") else [name for name in wanted if name in known] or None
    try:
        _keep_columns(current_user.id, screen, names)
    except IntegrityError:  # the same person chose at the same moment in another window
        db.session.rollback()
        _keep_columns(current_user.id, screen, names)
    return redirect(_back(_home(view)), 303)


def _keep_columns(user_id: int, screen: str, names: list[str] | None) -> None:
    kept = db.session.get(ListPreference, (user_id, screen)) or ListPreference(user_id=user_id, screen=screen)
    kept.columns = names
    db.session.add(kept)
    db.session.commit()


@bp.post("/<screen>/views")
@login_required
def save_view(screen: str) -> Any:
    view = _screen(screen)
    asked = MultiDict((key, text) for key, text in request.form.items(multi=True) if "\x00" not in text)
    query = listing.read_args(asked, view.columns, view.filters, listing.PAGE_SIZES[0]).query().removeprefix("?")
    back = redirect(f"{_home(view)}?{query}" if 0 < len(query) <= LONGEST_ADDRESS else _home(view), 303)
    try:
        name = clean_text(request.form.get("name", ""), longest=60)
    except Invalid as error:
        flash(error.message, "error")
        return back
    if name is None or not query:
        flash("Filter or sort the list first, then give the view a name.", "warning")
        return back
    if len(query) > LONGEST_QUERY:
        flash("These are too many filters for one view.", "warning")
        return back
    if len(of(current_user.id, screen).views) >= MOST_VIEWS:
        flash(f"{MOST_VIEWS} views are the most. Delete one first.", "warning")
        return back
    db.session.add(SavedView(user_id=current_user.id, screen=screen, name=name, query=query))
    try:
        db.session.commit()
        flash(f"View “{name}” was saved.", "success")
    except IntegrityError:
        db.session.rollback()
        flash(f"You already have a view called “{name}”.", "error")
    return back


@bp.post("/views/<int:view_id>/delete")
@login_required
def delete_view(view_id: int) -> Any:
    kept = db.session.get(SavedView, view_id) if view_id < 2**63 else None
    if kept is None or kept.user_id != current_user.id:
        abort(404)
    view = _screen(kept.screen)
    db.session.execute(delete(SavedView).where(SavedView.id == view_id))
    db.session.commit()
    return redirect(_home(view), 303)


def _back(home: str) -> str:
    """The list with the filters it had, as far as the form says so."""
    pairs = [pair for pair in parse_qsl(request.form.get("query", "")) if pair[0] in ("f", "sort", "desc", "search")]
    query = urlencode(pairs)
    return f"{home}?{query}" if 0 < len(query) <= LONGEST_ADDRESS else home


def shorten() -> Any:
    """To the whole list, where its address is so long that links on its page could not be followed."""
    is_list = (request.endpoint or "").endswith(".index_view") and request.method in ("GET", "HEAD")
    if not is_list or len(request.query_string) <= LONGEST_ADDRESS:
        return None
    if current_user.is_authenticated:
        flash(TOO_LONG, "warning")
    return redirect(request.path, 303)


def register(app: Flask) -> None:
    app.before_request(shorten)
    app.register_blueprint(bp)
