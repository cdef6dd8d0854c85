"""The preferences of each user for a list: its columns and saved views."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Flask, abort, current_app, flash, redirect, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import and_, delete, select
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict

from customerhub.core.errors import Invalid
from customerhub.core.validation import clean_text
from models.base import db
from models.users import ListPreference, SavedView, User
from views.framework.columns import Column

bp = Blueprint("preferences", __name__, url_prefix="/admin/list")
MAX_VIEWS = 20
MAX_QUERY_LENGTH = 2000
MAX_ADDRESS_LENGTH = 6000  # of a list; links on its page add to it, and a web server takes 8190 characters at the most
TOO_MANY_FILTERS = "Too many filters for one address, so the whole list is shown. Use fewer or shorter filters."


@dataclass(frozen=True)
class ListSettings:
    """The choices of one person for one list."""

    columns: list[str] | None
    views: Sequence[Any]  # id, name and query of each

    def visible_columns(self, columns: Sequence[Column]) -> list[Column]:
        """The columns to show, in the chosen order; the usual ones where nothing was chosen."""
        by_name = {column.name: column for column in columns}
        chosen = [by_name[name] for name in self.columns or [] if name in by_name]
        return chosen or [column for column in columns if column.default_visible]

    def view_tabs(self, screen: str, query: str) -> list[dict[str, Any]]:
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

    def list_column_choices(self, columns: Sequence[Column]) -> list[tuple[str, str, bool]]:
        """(name, label, whether it is shown) of all columns, those shown first and in their order."""
        visible_names = [column.name for column in self.visible_columns(columns)]
        hidden_names = [column.name for column in columns if column.name not in visible_names]
        labels = {column.name: column.label for column in columns}
        return [(name, labels[name], name in visible_names) for name in [*visible_names, *hidden_names]]


def load_settings(user_id: int, screen: str) -> ListSettings:
    """What a person keeps for a list."""
    own_user = select(User.id).where(User.id == user_id).subquery()
    found = db.session.execute(
        select(ListPreference.columns, SavedView.id, SavedView.name, SavedView.query)
        .select_from(own_user)
        .outerjoin(ListPreference, and_(ListPreference.user_id == own_user.c.id, ListPreference.screen == screen))
        .outerjoin(SavedView, and_(SavedView.user_id == own_user.c.id, SavedView.screen == screen))
        .order_by(SavedView.id)
    ).all()
    return ListSettings(found[0].columns if found else None, [view for view in found if view.id is not None])


def _get_screen(name: str) -> Any:
    """The screen called `name`, where this person may open it; ends the request with 404 where not."""
    screens = {view.endpoint: view for view in current_app.extensions["admin"][0]._views if hasattr(view, "columns")}
    if name not in screens or not screens[name].is_accessible():
        abort(404)
    return screens[name]


def _list_url(view: Any) -> str:
    return url_for(f"{view.endpoint}.index_view")


@bp.get("/<screen>/columns")
@login_required
def columns_page(screen: str) -> Any:
    """The columns to choose from: a page for browsers without scripts, of which the menu of the list takes its part."""
    view = _get_screen(screen)
    args = view.parse_list_args(request.args)
    return view.render(
        "screens/columns.html",
        title=view.title,
        choices=load_settings(current_user.id, screen).list_column_choices(view.columns),
        query=args.query_string().removeprefix("?"),
        url=url_for("preferences.choose_columns", screen=screen),
    )


@bp.post("/<screen>/columns")
@login_required
def choose_columns(screen: str) -> Any:
    view = _get_screen(screen)
    requested_names = dict.fromkeys(request.form.getlist("column"))
    known_names = {column.name for column in view.columns}
    names = None if request.form.get("reset") else [name for name in requested_names if name in known_names] or None
    try:
        _save_columns(current_user.id, screen, names)
    except IntegrityError:  # the same person chose at the same moment in another window
        db.session.rollback()
        _save_columns(current_user.id, screen, names)
    return redirect(_return_url(_list_url(view)), 303)


def _save_columns(user_id: int, screen: str, names: list[str] | None) -> None:
    preference = db.session.get(ListPreference, (user_id, screen)) or ListPreference(user_id=user_id, screen=screen)
    preference.columns = names
    db.session.add(preference)
    db.session.commit()


@bp.post("/<screen>/views")
@login_required
def save_view(screen: str) -> Any:
    view = _get_screen(screen)
    submitted = MultiDict((key, text) for key, text in request.form.items(multi=True) if "\x00" not in text)
    query = view.parse_list_args(submitted).query_string().removeprefix("?")
    response = redirect(f"{_list_url(view)}?{query}" if 0 < len(query) <= MAX_ADDRESS_LENGTH else _list_url(view), 303)
    try:
        name = clean_text(request.form.get("name", ""), max_length=60)
    except Invalid as error:
        flash(error.message, "error")
        return response
    if name is None or not query:
        flash("Filter or sort the list first, then enter a name for the view.", "warning")
        return response
    if len(query) > MAX_QUERY_LENGTH:
        flash("Too many filters for one view.", "warning")
        return response
    if len(load_settings(current_user.id, screen).views) >= MAX_VIEWS:
        flash(f"You can save up to {MAX_VIEWS} views. Delete one first.", "warning")
        return response
    db.session.add(SavedView(user_id=current_user.id, screen=screen, name=name, query=query))
    try:
        db.session.commit()
        flash(f"View “{name}” was saved.", "success")
    except IntegrityError:
        db.session.rollback()
        flash(f"You already have a view named “{name}”.", "error")
    return response


@bp.post("/views/<int:view_id>/delete")
@login_required
def delete_view(view_id: int) -> Any:
    saved_view = db.session.get(SavedView, view_id) if view_id < 2**63 else None
    if saved_view is None or saved_view.user_id != current_user.id:
        abort(404)
    view = _get_screen(saved_view.screen)
    db.session.execute(delete(SavedView).where(SavedView.id == view_id))
    db.session.commit()
    return redirect(_list_url(view), 303)


def _return_url(list_url: str) -> str:
    """The list with the filters it had, as far as the form says so."""
    pairs = [pair for pair in parse_qsl(request.form.get("query", "")) if pair[0] in ("f", "sort", "desc", "search")]
    query = urlencode(pairs)
    return f"{list_url}?{query}" if 0 < len(query) <= MAX_ADDRESS_LENGTH else list_url


def redirect_long_query() -> Any:
    """To the whole list, where its address is so long that links on its page could not be followed."""
    is_list = (request.endpoint or "").endswith(".index_view") and request.method in ("GET", "HEAD")
    if not is_list or len(request.query_string) <= MAX_ADDRESS_LENGTH:
        return None
    if current_user.is_authenticated:
        flash(TOO_MANY_FILTERS, "warning")
    return redirect(request.path, 303)


def register(app: Flask) -> None:
    app.before_request(redirect_long_query)
    app.register_blueprint(bp)
