"""The preferences of each user for a list: its columns, the filters that always stand above it, and its views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Flask, abort, current_app, flash, redirect, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from werkzeug.datastructures import MultiDict

from customerhub.users.saved_views import can_stop_sharing
from models.base import db
from models.users import ListPreference, SavedView, User
from views.framework.columns import Column
from views.framework.filters import Filter

bp = Blueprint("preferences", __name__, url_prefix="/admin/list")
MAX_ADDRESS_LENGTH = 6000  # of a list; links on its page add to it, and a web server takes 8190 characters at the most
TOO_MANY_FILTERS = "Too many filters for one address, so the whole list is shown. Use fewer or shorter filters."


@dataclass(frozen=True)
class ViewTab:
    """A saved view as one person may use it: `query` is what of it their list can be asked."""

    id: int
    name: str
    query: str
    owner: str
    is_own: bool
    is_shared: bool
    can_stop_sharing: bool


@dataclass(frozen=True)
class ListSettings:
    """The choices of one person for one list."""

    columns: list[str] | None
    filters: list[str] | None = None
    views: Sequence[ViewTab] = ()
    export_presets: Sequence[Mapping[str, Any]] = ()

    def visible_columns(self, columns: Sequence[Column]) -> list[Column]:
        """The columns to show, in the chosen order; the usual ones where nothing was chosen."""
        by_name = {column.name: column for column in columns}
        chosen = [by_name[name] for name in self.columns or [] if name in by_name]
        return chosen or [column for column in columns if column.default_visible]

    def order_columns(self, columns: Sequence[Column]) -> list[Column]:
        """All columns, those shown first and in their order."""
        visible_columns = self.visible_columns(columns)
        names = {column.name for column in visible_columns}
        return [*visible_columns, *(column for column in columns if column.name not in names)]

    def pinned_filters(self, filters: Sequence[Filter]) -> list[Filter]:
        """The filters that stand above the list whether they are in use or not, in the chosen order."""
        by_name = {item.name: item for item in filters}
        return [by_name[name] for name in self.filters or [] if name in by_name]

    def view_tabs(self, screen: str, query: str) -> list[dict[str, Any]]:
        if not self.views:
            return []
        home = url_for(f"{screen}.index_view")
        tabs: list[dict[str, Any]] = [{"label": "All", "url": home, "active": query == "?"}]
        for view in self.views:
            tabs.append(
                {
                    "label": view.name,
                    "url": f"{home}?{view.query}",
                    "active": query == f"?{view.query}",
                    "view": view,
                    "shared_by": view.owner if view.is_shared else None,
                }
            )
        return tabs

    def list_column_choices(self, columns: Sequence[Column]) -> list[tuple[str, str, bool]]:
        """(name, label, whether it is shown) of all columns, those shown first and in their order."""
        return _list_choices(self.visible_columns(columns), columns)

    def list_filter_choices(self, filters: Sequence[Filter]) -> list[tuple[str, str, bool]]:
        """As `list_column_choices`, of all filters."""
        return _list_choices(self.pinned_filters(filters), filters)


def _list_choices(
    chosen: Sequence[Column] | Sequence[Filter], offered: Sequence[Column] | Sequence[Filter]
) -> list[tuple[str, str, bool]]:
    names = [each.name for each in chosen]
    others = [each for each in offered if each.name not in names]
    return [*((each.name, each.label, True) for each in chosen), *((each.name, each.label, False) for each in others)]


def load_settings(view: Any) -> ListSettings:
    """What the person signed in keeps for the list of the screen `view`, and the views that others share with them."""
    actor, screen = view.actor, view.endpoint
    own_user = select(User.id).where(User.id == current_user.id).subquery()
    owner = aliased(User)
    is_offered = or_(SavedView.user_id == own_user.c.id, SavedView.shared_with_id == actor.organisation_id)
    found = db.session.execute(
        select(ListPreference.columns, ListPreference.filters, ListPreference.export_presets, SavedView, owner.name)
        .select_from(own_user)
        .outerjoin(ListPreference, and_(ListPreference.user_id == own_user.c.id, ListPreference.screen == screen))
        .outerjoin(SavedView, and_(is_offered, SavedView.screen == screen))
        .outerjoin(owner, owner.id == SavedView.user_id)
        .order_by(SavedView.shared_with_id.is_(None), SavedView.id)
    ).all()
    if not found:
        return ListSettings(None)
    tabs = [_build_tab(saved_view, name, view) for *_, saved_view, name in found if saved_view is not None]
    return ListSettings(found[0].columns, found[0].filters, tabs, found[0].export_presets or ())


def _build_tab(saved_view: SavedView, owner_name: str, view: Any) -> ViewTab:
    """What this person may not see or filter by is left out."""
    parameters = MultiDict(parse_qsl(saved_view.query))
    return ViewTab(
        id=saved_view.id,
        name=saved_view.name,
        query=view.parse_list_args(parameters).query_string().removeprefix("?"),
        owner=owner_name,
        is_own=saved_view.user_id == current_user.id,
        is_shared=saved_view.shared_with_id is not None,
        can_stop_sharing=can_stop_sharing(saved_view.user_id, view.actor),
    )


def get_screen(name: str) -> Any:
    """The screen called `name`, where this person may open it; ends the request with 404 where not."""
    screens = {view.endpoint: view for view in current_app.extensions["admin"][0]._views if hasattr(view, "columns")}
    if name not in screens or not screens[name].is_accessible():
        abort(404)
    return screens[name]


def list_url(view: Any) -> str:
    return url_for(f"{view.endpoint}.index_view")


@bp.get("/<screen>/columns")
@login_required
def columns_page(screen: str) -> Any:
    """The columns to choose from: a page for browsers without scripts, of which the menu of the list takes its part."""
    view = get_screen(screen)
    return _render_choices(view, "columns", load_settings(view).list_column_choices(view.columns))


@bp.get("/<screen>/filters")
@login_required
def filters_page(screen: str) -> Any:
    """The filters to show above the list, as `columns_page`."""
    view = get_screen(screen)
    return _render_choices(view, "filters", load_settings(view).list_filter_choices(view.filters))


def _render_choices(view: Any, kind: str, choices: list[tuple[str, str, bool]]) -> Any:
    return view.render(
        "screens/columns.html",
        title=view.title,
        kind=kind,
        choices=choices,
        query=view.parse_list_args(request.args).query_string().removeprefix("?"),
        url=url_for(f"preferences.choose_{kind}", screen=view.endpoint),
    )


@bp.post("/<screen>/columns")
@login_required
def choose_columns(screen: str) -> Any:
    view = get_screen(screen)
    return _save_choice(view, "columns", view.columns)


@bp.post("/<screen>/filters")
@login_required
def choose_filters(screen: str) -> Any:
    view = get_screen(screen)
    return _save_choice(view, "filters", view.filters)


def _save_choice(view: Any, kind: str, offered: Sequence[Column] | Sequence[Filter]) -> Any:
    """Keep what was ticked, as far as the list has it, and lead back to the list."""
    requested_names = dict.fromkeys(request.form.getlist(kind.removesuffix("s")))
    known_names = {each.name for each in offered}
    names = None if request.form.get("reset") else [name for name in requested_names if name in known_names] or None
    try:
        _save_preference(current_user.id, view.endpoint, kind, names)
    except IntegrityError:  # the same person chose at the same moment in another window
        db.session.rollback()
        _save_preference(current_user.id, view.endpoint, kind, names)
    return redirect(_return_url(list_url(view)), 303)


def _save_preference(user_id: int, screen: str, kind: str, names: list[str] | None) -> None:
    preference = db.session.get(ListPreference, (user_id, screen)) or ListPreference(user_id=user_id, screen=screen)
    setattr(preference, kind, names)
    db.session.add(preference)
    db.session.commit()


def _return_url(url: str) -> str:
    """The list with the filters it had, as far as the form says so."""
    pairs = [pair for pair in parse_qsl(request.form.get("query", "")) if pair[0] in ("f", "sort", "desc", "search")]
    query = urlencode(pairs)
    return f"{url}?{query}" if 0 < len(query) <= MAX_ADDRESS_LENGTH else url


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
