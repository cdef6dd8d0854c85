"""All set-up screens in one place."""

from typing import Any

from flask import Blueprint, Flask, abort, render_template
from flask_login import login_required

from customerhub.core.permissions import Permission
from views.framework.menu import SETUP_GROUPS, list_allowed
from views.http.actor import current_actor
from views.http.urls import path_of

bp = Blueprint("setup", __name__, url_prefix="/admin/set-up")


@bp.get("/")
@login_required
def index() -> Any:
    """The set-up screens that the person signed in may open, in groups, each with what it is for."""
    if not current_actor().has_permission(Permission.SETUP_VIEW):
        abort(403)
    groups = [
        (label, [{**entry._asdict(), "url": path_of(entry.endpoint)} for entry in list_allowed(entries)])
        for label, entries in SETUP_GROUPS
    ]
    return render_template("setup/overview.html", title="Set-up", groups=groups)


def register(app: Flask) -> None:
    app.register_blueprint(bp)
