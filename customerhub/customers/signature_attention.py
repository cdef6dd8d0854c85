"""Document signatures that wait for somebody: those that were not signed or failed, and those not signed yet."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import aliased, selectinload

from customerhub.core.permissions import Actor, Permission, select_visible
from models import Envelope, EnvelopeSigner, InvoiceProfile, SigningRequest
from models.base import db
from models.enums import ProfileStatus
from models.signing_enums import EnvelopeStatus, SignerStatus, SigningRequestState

WAITING_STATUSES: Final = (EnvelopeStatus.SENT, EnvelopeStatus.DELIVERED)
UNSIGNED_STATUSES: Final = (EnvelopeStatus.DECLINED, EnvelopeStatus.EXPIRED)
ASKED_STATUSES: Final = (SignerStatus.SENT, SignerStatus.DELIVERED, SignerStatus.UNDELIVERABLE)


def list_waiting_signers(envelope: Envelope) -> list[EnvelopeSigner]:
    """Those for whose signature `envelope` waits; nobody's where it is not sent yet, or has ended."""
    if envelope.status not in WAITING_STATUSES:
        return []
    return [each for each in envelope.signers if each.status in ASKED_STATUSES]


def is_waiting() -> ColumnElement[bool]:
    """The condition of the envelopes that wait for a signature."""
    return Envelope.status.in_(WAITING_STATUSES)


def select_waiting_signatures(actor: Actor) -> Select[Any]:
    """The envelopes that wait for a signature."""
    return select_visible(Envelope, actor).where(is_waiting())


def select_own_waiting_signatures(actor: Actor) -> Select[Any]:
    """Those of them that `actor` asked for."""
    return select_waiting_signatures(actor).where(Envelope.requested_by_id == actor.id)


def has_failed_request() -> ColumnElement[bool]:
    """The condition of the envelopes of which something was given up that nobody asked for again."""
    return Envelope.id.in_(_select_given_up(select(SigningRequest.envelope_id)))


def _select_given_up(query: Select[Any]) -> Select[Any]:
    newer = aliased(SigningRequest)
    is_asked_again = exists().where(
        newer.envelope_id == SigningRequest.envelope_id,
        newer.kind == SigningRequest.kind,
        newer.id > SigningRequest.id,
    )
    return query.where(SigningRequest.state == SigningRequestState.FAILED, ~is_asked_again)


def needs_attention(organisation_id: Any, *, since: Any = None) -> ColumnElement[bool]:
    """The condition of the current envelopes of incomplete profiles that were declined, have expired or of which
    something failed, unless somebody has said after that that it is left as it is; only since a moment, where one is
    given. The organisation is named for the sake of the indexes.
    """
    unsigned = select(Envelope.id).where(
        Envelope.organisation_id == organisation_id,
        Envelope.status.in_(UNSIGNED_STATUSES),
        or_(Envelope.settled_at.is_(None), Envelope.settled_at < Envelope.ended_at),
    )
    owner = aliased(Envelope)
    failed = _select_given_up(
        select(SigningRequest.envelope_id)
        .join(owner, owner.id == SigningRequest.envelope_id)
        .where(
            SigningRequest.organisation_id == organisation_id,
            or_(owner.settled_at.is_(None), owner.settled_at < SigningRequest.finished_at),
        )
    )
    if since is not None:
        unsigned = unsigned.where(Envelope.ended_at > since)
        failed = failed.where(SigningRequest.finished_at > since)
    is_completed = exists().where(
        InvoiceProfile.id == Envelope.invoice_profile_id, InvoiceProfile.status == ProfileStatus.COMPLETED
    )
    return Envelope.is_current & or_(Envelope.id.in_(unsigned), Envelope.id.in_(failed)) & ~is_completed


def select_signatures_needing_attention(actor: Actor, *, since: Any = None) -> Select[Any]:
    """The envelopes that were declined, have expired or of which something failed, see `needs_attention`: those that
    `actor` asked for, and of all for who looks after what goes out.
    """
    query = select_visible(Envelope, actor).where(needs_attention(actor.organisation_id, since=since))
    return query if actor.has_permission(Permission.OUTBOX_VIEW) else query.where(Envelope.requested_by_id == actor.id)


def is_in_need_of_attention(envelope: Envelope) -> bool:
    """As `needs_attention`, of an envelope at hand."""
    if not envelope.is_current or envelope.invoice_profile.status is ProfileStatus.COMPLETED:
        return False
    moments = [each.finished_at for each in list_failed_requests(envelope)]
    if envelope.status in UNSIGNED_STATUSES:
        moments.append(envelope.ended_at)
    settled_at = envelope.settled_at
    return any(settled_at is None or (moment is not None and settled_at < moment) for moment in moments)


def list_failed_requests(envelope: Envelope) -> Sequence[SigningRequest]:
    """What was given up of `envelope` and not asked for again, the oldest first."""
    newest = {request.kind: request for request in envelope.requests}  # in their order
    return [request for request in newest.values() if request.state is SigningRequestState.FAILED]


def find_current_envelopes(profile_ids: Sequence[int]) -> dict[int, Envelope]:
    """The current envelopes of invoice profiles with their signers, by the profile's id."""
    query = select(Envelope).where(Envelope.invoice_profile_id.in_(profile_ids), Envelope.is_current)
    envelopes = db.session.scalars(query.options(selectinload(Envelope.signers))) if profile_ids else ()
    return {each.invoice_profile_id: each for each in envelopes}


def get_waiting_since(envelope: Envelope, signers: Sequence[EnvelopeSigner]) -> datetime | None:
    """Since when `envelope` waits for these of its signers: the first of them was asked then."""
    moments = [each.sent_at for each in signers if each.sent_at is not None]
    return min(moments, default=envelope.sent_at)
