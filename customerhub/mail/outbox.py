"""The outbox: every mail is a row first, written in the transaction that causes it.

A mail has a reason, and for one reason there is one mail, however often it is put. Sending happens later and elsewhere,
see customerhub/mail/delivery.py; what may become of a message is described by MESSAGE_STATES. Where no mail server is
set, messages are held: they are kept to be read here, and nothing leaves.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, select, update

from customerhub.core import clock, services
from customerhub.core.config import MIB
from customerhub.core.database import insert_new
from customerhub.core.errors import HubError, Invalid, NotFound, WrongState, raise_refusal
from customerhub.core.leases import LeaseTable
from customerhub.core.many_rows import lock_rows, split_refused
from customerhub.core.permissions import Actor, Permission, require_access, require_permission, select_visible
from customerhub.core.redaction import format_one_line, hide_links
from customerhub.core.state_machine import Requirement, StateMachine, Transition
from customerhub.core.transaction import after_commit
from customerhub.core.validation import clean_email
from models import OutboxAttachment, OutboxMessage, StoredFile, User
from models.base import db, get_table
from models.enums import OutboxState
from models.keys import exact_key

MESSAGES: Final = get_table(OutboxMessage)
MAX_SUBJECT_LENGTH: Final = 250
MAX_REASON_LENGTH: Final = 300
MAX_ANSWER_LENGTH: Final = 500  # what is kept of an error or of a server's answer


BATCH_CLAIM_DURATION: Final = timedelta(minutes=1)  # how long messages are left to whoever claimed several

# --- What may become of a message --------------------------------------------------------------------------

S = OutboxState
MessageTransition = Transition[OutboxMessage, OutboxState]


def is_claimed(message: OutboxMessage, *, now: datetime) -> bool:
    """Whether a worker has the message in hand."""
    return message.state is S.WAITING and message.claimed_until is not None and message.claimed_until > now


_BEING_SENT: Final = "This message is being sent. Try again in a minute"
_UNCLAIMED: Final = Requirement[OutboxMessage](
    "if no worker has it", lambda message: not is_claimed(message, now=clock.get_now()), _BEING_SENT
)

SEND: Final = MessageTransition("send", frozenset({S.WAITING}), S.SENT, explanation="accepted by the mail server")
RETRY: Final = MessageTransition(
    "retry", frozenset({S.WAITING}), S.WAITING, explanation="temporary failure, retried later"
)
FAIL: Final = MessageTransition(
    "fail", frozenset({S.WAITING}), S.FAILED, explanation="permanent failure, or last attempt failed"
)
HOLD: Final = MessageTransition("hold", frozenset({S.WAITING}), S.HELD, explanation="no mail server is set up")
RESEND: Final = MessageTransition(
    "send-again",
    frozenset({S.FAILED, S.HELD, S.CANCELLED}),
    S.WAITING,
    label="Send again",
    explanation="The message is queued again with the full number of attempts. Without a mail server it is not sent.",
    permission=Permission.OUTBOX_SEND,
    refusal="Cannot send again: this message is {state}",
)
CANCEL: Final = MessageTransition(
    "cancel",
    frozenset({S.WAITING, S.FAILED, S.HELD}),
    S.CANCELLED,
    label="Cancel",
    explanation="The message is not sent. It stays here and can be sent again.",
    permission=Permission.OUTBOX_SEND,
    requirements=(_UNCLAIMED,),
    refusal="Cannot cancel: this message is {state}",
)
WITHDRAW: Final = MessageTransition(
    "withdraw", frozenset({S.WAITING}), S.CANCELLED, explanation="no longer needed", requirements=(_UNCLAIMED,)
)
REPLACE: Final = MessageTransition(
    "replace",
    frozenset({S.WAITING, S.HELD}),
    S.CANCELLED,
    explanation="replaced by a later message",
    requirements=(_UNCLAIMED,),
)
MESSAGE_STATES: Final = StateMachine[OutboxMessage, OutboxState](
    OutboxMessage.state,
    (SEND, RETRY, FAIL, HOLD, RESEND, CANCEL, WITHDRAW, REPLACE),
    {S.WAITING: "queued in the triggering transaction"},
)
LEASES: Final = LeaseTable(
    MESSAGES,
    until=MESSAGES.c.claimed_until,
    token=MESSAGES.c.claimed_until,
    waiting=MESSAGES.c.state == S.WAITING,
    active=MESSAGES.c.state == S.WAITING,
    duration=BATCH_CLAIM_DURATION,
)


def build_update(*conditions: ColumnElement[bool], **values: Any) -> Any:
    """An UPDATE of the messages that meet `conditions`, past the objects that the session has."""
    return update(MESSAGES).where(*conditions).values(**values)


def build_transition(transition: MessageTransition, *conditions: ColumnElement[bool], **values: Any) -> Any:
    """An UPDATE that makes a transition of the messages that meet `conditions`: they are in nobody's hands then."""
    released_values = {"next_attempt_at": None, "claimed_until": None, "version": MESSAGES.c.version + 1}
    return build_update(*conditions, **({"state": transition.to_state} | released_values | values))


