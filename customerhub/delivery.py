"""Delivering what is in the outbox: who sends which message, the mail that is made of it, and what came of that.

`claim` some messages and commit; `begin` one of them and commit; `compose` it and send it with no transaction open;
`settle` what came of it and commit. A claim that lapses is everybody's again, so `begin` asks whether it still holds:
of all that may go wrong, only who dies between the server's answer and the commit of `settle` sends a mail twice.
"""

import hashlib
import logging
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.charset import BASE64, Charset
from email.encoders import encode_base64
from email.errors import MessageError
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.policy import Compat32
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from email_validator import validate_email
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from customerhub import pictures, storage
from customerhub.database import insert_new
from customerhub.errors import NotFound, quoted
from customerhub.outbox import KEEP, LONGEST_TOLD, MESSAGES, REFUSE, TAKE, change, header_safe, move, moved
from customerhub.pictures import Picture
from customerhub.users.links import hide_links
from models import MailOutage, Organisation, OutboxAttachment, OutboxMessage, StoredFile
from models.base import db
from models.enums import OutboxState

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440))
MOST_ATTEMPTS = len(PAUSES) + 1
RESERVED = timedelta(minutes=1)  # how long messages are left to whoever claimed several
CLAIM = timedelta(minutes=10)  # how long a message is left to whoever began to send it
RESTS = timedelta(seconds=45)  # how long a server that was away is left alone by all but the schedule

_PARTS_OF_MAIL = ("message", "multipart")  # kinds of content that an attachment is not sent as
_WORDS = Charset("utf-8")
_WORDS.header_encoding = BASE64  # for each header the package would write both kinds to see which one is shorter
_LINE_ENDS = re.compile(r"\r\n|\r")
_LINE = 70  # characters of a header's line
_ENCODED = "=?"  # how encoded text in a header begins
_PLAIN_WORDS = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*")  # what may stand before an address without quotes
_LOCAL_PART = re.compile(r"[^\s\x00-\x20\x7f\"(),:;<>@\[\\\]]+")
log = logging.getLogger(__name__)

# The statements of a delivery are made once: to build one takes as long as to run it.
_AT = MESSAGES.c
_HELD = (  # that a message is still in the hands of who has its letter; `_held` has the values
    _AT.id == bindparam("held_id"),
    _AT.state == OutboxState.WAITING,
    _AT.claimed_until == bindparam("held_until"),
)
_CAN_BEGIN = and_(*_HELD, _AT.claimed_until > bindparam("now"))
_BEGUN = {"attempts": _AT.attempts + 1, "claimed_until": bindparam("until", type_=_AT.claimed_until.type)}
_BEGIN = change(_CAN_BEGIN, **_BEGUN).returning(_AT.attempts)

_IS_DONE = _AT.id == bindparam("done_id")
_CAN_BE_TAKEN = and_(_IS_DONE, _AT.state != OutboxState.SENT)
_TAKEN = moved(
    TAKE,
    sent_at=bindparam("now", type_=_AT.sent_at.type),
    answer=bindparam("told", type_=_AT.answer.type),
    last_error=None,
)
_TAKE = change(_CAN_BE_TAKEN, **_TAKEN).returning(_AT.id)


def _either(name: str) -> Any:
    """What a column becomes where one message is taken and another is begun."""
    taken, begun = (values.get(name, _AT[name]) for values in (_TAKEN, _BEGUN))
    return case((_IS_DONE, taken if isinstance(taken, ColumnElement) else literal(taken, _AT[name].type)), else_=begun)


