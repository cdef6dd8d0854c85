"""Delivering what is in the outbox: who sends which message, and what came of that.

`claim` some messages and commit; `start_attempt` one of them and commit; make the mail of it (smtp_mail.py) and send it
with no transaction open; `record_result` what came of it and commit. A claim that lapses is everybody's again, so
`start_attempt` asks whether it still holds: of all that may go wrong, only who dies between the server's answer and the
commit of `record_result` sends a mail twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, func, or_, select

from customerhub.core.leases import Lease
from customerhub.core.redaction import hide_links
from customerhub.mail import inline_images
from customerhub.mail.inline_images import InlineImage
from customerhub.mail.outbox import (
    FAIL,
    HOLD,
    LEASES,
    MAX_ANSWER_LENGTH,
    MESSAGE_STATES,
    MESSAGES,
    SEND,
    build_transition,
    build_update,
    clean_header,
)
from models import Organisation, OutboxAttachment, OutboxMessage, StoredFile
from models.base import db
from models.enums import OutboxState

RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440))
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
SENDING_CLAIM_DURATION = timedelta(minutes=10)  # how long a message is left to whoever began to send it


# The statements of a delivery are made once: to build one takes as long as to run it.
_COLUMNS = MESSAGES.c
_IS_HELD = LEASES.is_held(bindparam("claimed_id"), bindparam("claim_until"))  # `_claim_parameters` has the values
_START = build_update(
    _IS_HELD,
    _COLUMNS.claimed_until > bindparam("now"),
    attempts=_COLUMNS.attempts + 1,
    claimed_until=bindparam("until", type_=_COLUMNS.claimed_until.type),
).returning(_COLUMNS.attempts)
_MARK_SENT = build_transition(
    SEND,
    _COLUMNS.id == bindparam("finished_id"),
    _COLUMNS.state != OutboxState.SENT,
    sent_at=bindparam("now", type_=_COLUMNS.sent_at.type),
    answer=bindparam("server_answer", type_=_COLUMNS.answer.type),
    last_error=None,
).returning(_COLUMNS.id)
# Both at once, of two messages, where the database can: it is waited for once.
_MARK_SENT_AND_START = _START.add_cte(_MARK_SENT.cte("finished"))


class DeliveryError(Exception):
    """The mail was not taken. `is_final`: trying again would not help. `is_server_unavailable`: the server is at "
    "fault."""

    def __init__(self, reason: str, *, is_final: bool = False, is_server_unavailable: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final
        self.is_server_unavailable = is_server_unavailable


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a letter."""

    name: str
    content_type: str
    storage_key: str


@dataclass(frozen=True)
class ClaimedMessage:
    """A message in somebody's hands until `claimed_until`: all that is needed to send it without the database."""

    id: int
    claimed_until: datetime
    attempts: int
    organisation_id: int
    sender: str
    sender_email: str | None
    reason_key: str
    created_at: datetime
    recipient: str
    subject: str
    text_body: str
    html_body: str
    attachments: tuple[Attachment, ...] = ()
    inline_images: tuple[InlineImage, ...] = ()


# --- Who sends what ----------------------------------------------------------------------------------------


def due_condition(now: datetime, message_id: int | None = None, *, lacks_report: bool = False) -> ColumnElement[bool]:
    """The condition of a message, or of one in particular, that may be sent now; or, with `lacks_report`, that may be
    sent once its report is made.
    """
    has_files = exists().where(OutboxAttachment.message_id == MESSAGES.c.id)
    conditions = [
        MESSAGE_STATES.begins_in(SEND),
        MESSAGES.c.next_attempt_at <= now,
        LEASES.is_expired(now),
        and_(MESSAGES.c.report_on.is_not(None), ~has_files)
        if lacks_report
        else or_(MESSAGES.c.report_on.is_(None), has_files),
    ]
    if message_id is not None:
        conditions.append(MESSAGES.c.id == message_id)
    return and_(*conditions)


def claim(
    *, now: datetime, limit: int = 1, message_id: int | None = None, lacks_report: bool = False
) -> list[ClaimedMessage]:
    """Take up to `limit` of the messages that are due, the longest waiting first, or this one if it is.

    The caller commits. From then on nobody else takes them for as long as the lease, and whoever dies has
    delayed them by no more than that.
    """
    picked = (
        select(MESSAGES.c.id)
        .where(due_condition(now, message_id, lacks_report=lacks_report))
        .order_by(MESSAGES.c.next_attempt_at, MESSAGES.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("picked")
    )
    leases = LEASES.claim(MESSAGES.c.id.in_(select(picked.c.id)), now=now)
    return _load_messages([lease.row_id for lease in leases], now + LEASES.duration) if leases else []


def _load_messages(message_ids: Sequence[int], claimed_until: datetime) -> list[ClaimedMessage]:
    attachments: dict[int, list[Attachment]] = {}
    files = select(OutboxAttachment.message_id, StoredFile.name, StoredFile.content_type, StoredFile.storage_key)
    for message_id, *file in db.session.execute(
        files.join(StoredFile, StoredFile.id == OutboxAttachment.file_id)
        .where(OutboxAttachment.message_id.in_(message_ids))
        .order_by(OutboxAttachment.id)
    ):
        attachments.setdefault(message_id, []).append(Attachment(*file))
    rows = db.session.execute(
        select(
            OutboxMessage.id,
            OutboxMessage.attempts,
            OutboxMessage.organisation_id,
            Organisation.name.label("sender"),
            Organisation.sender_email,
            OutboxMessage.reason_key,
            OutboxMessage.created_at,
            OutboxMessage.recipient,
            OutboxMessage.subject,
            OutboxMessage.text_body,
            OutboxMessage.html_body,
        )
        .join(Organisation, Organisation.id == OutboxMessage.organisation_id)
        .where(OutboxMessage.id.in_(message_ids))
        .order_by(OutboxMessage.next_attempt_at, OutboxMessage.id)
    ).all()
    image_keys = {
        row.id: [(row.organisation_id, key) for key in inline_images.list_storage_keys(row.html_body)] for row in rows
    }
    images = inline_images.find_images({each for several in image_keys.values() for each in several})
    return [
        ClaimedMessage(
            claimed_until=claimed_until,
            attachments=tuple(attachments.get(row.id, ())),
            inline_images=tuple(images[each] for each in image_keys[row.id] if each in images),
            **row._mapping,
        )
        for row in rows
    ]


def start_attempt(
    message: ClaimedMessage, *, now: datetime, connection: Connection | None = None
) -> ClaimedMessage | None:
    """Count an attempt on a claimed message, which is left to the caller for as long as SENDING_CLAIM_DURATION from now
    on.

    None where the claim has lapsed, or this would be one attempt too many: the message is parked then. The caller
    commits before sending. Where there are many of them, it takes half the time on a `connection` of their own.
    """
    claimed_until = now + SENDING_CLAIM_DURATION
    attempts = executor_of(connection).scalar(
        _START, {**_claim_parameters(message), "now": now, "until": claimed_until}
    )
    if attempts is None:
        return None
    started_message = replace(message, attempts=attempts, claimed_until=claimed_until)
    if attempts > MAX_ATTEMPTS:
        _mark_failed(
            started_message,
            func.coalesce(MESSAGES.c.last_error, "Sending was interrupted at every attempt"),
            connection,
            now=now,
        )
        return None
    return started_message


def release(messages: Sequence[ClaimedMessage], *, was_started: bool = False) -> None:
    """Leave claimed messages that were not sent after all to others; an attempt that `was_started` does not count."""
    leases = [Lease(message.id, message.claimed_until) for message in messages]
    LEASES.release(*leases, attempts=MESSAGES.c.attempts - int(was_started))


def record_result(
    message: ClaimedMessage, result: DeliveryError | str, *, now: datetime, connection: Connection | None = None
) -> bool:
    """Keep what came of an attempt: the mail was taken with this answer, is tried again later, or failed for good.

    What was taken is sent, whatever happened meanwhile; a failure is kept only by who still holds the message. Whether
    it was kept.
    """
    if isinstance(result, DeliveryError):
        if result.is_final or message.attempts >= MAX_ATTEMPTS:
            error_text = clean_header(result.reason, max_length=MAX_ANSWER_LENGTH)
            return _mark_failed(message, error_text, connection, now=now)
        next_attempt_at = now + RETRY_DELAYS[max(message.attempts, 1) - 1]
        error_text = clean_header(result.reason, max_length=MAX_ANSWER_LENGTH)
        return _update_claimed(
            message,
            build_update(_IS_HELD, last_error=error_text, next_attempt_at=next_attempt_at, claimed_until=None),
            connection,
        )
    statement = (
        _MARK_SENT.values(**redacted_content) if (redacted_content := _redacted_content(message)) else _MARK_SENT
    )
    return executor_of(connection).scalar(statement, _sent_parameters(message, result, now)) is not None


def record_result_and_start(
    finished_message: ClaimedMessage,
    result: DeliveryError | str,
    next_message: ClaimedMessage,
    *,
    now: datetime,
    connection: Connection,
) -> ClaimedMessage | None:
    """`record_result` of one message and `start_attempt` of another.

    On PostgreSQL, if the first was taken, by one statement: two in a transaction cost a tenth of the time of a delivery
    (docs/benchmarks.md). SQLite has no round trips to save, and no UPDATE within another.
    """
    if (
        isinstance(result, DeliveryError)
        or next_message.attempts >= MAX_ATTEMPTS
        or _redacted_content(finished_message)
        or connection.dialect.name == "sqlite"
    ):
        record_result(finished_message, result, now=now, connection=connection)
        return start_attempt(next_message, now=now, connection=connection)
    claimed_until = now + SENDING_CLAIM_DURATION
    attempts = connection.scalar(
        _MARK_SENT_AND_START,
        {**_sent_parameters(finished_message, result, now), **_claim_parameters(next_message), "until": claimed_until},
    )
    return None if attempts is None else replace(next_message, attempts=attempts, claimed_until=claimed_until)


def _sent_parameters(message: ClaimedMessage, answer: str, now: datetime) -> dict[str, Any]:
    return {"finished_id": message.id, "now": now, "server_answer": clean_header(answer, max_length=MAX_ANSWER_LENGTH)}


def _redacted_content(message: ClaimedMessage) -> dict[str, str]:
    """What of a letter is kept without the links in it, once it is sent."""
    content = {"subject": message.subject, "text_body": message.text_body, "html_body": message.html_body}
    return {name: redacted_text for name, text in content.items() if (redacted_text := hide_links(text)) != text}


def hold_due(*, now: datetime, message_id: int | None = None) -> int:
    """Keep what is due, or this message if it is, to be read here: there is no mail server. How many there were."""
    statement = build_transition(HOLD, due_condition(now, message_id)).returning(MESSAGES.c.id)
    return len(db.session.scalars(statement).all())


def _mark_failed(message: ClaimedMessage, reason: Any, connection: Connection | None, *, now: datetime) -> bool:
    statement = build_transition(FAIL, _IS_HELD, last_error=reason, failed_at=now)
    return _update_claimed(message, statement, connection)


def _claim_parameters(message: ClaimedMessage) -> dict[str, Any]:
    return {"claimed_id": message.id, "claim_until": message.claimed_until}


def _update_claimed(message: ClaimedMessage, statement: Any, connection: Connection | None) -> bool:
    return executor_of(connection).scalar(statement.returning(MESSAGES.c.id), _claim_parameters(message)) is not None


def executor_of(connection: Connection | None) -> Any:
    return db.session if connection is None else connection
