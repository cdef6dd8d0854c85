"""The tabs of a customer's record: which there are, how much is behind each, and what each shows."""

from collections.abc import Callable
from typing import Any

from flask import request, url_for

from customerhub.core.permissions import Actor, Permission
from customerhub.core.references import pluralize
from customerhub.customers.alerts import EXPIRES_SOON_DAYS
from customerhub.customers.form_layout import CUSTOMER_FORM
from models import (
    Account,
    Alert,
    ApprovalTask,
    Attachment,
    BillingLine,
    ComplianceDocument,
    Customer,
    CustomerCase,
    InvoiceProfile,
    User,
)
from models.custom_fields import load_custom_values
from views.activity.attachments import add_attachments
from views.activity.feed import build_panel as build_feed_panel
from views.approvals import customer_tab as approvals_tab
from views.approvals.alerts import RAISE
from views.approvals.blacklist import REQUEST
from views.cases import customer_tab as cases_tab
from views.cells.customers import find_form_url
from views.contracts import customer_tab as contracts_tab
from views.customers import reviews
from views.customers.form import INLINES
from views.customers.record_facts import RecordFacts
from views.framework.custom_values import list_fields
from views.framework.display import display_value, table_of
from views.framework.eager_loading import load_relations
from views.framework.edit_page import DetailsPage
from views.framework.form_layouts import get_layout
from views.framework.formatting import format_date, get_today
from views.framework.uploads import file_link as find_file_link
from views.notifications import customer_tab as messages_tab
from views.signing import customer_tab as signatures_tab
from views.users import customer_tab as portal_tab


def build_tabs(row: Customer, active: str, facts: RecordFacts, actor: Actor) -> list[dict[str, Any]]:
    """The tabs of the record, with how much is behind each."""
    counts = facts.counts
    tab_entries = [
        ("", "Overview", None),
        ("activity", "Activity", None),
        ("contracts", "Contracts", facts.contract_count),
        ("profiles", "Invoice profiles", counts[InvoiceProfile]),
        ("billing-lines", "Billing lines", counts[BillingLine]),
        ("accounts", "Accounts", counts[Account]),
        ("compliance", "Compliance", counts[ComplianceDocument]),
        ("reviews", "Reviews", None),
        ("attachments", "Attachments", counts[Attachment]),
        ("cases", "Cases", counts[CustomerCase]),
        ("alerts", "Alerts", counts[Alert]),
        ("tasks", "Tasks", counts[ApprovalTask]),
        ("portal", "Portal users", counts[User]),
    ]
    tab_entries.append(("messages", "Messages", None))
    if actor.has_permission(Permission.HISTORY_VIEW):
        tab_entries.append(("history", "History", None))
    record_url = url_for("customers.details_view")
    return [
        {
            "name": name,
            "label": label,
            "count": count,
            "active": name == active,
            "url": f"{record_url}?id={row.id}" + (f"&tab={name}" if name else ""),
        }
        for name, label, count in tab_entries
    ]


def _fill_activity(page: DetailsPage, row: Customer, view: Any) -> None:
    page.panel = build_feed_panel(row, request.args, actor=view.actor)
    page.scripts = ["js/form.js", "js/mentions.js"]


def _fill_attachments(page: DetailsPage, row: Customer, view: Any) -> None:
    add_attachments(page, row.id, actor=view.actor)


def _fill_contracts(page: DetailsPage, row: Customer, view: Any) -> None:
    page.tables = contracts_tab.build_tables(row, view.actor)


def _fill_profiles(page: DetailsPage, row: Customer, view: Any) -> None:
    signatures = signatures_tab.build_table(row, view.actor)
    page.tables = [_profiles_table(row, view.actor), *([signatures] if signatures else [])]


def _fill_billing_lines(page: DetailsPage, row: Customer, view: Any) -> None:
    inline = next(each for each in INLINES if each.name == "billing_lines")
    links = _add_links(row, "billing_lines", "billing line", view.actor)
    page.tables = [{**table_of(row, inline), **links}]


def _fill_accounts(page: DetailsPage, row: Customer, view: Any) -> None:
    page.tables = [contracts_tab.build_accounts_table(row, find_form_url(row.id, "accounts", view.actor))]


def _fill_compliance(page: DetailsPage, row: Customer, view: Any) -> None:
    page.tables = [_compliance_table(row, view.actor)]


def _fill_reviews(page: DetailsPage, row: Customer, view: Any) -> None:
    page.tables = reviews.build_tables(row, view.operation_url(reviews.RECORD.name, [row.id]))


