"""Asking for the signatures of an invoice profile: the envelope and what is to be done with it, as rows.

The rows are written in the transaction that causes them. What goes to the signing service goes later and elsewhere, see
customerhub/signing/.
"""

import enum
import secrets
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

from sqlalchemy import inspect, select, update

from customerhub.core import clock, history, services
from customerhub.core.database import insert_new, save_changes
from customerhub.core.errors import WrongState
from customerhub.core.permissions import Actor
from customerhub.core.transaction import after_commit
from models import Envelope, EnvelopeSigner, InvoiceProfile, Organisation, SigningRequest, SigningSettings
from models.base import db, get_table
from models.enums import ProfileStatus
from models.keys import exact_key
from models.signing_enums import EnvelopeStatus, SignerRole, SigningRequestKind, SigningRequestState

FINAL_STATUSES: Final = frozenset(
    {EnvelopeStatus.COMPLETED, EnvelopeStatus.DECLINED, EnvelopeStatus.VOIDED, EnvelopeStatus.EXPIRED}
)
REQUIRED_SETTINGS: Final = ("integration_key", "api_user_id", "account_id", "private_key")
FILE_ATTACHED: Final = "A signed NDA was attached"
ADDRESS_CHANGED: Final = "The email address of the invoice profile was changed"
_REQUESTS: Final = get_table(SigningRequest)


class Obstacle(NamedTuple):
    """What an organisation lacks to have documents signed. `place` names the page where it is set up."""

    text: str
    place: str


def list_obstacles(organisation_id: int) -> list[Obstacle]:
    """What keeps NDAs of an organisation from being sent."""
    organisation = db.session.get_one(Organisation, organisation_id)
    query = select(SigningSettings).where(SigningSettings.organisation_id == organisation_id)
    settings = db.session.scalars(query).first()
    obstacles = []
    if not (organisation.nda_template or "").strip():
        obstacles.append(Obstacle("There is no NDA template", "nda"))
    if not organisation.signatory_name or not organisation.signatory_email:
        obstacles.append(Obstacle("There is no signatory of the organisation", "nda"))
    if settings is None or not all(getattr(settings, name) for name in REQUIRED_SETTINGS):
        obstacles.append(Obstacle("eSignature is not set up", "esignature"))
    return obstacles


class ProfileChange(enum.Enum):
    """What a save does to an invoice profile, as far as its signatures are concerned."""

    ADDED = "added"
    COMPLETED = "completed by a file"
    ADDRESS = "its address was changed"


def find_change(profile: InvoiceProfile) -> ProfileChange | None:
    """What the flush to come does to `profile`."""
    state: Any = inspect(profile)
    if profile.status is ProfileStatus.COMPLETED:
        return ProfileChange.COMPLETED if "status" in history.previous_values_of(profile) else None
    if not state.persistent:
        return ProfileChange.ADDED
    if profile.status is ProfileStatus.NDA_PENDING and has_new_address(profile):
        return ProfileChange.ADDRESS
    return None


def has_new_address(profile: InvoiceProfile) -> bool:
    """Whether the flush to come gives `profile` another email address."""
    previous = history.previous_values_of(profile).get("email")
    return previous is not None and fold_address(previous) != fold_address(profile.email or "")


def follow_change(profile: InvoiceProfile, change: ProfileChange, *, actor: Actor) -> str | None:
    """Do what a change that is flushed means for the signatures of `profile`; what that was, in a sentence."""
    if change is ProfileChange.COMPLETED:
        withdraw_envelope(profile, FILE_ATTACHED, actor=actor)
        return None
    if change is ProfileChange.ADDED:
        return describe_request(request_signatures(profile, actor=actor), profile)
    if find_current_envelope(profile) is None:
        return None
    return describe_request(replace_envelope(profile, ADDRESS_CHANGED, actor=actor), profile)


def describe_request(envelope: Envelope | None, profile: InvoiceProfile) -> str:
    """For whose signatures `envelope` asks, or why there is none."""
    if envelope is None:
        reasons = ". ".join(each.text for each in list_obstacles(profile.organisation_id))
        return f"The NDA of {profile.name} is not sent to be signed yet. {reasons}."
    signers = " and ".join(f"{each.name} ({each.email})" for each in envelope.signers)
    return f"The NDA of {profile.name} will be sent to be signed by {signers}."


def find_current_envelope(profile: InvoiceProfile) -> Envelope | None:
    """The envelope that moves `profile`."""
    query = select(Envelope).where(Envelope.invoice_profile_id == profile.id, Envelope.is_current)
    return db.session.scalars(query).first()


