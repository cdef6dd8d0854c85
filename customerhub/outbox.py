"""The outbox: every mail is a row first, written in the transaction that causes it.

A mail has a reason, and for one reason there is one mail, however often it is put. Sending happens later and
elsewhere: `claim` a message, `compose` it, commit, send it with no transaction open, `settle` what came of
it, commit. A failure that may pass is tried again after growing pauses; one that will not, or the last, parks
the message as failed. Where no mail server is set, messages are held: they are kept to be read here, and
nothing leaves.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from sqlalchemy import select, update

from customerhub import clock
from customerhub.customers.rules import clean_email
from customerhub.database import insert_new
from customerhub.errors import Invalid, WrongState
from customerhub.permissions import Actor, Permission, require, require_own
from customerhub.transaction import after_commit
from customerhub.users.links import hide_links
from models import Organisation, OutboxMessage, User
from models.base import db
from models.enums import OutboxState
from models.keys import exact_key

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440))
MOST_ATTEMPTS = len(PAUSES) + 1
CLAIM = timedelta(minutes=10)  # how long a message is left to whoever claimed it
LONGEST_SUBJECT = 250
UNSENT = (OutboxState.FAILED, OutboxState.HELD)  # what is not sent unless somebody has it sent again

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\s]+")
log = logging.getLogger(__name__)

# Called with the id of a message after the commit that made it. The jobs set it.
announce: Callable[[int], object] | None = None


@contextmanager
def unannounced() -> Iterator[None]:
    """Messages that are committed within this block are left to the next sweep."""
    global announce
    kept, announce = announce, None
    try:
        yield
    finally:
        announce = kept


class Undelivered(Exception):
    """The mail was not taken. `is_final`: trying again would not help. `is_away`: the server is at fault."""

    def __init__(self, reason: str, *, is_final: bool = False, is_away: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final
        self.is_away = is_away


def put(
    *,
    organisation_id: int,
    reason_key: str,
    purpose: str,
    recipient: str,
    subject: str,
    text_body: str,
    html_body: str,
    customer_id: int | None = None,
) -> OutboxMessage:
    """The message for the reason `reason_key`, written now if there is none yet.

    A one-time link in the subject is made useless: lists, searches and exports show subjects.
    `reason_key` tells what the mail is about and when, such as "review 12 2026-01-31", in at most 200
    characters, and is unique in the organisation. Raises Invalid where the recipient is not an email address.
    """
    address = clean_email(recipient)
    if address is None:
        raise Invalid("An email address is needed", "recipient")
    made = _written(
        organisation_id=organisation_id,
        reason_key=reason_key,
        purpose=purpose,
        recipient=address,
        subject=header_safe(hide_links(subject)),
        text_body=text_body,
        html_body=html_body,
        customer_id=customer_id,
    )
    if made is not None:
        after_commit(lambda: announce(made) if announce else None)
    return db.session.scalars(
        select(OutboxMessage).where(
            OutboxMessage.organisation_id == organisation_id, OutboxMessage.reason_key == reason_key
        )
    ).one()


def _written(**values: object) -> int | None:
    """The id of a new waiting message with `values`, None where there is one for its reason."""
    return db.session.scalar(
        insert_new(OutboxMessage, on=["organisation_id", "reason_key"])
        .values(state=OutboxState.WAITING, attempts=0, next_attempt_at=clock.now(), **values)
        .returning(OutboxMessage.id)
    )


def header_safe(text: str) -> str:
    """`text` on one line, without control characters, cut to what a subject may hold."""
    bare = _UNPRINTABLE.sub(" ", text).strip()
    return bare if len(bare) <= LONGEST_SUBJECT else bare[: LONGEST_SUBJECT - 1].rstrip() + "…"


def due(*, now: datetime, limit: int = 500) -> list[int]:
    """The ids of the messages that may be sent now, the longest waiting first."""
    return list(
        db.session.scalars(
            select(OutboxMessage.id)
            .where(OutboxMessage.state == OutboxState.WAITING, OutboxMessage.next_attempt_at <= now)
            .order_by(OutboxMessage.next_attempt_at, OutboxMessage.id)
            .limit(limit)
        )
    )


def claim(message_id: int, *, now: datetime) -> OutboxMessage | None:
    """Take a due message for one attempt, or None where it is not due, gone or somebody else's.

    The caller commits before sending: from then on nobody else sends it, and if the caller dies it is due
    again after CLAIM.
    """
    taken = db.session.scalar(
        update(OutboxMessage)
        .where(
            OutboxMessage.id == message_id,
            OutboxMessage.state == OutboxState.WAITING,
            OutboxMessage.next_attempt_at <= now,
        )
        .values(attempts=OutboxMessage.attempts + 1, next_attempt_at=now + CLAIM)
        .returning(OutboxMessage.id)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        return None
    message = db.session.get_one(OutboxMessage, taken, populate_existing=True)
    if message.attempts > MOST_ATTEMPTS:
        _park(message, message.last_error or "Sending was interrupted every time")
        return None
    return message


def settle(message_id: int, failure: Undelivered | None, *, now: datetime) -> OutboxMessage | None:
    """Keep what came of an attempt on a claimed message: it is sent, tried again later, or failed for good.

    None where the message is gone or was settled by somebody else.
    """
    message = db.session.get(OutboxMessage, message_id)
    if message is None or message.state is not OutboxState.WAITING:
        return None
    if failure is None:
        message.state = OutboxState.SENT
        message.sent_at = now
        message.next_attempt_at = message.last_error = None
        for part in ("subject", "text_body", "html_body"):
            setattr(message, part, hide_links(getattr(message, part)))
    elif failure.is_final or message.attempts >= MOST_ATTEMPTS:
        _park(message, failure.reason)
    else:
        message.last_error = header_safe(failure.reason)
        message.next_attempt_at = now + PAUSES[max(message.attempts, 1) - 1]
    db.session.flush()
    return message


def _park(message: OutboxMessage, reason: str) -> None:
    message.state = OutboxState.FAILED
    message.last_error = header_safe(reason)
    message.next_attempt_at = None
    db.session.flush()


def hold(message: OutboxMessage) -> None:
    """Keep a claimed message to be read here: there is no mail server."""
    message.state = OutboxState.HELD
    message.attempts -= 1
    message.next_attempt_at = None
    db.session.flush()


def send_again(message: OutboxMessage, *, actor: Actor) -> None:
    """Let a message that failed or was held be sent after all. Raises WrongState for any other."""
    require(actor, Permission.OUTBOX_SEND)
    require_own(actor, message)
    if message.state not in UNSENT:
        raise WrongState(f"This message is {message.state.value}: there is nothing to send again")
    message.state = OutboxState.WAITING
    message.attempts = 0
    message.next_attempt_at = clock.now()
    message.last_error = None
    db.session.flush()
    made = message.id
    after_commit(lambda: announce(made) if announce else None)


def bodies(message: OutboxMessage, *, actor: Actor) -> tuple[str, str]:
    """Text and HTML of a message as `actor` may read them.

    A one-time link is shown only to who may edit that user anyway, and only where nothing leaves by mail: it
    would open somebody else's account.
    """
    if message.state is OutboxState.HELD and actor.may(Permission.USERS_EDIT):
        owner = db.session.scalar(select(User).where(User.email_key == (exact_key(message.recipient) or "")))
        if owner is None or not owner.platform or actor.may(Permission.ORGANISATIONS):
            return message.text_body, message.html_body
    return hide_links(message.text_body), hide_links(message.html_body)


def compose(message: OutboxMessage, *, fallback_sender: str) -> EmailMessage:
    """The mail of a message, from the organisation's address or, where it has none, from `fallback_sender`.

    Its Message-ID is the same at every attempt, so a receiver can tell a repetition. Raises Undelivered where
    no mail can be made of the message.
    """
    organisation = db.session.get_one(Organisation, message.organisation_id)
    try:
        sender = _address(organisation.sender_email or fallback_sender, name=organisation.name)
        mail = EmailMessage(policy=SMTP)
        mail["From"] = sender
        mail["To"] = _address(message.recipient)
        mail["Subject"] = header_safe(message.subject)
        mail["Date"] = message.created_at
        mail["Message-ID"] = f"<{_fingerprint(message)}@{sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text_body)
        mail.add_alternative(message.html_body, subtype="html")
    except (ValueError, LookupError, HeaderParseError) as error:
        log.exception("no mail can be made of outgoing message %s", message.id)
        raise Undelivered(f"No mail can be made of this: {error}", is_final=True) from error
    return mail


def _fingerprint(message: OutboxMessage) -> str:
    told = f"{message.organisation_id}|{message.reason_key}|{message.created_at.isoformat()}"
    return f"{message.id}.{hashlib.sha256(told.encode()).hexdigest()[:24]}"


def _address(address: str, *, name: str = "") -> Address:
    """`address` of somebody called `name`, with its domain as the mail system spells it."""
    local, _, domain = address.rpartition("@")
    return Address(header_safe(name), local, domain.encode("idna").decode())
