"""Messages in lists: the state of each, its next attempt, and whether the mail server takes them."""

from datetime import datetime
from typing import Any

from flask import current_app, url_for
from sqlalchemy import func, select

from customerhub.approvals import mails
from customerhub.core import clock
from customerhub.core.config import Settings
from customerhub.core.permissions import Actor, select_visible
from customerhub.mail import mail_check, outages
from customerhub.mail.outbox import is_claimed
from customerhub.mail.smtp import server_of
from customerhub.work import digest
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState, TemplatePurpose
from views.framework.columns import Cell
from views.framework.formatting import format_datetime, local_date
from views.framework.labels import capitalize_first, member_label
from views.framework.uploads import format_size

TONES = {
    OutboxState.WAITING: "amber",
    OutboxState.SENT: "green",
    OutboxState.HELD: "blue",
    OutboxState.FAILED: "red",
    OutboxState.CANCELLED: "grey",
}
UNSENT_STATES = (OutboxState.WAITING, OutboxState.FAILED)  # where it matters how often it was tried
MOST_COUNTED = 9_999
PURPOSES = tuple(
    (purpose, capitalize_first(purpose))
    for purpose in (*map(str, TemplatePurpose), mails.PURPOSE, digest.PURPOSE, mail_check.PURPOSE)
)


def state_chip(row: OutboxMessage) -> dict[str, Any]:
    return {"chip": member_label(row.state), "tone": TONES[row.state]}


def delivery_cell(row: OutboxMessage) -> Cell:
    """The state, and beside it what is under way."""
    return [state_chip(row), *filter(None, [describe_delivery(row) if row.state in UNSENT_STATES else ""])]


def describe_delivery(row: OutboxMessage) -> str:
    """How often it was tried, and what comes next: "Tried 3 times, again at 14:05"."""
    attempts_text = {0: "", 1: "Tried once"}.get(row.attempts, f"Tried {row.attempts} times")
    if row.state is not OutboxState.WAITING:
        return attempts_text
    if is_claimed(row, now=clock.get_now()):
        return "Sending"
    if row.report_on and not row.attachments and not attempts_text:
        return "Waiting for the report"
    if row.next_attempt_at is None or row.next_attempt_at <= clock.get_now():
        return f"{attempts_text}, again within a minute" if attempts_text else ""
    return (
        f"{attempts_text}, again {_format_next_attempt(row.next_attempt_at)}"
        if attempts_text
        else capitalize_first(_format_next_attempt(row.next_attempt_at))
    )


def _format_next_attempt(when: datetime) -> str:
    """A moment to come: today's by the clock alone."""
    is_today = local_date(when) == local_date(clock.get_now())
    return f"at {_format_clock_time(when)}" if is_today else f"on {format_datetime(when)}"


def _format_clock_time(when: datetime) -> str:
    return format_datetime(when).rpartition(", ")[2]


def files_of(row: OutboxMessage) -> list[Cell]:
    """The attachments, each with where it is opened."""
    return [
        {
            "text": attached.file.name,
            "url": url_for("files.download", file_id=attached.file_id),
            "sub": format_size(attached.file.size),
        }
        for attached in row.attachments
    ]


def build_banners(actor: Actor) -> list[dict[str, Any]]:
    """What keeps messages from leaving, and what to do about it."""
    settings: Settings = current_app.config["HUB"]
    held_count = _count_messages(actor, OutboxState.HELD)
    if settings.smtp_url is None:
        text = f"No mail server is configured (SMTP_URL): {_format_message_count(held_count)} kept here and not sent."
        return [{"kind": "info", "text": text}] if held_count else []
    outage_banners: list[dict[str, Any]] = []
    server = server_of(settings.smtp_url)
    outage = outages.find_outage(server)
    waiting_count = _count_messages(actor, OutboxState.WAITING) if outage else 0
    if outage and waiting_count:
        is_today = local_date(outage.since) == local_date(clock.get_now())
        since = _format_clock_time(outage.since) if is_today else format_datetime(outage.since)
        text = (
            f"The mail server {server} has not responded since {since}: {_format_message_count(waiting_count)} waiting."
        )
        outage_banners.append({"kind": "error", "text": f"{text} Retried every minute. Last error: {outage.error}"})
    if held_count:
        count_text = _format_message_count(held_count, "was", "were")
        text = f"{count_text} not sent because no mail server was configured. To send, select and choose Send again."
        link = {"label": "Show messages", "url": url_for("outbox.index_view", f=f"state:is:{OutboxState.HELD}")}
        outage_banners.append({"kind": "info", "text": text, "link": link})
    return outage_banners


def _format_message_count(count: int, one: str = "is", several: str = "are") -> str:
    number = f"{MOST_COUNTED:,}+" if count > MOST_COUNTED else f"{count:,}"
    return f"{number} message {one}" if count == 1 else f"{number} messages {several}"


def _count_messages(actor: Actor, state: OutboxState) -> int:
    """How many messages are in a state; one more than MOST_COUNTED where there are more."""
    limited_query = (
        select_visible(OutboxMessage, actor).where(OutboxMessage.state == state).with_only_columns(OutboxMessage.id)
    )
    return db.session.scalar(select(func.count()).select_from(limited_query.limit(MOST_COUNTED + 1).subquery())) or 0