_TAKE_AND_BEGIN = change(
    or_(_CAN_BE_TAKEN, _CAN_BEGIN), **{name: _either(name) for name in {**_TAKEN, **_BEGUN}}
).returning(_AT.id, _AT.attempts)


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
    pictures: tuple[Picture, ...] = ()


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
    has_files = exists().where(OutboxAttachment.message_id == MESSAGES.c.id)
    conditions = [
        MESSAGES.c.state == OutboxState.WAITING,
        MESSAGES.c.next_attempt_at <= now,
        or_(MESSAGES.c.claimed_until.is_(None), MESSAGES.c.claimed_until <= now),
        and_(MESSAGES.c.report_on.is_not(None), ~has_files)
        if lacks_report
        else or_(MESSAGES.c.report_on.is_(None), has_files),
    ]
    if message_id is not None:
        conditions.append(MESSAGES.c.id == message_id)
    return and_(*conditions)


def claim(*, now: datetime, limit: int = 1, message_id: int | None = None, lacks_report: bool = False) -> list[Letter]:
    """Take up to `limit` of the messages that are due, the longest waiting first, or this one if it is.

    The caller commits. From then on nobody else takes them for as long as RESERVED, and whoever dies has delayed them
    by no more than that.
    """
    picked = (
        select(MESSAGES.c.id)
        .where(due(now, message_id, lacks_report=lacks_report))
        .order_by(MESSAGES.c.next_attempt_at, MESSAGES.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("picked")
    )
    claimed = db.session.scalars(
        change(MESSAGES.c.id.in_(select(picked.c.id)), claimed_until=now + RESERVED).returning(MESSAGES.c.id)
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
    ).all()  # fmt: skip
    named = {row.id: [(row.organisation_id, key) for key in pictures.named_in(row.html_body)] for row in rows}
    known = pictures.find({each for several in named.values() for each in several})
    return [
        Letter(
            claimed_until=claimed_until,
            enclosures=tuple(enclosures.get(row.id, ())),
            pictures=tuple(known[each] for each in named[row.id] if each in known),
            **row._mapping,
        )
        for row in rows
    ]


def begin(letter: Letter, *, now: datetime, on: Connection | None = None) -> Letter | None:
    """Count an attempt on a claimed message, which is left to the caller for as long as CLAIM from now on.

    None where the claim has lapsed, or this would be one attempt too many: the message is parked then. The caller
    commits before sending. Where there are many of them, it takes half the time `on` a connection of their own.
    """
    until = now + CLAIM
    attempts = _on(on).scalar(_BEGIN, {**_held(letter), "now": now, "until": until})
    if attempts is None:
        return None
    begun = replace(letter, attempts=attempts, claimed_until=until)
    if attempts > MOST_ATTEMPTS:
        _park(begun, func.coalesce(MESSAGES.c.last_error, "Sending was interrupted every time"), on)
        return None
    return begun


def give_back(letters: Sequence[Letter], *, was_begun: bool = False) -> None:
    """Leave claimed messages that were not sent after all to others; an attempt that `was_begun` does not count."""
    db.session.execute(
        change(
            MESSAGES.c.id.in_([letter.id for letter in letters]),
            MESSAGES.c.state == OutboxState.WAITING,
            MESSAGES.c.claimed_until.in_({letter.claimed_until for letter in letters}),
            claimed_until=None,
            attempts=MESSAGES.c.attempts - int(was_begun),
        )
    )


def settle(letter: Letter, came: Undelivered | str, *, now: datetime, on: Connection | None = None) -> bool:
    """Keep what came of an attempt: the mail was taken with this answer, is tried again later, or failed for good.

    What was taken is sent, whatever happened meanwhile; a failure is kept only by who still holds the message. Whether
    it was kept.
    """
    if isinstance(came, Undelivered):
        if came.is_final or letter.attempts >= MOST_ATTEMPTS:
            return _park(letter, header_safe(came.reason, longest=LONGEST_TOLD), on)
        later = now + PAUSES[max(letter.attempts, 1) - 1]
        told = header_safe(came.reason, longest=LONGEST_TOLD)
        return _is_done(letter, change(*_HELD, last_error=told, next_attempt_at=later, claimed_until=None), on)
    taking = _TAKE.values(**hidden) if (hidden := _hidden(letter)) else _TAKE
    return _on(on).scalar(taking, _taken(letter, came, now)) is not None


def settle_and_begin(
    done: Letter, came: Undelivered | str, following: Letter, *, now: datetime, on: Connection
) -> Letter | None:
    """`settle` one message and `begin` another: where the first was taken, by one statement, so that the database is
    waited for once.
    """
    if isinstance(came, Undelivered) or following.attempts >= MOST_ATTEMPTS or _hidden(done):
        settle(done, came, now=now, on=on)
        return begin(following, now=now, on=on)
    until = now + CLAIM
    rows = on.execute(_TAKE_AND_BEGIN, {**_taken(done, came, now), **_held(following), "until": until})
    attempts = {row.id: row.attempts for row in rows}.get(following.id)
    return None if attempts is None else replace(following, attempts=attempts, claimed_until=until)


def _taken(letter: Letter, answer: str, now: datetime) -> dict[str, Any]:
    return {"done_id": letter.id, "now": now, "told": header_safe(answer, longest=LONGEST_TOLD)}


def _hidden(letter: Letter) -> dict[str, str]:
    """What of a letter is kept without the links in it, once it is sent."""
    content = {"subject": letter.subject, "text_body": letter.text_body, "html_body": letter.html_body}
    return {name: bare for name, text in content.items() if (bare := hide_links(text)) != text}


def hold(*, now: datetime, message_id: int | None = None) -> int:
    """Keep what is due, or this message if it is, to be read here: there is no mail server. How many there were."""
    kept = move(KEEP, due(now, message_id)).returning(MESSAGES.c.id)
    return len(db.session.scalars(kept).all())


def _park(letter: Letter, reason: Any, on: Connection | None) -> bool:
    return _is_done(letter, move(REFUSE, *_HELD, last_error=reason), on)


def _held(letter: Letter) -> dict[str, Any]:
    return {"held_id": letter.id, "held_until": letter.claimed_until}


def _is_done(letter: Letter, statement: Any, on: Connection | None) -> bool:
    return _on(on).scalar(statement.returning(MESSAGES.c.id), _held(letter)) is not None


def _on(connection: Connection | None) -> Any:
    return db.session if connection is None else connection


# --- What is sent ------------------------------------------------------------------------------------------


class _AsGiven(Compat32):
    """Headers are written as they are. The package's own policies would read them first: they decode what looks like
    encoded text in a value, ends of lines in it too, and it takes them longer than sending.
    """

    linesep = "\r\n"

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}\r\n".encode()


