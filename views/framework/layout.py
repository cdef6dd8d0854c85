"""The frame around every page: menu, search, user menu."""

from typing import Any

from flask import Flask, current_app, get_flashed_messages, request
from flask_login import current_user
from sqlalchemy import select

from customerhub.core.capped_counts import format_count
from customerhub.core.disk_space import describe_shortage
from customerhub.core.permissions import Permission
from models import Organisation
from models.base import db
from models.enums import Role
from views.framework import form_controls, html
from views.framework.formatting import _current_organisation, set_formats
from views.framework.labels import member_label
from views.framework.menu import build_breadcrumbs, build_menu, count_work
from views.http.actor import current_actor
from views.http.static_files import static_file
from views.http.urls import path_of


def home_url() -> str:
    """Where the signed-in person starts."""
    home_endpoints = {Role.PARTNER: "partner.home", Role.CUSTOMER: "portal.home"}
    return path_of(home_endpoints.get(current_user.role, "home.home"))


def _layout_context() -> dict[str, Any]:
    signed_in = current_user.is_authenticated
    is_staff = signed_in and current_actor().has_permission(Permission.STAFF_HOME)
    organisation = _current_organisation() if signed_in else None
    organisations = _list_organisations() if signed_in and current_user.platform else []
    return {
        "product": "Customer Hub",
        "home": home_url() if signed_in else "/",
        "menu": build_menu() if is_staff else [],
        "crumbs": build_breadcrumbs() if is_staff else [],
        "user": _describe_user() if signed_in else None,
        "portal": signed_in and not is_staff,
        "organisation": organisation.name if organisation else "",
        "warnings": _list_warnings() if is_staff else [],
        "bell": _describe_bell() if is_staff else None,
        "organisations": organisations,
        "switch_url": path_of("home.switch_organisation") if organisations else None,
        "links": _list_links(is_staff=is_staff) if signed_in else {},
        "query": request.args.get("q", ""),
    }


def _describe_user() -> dict[str, Any]:
    return {
        "name": current_user.name,
        "email": current_user.email,
        "role": member_label(current_user.role),
        "initials": "".join(word[0] for word in current_user.name.split()[:2]).upper() or "?",
        "single_key_shortcuts": current_user.single_key_shortcuts,
    }


def _list_links(*, is_staff: bool) -> dict[str, str | None]:
    """What the frame leads to; the pages of staff are None for others."""
    return {
        "profile": path_of("profile.edit_profile"),
        "password": path_of("profile.change_password"),
        "sign_out": path_of("sign_in.sign_out"),
        "search": path_of("search.results") if is_staff else None,
        "suggest": path_of("search.suggest") if is_staff else None,
        "palette": path_of("palette.list_entries") if is_staff else None,
        "shortcuts": path_of("palette.shortcuts") if is_staff else None,
    }


def _list_warnings() -> list[dict[str, str]]:
    """What whoever looks after this installation should know, beside the bell of every page."""
    shortage = describe_shortage(current_app.config["HUB"])
    if shortage is None or not current_actor().has_permission(Permission.JOBS):
        return []
    return [{"text": shortage, "url": path_of("schedule.index")}]


def _describe_bell() -> dict[str, Any] | None:
    """How much of what waits for the user is new, since when, and where it is; None where there is no such page."""
    work = count_work()
    if work is None or "work.see_work" not in current_app.view_functions:
        return None
    return {
        "url": path_of("work.see_work"),
        "count": format_count(work.unread),
        "since": work.seen_at.isoformat() if work.seen_at else "",
    }


def _list_organisations() -> list[tuple[int, str, bool]]:
    current_id = current_actor().organisation_id
    rows = db.session.execute(select(Organisation.id, Organisation.name).order_by(Organisation.name))
    return [(key, name, key == current_id) for key, name in rows]


def register(app: Flask) -> None:
    app.jinja_env.globals.update(
        static_file=static_file,
        icon=html.bind_icons(app),
        chip=html.render_chip,
        value=html.render_value,
        cell=html.render_cell,
        cells=html.render_cells,
        controls=form_controls,
    )
    app.jinja_env.trim_blocks = False
    app.before_request(set_formats)

    @app.context_processor
    def add_layout_context() -> dict[str, Any]:
        return {"frame": _layout_context(), "messages": get_flashed_messages(with_categories=True)}
