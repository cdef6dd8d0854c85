"""The frame around every page: menu, breadcrumb, user menu."""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, get_flashed_messages, request
from flask_login import current_user
from sqlalchemy import select

from customerhub.approvals.tasks import MOST_COUNTED, waiting
from customerhub.formats import DATE_PATTERNS
from customerhub.permissions import Permission
from models import Organisation
from models.base import db
from models.enums import Role
from views import controls, markup
from views.actor import current_actor
from views.columns import Format
from views.paths import path_of
from views.static_files import static_file
from views.words import word

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
            ("My tasks", "tasks.mine", "tasks", P.TASKS_WORK),
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


def _menu() -> list[dict[str, Any]]:
    actor = current_actor()
    endpoint = (request.endpoint or "").partition(".")[0]
    known = current_app.view_functions
    groups = []
    counts = _counts() if actor.may(P.TASKS_WORK) else {}
    for label, entries in MENU:
        items = [
            {
                "label": text,
                "url": path_of(target),
                "icon": icon,
                "count": counts.get(target),
                "active": _section_of(endpoint) == target.partition(".")[0] and not _is_elsewhere(target),
            }
            for text, target, icon, permission in entries
            if target in known and actor.may(permission)
        ]
        groups.append({"label": label, "items": items})
    return groups


def _counts() -> dict[str, str | None]:
    """What waits behind the entries of the menu: my open tasks, and those that nobody has."""
    mine, free = waiting(current_actor())
    return {
        target: f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count or "") or None
        for target, count in (("tasks.mine", mine), ("tasks.index_view", free))
    }


def _is_elsewhere(target: str) -> bool:
    """Of the two entries that lead to one list, whether this is not the one whose rows are shown."""
    if target not in ("tasks.mine", "tasks.index_view"):
        return False
    shows_mine = f"assignee:is:{current_user.id}" in request.args.getlist("f")
    return shows_mine != (target == "tasks.mine")


# Screens that are reached from another one's menu entry.
SECTIONS = {"locations": "commodities", "billed-users": "commodities"}


def _section_of(endpoint: str) -> str:
    return SECTIONS.get(endpoint, endpoint)


def home_url() -> str:
    """Where the signed-in person starts."""
    starts = {Role.PARTNER: "partner.home", Role.CUSTOMER: "portal.home"}
    return path_of(starts.get(current_user.role, "home.home"))


def _crumbs() -> list[tuple[str, str | None]]:
    """Group, list and record, as far as the address tells."""
    crumbs: list[tuple[str, str | None]] = list(g.get("crumbs") or [])
    if crumbs:
        return crumbs
    endpoint = _section_of((request.endpoint or "").partition(".")[0])
    for label, entries in MENU:
        for text, target, _, _ in entries:
            is_it = target.partition(".")[0] == endpoint and target in current_app.view_functions
            if is_it and not _is_elsewhere(target):
                here: list[tuple[str, str | None]] = [(g.crumb, None)] if g.get("crumb") else []
                group: list[tuple[str, str | None]] = [] if label == text else [(label, None)]
                return [*group, (text, path_of(target)), *here]
    return []


def _frame() -> dict[str, Any]:
    signed_in = current_user.is_authenticated
    user, menu, organisations, staff = None, [], [], False
    organisation = _organisation() if signed_in else None
    if signed_in:
        staff = current_actor().may(P.STAFF_HOME)
        initials = "".join(word[0] for word in current_user.name.split()[:2]).upper() or "?"
        user = {"name": current_user.name, "email": current_user.email, "role": word(current_user.role),
                "initials": initials}  # fmt: skip
        menu = _menu() if staff else []
        organisations = _organisations() if current_user.platform else []
    return {
        "product": "Customer Hub",
        "home": home_url() if signed_in else "/",
        "menu": menu,
        "crumbs": _crumbs() if staff else [],
        "user": user,
        "portal": signed_in and not staff,
        "organisation": organisation.name if organisation else "",
        "organisations": organisations,
        "switch_url": path_of("home.switch_organisation") if organisations else None,
        "links": {
            "profile": path_of("profile.profile"),
            "password": path_of("profile.password"),
            "sign_out": path_of("sign_in.sign_out"),
            "search": path_of("search.results") if staff else None,
            "suggest": path_of("search.suggest") if staff else None,
        }
        if signed_in
        else {},
        "query": request.args.get("q", ""),
    }


def _organisation() -> Organisation | None:
    """The organisation this request works in, read once."""
    if "organisation" not in g:
        g.organisation = db.session.get(Organisation, current_actor().organisation_id)
    found: Organisation | None = g.organisation
    return found


def _organisations() -> list[tuple[int, str, bool]]:
    chosen = current_actor().organisation_id
    rows = db.session.execute(select(Organisation.id, Organisation.name).order_by(Organisation.name))
    return [(key, name, key == chosen) for key, name in rows]


def set_formats() -> None:
    """Dates, money and times of this request are written as its organisation does."""
    if request.endpoint == "static" or not current_user.is_authenticated:
        return
    organisation = _organisation()
    if organisation is not None:
        use_formats(organisation)


def use_formats(organisation: Organisation) -> None:
    """Write dates, money and times as `organisation` does, until the request or job ends."""
    g.formats = Format(DATE_PATTERNS[organisation.date_format], organisation.currency, ZoneInfo(organisation.timezone))


def register(app: Flask) -> None:
    app.jinja_env.globals.update(static_file=static_file, markup=markup, controls=controls)
    app.jinja_env.trim_blocks = False
    app.before_request(set_formats)

    @app.context_processor
    def frame() -> dict[str, Any]:
        return {"frame": _frame(), "messages": get_flashed_messages(with_categories=True)}

    @app.after_request
    def keep_static(response: Any) -> Any:
        if request.endpoint == "static" and "v" in request.args:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