def compose(letter: Letter, *, fallback_sender: str) -> Envelope:
    """The mail of a letter, from the organisation's address or, where it has none, from `fallback_sender`.

    Its Message-ID is the same at every attempt, so a receiver can tell a repetition. Raises Undelivered where no mail
    can be made of the letter, or a file of it cannot be read.
    """
    files = [(enclosure, _content(enclosure)) for enclosure in letter.enclosures]
    try:
        sender, recipient = _address(letter.sender_email or fallback_sender), _address(letter.recipient)
        mail = _parts("alternative", _form("plain", letter.text_body), _page(letter), of=letter)
        if files:
            mail = _parts("mixed", mail, *(_part(*file) for file in files), of=letter)
        for name, value in (
            ("From", f"{_words('From', letter.sender)}\r\n <{sender}>"),
            ("To", recipient),
            ("Subject", _words("Subject", letter.subject)),
            ("Date", format_datetime(letter.created_at)),
            ("Message-ID", f"<{_fingerprint(letter)}@{sender.rpartition('@')[2]}>"),
            ("Auto-Submitted", "auto-generated"),
        ):
            mail[name] = value
        content = mail.as_bytes(policy=_AsGiven())
    except (ValueError, LookupError, TypeError, AttributeError, MessageError) as error:
        log.exception("no mail can be made of outgoing message %s", letter.id)
        raise Undelivered(f"No mail can be made of this: {error}", is_final=True) from error
    return Envelope(sender, recipient, content, is_international=not (sender + recipient).isascii())


