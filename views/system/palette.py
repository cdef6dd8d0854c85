"""The command palette and the keyboard shortcuts: what can be reached by keys alone."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, abort, current_app, jsonify, render_template, url_for
from flask_login import current_user, login_required

from customerhub.core.permissions import Permission
from views.framework.menu import MENU, SETUP_GROUPS, MenuEntry, list_allowed
from views.http.actor import current_actor
from views.http.urls import path_of

bp = Blueprint("palette", __name__, url_prefix="/admin/palette")

# (heading, [(keys, what they do, whether it is one key alone, which the profile turns off)])
SHORTCUTS: tuple[tuple[str, tuple[tuple[str, str, bool], ...]], ...] = (
    (
        "Everywhere",
        (
            ("Ctrl K", "Open the command palette", False),
            ("/", "Go to SmartSearch", True),
            ("?", "Show these shortcuts", True),
            ("Esc", "Close a menu or dialog", False),
        ),
    ),
    (
        "In a list",
        (
            ("n", "Add a record", True),
            ("l", "Go to the list", True),
            ("j", "Next row", True),
            ("k", "Previous row", True),
            ("Enter", "Open the row", False),
            ("x", "Select the row", True),
            ("b", "Go to the actions for the selected rows", True),
            ("f", "Search in the list", True),
        ),
    ),
    (
        "On a record",
        (
            ("e", "Edit", True),
            ("a", "Open the actions", True),
            ("j", "Next record", True),
            ("k", "Previous record", True),
            ("u", "Back to the list", True),
        ),
    ),
    (
        "In a form",
        (
            ("Ctrl S", "Save", False),
            ("Ctrl Enter", "Save", False),
        ),
    ),
)


def _require_staff() -> None:
    if not current_actor().has_permission(Permission.STAFF_HOME):
        abort(403)


@bp.get("/")
@login_required
def list_entries() -> Any:
    """Pages and actions that the person signed in may open, as JSON: [{group, label, sub, url}]."""
    _require_staff()
    return jsonify([*_list_pages(), *_list_actions()])


def _list_pages() -> Iterator[dict[str, Any]]:
    groups: list[tuple[str, tuple[MenuEntry, ...]]] = [*MENU, *(("Set-up", entries) for _, entries in SETUP_GROUPS)]
    for group, entries in groups:
        for entry in list_allowed(entries):
            sub = group if group != entry.label else ""
            yield {"group": "Pages", "label": entry.label, "sub": sub, "url": path_of(entry.endpoint)}
    for label, endpoint in (
        ("Home", "home.home"),
        ("My profile", "profile.edit_profile"),
        ("Change password", "profile.change_password"),
        ("Keyboard shortcuts", "palette.shortcuts"),
    ):
        yield {"group": "Pages", "label": label, "sub": "", "url": path_of(endpoint)}


def _list_actions() -> Iterator[dict[str, Any]]:
    for view in current_app.extensions["admin"][0]._views:
        if hasattr(view, "columns") and view.is_accessible() and view.can_create:
            url = url_for(f"{view.endpoint}.create_view")
            yield {"group": "Actions", "label": f"Add {view.noun}", "sub": "", "url": url}
    if current_actor().has_permission(Permission.CUSTOMERS_IMPORT):
        url = url_for("imports.upload")
        yield {"group": "Actions", "label": "Import customers from Excel", "sub": "", "url": url}


@bp.get("/shortcuts")
@login_required
def shortcuts() -> Any:
    """The keyboard shortcuts: a page of its own, of which the dialog takes its part."""
    _require_staff()
    return render_template(
        "system/shortcuts.html",
        title="Keyboard shortcuts",
        groups=SHORTCUTS,
        are_single_keys_on=current_user.single_key_shortcuts,
    )


def register(app: Flask) -> None:
    app.register_blueprint(bp)
