"""What will be sent about documents that are being signed, among the upcoming messages of a customer."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from customerhub.core.permissions import Actor, Permission
from customerhub.customers.signature_attention import ASKED_STATUSES
from customerhub.signing.access import find_settings
from customerhub.signing.deadlines import Deadline, list_customer_deadlines
from models import Customer
from views.http.urls import path_to

Entry = tuple[date, Any, Any, str | None]  # the day, what is sent, to whom, and why not


def list_entries(customer: Customer, actor: Actor) -> Iterator[Entry]:
    """The next reminder and the expiry of each of them."""
    deadlines = list_customer_deadlines(customer.id, customer.organisation_id)
    settings = find_settings(customer.organisation_id) if deadlines else None
    reminder_days = settings.reminder_days if settings else 0
    for each in deadlines:
        addresses = [signer.email for signer in each.envelope.signers if signer.status in ASKED_STATUSES]
        yield each.day, _build_message(each, reminder_days, actor), addresses, each.obstacle


def _build_message(deadline: Deadline, reminder_days: int, actor: Actor) -> Any:
    document = str(deadline.envelope)
    if deadline.is_expiry:
        text = f"{document} expires"
    else:
        interval = "day" if reminder_days == 1 else f"{reminder_days} days"
        text = f"Reminder to sign the {document}, then every {interval}"
    if not actor.has_permission(Permission.SIGNATURES_VIEW):
        return text
    return {"text": text, "url": path_to("signatures.details_view", deadline.envelope.id)}
