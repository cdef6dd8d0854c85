"""Events that the signing service sends: whether they are its own, and what they cause.

An event only causes its envelope to be read again, so one that is old, repeated or wrong in what it says does no harm.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import delete, func, select, update

from customerhub.core import clock, encryption
from customerhub.core.database import insert_new
from customerhub.core.errors import NotAllowed, WrongState
from customerhub.customers.signature_requests import add_request
from customerhub.signing.readings import parse_moment
from models import Envelope, SigningEvent, SigningKey, SigningSettings
from models.base import db, get_table
from models.signing_enums import SigningRequestKind

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_SIGNATURES: Final = 10  # keys that may be active in an account at DocuSign are fewer
MAX_NAME_LENGTH: Final = 60
KEPT_DAYS: Final = 90  # what happened stays with the document and its signers
_CHUNK: Final = 500  # rows in one transaction
_EVENTS: Final = get_table(SigningEvent)
_ENVELOPES: Final = get_table(Envelope)


class Event(NamedTuple):
    """What an event says of itself."""

    name: str
    remote_id: str
    account_id: str
    occurred_at: datetime | None


def receive_event(body: bytes, signatures: Iterable[str]) -> None:
    """Keep an event, once however often it comes, and have its envelope read again. The caller commits.

    `body` is as it came, `signatures` are what its headers say. Raises NotAllowed where none of them is by an active
    key of an organisation that has this account.
    """
    event = parse_event(body)
    organisation_ids = _list_signers(event, body, list(signatures)[:MAX_SIGNATURES])
    if not organisation_ids:
        raise NotAllowed("The event is not signed by an active key")
    for organisation_id in organisation_ids:
        _keep_event(event, organisation_id, hashlib.sha256(body).hexdigest())


def parse_event(body: bytes) -> Event:
    """What an event says of itself; all of it blank where it is none."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    content = _dict_of(content)
    data = _dict_of(content.get("data"))
    return Event(
        _text_of(content.get("event")),
        _text_of(data.get("envelopeId")),
        _text_of(data.get("accountId")),
        parse_moment(_text_of(content.get("generatedDateTime"))),
    )


def _dict_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text_of(value: Any) -> str:
    return value[:MAX_NAME_LENGTH] if isinstance(value, str) else ""


def _list_signers(event: Event, body: bytes, signatures: list[str]) -> list[int]:
    """The organisations of the account by whose active keys `body` is signed. All keys are tried: how long it takes
    tells nothing.
    """
    rows = db.session.execute(
        select(SigningKey.organisation_id, SigningKey.secret)
        .join(SigningSettings, SigningSettings.organisation_id == SigningKey.organisation_id)
        .where(SigningKey.active, SigningSettings.account_id == event.account_id)
    ).all()
    matching_ids = [organisation_id for organisation_id, token in rows if _is_signed_by(body, signatures, token)]
    return list(dict.fromkeys(matching_ids))


def _is_signed_by(body: bytes, signatures: list[str], token: str) -> bool:
    """As `is_signed`, by an encrypted key; one that nobody can read any more signs nothing."""
    try:
        return is_signed(body, signatures, encryption.decrypt_secret(token))
    except WrongState:
        return False


def is_signed(body: bytes, signatures: Iterable[str], secret: str) -> bool:
    """Whether one of `signatures` is that of `body` by the key `secret`, compared in constant time."""
    expected = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
    return sum(hmac.compare_digest(expected, each.strip().encode()) for each in signatures) > 0


def _keep_event(event: Event, organisation_id: int, digest: str) -> None:
    """Keep what is new. An envelope that nobody knows here may be another program's of the same account."""
    query = select(Envelope).where(Envelope.organisation_id == organisation_id, Envelope.remote_id == event.remote_id)
    envelope = db.session.scalars(query).first()
    values = {
        "organisation_id": organisation_id,
        "envelope_id": envelope.id if envelope else None,
        "remote_id": event.remote_id,
        "name": event.name,
        "occurred_at": event.occurred_at,
        "digest": digest,
        "created_at": clock.get_now(),
    }
    insert = insert_new(SigningEvent, on=["organisation_id", "digest"]).returning(SigningEvent.id)
    is_new = bool(db.session.scalars(insert, [values]).all())
    if envelope is not None and is_new:
        add_request(envelope, SigningRequestKind.CHECK)


def delete_events(*, older_than: datetime) -> int:
    """Delete the events that came before that time, and note on their envelopes that there were some; how many there
    were. Commits.
    """
    count = 0
    query = select(_EVENTS.c.id).where(_EVENTS.c.created_at < older_than).order_by(_EVENTS.c.id).limit(_CHUNK)
    while ids := db.session.scalars(query).all():
        deleted = _EVENTS.c.id.in_(ids)
        newest = select(func.max(_EVENTS.c.created_at)).where(deleted, _EVENTS.c.envelope_id == _ENVELOPES.c.id)
        has_deleted = _ENVELOPES.c.id.in_(select(_EVENTS.c.envelope_id).where(deleted))
        db.session.execute(update(_ENVELOPES).where(has_deleted).values(events_deleted_until=newest.scalar_subquery()))
        db.session.execute(delete(_EVENTS).where(deleted))
        db.session.commit()
        count += len(ids)
    return count
