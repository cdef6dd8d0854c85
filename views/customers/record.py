"""The record of a customer: header, details in sections, and the summary beside them."""

from calendar import month_name
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from flask import url_for

from customerhub.custom_fields.places import MORE_TAB
from customerhub.customers.alerts import EXPIRES_SOON_DAYS
from customerhub.customers.form_layout import BILLING, CUSTOMER_FORM, FINANCIAL, IDENTITY, MARKETING, PEOPLE
from customerhub.customers.review_schedule import list_next_due_dates
from models import (
    Alert,
    Customer,
    MergedCustomer,
    User,
)
from models.base import db
from models.enums import IncreaseProfile
from views.approvals import customer_tab as approvals_tab
from views.cells.customers import describe_call_markups, find_anchor
from views.contracts import customer_tab as contracts_tab
from views.customers.form import INLINES
from views.customers.record_facts import RecordFacts
from views.customers.record_tabs import TAB_FILLERS, expiry_chip
from views.framework.chips import risk_chip, stage_chip, yes_no_chip
from views.framework.custom_values import list_fields
from views.framework.display import display_value, label_for, table_of
from views.framework.edit_page import DetailsPage
from views.framework.form_layouts import get_layout
from views.framework.formatting import (
    current_formats,
    format_amount,
    format_date,
    format_datetime,
    format_percent,
    get_today,
)
from views.framework.labels import member_label

IDENTITY_FIELDS = (
    *(name for name in IDENTITY if name not in ("website", "account_number")),
    "region_id",
    "departments",
)
# What the record tells in one line with another field, and what that line is called.
SECONDARY_FIELDS = (
    "year_end_month",
    "bill_length_downloaded",
    "bill_length_printed",
    "annual_increase_percent",
    "annual_increase_date",
)
COMBINED_LABELS = {
    "year_end_day": "Financial year end",
    "bill_length_mailed": "Invoice detail",
    "annual_increase_profile": "Annual increase",
}
MORE_ANCHOR = f"#{MORE_TAB[0]}"
CONTACT_FIELDS = ("email", "contact_number", "website", "correspondence_name", "correspondence_modes")


def fill_tab(page: DetailsPage, row: Customer, tab: str, view: Any) -> None:
    """The overview has sections and a summary, the other tabs what record_tabs.py puts there."""
    fill = TAB_FILLERS.get(tab)
    if fill is not None:
        fill(page, row, view)
        return
    inlines = {inline.name: inline for inline in INLINES}
    _fill_overview(page, row, view.find_edit_url(row))
    page.tables = [
        table_of(row, inlines[name]) for name in ("contacts", "addresses", "legal_entities") if getattr(row, name)
    ]
    page.summary = _summary_blocks(row, page.facts)


def fill_header(page: DetailsPage, row: Customer) -> None:
    page.title = row.name
    page.chips = [
        {"label": chip["chip"], "tone": chip.get("tone", "neutral"), "colour": chip.get("colour")}
        for chip in (
            {"chip": row.status.name, "colour": row.status.colour},
            risk_chip(row.risk) and {**risk_chip(row.risk), "chip": f"{row.risk.value} risk" if row.risk else ""},
            stage_chip(row.stage),
            {"chip": "Prospect", "tone": "blue"} if row.is_prospect else None,
            *({"chip": name, "tone": colour.value} for name, colour in page.facts.tags),
        )
        if chip
    ]
    if page.facts.counts[Alert]:
        page.banners += approvals_tab.build_alert_banners(row)
    if page.facts.counts[MergedCustomer]:
        page.subtitle = approvals_tab.describe_merged(row)
    page.meta = [
        ("Account no.", row.account_number),
        ("Reference", row.reference),
        ("Account manager", row.account_manager.name if row.account_manager else None),
        ("Customer since", format_date(row.start_date)),
    ]


def _fill_overview(page: DetailsPage, row: Customer, edit_url: str | None) -> None:
    groups = (
        ("Identity", "#identity", IDENTITY_FIELDS),
        ("Contact details", "", CONTACT_FIELDS),
        ("Financial", "#financial", FINANCIAL),
        ("Billing", "#billing", tuple(name for name in BILLING if name != "billing_lines")),
        ("Account team", "#people", PEOPLE),
        ("Marketing", "#marketing", MARKETING),
    )
    layout = get_layout(CUSTOMER_FORM)
    for title, _, names in _add_custom_fields(groups):
        items = [
            (COMBINED_LABELS.get(name) or label_for(Customer, name), _field_value(row, name, page.facts))
            for name in names
            if name not in SECONDARY_FIELDS
        ]
        section = next(filter(None, map(layout.find_section, names)), None)
        url = f"{edit_url}{find_anchor(section)}" if edit_url and section else None
        page.sections.append({"title": title, "items": items, "edit_url": url})


