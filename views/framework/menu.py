"""The menu of every page, and the set-up screens that one entry of it leads to."""

from typing import Any, NamedTuple

from flask import current_app, g, request
from flask_login import current_user

from customerhub.core.capped_counts import format_count
from customerhub.core.permissions import Permission
from customerhub.work.work_list import OwnWork, count_own_work
from views.framework.formatting import get_today
from views.http.actor import current_actor
from views.http.urls import path_of

P = Permission


class MenuEntry(NamedTuple):
    """A page. What there is no page of, or what is not allowed, is not shown; `text` says what a set-up page is for."""

    label: str
    endpoint: str
    icon: str
    permission: Permission
    text: str = ""


SETUP = MenuEntry("Set-up", "setup.index", "settings", P.SETUP_VIEW)

MENU: tuple[tuple[str, tuple[MenuEntry, ...]], ...] = (
    (
        "Customers",
        (
            MenuEntry("Customers", "customers.index_view", "customers", P.CUSTOMERS_VIEW),
            MenuEntry("Quick search", "quick_search.index", "search", P.CUSTOMERS_VIEW),
            MenuEntry("Follow-ups", "notes.due_follow_ups", "calendar", P.CUSTOMERS_VIEW),
            MenuEntry("Groups", "groups.index_view", "groups", P.CUSTOMERS_VIEW),
            MenuEntry("Contracts", "contracts.index_view", "contract", P.CONTRACTS_VIEW),
            MenuEntry("Orders", "orders.index_view", "transfer", P.CONTRACTS_VIEW),
            MenuEntry("Document signatures", "signatures.index_view", "edit", P.SIGNATURES_VIEW),
            MenuEntry("Cases", "cases.my_cases", "inbox", P.CASES_VIEW),
            MenuEntry("Portal users", "portal-users.index_view", "key", P.CUSTOMERS_VIEW),
        ),
    ),
    (
        "Approvals",
        (
            MenuEntry("My tasks", "tasks.my_tasks", "tasks", P.TASKS_WORK),
            MenuEntry("All tasks", "tasks.index_view", "list", P.TASKS_VIEW),
            MenuEntry("Blacklist", "blacklist.index_view", "ban", P.TASKS_VIEW),
            MenuEntry("Alerts", "alerts.index_view", "bell", P.CUSTOMERS_VIEW),
        ),
    ),
    (
        "System",
        (
            SETUP,
            MenuEntry("Outbox", "outbox.index_view", "mail", P.OUTBOX_VIEW),
            MenuEntry("Jobs", "schedule.index", "run", P.JOBS),
            MenuEntry("Imports", "imports.index_view", "upload", P.CUSTOMERS_IMPORT),
            MenuEntry("Exports", "exports.index_view", "download", P.CUSTOMERS_EXPORT),
            MenuEntry("Bulk operations", "operation-runs.index_view", "list", P.CUSTOMERS_VIEW),
            MenuEntry("History", "history.index_view", "history", P.HISTORY_VIEW),
        ),
    ),
)


def _describe(label: str, endpoint: str, icon: str, text: str) -> MenuEntry:
    return MenuEntry(label, endpoint, icon, P.SETUP_VIEW, text)


SETUP_GROUPS: tuple[tuple[str, tuple[MenuEntry, ...]], ...] = (
    (
        "Organisation",
        (
            _describe(
                "Organisation",
                "organisations.index_view",
                "organisation",
                "Name, currency, date format, reminders, signatory and how tasks are assigned.",
            ),
            _describe(
                "Business entities",
                "business-entities.index_view",
                "organisation",
                "Your legal entities that issue invoices, with their bank details and letterhead.",
            ),
            _describe(
                "eSignature",
                "esignature.open_view",
                "edit",
                "The DocuSign account by which NDAs are signed.",
            ),
            _describe(
                "Departments", "departments.index_view", "department", "The departments that customers belong to."
            ),
            MenuEntry(
                "Users", "users.index_view", "users", P.USERS_VIEW, "Accounts of staff and partners, and their roles."
            ),
            _describe(
                "Dealers", "dealers.index_view", "contract", "Partner companies. Their users see their own customers."
            ),
        ),
    ),
    (
        "Customers",
        (
            _describe("Statuses", "statuses.index_view", "flag", "What customers can be, and how each is billed."),
            _describe(
                "Catalogs",
                "catalogs.index_view",
                "catalog",
                "Regions, segments, categories and the other lists that forms choose from.",
            ),
            _describe(
                "Custom fields",
                "custom-fields.index_view",
                "columns",
                "Fields of your own on customers, contracts and invoice profiles.",
            ),
            _describe("Tags", "tags.index_view", "flag", "Coloured labels to find customers by."),
            _describe(
                "Form layouts",
                "form-layouts.index",
                "template",
                "Which fields forms show, where they stand, and which are required.",
            ),
            _describe(
                "Default values",
                "default-values.index_view",
                "template",
                "Named sets of values that fill in the form of a new customer.",
            ),
            _describe(
                "Notification templates",
                "templates.index_view",
                "send",
                "Texts of reminders and messages, with placeholders for each customer.",
            ),
        ),
    ),
    (
        "Products and costs",
        (
            _describe(
                "Cost center",
                "commodities.index_view",
                "cost",
                "Commodities, locations and users to bill, for billing lines.",
            ),
            _describe("Products", "products.index_view", "product", "Numbers and features with their prices."),
            _describe("Tariffs", "tariffs.index_view", "tariff", "Prices per minute by number prefix and start date."),
        ),
    ),
    (
        "Billing",
        (
            _describe(
                "Payment methods", "payment-methods.index_view", "payment", "How customers pay, with default terms."
            ),
            _describe("Payment terms", "payment-terms.index_view", "calendar", "When invoices are due."),
            _describe("VAT rates", "vat-rates.index_view", "charge", "Rates and treatments of VAT."),
            _describe("Invoice types", "invoice-types.index_view", "invoice", "Kinds of invoices that customers get."),
        ),
    ),
)

