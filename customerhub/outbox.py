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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from sqlalchemy import select, update

from customerhub import clock
from customerhub.config import MIB
from customerhub.customers.rules import clean_email
from customerhub.database import insert_new
from customerhub.errors import Invalid, NotFound, WrongState
from customerhub.permissions import Actor, Permission, require, require_own
from customerhub.transaction import after_commit
from customerhub.users.links import hide_links
from models import Organisation, OutboxAttachment, OutboxMessage, StoredFile, User
from models.base import db
from models.enums import OutboxState
from models.keys import exact_key

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440))
MOST_ATTEMPTS = len(PAUSES) + 1
CLAIM = timedelta(minutes=10)  # how long a message is left to whoever claimed it
LONGEST_SUBJECT = 250
LONGEST_WHY = 300
UNSENT = (OutboxState.FAILED, OutboxState.HELD)  # what is not sent unless somebody has it sent again

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\s]+")
log = logging.getLogger(__name__)

# Called with the ids of messages after the commit that made them. The jobs set it.
announce: Callable[[list[int]], object] | None = None

_most_attached = 10 * MIB


def configure(*, most_attached: int) -> None:
    """The files of one message may have this many bytes in all. Called once, at start."""
    global _most_attached
    _most_attached = most_attached


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
    attached = list({file.id: file for file in files}.values())
    _check_files(attached, organisation_id)
    [made] = put_many([draft])
    message = db.session.scalars(
        select(OutboxMessage).where(
            OutboxMessage.organisation_id == organisation_id, OutboxMessage.reason_key == reason_key
        )
    ).one()
    if made is not None:
        _attach(message, attached)
    return message


def put_many(drafts: Iterable[Draft]) -> list[int | None]:
    """Put many messages into the outbox at once; they are announced together.

    For each draft the id of its new message, None where there is one for its reason already. A one-time link in a
    subject is made useless: lists, searches and exports show subjects. Raises Invalid, with nothing written, where a
    recipient is not an email address.
    """
    rows = [_row_of(draft) for draft in drafts]
    made = (
        db.session.execute(
            insert_new(OutboxMessage, on=["organisation_id", "reason_key"]).returning(
                OutboxMessage.organisation_id, OutboxMessage.reason_key, OutboxMessage.id
            ),
            rows,
        ).all()
        if rows
        else []
    )
    ids = {(organisation_id, reason_key): message_id for organisation_id, reason_key, message_id in made}
    if ids:
        _announce(list(ids.values()))
    return [ids.pop((row["organisation_id"], row["reason_key"]), None) for row in rows]


def _row_of(draft: Draft) -> dict[str, Any]:
    address = clean_email(draft.recipient)
    if address is None:
        raise Invalid("An email address is needed", "recipient")
    return {
        **asdict(draft),
        "recipient": address,
        "subject": header_safe(hide_links(draft.subject)),
        "why": header_safe(draft.why, longest=LONGEST_WHY) if draft.why else None,
        "state": OutboxState.WAITING,
        "attempts": 0,
        "next_attempt_at": clock.now(),
    }


def _announce(message_ids: list[int]) -> None:
    after_commit(lambda: announce(message_ids) if announce else None)


def attach(message: OutboxMessage, file: StoredFile) -> None:
    """Attach one more file to a message. Raises Invalid where all its files would be too large for a mail."""
    _check_files([*(attachment.file for attachment in message.attachments), file], message.organisation_id)
    _attach(message, [file])


def _check_files(files: Sequence[StoredFile], organisation_id: int) -> None:
    if any(file.organisation_id != organisation_id for file in files):
        raise NotFound("There is no such file")
    size = sum(file.size for file in files)
    if size > _most_attached:
        raise Invalid(
            f"The attachments have {size / MIB:.1f} MB and {_most_attached / MIB:g} MB is the most: attach less, "
            "or have HUB_MAX_ATTACHMENTS_MB raised where the mail server takes more",
            "files",
        )


def _attach(message: OutboxMessage, files: Sequence[StoredFile]) -> None:
    message.attachments += [
        OutboxAttachment(organisation_id=message.organisation_id, file_id=file.id) for file in files
    ]
    db.session.flush()


def header_safe(text: str, *, longest: int = LONGEST_SUBJECT) -> str:
    """`text` on one line, without control characters, cut to what a subject may hold."""
    bare = _UNPRINTABLE.sub(" ", text).strip()
    return bare if len(bare) <= longest else bare[: longest - 1].rstrip() + "…"


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
    _announce([message.id])


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
