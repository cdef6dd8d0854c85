"""The labels of the fixed vocabularies of the tables."""

import enum
from collections.abc import Mapping
from typing import Any

from customerhub.customers.rules import FREQUENCY_NAMES, MONTH_NAMES
from models.enums import (
    BEHAVIOUR_LABELS,
    STAGE_LABELS,
    ApprovalPolicy,
    EmptyOrLow,
    IncreaseProfile,
    OutboxState,
    PortalPermission,
    Stage,
    StatusBehaviour,
    TaskAssignment,
    TransferState,
)
from models.signing_enums import EnvelopeStatus, SignerStatus, SigningEnvironment

# What says more than the value itself.
MEMBER_LABELS: dict[type[enum.StrEnum], Mapping[Any, str]] = {
    ApprovalPolicy: {
        ApprovalPolicy.PARTNER: "Customers registered by partners",
        ApprovalPolicy.ALL: "All new customers",
    },
    Stage: STAGE_LABELS,
    StatusBehaviour: BEHAVIOUR_LABELS,
    PortalPermission: {
        PortalPermission.INVOICES: "List of invoices",
        PortalPermission.BILL_DOWNLOADS: "Invoices as PDF",
    },
    TaskAssignment: {
        TaskAssignment.BY_HAND: "Unassigned until claimed or assigned",
        TaskAssignment.IN_TURN: "Agents in turn",
        TaskAssignment.LEAST_OPEN: "Agent with the fewest open tasks",
    },
    IncreaseProfile: {IncreaseProfile.NONE: "No increase"},
    EmptyOrLow: {EmptyOrLow.CREATE: "Issue anyway"},
    OutboxState: {OutboxState.HELD: "Not sent (no mail server)"},
    EnvelopeStatus: {EnvelopeStatus.CREATED: "To be sent", EnvelopeStatus.DELIVERED: "Opened by all"},
    SignerStatus: {SignerStatus.CREATED: "Not asked yet", SignerStatus.SENT: "Asked"},
    SigningEnvironment: {SigningEnvironment.SANDBOX: "Signing sandbox", SigningEnvironment.DEMO: "DocuSign demo"},
    TransferState: {TransferState.QUEUED: "Waiting", TransferState.READY: "To be confirmed"},
}


# The whole numbers that are chosen by name, by column.
NUMBER_NAMES: dict[str, dict[int, str]] = {
    "review_frequency": dict(enumerate(FREQUENCY_NAMES, 1)),
    "year_end_month": dict(enumerate(MONTH_NAMES, 1)),
    "year_end_day": {day: str(day) for day in range(1, 32)},
}


def capitalize_first(text: str) -> str:
    """`text` beginning with a capital letter."""
    return text[:1].upper() + text[1:]


def member_label(member: enum.StrEnum | None) -> str:
    """The label of a member of a vocabulary; blank for none."""
    if member is None:
        return ""
    return MEMBER_LABELS.get(type(member), {}).get(member) or capitalize_first(member.value)


LABELS = {
    "vat_number": "VAT number",
    "vat_rate_id": "VAT rate",
    "vat_registration_date": "VAT registration date",
    "is_prospect": "Prospect",
    "kind": "Kind",
    "timezone": "Time zone",
    "approval_policy": "Approval required for",
    "task_assignment": "Task assignment",
    "task_days": "Days until a task is due",
    "reminder_days": "Reminders (days before)",
    "behaviour": "Billing behaviour",
    "value": "Days, or day of the month",
    "type": "List",
    "platform": "All organisations",
    "portal_permissions": "Portal permissions",
    "portal_access": "Portal access",
    "content_type": "File type",
    "lines": "Address",
    "year_end_day": "Financial year end: day",
    "year_end_month": "Financial year end: month",
    "empty_or_low": "Low-value invoices",
    "bill_length_mailed": "Invoice detail: email",
    "bill_length_downloaded": "Invoice detail: download",
    "bill_length_printed": "Invoice detail: print",
    "review_grace_days": "Review grace period (days)",
    "good_rows_only": "Valid rows only",
    "waits_for_requester": "Waiting for requester",
    "html_body": "HTML body",
    "why": "Reason",
    "wanted_on": "Requested date",
    "channel_id": "Acquisition channel",
    "billed_user_id": "User to bill",
    "nda_file_id": "Client NDA",
    "nda_template": "NDA template",
    "call_markups": "Markups per call class",
    "markup": "Fallback markup on calls",
    "promotional_emails": "Receives promotional emails",
    "business_entity_id": "Bill style (business entity)",
    "logo_id": "Logo",
    "password_hash": "Password",
}


def label_of(name: str) -> str:
    """The label of a column or relation."""
    if name in LABELS:
        return LABELS[name]
    if f"{name}_id" in LABELS:
        return LABELS[f"{name}_id"]
    words = name.removesuffix("_id").replace("_", " ")
    return words[:1].upper() + words[1:]
