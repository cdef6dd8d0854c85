"""The frame around every page: menu, breadcrumb, user menu."""

from typing import Any

from flask import Flask, current_app, g, get_flashed_messages, request
from flask_login import current_user
from sqlalchemy import select

from customerhub.approvals.task_queue import MOST_COUNTED, count_waiting_tasks
from customerhub.core.disk_space import describe_shortage
from customerhub.core.permissions import Permission
from models import Organisation
from models.base import db
from models.enums import Role
from views.framework import form_controls, html
from views.framework.formatting import _current_organisation, set_formats
from views.framework.labels import member_label
from views.http.actor import current_actor
from views.http.static_files import static_file
from views.http.urls import path_of

P = Permission

# (group, [(label, endpoint, icon, permission)]). What is not there yet, or not allowed, is not shown.
MENU: tuple[tuple[str, tuple[tuple[str, str, str, Permission], ...]], ...] = (
    (
        "Customers",
        (
            ("Customers", "customers.index_view", "customers", P.CUSTOMERS_VIEW),
            ("Groups", "groups.index_view", "groups", P.CUSTOMERS_VIEW),
            ("Contracts", "contracts.index_view", "contract", P.CONTRACTS_VIEW),
            ("Orders", "orders.index_view", "transfer", P.CONTRACTS_VIEW),
            ("Portal users", "portal-users.index_view", "key", P.CUSTOMERS_VIEW),
        ),
    ),
    (
        "Approvals",
        (
            ("My tasks", "tasks.my_tasks", "tasks", P.TASKS_WORK),
            ("All tasks", "tasks.index_view", "list", P.TASKS_VIEW),
            ("Blacklist", "blacklist.index_view", "ban", P.TASKS_VIEW),
            ("Alerts", "alerts.index_view", "bell", P.CUSTOMERS_VIEW),
        ),
    ),
    (
        "Set-up",
        (
            ("Organisation", "organisations.index_view", "organisation", P.SETUP_VIEW),
            ("Business entities", "business-entities.index_view", "organisation", P.SETUP_VIEW),
            ("Catalogs", "catalogs.index_view", "catalog", P.SETUP_VIEW),
            ("Departments", "departments.index_view", "department", P.SETUP_VIEW),
            ("Cost center", "commodities.index_view", "cost", P.SETUP_VIEW),
            ("Statuses", "statuses.index_view", "flag", P.SETUP_VIEW),
            ("Notification templates", "templates.index_view", "send", P.SETUP_VIEW),
            ("Products", "products.index_view", "product", P.SETUP_VIEW),
            ("Tariffs", "tariffs.index_view", "tariff", P.SETUP_VIEW),
            ("Payment methods", "payment-methods.index_view", "payment", P.SETUP_VIEW),
            ("Payment terms", "payment-terms.index_view", "calendar", P.SETUP_VIEW),
            ("VAT rates", "vat-rates.index_view", "charge", P.SETUP_VIEW),
            ("Invoice types", "invoice-types.index_view", "invoice", P.SETUP_VIEW),
            ("Default values", "default-values.index_view", "template", P.SETUP_VIEW),
            ("Custom fields", "custom-fields.index_view", "columns", P.SETUP_VIEW),
            ("Dealers", "dealers.index_view", "contract", P.SETUP_VIEW),
            ("Users", "users.index_view", "users", P.USERS_VIEW),
        ),
    ),
    (
        "System",
        (
            ("Outbox", "outbox.index_view", "mail", P.OUTBOX_VIEW),
            ("Jobs", "schedule.index", "run", P.JOBS),
            ("Imports", "imports.index_view", "upload", P.CUSTOMERS_IMPORT),
            ("Exports", "exports.index_view", "download", P.CUSTOMERS_EXPORT),
            ("History", "history.index_view", "history", P.HISTORY_VIEW),
        ),
    ),
)


