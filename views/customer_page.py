"""The record of a customer: header, details in sections, and the summary beside them."""

from calendar import month_name
from datetime import date
from decimal import Decimal
from typing import Any

from flask import url_for
from sqlalchemy import func, select

from customerhub.customers.reviews import next_reviews
from customerhub.permissions import Actor, Permission
from models import (
    ApprovalTask,
    BillingLine,
    ComplianceDocument,
    Contract,
    Customer,
    InvoiceProfile,
    User,
)
from models.base import db
from views import customer_approval, customer_contracts, customer_messages, customer_portal, customer_reviews
from views.columns import amount, day, formats, moment, percent, risk_chip, stage_chip, yes_no
from views.customer_form import BILLING, FINANCIAL, INLINES, MARKETING, PEOPLE, today
from views.editing import DetailsPage
from views.files import told as file_told
from views.loading import with_choices
from views.showing import label_for, shown, table_of

SOON_DAYS = 30
IDENTITY = ("kind", "customer_type", "category_id", "identity_number", "registration_number", "registration_date",
            "vat_number", "vat_registration_date", "region_id", "departments")  # fmt: skip
# What the record tells in one line with another field, and what that line is called.
TOLD = ("year_end_month", "bill_length_downloaded", "bill_length_printed", "annual_increase_date")
TOGETHER = {
    "year_end_day": "Year end",
    "bill_length_mailed": "Bill lengths",
    "annual_increase_percent": "Annual increase",
}
REACH = ("email", "contact_number", "website", "correspondence_modes")


def tabs(row: Customer, active: str, actor: Actor) -> list[dict[str, Any]]:
    """The tabs of the record, with how much is behind each."""
    counts = db.session.execute(
        select(
            *(
                select(func.count()).select_from(model).where(model.customer_id == row.id).scalar_subquery()
                for model in (InvoiceProfile, BillingLine, ComplianceDocument, User, ApprovalTask, Contract)
            )
        )
    ).one()
    entries = [
        ("", "Overview", None),
        ("contracts", "Contracts", counts[5]),
        ("profiles", "Invoice profiles", counts[0]),
        ("billing-lines", "Billing lines", counts[1]),
        ("compliance", "Compliance", counts[2]),
        ("reviews", "Reviews", None),
        ("tasks", "Tasks", counts[4]),
        ("portal", "Portal users", counts[3]),
    ]
    entries.append(("messages", "Messages", None))
    if actor.may(Permission.HISTORY_VIEW):
        entries.append(("history", "History", None))
    home = url_for("customers.details_view")
    return [
        {"name": name, "label": label, "count": count, "active": name == active,
         "url": f"{home}?id={row.id}" + (f"&tab={name}" if name else "")}
        for name, label, count in entries
    ]  # fmt: skip


def fill(page: DetailsPage, row: Customer, tab: str, view: Any) -> None:
    """The overview has sections and a summary, the other tabs their table."""
    inlines = {inline.name: inline for inline in INLINES}
    edit = url_for("customers.edit_view", id=row.id) if view.can_edit else None
    if tab == "contracts":
        page.tables = customer_contracts.tables(row, view.actor)
    elif tab == "profiles":
        page.tables = [_profiles(row, edit)]
    elif tab == "billing-lines":
        page.tables = [{**table_of(row, inlines["billing_lines"]), **_add(edit, "billing", "No billing lines yet")}]
    elif tab == "compliance":
        page.tables = [_compliance(row, edit)]
    elif tab == "reviews":
        page.tables = customer_reviews.tables(row, view.operation_url(customer_reviews.RECORD.name, [row.id]))
    elif tab == "messages":
        page.tables = customer_messages.tables(row, view.actor)
    elif tab == "tasks":
        page.tables = [customer_approval.tasks_table(row)]
    elif tab == "portal":
        customer_portal.fill(page, row, view.actor)
    else:
        _overview(page, row, edit)
        page.tables = [table_of(row, inlines[name]) for name in ("contacts", "addresses", "legal_entities")
                       if getattr(row, name)]  # fmt: skip
        page.summary = _summary(row)


def header(page: DetailsPage, row: Customer) -> None:
    page.title = row.name
    page.chips = [
        {"label": chip["chip"], "tone": chip.get("tone", "neutral"), "colour": chip.get("colour")}
        for chip in (
            {"chip": row.status.name, "colour": row.status.colour},
            risk_chip(row.risk) and {**risk_chip(row.risk), "chip": f"{row.risk.value} risk" if row.risk else ""},
            stage_chip(row.stage),
            {"chip": "Prospect", "tone": "blue"} if row.is_prospect else None,
        )
        if chip
    ]
    page.banners += customer_approval.banners(row)
    page.subtitle = customer_approval.merged_note(row)
    page.meta = [
        ("Account no.", row.account_number),
        ("Reference", row.reference),
        ("Account manager", row.account_manager.name if row.account_manager else None),
        ("Customer since", day(row.start_date)),
    ]


def _overview(page: DetailsPage, row: Customer, edit: str | None) -> None:
    groups = (
        ("Identity", "", IDENTITY),
        ("Reach", "", REACH),
        ("Financial", "#financial", FINANCIAL),
        ("Billing", "#billing", tuple(name for name in BILLING if name != "billing_lines")),
        ("People", "#people", PEOPLE),
        ("Marketing", "#marketing", MARKETING),
    )
    for title, anchor, names in groups:
        items = [
            (TOGETHER.get(name) or label_for(Customer, name), _value(row, name)) for name in names if name not in TOLD
        ]
        page.sections.append({"title": title, "items": items, "edit_url": f"{edit}{anchor}" if edit else None})


