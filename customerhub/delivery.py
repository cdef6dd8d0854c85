"""Delivering what is in the outbox: who sends which message, the mail that is made of it, and what came of that.

`claim` some messages and commit; `begin` one of them and commit; `compose` it and send it with no transaction open;
`settle` what came of it and commit. A claim that lapses is everybody's again, so `begin` asks whether it still holds:
of all that may go wrong, only who dies between the server's answer and the commit of `settle` sends a mail twice.
"""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.errors import MessageError
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update

from customerhub import storage
from customerhub.database import insert_new
from customerhub.errors import NotFound, quoted
from customerhub.outbox import KEEP, LONGEST_TOLD, REFUSE, TAKE, change, header_safe, move
from customerhub.users.links import hide_links
from models import MailOutage, Organisation, OutboxAttachment, OutboxMessage, StoredFile
from models.base import db
from models.enums import OutboxState

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440))
MOST_ATTEMPTS = len(PAUSES) + 1
RESERVED = timedelta(minutes=1)  # how long messages are left to whoever claimed several
CLAIM = timedelta(minutes=10)  # how long a message is left to whoever began to send it
RESTS = timedelta(seconds=45)  # how long a server that was away is left alone by all but the schedule

_CONTENT = ("subject", "text_body", "html_body")
_PARTS_OF_MAIL = ("message", "multipart")  # kinds of content that an attachment is not sent as
_POLICY = SMTP.clone(refold_source="none")  # headers that are written already stay as they are
_LINE = 70  # characters of a header's line
_ENCODED = "=?"  # how encoded text in a header begins
_PLAIN_WORDS = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*")  # what may stand before an address without quotes
_LOCAL_PART = re.compile(r"[^\s\x00-\x20\x7f\"(),:;<>@\[\\\]]+")
log = logging.getLogger(__name__)


