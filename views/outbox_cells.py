"""How messages read: where one stands, what comes next, and whether there is somebody to take them."""

from datetime import datetime
from typing import Any

from flask import current_app, url_for
from sqlalchemy import func, select

from customerhub import clock, delivery
from customerhub.approvals import letters
from customerhub.config import Settings
from customerhub.notifications import trial
from customerhub.outbox import is_claimed
from customerhub.permissions import Actor, scope
from jobs.smtp import server_of
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState, TemplatePurpose
from views.columns import Cell, local_date, moment
from views.files import size_text
from views.words import sentence, word

TONES = {
    OutboxState.WAITING: "amber",
    OutboxState.SENT: "green",
    OutboxState.HELD: "blue",
    OutboxState.FAILED: "red",
    OutboxState.CANCELLED: "grey",
}
UNDER_WAY = (OutboxState.WAITING, OutboxState.FAILED)  # where it matters how often it was tried
MOST_COUNTED = 9_999
PURPOSES = tuple(
    (purpose, sentence(purpose)) for purpose in (*map(str, TemplatePurpose), letters.PURPOSE, trial.PURPOSE)
)


def state_chip(row: OutboxMessage) -> dict[str, Any]:
    return {"chip": word(row.state), "tone": TONES[row.state]}


def standing(row: OutboxMessage) -> Cell:
    """The state, and beside it what is under way."""
    return [state_chip(row), *filter(None, [progress(row) if row.state in UNDER_WAY else ""])]


def progress(row: OutboxMessage) -> str:
    """How often it was tried, and what comes next: "Tried 3 times, again at 14:05"."""
    tried = {0: "", 1: "Tried once"}.get(row.attempts, f"Tried {row.attempts} times")
    if row.state is not OutboxState.WAITING:
        return tried
    if is_claimed(row, now=clock.now()):
        return "Being sent now"
    if row.report_on and not row.attachments and not tried:
        return "Waits for its report"
    if row.next_attempt_at is None or row.next_attempt_at <= clock.now():
        return f"{tried}, again within a minute" if tried else ""
    return f"{tried}, again {_at(row.next_attempt_at)}" if tried else sentence(_at(row.next_attempt_at))


def _at(when: datetime) -> str:
    """A moment to come: today's by the clock alone."""
    is_today = local_date(when) == local_date(clock.now())
    return f"at {_clock(when)}" if is_today else f"on {moment(when)}"


def _clock(when: datetime) -> str:
    return moment(when).rpartition(", ")[2]


def files_of(row: OutboxMessage) -> list[Cell]:
    """The attachments, each with where it is opened."""
    return [
        {"text": attached.file.name, "url": url_for("files.download", file_id=attached.file_id),
         "sub": size_text(attached.file.size)}
        for attached in row.attachments
    ]  # fmt: skip


def banners(actor: Actor) -> list[dict[str, Any]]:
    """What keeps messages from leaving, and what to do about it."""
    settings: Settings = current_app.config["HUB"]
    held = _count(actor, OutboxState.HELD)
    if settings.smtp_url is None:
        told = f"No mail server is set (SMTP_URL), so nothing leaves: {_messages(held)} kept here."
        return [{"kind": "info", "text": told}] if held else []
    found: list[dict[str, Any]] = []
    server = server_of(settings.smtp_url)
    outage = delivery.find_outage(server)
    waiting = _count(actor, OutboxState.WAITING) if outage else 0
    if outage and waiting:
        is_today = local_date(outage.since) == local_date(clock.now())
        since = _clock(outage.since) if is_today else moment(outage.since)
        told = f"The mail server {server} does not answer since {since}: {_messages(waiting, 'waits', 'wait')}."
        found.append({"kind": "error", "text": f"{told} It is tried every minute. Last: {outage.told}"})
    if held:
        kept = _messages(held, "was", "were")
        told = f"{kept} kept while no mail server was set. To have them sent, tick them and choose Send again."
        link = {"label": "Show them", "url": url_for("outbox.index_view", f=f"state:is:{OutboxState.HELD}")}
        found.append({"kind": "info", "text": told, "link": link})
    return found


def _messages(count: int, one: str = "is", several: str = "are") -> str:
    number = f"{MOST_COUNTED:,}+" if count > MOST_COUNTED else f"{count:,}"
    return f"{number} message {one}" if count == 1 else f"{number} messages {several}"


def _count(actor: Actor, state: OutboxState) -> int:
    """How many messages are in a state; one more than MOST_COUNTED where there are more."""
    some = scope(OutboxMessage, actor).where(OutboxMessage.state == state).with_only_columns(OutboxMessage.id)
    return db.session.scalar(select(func.count()).select_from(some.limit(MOST_COUNTED + 1).subquery())) or 0
