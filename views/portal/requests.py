"""What the pages of the portal share: who asks, and the menu."""

from typing import Any

from flask import Blueprint, abort, url_for
from flask_login import current_user

from customerhub.core.permissions import Actor, Permission, has_portal_permission
from models.enums import PortalPermission
from views.http.actor import current_actor

bp = Blueprint("portal", __name__, url_prefix="/portal")


def require_portal_user() -> Actor:
    """Who asks; ends the request with 403 where they are no portal user."""
    actor = current_actor()
    if not actor.has_permission(Permission.PORTAL):
        abort(403)
    return actor


def can_see(ability: PortalPermission) -> bool:
    """Whether the signed-in portal user has an ability."""
    return has_portal_permission(current_user, ability)


def build_menu(active: str) -> list[dict[str, Any]]:
    """The pages that the signed-in portal user may open; nothing where there is only one."""
    if not can_see(PortalPermission.CASES):
        return []
    entries = (("home", "Home", url_for("portal.home")), ("cases", "Cases", url_for("portal.list_cases")))
    return [{"label": label, "url": url, "active": name == active} for name, label, url in entries]
