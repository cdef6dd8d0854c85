"""What each person keeps for a list: its columns and named views."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Flask, abort, flash, redirect, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import and_, delete, select
from sqlalchemy.exc import IntegrityError

from models.base import db
from models.people import ListPreference, SavedView, User
from views.columns import Column

bp = Blueprint("preferences", __name__, url_prefix="/admin/list")
MOST_VIEWS = 20


@dataclass(frozen=True)
class Kept:
    """The choices of one person for one list."""

    columns: list[str] | None
    views: list[SavedView]

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
        select(ListPreference, SavedView)
        .select_from(mine)
        .outerjoin(ListPreference, and_(ListPreference.user_id == mine.c.id, ListPreference.screen == screen))
        .outerjoin(SavedView, and_(SavedView.user_id == mine.c.id, SavedView.screen == screen))
        .order_by(SavedView.id)
    ).all()
    chosen = found[0][0] if found else None
    return Kept(chosen.columns if chosen else None, [view for _, view in found if view is not None])


def _list_url(screen: str) -> str:
    """The list's address; 404 for a screen that there is not."""
    try:
        return url_for(f"{screen}.index_view")
    except Exception:
        abort(404)


@bp.post("/<screen>/columns")
@login_required
def choose_columns(screen: str) -> Any:
    home = _list_url(screen)
    key = (current_user.id, screen)
    kept = db.session.get(ListPreference, key)
    if request.form.get("reset"):
        if kept is not None:
            db.session.delete(kept)
    else:
        names = [name[:60] for name in request.form.getlist("column")[:100]]
        if kept is None:
            kept = ListPreference(user_id=key[0], screen=screen[:60])
            db.session.add(kept)
        kept.columns = names or None
    db.session.commit()
    return redirect(_back(home), 303)


@bp.post("/<screen>/views")
@login_required
def save_view(screen: str) -> Any:
    home = _list_url(screen)
    name = " ".join(request.form.get("name", "").split())[:60]
    pairs = [
        (key, value)
        for key, value in request.form.items(multi=True)
        if key in ("f", "sort", "desc", "search", "page_size")
    ]
    query = urlencode(pairs)[:2000]
    if not name or not query:
        flash("Filter or sort the list first, then give the view a name.", "warning")
        return redirect(home, 303)
    views = of(current_user.id, screen).views
    if len(views) >= MOST_VIEWS:
        flash(f"{MOST_VIEWS} views are the most. Delete one first.", "warning")
        return redirect(f"{home}?{query}", 303)
    db.session.add(SavedView(user_id=current_user.id, screen=screen, name=name, query=query))
    try:
        db.session.commit()
        flash(f"View “{name}” was saved.", "success")
    except IntegrityError:
        db.session.rollback()
        flash(f"You already have a view called “{name}”.", "error")
    return redirect(f"{home}?{query}", 303)


@bp.post("/views/<int:view_id>/delete")
@login_required
def delete_view(view_id: int) -> Any:
    view = db.session.get(SavedView, view_id)
    if view is None or view.user_id != current_user.id:
        abort(404)
    home = _list_url(view.screen)
    db.session.execute(delete(SavedView).where(SavedView.id == view_id))
    db.session.commit()
    return redirect(home, 303)


def _back(home: str) -> str:
    """The list with the filters it had, as far as the form says so."""
    pairs = [pair for pair in parse_qsl(request.form.get("query", "")) if pair[0] in ("f", "sort", "desc", "search")]
    return f"{home}?{urlencode(pairs)}" if pairs else home


def register(app: Flask) -> None:
    app.register_blueprint(bp)