# Screens that are reached from another one's entry.
PARENT_ENDPOINTS = {"signing-keys": "esignature", "locations": "commodities", "billed-users": "commodities"}


def list_allowed(entries: tuple[MenuEntry, ...]) -> list[MenuEntry]:
    """Those of `entries` that there are and that the person signed in may open."""
    actor, known = current_actor(), current_app.view_functions
    return [entry for entry in entries if entry.endpoint in known and actor.has_permission(entry.permission)]


def build_menu() -> list[dict[str, Any]]:
    """The groups of the menu with their entries; the one of the current page is active."""
    current = _find_current_entry()
    counts = _format_counts()
    return [
        {
            "label": label,
            "items": [
                {
                    "label": entry.label,
                    "url": path_of(entry.endpoint),
                    "icon": entry.icon,
                    "count": counts.get(entry.endpoint),
                    "active": current is not None and (entry == current[1] or (entry == SETUP and current[0] == SETUP)),
                }
                for entry in list_allowed(entries)
            ],
        }
        for label, entries in MENU
    ]


def build_breadcrumbs() -> list[tuple[str, str | None]]:
    """Group, list and record, as far as the address names them."""
    crumbs: list[tuple[str, str | None]] = list(g.get("crumbs") or [])
    current = _find_current_entry()
    if crumbs or current is None:
        return crumbs
    group, entry = current
    if isinstance(group, MenuEntry):
        crumbs.append((group.label, path_of(group.endpoint)))
    elif group != entry.label:
        crumbs.append((group, None))
    crumbs.append((entry.label, path_of(entry.endpoint)))
    return [*crumbs, (g.crumb, None)] if g.get("crumb") else crumbs


def _find_current_entry() -> tuple[str | MenuEntry, MenuEntry] | None:
    """What the current page hangs on, the label of a group or the set-up page, and its entry there."""
    screen = (request.endpoint or "").partition(".")[0]
    screen = PARENT_ENDPOINTS.get(screen, screen)
    groups: list[tuple[str | MenuEntry, tuple[MenuEntry, ...]]] = [
        *MENU,
        *((SETUP, entries) for _, entries in SETUP_GROUPS),
    ]
    for group, entries in groups:
        for entry in entries:
            is_named = entry.endpoint.partition(".")[0] == screen and entry.endpoint in current_app.view_functions
            if is_named and not _is_other_task_list(entry.endpoint):
                return group, entry
    return None


def count_work() -> OwnWork | None:
    """What waits for whoever is signed in, counted once a page; None for those who have no tasks."""
    actor = current_actor()
    if "own_work" not in g:
        may_work = actor.has_permission(P.TASKS_WORK)
        g.own_work = count_own_work(actor, today=get_today()) if may_work else None
    work: OwnWork | None = g.own_work
    return work


def _format_counts() -> dict[str, str | None]:
    """The counts beside the entries of the menu, each of what its list shows."""
    work = count_work()
    if work is None:
        return {}
    return {
        "tasks.my_tasks": format_count(work.tasks),
        "tasks.index_view": format_count(work.open_tasks),
        "notes.due_follow_ups": format_count(work.due_follow_ups),
        "signatures.index_view": format_count(work.waiting_signatures),
        "cases.my_cases": format_count(work.open_cases),
    }


def _is_other_task_list(endpoint: str) -> bool:
    """Of the two entries that lead to one list, whether this is not the one whose rows are shown."""
    if endpoint not in ("tasks.my_tasks", "tasks.index_view"):
        return False
    shows_mine = f"assignee:is:{current_user.id}" in request.args.getlist("f")
    return shows_mine != (endpoint == "tasks.my_tasks")