# --- Putting -----------------------------------------------------------------------------------------------

_is_dispatch_off: ContextVar[bool] = ContextVar("is_dispatch_off", default=False)


@contextmanager
def without_dispatch() -> Iterator[None]:
    """Messages that are committed within this block are left to the next sweep."""
    token = _is_dispatch_off.set(True)
    try:
        yield
    finally:
        _is_dispatch_off.reset(token)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message as it is put into the outbox.

    `reason_key` tells what the mail is about and when, such as "review 12 2026-01-31", in at most 200 characters, and
    is unique in the organisation; `why` says it to people. Where `report_on` is set, the performance report of the
    customer as of that day is made and attached before the mail is sent.
    """

    organisation_id: int
    reason_key: str
    purpose: str
    recipient: str
    subject: str
    text_body: str
    html_body: str
    customer_id: int | None = None
    why: str | None = None
    report_on: date | None = None


def enqueue(  # noqa: PLR0913  (the fields of a Draft, by keyword)
    *,
    organisation_id: int,
    reason_key: str,
    purpose: str,
    recipient: str,
    subject: str,
    text_body: str,
    html_body: str,
    customer_id: int | None = None,
    why: str | None = None,
    files: Sequence[StoredFile] = (),
    report_on: date | None = None,
) -> OutboxMessage:
    """The message for the reason `reason_key`, written now with `files` attached if there is none yet. See Draft.

    Raises Invalid where the recipient is not an email address or the files are too large, NotFound where a file is of
    another organisation.
    """
    if report_on and (files or customer_id is None):
        raise ValueError("a report is of a customer, and the only attachment")
    draft = Draft(
        organisation_id=organisation_id,
        reason_key=reason_key,
        purpose=purpose,
        recipient=recipient,
        subject=subject,
        text_body=text_body,
        html_body=html_body,
        customer_id=customer_id,
        why=why,
        report_on=report_on,
    )
    unique_files = list({file.id: file for file in files}.values())
    _check_files(unique_files, organisation_id)
    [message_id] = enqueue_many([draft])
    message = _load_message(organisation_id, reason_key)
    if message_id is not None:
        _attach(message, unique_files)
    return message


def _load_message(organisation_id: int, reason_key: str) -> OutboxMessage:
    query = select(OutboxMessage).where(
        OutboxMessage.organisation_id == organisation_id, OutboxMessage.reason_key == reason_key
    )
    return db.session.scalars(query).one()


def enqueue_many(drafts: Iterable[Draft]) -> list[int | None]:
    """Put many messages into the outbox at once; they are announced together.

    For each draft the id of its new message, None where there is one for its reason already. A one-time link in a
    subject is made useless: lists, searches and exports show subjects. Raises Invalid, with nothing written, where a
    recipient is not an email address.
    """
    rows = [_build_row(draft) for draft in drafts]
    inserted_rows = (
        db.session.execute(
            insert_new(OutboxMessage, on=["organisation_id", "reason_key"]).returning(
                OutboxMessage.organisation_id, OutboxMessage.reason_key, OutboxMessage.id
            ),
            rows,
        ).all()
        if rows
        else []
    )
    ids = {(organisation_id, reason_key): message_id for organisation_id, reason_key, message_id in inserted_rows}
    if ids:
        _notify_after_commit(list(ids.values()))
    return [ids.pop((row["organisation_id"], row["reason_key"]), None) for row in rows]


def _build_row(draft: Draft) -> dict[str, Any]:
    address = clean_email(draft.recipient)
    if address is None:
        raise Invalid("Enter an email address", "recipient")
    return {
        **vars(draft),
        "recipient": address,
        "subject": clean_header(hide_links(draft.subject)),
        "why": clean_header(draft.why, max_length=MAX_REASON_LENGTH) if draft.why else None,
        "state": OutboxState.WAITING,
        "attempts": 0,
        "next_attempt_at": clock.get_now(),
    }


def _notify_after_commit(message_ids: list[int]) -> None:
    notify_workers = services.get_current().notify_workers
    after_commit(lambda: None if _is_dispatch_off.get() else notify_workers(message_ids))


def attach(message: OutboxMessage, file: StoredFile) -> None:
    """Attach one more file to a message. Raises Invalid where all its files would be too large for a mail."""
    _check_files([*(attachment.file for attachment in message.attachments), file], message.organisation_id)
    _attach(message, [file])


def _check_files(files: Sequence[StoredFile], organisation_id: int) -> None:
    if any(file.organisation_id != organisation_id for file in files):
        raise NotFound("There is no such file")
    size = sum(file.size for file in files)
    max_bytes = services.get_current().max_attachment_bytes
    if size > max_bytes:
        raise Invalid(
            f"The attachments have {size / MIB:.1f} MB; the maximum is {max_bytes / MIB:g} MB. Attach "
            "less, "
            "or increase HUB_MAX_ATTACHMENTS_MB if the mail server accepts more",
            "files",
        )


def _attach(message: OutboxMessage, files: Sequence[StoredFile]) -> None:
    message.attachments += [
        OutboxAttachment(organisation_id=message.organisation_id, file_id=file.id) for file in files
    ]
    db.session.flush()


def clean_header(text: str, *, max_length: int = MAX_SUBJECT_LENGTH) -> str:
    """`text` on one line, without control characters, cut to what a subject may hold."""
    return format_one_line(text, max_length=max_length)


def list_waiting(organisation_id: int, size: int) -> list[ColumnElement[bool]]:
    """Conditions of at most `size` messages each: all of them that an organisation has waiting, the oldest first."""
    in_organisation = MESSAGES.c.organisation_id == organisation_id
    waiting = select(MESSAGES.c.id).where(in_organisation, MESSAGE_STATES.begins_in(WITHDRAW))
    ids = db.session.scalars(waiting.order_by(MESSAGES.c.id)).all()
    chunks = (ids[start : start + size] for start in range(0, len(ids), size))
    return [and_(in_organisation, MESSAGES.c.id.between(chunk[0], chunk[-1])) for chunk in chunks]


def select_failed_messages(actor: Actor) -> Select[Any]:
    """The messages that could not be sent."""
    return select_visible(OutboxMessage, actor).where(OutboxMessage.state == OutboxState.FAILED)


def withdraw(
    *conditions: ColumnElement[bool], reason: str, now: datetime, transition: MessageTransition = WITHDRAW
) -> int:
    """Cancel the messages that meet `conditions`, still wait and are in no worker's hands; how many there were. Where
    the `transition` is REPLACE also those that are held.
    """
    conditions = (*conditions, MESSAGE_STATES.begins_in(transition), LEASES.is_expired(now))
    statement = build_transition(transition, *conditions, last_error=reason)
    return len(db.session.scalars(statement.returning(MESSAGES.c.id)).all())


# --- What people decide ------------------------------------------------------------------------------------


def send_again(message: OutboxMessage, *, actor: Actor) -> None:
    """Let a message that failed, was held or was cancelled be sent after all. Raises WrongState for any other."""
    raise_refusal(send_many_again([message], actor=actor))


def send_many_again(messages: Sequence[OutboxMessage], *, actor: Actor) -> dict[int, HubError]:
    """As `send_again`, of many at once: returns why not, by the id of each that is left as it is."""
    now = clock.get_now()
    refusals = _apply_transition(
        RESEND, messages, actor=actor, now=now, attempts=0, next_attempt_at=now, last_error=None
    )
    sent_ids = [message.id for message in messages if message.id not in refusals]
    if sent_ids:
        _notify_after_commit(sent_ids)
    return refusals


def cancel(message: OutboxMessage, *, actor: Actor) -> None:
    """Keep a message from being sent. Raises WrongState where it was sent, or is in a worker's hands."""
    raise_refusal(cancel_many([message], actor=actor))


