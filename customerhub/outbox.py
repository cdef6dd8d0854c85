"""The outbox: every mail is a row first, written in the transaction that causes it.

A mail has a reason, and for one reason there is one mail, however often it is put. Sending happens later and elsewhere,
see customerhub/delivery.py; what may become of a message is told by MOVES. Where no mail server is set, messages are
held: they are kept to be read here, and nothing leaves.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Table, or_, select, update

from customerhub import clock
from customerhub.config import MIB
from customerhub.customers.rules import clean_email
from customerhub.database import insert_new
from customerhub.errors import Invalid, NotFound, WrongState
from customerhub.permissions import Actor, Permission, require, require_own
from customerhub.transaction import after_commit
from customerhub.users.links import hide_links
from models import OutboxAttachment, OutboxMessage, StoredFile, User
from models.base import db
from models.enums import OutboxState
from models.keys import exact_key

MESSAGES: Final = cast(Table, OutboxMessage.__table__)
LONGEST_SUBJECT: Final = 250
LONGEST_WHY: Final = 300
LONGEST_TOLD: Final = 500  # what is kept of an error or of a server's answer

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\s]+")

# --- What may become of a message --------------------------------------------------------------------------

S = OutboxState


@dataclass(frozen=True)
class Move:
    """One way on: from which states, to which, and what makes it happen. `label` is what people choose, if they do."""

    happens: str
    before: frozenset[OutboxState]
    after: OutboxState
    label: str | None = None


TAKE = Move("the mail server takes it", frozenset({S.WAITING}), S.SENT)
DELAY = Move("the mail server takes it later, perhaps", frozenset({S.WAITING}), S.WAITING)
REFUSE = Move("the mail server never takes it, or this was the last try", frozenset({S.WAITING}), S.FAILED)
KEEP = Move("there is no mail server", frozenset({S.WAITING}), S.HELD)
AGAIN = Move("somebody has it sent again", frozenset({S.FAILED, S.HELD, S.CANCELLED}), S.WAITING, "send again")
CANCEL = Move("somebody cancels it", frozenset({S.WAITING, S.FAILED, S.HELD}), S.CANCELLED, "cancel")
WITHDRAW = Move("nobody needs it any more", frozenset({S.WAITING}), S.CANCELLED)
MOVES: Final = (TAKE, DELAY, REFUSE, KEEP, AGAIN, CANCEL, WITHDRAW)


def diagram() -> str:
    """The states and moves as a Mermaid state diagram, for docs/mail.md."""
    lines = ["stateDiagram-v2", "    [*] --> waiting: put in the transaction that causes it"]
    for each in MOVES:
        lines += [f"    {state} --> {each.after}: {each.happens}" for state in OutboxState if state in each.before]
    return "\n".join(lines)


def change(*conditions: ColumnElement[bool], **values: Any) -> Any:
    """An UPDATE of the messages that meet `conditions`, past the objects that the session has."""
    return update(MESSAGES).where(*conditions).values(**values)


def move(chosen: Move, *conditions: ColumnElement[bool], **values: Any) -> Any:
    """An UPDATE that makes a move of the messages that meet `conditions`."""
    return change(*conditions, **moved(chosen, **values))


def moved(chosen: Move, **values: Any) -> dict[str, Any]:
    """What a move sets, with `values`. The messages are in nobody's hands then."""
    rest = {"next_attempt_at": None, "claimed_until": None, "version": MESSAGES.c.version + 1}
    return {"state": chosen.after} | rest | values


def why_not(chosen: Move, message: OutboxMessage, *, now: datetime) -> str | None:
    """Why somebody cannot make this move of a message, or None where they can."""
    if message.state not in chosen.before:
        return f"This message is {message.state.value}: there is nothing to {chosen.label}"
    if is_claimed(message, now=now):
        return "It is being sent just now. Look again in a minute"
    return None


def is_claimed(message: OutboxMessage, *, now: datetime) -> bool:
    """Whether a worker has the message in hand."""
    return message.state is S.WAITING and message.claimed_until is not None and message.claimed_until > now


# --- Putting -----------------------------------------------------------------------------------------------

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
        **vars(draft),
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


def withdraw(*conditions: ColumnElement[bool], reason: str, now: datetime) -> int:
    """Cancel the messages that meet `conditions`, still wait and are in no worker's hands; how many there were."""
    moved = move(WITHDRAW, *conditions, *_free(WITHDRAW, now), last_error=reason)
    return len(db.session.scalars(moved.returning(MESSAGES.c.id)).all())


def _free(chosen: Move, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The condition that a message is where this move begins, and that no worker has it in hand."""
    is_free = or_(MESSAGES.c.claimed_until.is_(None), MESSAGES.c.claimed_until <= now)
    return MESSAGES.c.state.in_(chosen.before), is_free


# --- What people decide ------------------------------------------------------------------------------------


def send_again(message: OutboxMessage, *, actor: Actor) -> None:
    """Let a message that failed, was held or was cancelled be sent after all. Raises WrongState for any other."""
    now = clock.now()
    _decide(AGAIN, message, actor=actor, now=now, attempts=0, next_attempt_at=now, last_error=None)
    _announce([message.id])


def cancel(message: OutboxMessage, *, actor: Actor) -> None:
    """Keep a message from being sent. Raises WrongState where it was sent, or is in a worker's hands."""
    _decide(CANCEL, message, actor=actor, now=clock.now())


def _decide(chosen: Move, message: OutboxMessage, *, actor: Actor, now: datetime, **values: Any) -> None:
    """Make a move of a message as it is in the database: a worker may have taken it since it was read."""
    require(actor, Permission.OUTBOX_SEND)
    require_own(actor, message)
    db.session.flush()
    moved = db.session.scalar(
        move(chosen, MESSAGES.c.id == message.id, *_free(chosen, now), **values).returning(MESSAGES.c.id)
    )
    db.session.refresh(message)
    if moved is None:
        raise WrongState(why_not(chosen, message, now=now) or "It is being sent just now. Look again in a minute")


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
