"""Saving views of a list, sharing, changing and deleting them."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, abort, flash, redirect, request, url_for
from flask_login import login_required
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from customerhub.core.errors import HubError
from customerhub.users import saved_views
from models import SavedView
from models.base import db
from views.framework.list_preferences import MAX_ADDRESS_LENGTH, get_screen, list_url
from views.http.actor import current_actor

bp = Blueprint("saved_views", __name__, url_prefix="/admin/list")


@bp.post("/<screen>/views")
@login_required
def save(screen: str) -> Response:
    """Keep the list as it stands: as a new view, or in the place of the own view that the form names."""
    view = get_screen(screen)
    submitted = MultiDict((key, text) for key, text in request.form.items(multi=True) if "\x00" not in text)
    query = view.parse_list_args(submitted).query_string().removeprefix("?")
    url = f"{list_url(view)}?{query}" if 0 < len(query) <= MAX_ADDRESS_LENGTH else list_url(view)
    if request.form.get("view_id"):
        saved_view = _get_view(request.form.get("view_id", type=int))
        return _answer(
            lambda: saved_views.change_query(saved_view, query, actor=current_actor()),
            url,
            f"View “{saved_view.name}” was updated.",
        )
    name, is_shared = request.form.get("name", ""), "shared" in request.form
    return _answer(
        lambda: saved_views.save_view(screen, name=name, query=query, is_shared=is_shared, actor=current_actor()),
        url,
        f"View “{name.strip()}” was saved.",
    )


@bp.post("/views/<int:view_id>/change")
@login_required
def change(view_id: int) -> Response:
    saved_view = _get_view(view_id)
    name, is_shared = request.form.get("name", ""), "shared" in request.form
    return _answer(
        lambda: saved_views.change_view(saved_view, name=name, is_shared=is_shared, actor=current_actor()),
        _url_of(saved_view),
        f"View “{name.strip()}” was saved.",
    )


@bp.post("/views/<int:view_id>/stop-sharing")
@login_required
def stop_sharing(view_id: int) -> Response:
    saved_view = _get_view(view_id)
    return _answer(
        lambda: saved_views.stop_sharing(saved_view, actor=current_actor()),
        list_url(get_screen(saved_view.screen)),
        f"View “{saved_view.name}” is no longer shared.",
    )


@bp.post("/views/<int:view_id>/delete")
@login_required
def delete(view_id: int) -> Response:
    saved_view = _get_view(view_id)
    return _answer(
        lambda: saved_views.delete_view(saved_view, actor=current_actor()),
        list_url(get_screen(saved_view.screen)),
        f"View “{saved_view.name}” was deleted.",
    )


def _get_view(view_id: int | None) -> SavedView:
    """A view that the actor has or that is shared with them, of a list that they may open; else ends with 404."""
    if view_id is None or not 0 < view_id < 2**63:
        abort(404)
    saved_view = saved_views.get_view(view_id, actor=current_actor())
    get_screen(saved_view.screen)
    return saved_view


def _url_of(saved_view: SavedView) -> str:
    return f"{url_for(f'{saved_view.screen}.index_view')}?{saved_view.query}"


def _answer(run: Callable[[], Any], url: str, message: str) -> Response:
    """Do it, say so or why not, and lead to `url`."""
    try:
        run()
        db.session.commit()
        flash(message, "success")
    except HubError as error:
        db.session.rollback()
        flash(error.message, "error")
    return redirect(url, 303)


def register(app: Flask) -> None:
    app.register_blueprint(bp)