def _value(row: Customer, name: str) -> Any:
    if name == "year_end_day":
        return f"{row.year_end_day} {month_name[row.year_end_month or 0]}" if row.year_end_day else None
    if name == "bill_length_mailed":
        lengths = row.bill_length_mailed, row.bill_length_downloaded, row.bill_length_printed
        return "Mailed {}, downloaded {}, printed {}".format(*(length.value for length in lengths))
    if name == "annual_increase_percent" and row.annual_increase_percent is not None:
        since = f" from {day(row.annual_increase_date)}" if row.annual_increase_date else ""
        return percent(row.annual_increase_percent) + since
    if name == "website" and row.website:
        return {"text": row.website, "url": row.website}
    if name == "promotional_emails" and row.promotional_set_at:
        who = db.session.get(User, row.promotional_set_by_id) if row.promotional_set_by_id else None
        since = f"since {moment(row.promotional_set_at)}" + (f", by {who.name}" if who else "")
        return [yes_no(row.promotional_emails), since]
    return shown(row, name)


def _summary(row: Customer) -> list[dict[str, Any]]:
    currency = formats().currency
    balance = row.balance
    blocks: list[dict[str, Any]] = [{"title": "Balance", "figure": f"{amount(balance)} {currency}"}]
    if row.credit_limit:
        used = max(balance, Decimal(0))
        tone = "red" if used > row.credit_limit else "amber" if used > row.credit_limit * Decimal("0.8") else "accent"
        text = f"{amount(used)} of {amount(row.credit_limit)} {currency} credit used"
        blocks[0]["meter"] = {"value": used, "max": row.credit_limit, "tone": tone, "text": text}
    else:
        blocks[0]["text"] = "No credit limit is set."
    blocks.append(customer_contracts.accounts_block(row))
    blocks.append(customer_contracts.block(row))
    blocks.insert(0, customer_approval.block(row))
    blocks.append(_review_block(row))
    expiring = [document for document in row.compliance_documents if (document.expiry_date - today()).days <= SOON_DAYS]
    if row.compliance_documents:
        blocks.append(
            {
                "title": "Compliance",
                "url": f"{url_for('customers.details_view')}?id={row.id}&tab=compliance",
                "items": [(document.certificate, _expiry(document)) for document in expiring] or None,
                "empty": f"{len(row.compliance_documents)} valid, none expires within {SOON_DAYS} days.",
            }
        )
    return blocks


def _review_block(row: Customer) -> dict[str, Any]:
    if row.review_start_date is None or row.review_frequency is None:
        return {"title": "Next reviews", "empty": "No reviews are planned. Set them under Edit, Review."}
    dates = next_reviews(row.review_start_date, row.review_frequency, today())
    lines = [(_until(due), day(due)) for due in dates]
    return {
        "title": "Next reviews",
        "items": lines,
        "text": f"Reminders go to {row.reviewer_email or 'nobody yet'}.",
    }


def _until(due: date) -> str:
    days = (due - today()).days
    return {0: "Today", 1: "Tomorrow"}.get(days, f"In {days} days")


def _expiry(document: ComplianceDocument) -> dict[str, Any]:
    left = (document.expiry_date - today()).days
    if left < 0:
        return {"chip": f"expired {day(document.expiry_date)}", "tone": "red"}
    if left <= SOON_DAYS:
        return {"chip": f"expires {day(document.expiry_date)}", "tone": "amber"}
    return {"chip": f"valid to {day(document.expiry_date)}", "tone": "green"}


def _add(edit: str | None, tab: str, title: str) -> dict[str, Any]:
    """An empty state that leads to the form's tab."""
    action = {"label": "Edit customer", "url": f"{edit}#{tab}"} if edit else None
    return {"empty": {"title": title, "text": "They are kept on the customer's form.", "action": action}}


def _file(file_id: int | None) -> Any:
    told = file_told(file_id) if file_id else None
    return {"text": told["name"], "url": told["url"], "sub": told["size"]} if told else None


def _compliance(row: Customer, edit: str | None) -> dict[str, Any]:
    return {
        "title": "Compliance documents",
        "columns": [{"label": label} for label in ("Certificate", "Expires", "Reviewer", "Template", "File")],
        "rows": [
            [document.certificate, _expiry(document), document.reviewer_email,
             document.template.name if document.template else None, _file(document.file_id)]
            for document in with_choices(row.compliance_documents)
        ],
        **_add(edit, "compliance", "No compliance documents yet"),
    }  # fmt: skip


def _profiles(row: Customer, edit: str | None) -> dict[str, Any]:
    tones = {"Profile Completed": "green", "NDA Pending": "amber", "NDA Declined": "red"}
    return {
        "title": "Invoice profiles",
        "columns": [{"label": label} for label in ("Name", "Email", "Status", "Client NDA")],
        "rows": [
            [profile.name, profile.email, {"chip": profile.status.value, "tone": tones[profile.status.value]},
             _file(profile.nda_file_id)]
            for profile in with_choices(row.invoice_profiles)
        ],
        **_add(edit, "profiles", "No invoice profiles yet"),
    }  # fmt: skip


def peek(row: Customer) -> dict[str, Any]:
    """The summary that hovering over the customer's name shows."""
    return {
        "title": row.name,
        "sub": f"{row.status.name}, {row.stage.value}",
        "items": [
            ["Account no.", row.account_number],
            ["Reference", row.reference or "–"],
            ["Risk", row.risk.value if row.risk else "–"],
            ["Balance", f"{amount(row.balance)} {formats().currency}"],
            ["Region", row.region.name if row.region else "–"],
            ["Account manager", row.account_manager.name if row.account_manager else "–"],
        ],
    }