class Undelivered(Exception):
    """The mail was not taken. `is_final`: trying again would not help. `is_away`: the server is at fault."""

    def __init__(self, reason: str, *, is_final: bool = False, is_away: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final
        self.is_away = is_away


@dataclass(frozen=True)
class Enclosure:
    """A file that goes with a letter."""

    name: str
    content_type: str
    storage_key: str


@dataclass(frozen=True)
class Letter:
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
    enclosures: tuple[Enclosure, ...] = ()


@dataclass(frozen=True)
class Envelope:
    """A letter as it is handed to a mail server. `is_international` where an address needs SMTPUTF8."""

    sender: str
    recipient: str
    content: bytes
    is_international: bool


# --- Who sends what ----------------------------------------------------------------------------------------


def due(now: datetime, message_id: int | None = None, *, lacks_report: bool = False) -> ColumnElement[bool]:
    """The condition of a message, or of one in particular, that may be sent now; or, with `lacks_report`, that may be
    sent once its report is made.
    """
    has_files = exists().where(OutboxAttachment.message_id == OutboxMessage.id)
    conditions = [
        OutboxMessage.state == OutboxState.WAITING,
        OutboxMessage.next_attempt_at <= now,
        or_(OutboxMessage.claimed_until.is_(None), OutboxMessage.claimed_until <= now),
        and_(OutboxMessage.report_on.is_not(None), ~has_files)
        if lacks_report
        else or_(OutboxMessage.report_on.is_(None), has_files),
    ]
    if message_id is not None:
        conditions.append(OutboxMessage.id == message_id)
    return and_(*conditions)


def claim(*, now: datetime, limit: int = 1, message_id: int | None = None, lacks_report: bool = False) -> list[Letter]:
    """Take up to `limit` of the messages that are due, the longest waiting first, or this one if it is.

    The caller commits. From then on nobody else takes them for as long as RESERVED, and whoever dies has delayed them
    by no more than that.
    """
    picked = (
        select(OutboxMessage.id)
        .where(due(now, message_id, lacks_report=lacks_report))
        .order_by(OutboxMessage.next_attempt_at, OutboxMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("picked")
    )
    claimed = db.session.scalars(
        change(OutboxMessage.id.in_(select(picked.c.id)), claimed_until=now + RESERVED).returning(OutboxMessage.id)
    ).all()
    return _letters(claimed, now + RESERVED) if claimed else []


def _letters(message_ids: Sequence[int], claimed_until: datetime) -> list[Letter]:
    enclosures: dict[int, list[Enclosure]] = {}
    files = select(OutboxAttachment.message_id, StoredFile.name, StoredFile.content_type, StoredFile.storage_key)
    for message_id, *file in db.session.execute(
        files.join(StoredFile, StoredFile.id == OutboxAttachment.file_id)
        .where(OutboxAttachment.message_id.in_(message_ids))
        .order_by(OutboxAttachment.id)
    ):
        enclosures.setdefault(message_id, []).append(Enclosure(*file))
    rows = db.session.execute(
        select(
            OutboxMessage.id, OutboxMessage.attempts, OutboxMessage.organisation_id,
            Organisation.name.label("sender"), Organisation.sender_email, OutboxMessage.reason_key,
            OutboxMessage.created_at, OutboxMessage.recipient, OutboxMessage.subject, OutboxMessage.text_body,
            OutboxMessage.html_body,
        )
        .join(Organisation, Organisation.id == OutboxMessage.organisation_id)
        .where(OutboxMessage.id.in_(message_ids))
        .order_by(OutboxMessage.next_attempt_at, OutboxMessage.id)
    )  # fmt: skip
    return [
        Letter(claimed_until=claimed_until, enclosures=tuple(enclosures.get(row.id, ())), **row._mapping)
        for row in rows
    ]


def begin(letter: Letter, *, now: datetime) -> Letter | None:
    """Count an attempt on a claimed message, which is left to the caller for as long as CLAIM from now on.

    None where the claim has lapsed, or this would be one attempt too many: the message is parked then. The caller
    commits before sending.
    """
    attempts = db.session.scalar(
        change(*_held(letter), OutboxMessage.claimed_until > now,
                attempts=OutboxMessage.attempts + 1, claimed_until=now + CLAIM)
        .returning(OutboxMessage.attempts)
    )  # fmt: skip
    if attempts is None:
        return None
    begun = replace(letter, attempts=attempts, claimed_until=now + CLAIM)
    if attempts > MOST_ATTEMPTS:
        _park(begun, func.coalesce(OutboxMessage.last_error, "Sending was interrupted every time"))
        return None
    return begun


def give_back(letters: Sequence[Letter], *, was_begun: bool = False) -> None:
    """Leave claimed messages that were not sent after all to others; an attempt that `was_begun` does not count."""
    db.session.execute(
        change(
            OutboxMessage.id.in_([letter.id for letter in letters]),
            OutboxMessage.state == OutboxState.WAITING,
            OutboxMessage.claimed_until.in_({letter.claimed_until for letter in letters}),
            claimed_until=None,
            attempts=OutboxMessage.attempts - int(was_begun),
        )
    )


def settle(letter: Letter, came: Undelivered | str, *, now: datetime) -> bool:
    """Keep what came of an attempt: the mail was taken with this answer, is tried again later, or failed for good.

    What was taken is sent, whatever happened meanwhile; a failure is kept only by who still holds the message. Whether
    it was kept.
    """
    if isinstance(came, Undelivered):
        if came.is_final or letter.attempts >= MOST_ATTEMPTS:
            return _park(letter, header_safe(came.reason, longest=LONGEST_TOLD))
        later = now + PAUSES[max(letter.attempts, 1) - 1]
        told = header_safe(came.reason, longest=LONGEST_TOLD)
        return _is_done(change(*_held(letter), last_error=told, next_attempt_at=later, claimed_until=None))
    content = {name: getattr(letter, name) for name in _CONTENT}
    hidden = {name: bare for name, text in content.items() if (bare := hide_links(text)) != text}
    return _is_done(
        move(
            TAKE, OutboxMessage.id == letter.id, OutboxMessage.state != OutboxState.SENT,
            sent_at=now, answer=header_safe(came, longest=LONGEST_TOLD), last_error=None,
            **hidden,
        )
    )  # fmt: skip


def hold(*, now: datetime, message_id: int | None = None) -> int:
    """Keep what is due, or this message if it is, to be read here: there is no mail server. How many there were."""
    kept = move(KEEP, due(now, message_id)).returning(OutboxMessage.id)
    return len(db.session.scalars(kept).all())


def _park(letter: Letter, reason: Any) -> bool:
    return _is_done(move(REFUSE, *_held(letter), last_error=reason))


def _held(letter: Letter) -> tuple[ColumnElement[bool], ...]:
    """The condition that a message is still in the hands of who has `letter`."""
    return (
        OutboxMessage.id == letter.id,
        OutboxMessage.state == OutboxState.WAITING,
        OutboxMessage.claimed_until == letter.claimed_until,
    )


def _is_done(statement: Any) -> bool:
    return db.session.scalar(statement.returning(OutboxMessage.id)) is not None


# --- What is sent ------------------------------------------------------------------------------------------


def compose(letter: Letter, *, fallback_sender: str) -> Envelope:
    """The mail of a letter, from the organisation's address or, where it has none, from `fallback_sender`.

    Its Message-ID is the same at every attempt, so a receiver can tell a repetition. Raises Undelivered where no mail
    can be made of the letter, or a file of it cannot be read.
    """
    files = [(enclosure, _content(enclosure)) for enclosure in letter.enclosures]
    try:
        sender, recipient = _address(letter.sender_email or fallback_sender), _address(letter.recipient)
        mail = EmailMessage(policy=_POLICY)
        for name, value in (
            ("From", f"{_words('From', letter.sender)}\r\n <{sender}>"),
            ("To", recipient),
            ("Subject", _words("Subject", letter.subject)),
            ("Date", format_datetime(letter.created_at)),
            ("Message-ID", f"<{_fingerprint(letter)}@{sender.rpartition('@')[2]}>"),
            ("Auto-Submitted", "auto-generated"),
        ):
            mail.set_raw(name, value)
        mail.set_content(letter.text_body)
        mail.add_alternative(letter.html_body, subtype="html")
        for enclosure, content in files:
            kind, _, subtype = enclosure.content_type.partition("/")
            if kind in _PARTS_OF_MAIL or not subtype:
                kind, subtype = "application", "octet-stream"
            name = storage.clean_name(header_safe(enclosure.name))
            mail.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
        is_international = not (sender + recipient).isascii()
        content = mail.as_bytes(policy=_POLICY.clone(utf8=is_international))
    except (ValueError, LookupError, TypeError, AttributeError, MessageError) as error:
        log.exception("no mail can be made of outgoing message %s", letter.id)
        raise Undelivered(f"No mail can be made of this: {error}", is_final=True) from error
    return Envelope(sender, recipient, content, is_international)


def _content(enclosure: Enclosure) -> bytes:
    try:
        with storage.open_file(enclosure) as file:
            return file.read()
    except NotFound as error:
        raise Undelivered(f"{enclosure.name}: {error.message}", is_final=True) from error
    except OSError as error:
        raise Undelivered(f"{enclosure.name} cannot be read: {error.strerror or error}") from error


def _fingerprint(letter: Letter) -> str:
    told = f"{letter.organisation_id}|{letter.reason_key}|{letter.created_at.isoformat()}"
    return f"{letter.id}.{hashlib.sha256(told.encode()).hexdigest()[:24]}"


def _address(address: str) -> str:
    """An address with its domain as the mail system spells it. Raises ValueError where a header cannot hold it."""
    local, _, domain = address.rpartition("@")
    if not _LOCAL_PART.fullmatch(local) or _ENCODED in address:
        raise ValueError(f"{quoted(address)} cannot stand in a mail")
    return f"{local}@{domain.encode('idna').decode()}"


def _words(header: str, text: str) -> str:
    """`text` as the value of `header`, or the beginning of it, encoded and folded as far as it must be.

    The email package is given no text to read here: it would decode what looks like encoded text, ends of lines in it
    too, and write that as it is.
    """
    bare = header_safe(text)
    is_plain = _PLAIN_WORDS.fullmatch(bare) and _ENCODED not in bare and len(bare) <= _LINE
    return bare if is_plain else Header(bare, "utf-8", _LINE, header).encode(linesep="\r\n")


# --- Whether the server is there ---------------------------------------------------------------------------


def note_outage(server: str, reason: str, *, now: datetime) -> None:
    """Keep that `server` did not answer just now, and why."""
    told = header_safe(reason, longest=LONGEST_TOLD)
    db.session.execute(insert_new(MailOutage).values(server=server, since=now, tried_at=now, told=told))
    db.session.execute(update(MailOutage).where(MailOutage.server == server).values(tried_at=now, told=told))


def forget_outage(server: str) -> None:
    """Keep that `server` answers."""
    db.session.execute(delete(MailOutage).where(MailOutage.server == server))


def find_outage(server: str) -> MailOutage | None:
    """The outage of `server`; None where it answered when it was last asked."""
    return db.session.scalar(
        select(MailOutage).where(MailOutage.server == server).execution_options(populate_existing=True)
    )


def rests(server: str, *, now: datetime) -> bool:
    """Whether `server` was away a moment ago, so that only the schedule is to ask it again."""
    outage = find_outage(server)
    return outage is not None and outage.tried_at > now - RESTS