def request_signatures(profile: InvoiceProfile, *, actor: Actor) -> Envelope | None:
    """Ask for the signatures of a pending `profile` that is flushed. None where the organisation lacks something.

    An earlier envelope of the profile no longer counts; one that is still open is voided. Raises WrongState where the
    profile is completed.
    """
    if profile.status is ProfileStatus.COMPLETED:
        raise WrongState("The invoice profile is completed")
    if list_obstacles(profile.organisation_id):
        return None
    with save_changes():
        profile.status = ProfileStatus.NDA_PENDING
        envelope = _build_envelope(profile, actor)
        db.session.add(envelope)
    add_request(envelope, SigningRequestKind.SEND, actor=actor)
    return envelope


def _build_envelope(profile: InvoiceProfile, actor: Actor) -> Envelope:
    return Envelope(
        organisation_id=profile.organisation_id,
        customer_id=profile.customer_id,
        invoice_profile_id=profile.id,
        invoice_profile=profile,  # its name is wanted by the history before anything is loaded
        transaction_id=str(uuid4()),
        organisation_anchor=_make_anchor(),
        client_anchor=_make_anchor(),
        requested_by_id=actor.id,
        status_at=clock.get_now(),
        signers=build_signers(profile),
    )


def _make_anchor() -> str:
    """A text that occurs nowhere by chance: the signing service puts a field where it stands."""
    return f"/{secrets.token_hex(8)}/"


def build_signers(profile: InvoiceProfile) -> list[EnvelopeSigner]:
    """The organisation's signatory and the client; one signer where both have one address, trimmed and without case."""
    organisation = db.session.get_one(Organisation, profile.organisation_id)
    ours = (organisation.signatory_name or "", organisation.signatory_email or "", SignerRole.ORGANISATION)
    theirs = (profile.name, profile.email, SignerRole.CLIENT)
    signers = [ours, theirs]
    if fold_address(ours[1]) == fold_address(theirs[1]):
        signers = [(ours[0], theirs[1], SignerRole.BOTH)]
    return [
        EnvelopeSigner(
            organisation_id=profile.organisation_id, position=position, name=name, email=email.strip(), role=role
        )
        for position, (name, email, role) in enumerate(signers, start=1)
    ]


def fold_address(address: str) -> str:
    """An email address as it is compared."""
    return exact_key(address) or ""


def withdraw_envelope(profile: InvoiceProfile, reason: str, *, actor: Actor) -> None:
    """Have the open envelope of `profile` voided, if it has one: nobody needs the signatures any more."""
    envelope = find_current_envelope(profile)
    if envelope is not None and envelope.status not in FINAL_STATUSES:
        void_envelope(envelope, reason, actor=actor)


def replace_envelope(profile: InvoiceProfile, reason: str, *, actor: Actor) -> Envelope | None:
    """Void the current envelope of `profile` where it is open, and ask for the signatures anew."""
    envelope = find_current_envelope(profile)
    if envelope is not None:
        if envelope.status not in FINAL_STATUSES:
            void_envelope(envelope, reason, actor=actor)
        with save_changes():
            envelope.is_current = False
    return request_signatures(profile, actor=actor)


def void_envelope(envelope: Envelope, reason: str, *, actor: Actor) -> None:
    """Have `envelope` voided, at once where it has not been sent and is not about to be."""
    if not _cancel_sending(envelope):
        add_request(envelope, SigningRequestKind.VOID, actor=actor, reason=reason)
        return
    with save_changes():
        envelope.status = EnvelopeStatus.VOIDED
        envelope.status_at = envelope.ended_at = clock.get_now()
        envelope.end_reason = reason


def _cancel_sending(envelope: Envelope) -> bool:
    """Whether the sending of `envelope` could be cancelled: nobody has begun it. An attempt that failed may have
    reached the service all the same.
    """
    if envelope.status is not EnvelopeStatus.CREATED or envelope.remote_id is not None:
        return False
    statement = (
        update(_REQUESTS)
        .where(
            _REQUESTS.c.envelope_id == envelope.id,
            _REQUESTS.c.kind == SigningRequestKind.SEND,
            _REQUESTS.c.state == SigningRequestState.WAITING,
            _REQUESTS.c.attempts == 0,
        )
        .values(state=SigningRequestState.CANCELLED, finished_at=clock.get_now())
    )
    return bool(db.session.execute(statement.returning(_REQUESTS.c.id)).all())


def add_request(
    envelope: Envelope,
    kind: SigningRequestKind,
    *,
    actor: Actor | None = None,
    due_at: datetime | None = None,
    **details: Any,
) -> bool:
    """Have something asked of the signing service for `envelope`, once however often it is waited for; whether it is
    new. Workers are told after the commit.
    """
    values = {
        "organisation_id": envelope.organisation_id,
        "envelope_id": envelope.id,
        "kind": kind,
        "details": details,
        "next_attempt_at": due_at or clock.get_now(),
        "requested_by_id": actor.id if actor else None,
        "created_at": clock.get_now(),
    }
    db.session.flush()
    new_ids = db.session.scalars(insert_new(SigningRequest).returning(SigningRequest.id), [values]).all()
    after_commit(services.get_current().notify_signing_workers)
    return bool(new_ids)