def _add_custom_fields(groups: Sequence[tuple[str, str, Sequence[str]]]) -> list[tuple[str, str, Sequence[str]]]:
    """`groups` with each custom field in the section of its tab; those of other tabs have a section of their own."""
    anchors = {anchor for _, anchor, _ in groups}
    names_by_anchor: dict[str, list[str]] = {}
    for each in list_fields(Customer):
        anchor = f"#{each.tab}" if f"#{each.tab}" in anchors else MORE_ANCHOR
        names_by_anchor.setdefault(anchor, []).append(each.name)
    more = [(MORE_TAB[1], MORE_ANCHOR, ())] if MORE_ANCHOR in names_by_anchor else []
    return [(title, anchor, [*names, *names_by_anchor.get(anchor, ())]) for title, anchor, names in (*groups, *more)]


def _field_value(row: Customer, name: str, facts: RecordFacts) -> Any:
    if name in facts.names:
        return ", ".join(facts.names[name]) or None
    if name == "year_end_day":
        return f"{row.year_end_day} {month_name[row.year_end_month or 0]}" if row.year_end_day else None
    if name == "bill_length_mailed":
        lengths = row.bill_length_mailed, row.bill_length_downloaded, row.bill_length_printed
        return "Email: {}, download: {}, print: {}".format(*(length.value for length in lengths))
    if name == "annual_increase_profile":
        return _describe_annual_increase(row)
    if name == "call_markups":
        return describe_call_markups(row.call_markups)
    if name == "website" and row.website:
        return {"text": row.website, "url": row.website}
    if name == "promotional_emails" and row.promotional_set_at:
        changed_by = db.session.get(User, row.promotional_set_by_id) if row.promotional_set_by_id else None
        since = f"since {format_datetime(row.promotional_set_at)}" + (f", by {changed_by.name}" if changed_by else "")
        return [yes_no_chip(row.promotional_emails), since]
    return display_value(row, name)


def _describe_annual_increase(row: Customer) -> str | None:
    """CPI from 1 Jan 2027; None where there is no increase."""
    if row.annual_increase_profile is IncreaseProfile.NONE:
        return None
    since = f" from {format_date(row.annual_increase_date)}" if row.annual_increase_date else ""
    if row.annual_increase_percent is not None:
        return format_percent(row.annual_increase_percent) + since
    return member_label(row.annual_increase_profile) + since


def _choose_credit_tone(used: Decimal, limit: Decimal) -> str:
    if used > limit:
        return "red"
    return "amber" if used > limit * Decimal("0.8") else "accent"


def _summary_blocks(row: Customer, facts: RecordFacts) -> list[dict[str, Any]]:
    currency = current_formats().currency
    contracts_by_account = contracts_tab.load_accounts(row)
    balance = row.balance
    blocks: list[dict[str, Any]] = [{"title": "Balance", "figure": f"{format_amount(balance)} {currency}"}]
    if row.credit_limit:
        used = max(balance, Decimal(0))
        tone = _choose_credit_tone(used, row.credit_limit)
        text = f"{format_amount(used)} of {format_amount(row.credit_limit)} {currency} credit used"
        blocks[0]["meter"] = {"value": used, "max": row.credit_limit, "tone": tone, "text": text}
    else:
        blocks[0]["text"] = "No credit limit set."
    blocks.append(contracts_tab.build_accounts_block(row, contracts_by_account))
    blocks.append(contracts_tab.build_summary_block(row, facts.contracts, facts.orders))
    blocks.insert(0, approvals_tab.build_approval_block(row))
    blocks.append(_review_block(row))
    expiring = [
        document
        for document in row.compliance_documents
        if (document.expiry_date - get_today()).days <= EXPIRES_SOON_DAYS
    ]
    if row.compliance_documents:
        blocks.append(
            {
                "title": "Compliance",
                "url": f"{url_for('customers.details_view')}?id={row.id}&tab=compliance",
                "items": [(document.certificate, expiry_chip(document)) for document in expiring] or None,
                "empty": f"{len(row.compliance_documents)} valid, none expires within {EXPIRES_SOON_DAYS} days.",
            }
        )
    return blocks


def _review_block(row: Customer) -> dict[str, Any]:
    if row.review_start_date is None or row.review_frequency is None:
        is_on_form = get_layout(CUSTOMER_FORM).find_section("review_start_date") is not None
        where = " Set them under Edit, Review." if is_on_form else ""
        return {"title": "Next reviews", "empty": f"No reviews planned.{where}"}
    dates = list_next_due_dates(row.review_start_date, row.review_frequency, get_today())
    lines = [(_format_days_until(due), format_date(due)) for due in dates]
    return {
        "title": "Next reviews",
        "items": lines,
        "text": f"Reminders go to {row.reviewer_email}." if row.reviewer_email else "No reviewer email set.",
    }


def _format_days_until(due: date) -> str:
    days = (due - get_today()).days
    return {0: "Today", 1: "Tomorrow"}.get(days, f"In {days} days")


def build_peek(row: Customer) -> dict[str, Any]:
    """The summary that hovering over the customer's name shows."""
    return {
        "title": row.name,
        "sub": f"{row.status.name}, {member_label(row.stage)}",
        "items": [
            ["Account no.", row.account_number],
            ["Reference", row.reference or "–"],
            ["Risk", row.risk.value if row.risk else "–"],
            ["Balance", f"{format_amount(row.balance)} {current_formats().currency}"],
            ["Region", row.region.name if row.region else "–"],
            ["Account manager", row.account_manager.name if row.account_manager else "–"],
        ],
    }