def _parts(kind: str, *parts: Message, of: Letter) -> Message:
    # No encoded text has "=_" in it. The package would look for a boundary in all of it.
    return MIMEMultipart(kind, f"=_{kind}.{_fingerprint(of)}", parts)


def _form(kind: str, text: str) -> Message:
    form = MIMEBase("text", kind, charset="utf-8")
    form["Content-Transfer-Encoding"] = "quoted-printable"
    lines = _LINE_ENDS.sub("\n", text)
    form.set_payload(quopri.encodestring((lines if lines.endswith("\n") else f"{lines}\n").encode()).decode())
    return form


def _page(letter: Letter) -> Message:
    """The HTML of a letter, with the pictures in it."""
    html = _form("html", letter.html_body)
    shown = [(each, content) for each in letter.pictures if (content := pictures.content_of(each))]
    return _parts("related", html, *(_picture(*each) for each in shown), of=letter) if shown else html


def _picture(picture: Picture, content: bytes) -> Message:
    part = _encoded(picture.content_type, content)
    part["Content-ID"] = f"<{pictures.content_id(picture.storage_key)}>"
    part["Content-Disposition"] = "inline"
    return part


def _part(enclosure: Enclosure, content: bytes) -> Message:
    part = _encoded(enclosure.content_type, content)
    name = storage.clean_name(header_safe(enclosure.name))
    part.add_header("Content-Disposition", "attachment", filename=name if name.isascii() else ("utf-8", "", name))
    return part


def _encoded(content_type: str, content: bytes) -> Message:
    kind, _, subtype = content_type.partition("/")
    if kind in _PARTS_OF_MAIL or not subtype:
        kind, subtype = "application", "octet-stream"
    part = MIMEBase(kind, subtype)
    part.set_payload(content)
    encode_base64(part)
    return part


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
    return f"{local}@{domain.encode('idna').decode() if domain.isascii() else _ascii_domain(domain)}"


def _ascii_domain(domain: str) -> str:
    """As addresses were checked when they were entered. Python's own codec is older: it makes "ss" of "ß", and that is
    somebody else's domain. Raises ValueError.
    """
    found = validate_email(f"somebody@{domain}", check_deliverability=False).ascii_domain
    assert found is not None
    return found


@lru_cache(1000)
def _words(header: str, text: str) -> str:
    """`text` as the value of `header`, or the beginning of it, encoded and folded as far as it must be."""
    bare = header_safe(text)
    is_plain = _PLAIN_WORDS.fullmatch(bare) and _ENCODED not in bare and len(bare) <= _LINE
    return bare if is_plain else Header(bare, _WORDS, _LINE, header).encode(linesep="\r\n")


# --- Whether the server is there ---------------------------------------------------------------------------


def note_outage(server: str, reason: str, *, now: datetime, on: Connection | None = None) -> None:
    """Keep that `server` did not answer just now, and why."""
    told = header_safe(reason, longest=LONGEST_TOLD)
    _on(on).execute(insert_new(MailOutage).values(server=server, since=now, tried_at=now, told=told))
    _on(on).execute(update(MailOutage).where(MailOutage.server == server).values(tried_at=now, told=told))


def forget_outage(server: str, *, on: Connection | None = None) -> None:
    """Keep that `server` answers."""
    _on(on).execute(delete(MailOutage).where(MailOutage.server == server))


def find_outage(server: str) -> MailOutage | None:
    """The outage of `server`; None where it answered when it was last asked."""
    return db.session.scalar(
        select(MailOutage).where(MailOutage.server == server).execution_options(populate_existing=True)
    )


def rests(server: str, *, now: datetime) -> bool:
    """Whether `server` was away a moment ago, so that only the schedule is to ask it again."""
    outage = find_outage(server)
    return outage is not None and outage.tried_at > now - RESTS