def _build_menu() -> list[dict[str, Any]]:
    actor = current_actor()
    endpoint = (request.endpoint or "").partition(".")[0]
    view_functions = current_app.view_functions
    groups = []
    counts = _count_tasks() if actor.has_permission(P.TASKS_WORK) else {}
    for label, entries in MENU:
        items = [
            {
                "label": text,
                "url": path_of(target),
                "icon": icon,
                "count": counts.get(target),
                "active": _menu_endpoint(endpoint) == target.partition(".")[0] and not _is_other_task_list(target),
            }
            for text, target, icon, permission in entries
            if target in view_functions and actor.has_permission(permission)
        ]
        groups.append({"label": label, "items": items})
    return groups


def _count_tasks() -> dict[str, str | None]:
    """The counts beside the entries of the menu: my open tasks, and unassigned ones."""
    mine, unassigned = count_waiting_tasks(current_actor())
    return {
        target: f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count or "") or None
        for target, count in (("tasks.my_tasks", mine), ("tasks.index_view", unassigned))
    }


def _is_other_task_list(target: str) -> bool:
    """Of the two entries that lead to one list, whether this is not the one whose rows are shown."""
    if target not in ("tasks.my_tasks", "tasks.index_view"):
        return False
    shows_mine = f"assignee:is:{current_user.id}" in request.args.getlist("f")
    return shows_mine != (target == "tasks.my_tasks")


# Screens that are reached from another one's menu entry.
PARENT_ENDPOINTS = {"locations": "commodities", "billed-users": "commodities"}


def _menu_endpoint(endpoint: str) -> str:
    return PARENT_ENDPOINTS.get(endpoint, endpoint)


def home_url() -> str:
    """Where the signed-in person starts."""
    home_endpoints = {Role.PARTNER: "partner.home", Role.CUSTOMER: "portal.home"}
    return path_of(home_endpoints.get(current_user.role, "home.home"))


def _build_breadcrumbs() -> list[tuple[str, str | None]]:
    """Group, list and record, as far as the address names them."""
    crumbs: list[tuple[str, str | None]] = list(g.get("crumbs") or [])
    if crumbs:
        return crumbs
    endpoint = _menu_endpoint((request.endpoint or "").partition(".")[0])
    for label, entries in MENU:
        for text, target, _, _ in entries:
            is_current = target.partition(".")[0] == endpoint and target in current_app.view_functions
            if is_current and not _is_other_task_list(target):
                record_crumb: list[tuple[str, str | None]] = [(g.crumb, None)] if g.get("crumb") else []
                group: list[tuple[str, str | None]] = [] if label == text else [(label, None)]
                return [*group, (text, path_of(target)), *record_crumb]
    return []


def _layout_context() -> dict[str, Any]:
    signed_in = current_user.is_authenticated
    user, menu, organisations, is_staff = None, [], [], False
    organisation = _current_organisation() if signed_in else None
    if signed_in:
        is_staff = current_actor().has_permission(P.STAFF_HOME)
        initials = "".join(word[0] for word in current_user.name.split()[:2]).upper() or "?"
        user = {
            "name": current_user.name,
            "email": current_user.email,
            "role": member_label(current_user.role),
            "initials": initials,
        }
        menu = _build_menu() if is_staff else []
        organisations = _list_organisations() if current_user.platform else []
    return {
        "product": "Customer Hub",
        "home": home_url() if signed_in else "/",
        "menu": menu,
        "crumbs": _build_breadcrumbs() if is_staff else [],
        "user": user,
        "portal": signed_in and not is_staff,
        "organisation": organisation.name if organisation else "",
        "warnings": _list_warnings() if is_staff else [],
        "organisations": organisations,
        "switch_url": path_of("home.switch_organisation") if organisations else None,
        "links": {
            "profile": path_of("profile.edit_profile"),
            "password": path_of("profile.change_password"),
            "sign_out": path_of("sign_in.sign_out"),
            "search": path_of("search.results") if is_staff else None,
            "suggest": path_of("search.suggest") if is_staff else None,
        }
        if signed_in
        else {},
        "query": request.args.get("q", ""),
    }


def _list_warnings() -> list[dict[str, str]]:
    """What whoever looks after this installation should know, behind the bell of every page."""
    shortage = describe_shortage(current_app.config["HUB"])
    if shortage is None or not current_actor().has_permission(P.JOBS):
        return []
    return [{"text": shortage, "url": path_of("schedule.index")}]


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