def _fill_cases(page: DetailsPage, row: Customer, view: Any) -> None:
    page.tables = [cases_tab.build_table(row, view.actor)]


def _fill_alerts(page: DetailsPage, row: Customer, view: Any) -> None:
    """With where to raise an alert and to request blacklisting, where that can be done now."""
    available_names = {operation.name for operation in view.available_operations(row)}
    raise_url, request_url = (
        view.operation_url(each.name, [row.id]) if each.name in available_names else None for each in (RAISE, REQUEST)
    )
    page.tables = approvals_tab.build_alerts_tables(row, raise_url, request_url)


def _fill_tasks(page: DetailsPage, row: Customer, _view: Any) -> None:
    page.tables = [approvals_tab.build_tasks_table(row)]


def _fill_portal(page: DetailsPage, row: Customer, view: Any) -> None:
    portal_tab.fill_portal_tab(page, row, view.actor)


def _fill_messages(page: DetailsPage, row: Customer, view: Any) -> None:
    page.tables = messages_tab.build_tables(row, view.actor)


TAB_FILLERS: dict[str, Callable[[DetailsPage, Customer, Any], None]] = {
    "activity": _fill_activity,
    "attachments": _fill_attachments,
    "contracts": _fill_contracts,
    "profiles": _fill_profiles,
    "billing-lines": _fill_billing_lines,
    "accounts": _fill_accounts,
    "compliance": _fill_compliance,
    "reviews": _fill_reviews,
    "cases": _fill_cases,
    "alerts": _fill_alerts,
    "tasks": _fill_tasks,
    "portal": _fill_portal,
    "messages": _fill_messages,
}


def _add_links(row: Customer, list_name: str, noun: str, actor: Actor) -> dict[str, Any]:
    """The way to the tab of the form where one is added: above the rows, or in the place of them."""
    url = find_form_url(row.id, list_name, actor)
    action = {"label": f"Add {noun}", "url": url} if url else None
    is_on_form = get_layout(CUSTOMER_FORM).find_section(list_name) is not None
    text = "Add them on the customer's form." if is_on_form else "The customer's form does not show them."
    empty = {"title": f"No {pluralize(noun)} yet", "text": text, "action": action}
    return {"more_url": url if getattr(row, list_name) else None, "more_label": f"Add {noun}", "empty": empty}


def _file_cell(file_id: int | None) -> Any:
    file_link = find_file_link(file_id) if file_id else None
    return {"text": file_link["name"], "url": file_link["url"], "sub": file_link["size"]} if file_link else None


def _compliance_table(row: Customer, actor: Actor) -> dict[str, Any]:
    return {
        "title": "Compliance documents",
        "columns": [{"label": label} for label in ("Certificate", "Expires", "Reviewer", "Template", "File")],
        "rows": [
            [
                document.certificate,
                expiry_chip(document),
                document.reviewer_email,
                document.template.name if document.template else None,
                _file_cell(document.file_id),
            ]
            for document in load_relations(row.compliance_documents)
        ],
        **_add_links(row, "compliance_documents", "compliance document", actor),
    }


def _profiles_table(row: Customer, actor: Actor) -> dict[str, Any]:
    tones = {"Profile Completed": "green", "NDA Pending": "amber", "NDA Declined": "red"}
    custom_fields = list_fields(InvoiceProfile)
    if custom_fields:
        load_custom_values(row.invoice_profiles)
    profiles = list(load_relations(row.invoice_profiles))
    signatures = signatures_tab.build_status_cells(profiles, actor)
    labels = ("Name", "Email", "Status", "Signatures", "Client NDA", *(each.label for each in custom_fields))
    return {
        "title": "Invoice profiles",
        "columns": [{"label": label} for label in labels],
        "rows": [
            [
                profile.name,
                profile.email,
                {"chip": profile.status.value, "tone": tones[profile.status.value]},
                signatures.get(profile.id),
                _file_cell(profile.nda_file_id),
                *(display_value(profile, each.name) for each in custom_fields),
            ]
            for profile in profiles
        ],
        **_add_links(row, "invoice_profiles", "invoice profile", actor),
    }


def expiry_chip(document: ComplianceDocument) -> dict[str, Any]:
    days_left = (document.expiry_date - get_today()).days
    if days_left < 0:
        return {"chip": f"expired {format_date(document.expiry_date)}", "tone": "red"}
    if days_left <= EXPIRES_SOON_DAYS:
        return {"chip": f"expires {format_date(document.expiry_date)}", "tone": "amber"}
    return {"chip": f"valid to {format_date(document.expiry_date)}", "tone": "green"}