def cancel_many(messages: Sequence[OutboxMessage], *, actor: Actor) -> dict[int, HubError]:
    """As `cancel`, of many at once: returns why not, by the id of each that is left as it is."""
    return _apply_transition(CANCEL, messages, actor=actor, now=clock.get_now())


def _apply_transition(
    transition: MessageTransition, messages: Sequence[OutboxMessage], *, actor: Actor, now: datetime, **values: Any
) -> dict[int, HubError]:
    """Make a transition of messages as they are in the database: a worker may have taken one since it was read.

    Returns why not, by the id of each that is left as it is.
    """
    require_permission(actor, Permission.OUTBOX_SEND)

    def check_access(message: OutboxMessage) -> int:
        require_access(actor, message)
        return message.id

    ids, refusals = split_refused(messages, check_access)
    if len(ids) > 1:  # in one order, so that of two who change the same ones neither waits for the other for ever
        lock_rows(messages)
    db.session.flush()
    conditions = (MESSAGES.c.id.in_(ids), MESSAGE_STATES.begins_in(transition), LEASES.is_expired(now))
    changed_ids = db.session.scalars(build_transition(transition, *conditions, **values).returning(MESSAGES.c.id)).all()
    query = select(OutboxMessage).where(OutboxMessage.id.in_(ids)).execution_options(populate_existing=True)
    unchanged = [message for message in db.session.scalars(query) if message.id not in changed_ids]

    def check(message: OutboxMessage) -> None:
        MESSAGE_STATES.check(transition, message, actor)
        raise WrongState(_BEING_SENT)

    return refusals | split_refused(unchanged, check)[1]


def redact_bodies(message: OutboxMessage, *, actor: Actor) -> tuple[str, str]:
    """Text and HTML of a message as `actor` may read them.

    A one-time link is shown only to who may edit that user anyway, and only where nothing leaves by mail: it
    would open somebody else's account.
    """
    if message.state is OutboxState.HELD and actor.has_permission(Permission.USERS_EDIT):
        owner = db.session.scalar(select(User).where(User.email_key == (exact_key(message.recipient) or "")))
        if owner is None or not owner.platform or actor.has_permission(Permission.ORGANISATIONS):
            return message.text_body, message.html_body
    return hide_links(message.text_body), hide_links(message.html_body)
