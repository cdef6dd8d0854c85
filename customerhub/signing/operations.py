"""What users do with document signatures."""

from collections.abc import Sequence
from typing import Final

from customerhub.core import clock, history, services
from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid, WrongState
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.transaction import after_commit
from customerhub.core.validation import clean_email, clean_text
from customerhub.customers import signature_requests
from customerhub.customers.signature_attention import is_in_need_of_attention, list_failed_requests
from customerhub.customers.signature_requests import add_request, list_obstacles
from customerhub.signing import requests
from customerhub.signing.transitions import is_final
from models import Envelope, EnvelopeSigner, InvoiceProfile, SigningRequest
from models.base import db
from models.enums import ProfileStatus
from models.signing_enums import SignerStatus, SigningRequestKind

MAX_REASON_LENGTH: Final = 200  # what DocuSign keeps of a reason
_NOT_SENT: Final = "This document has not been sent yet"
_NOT_OPEN: Final = "This document signature has ended: {}"
_SIGNED_ALREADY: Final = "{} has already signed"


def resend_envelope(envelope: Envelope, *, actor: Actor) -> None:
    """Mail the document again to everybody who has not signed; their days count from today.

    Raises WrongState where it was not sent yet, or has ended.
    """
    check_open(envelope, actor)
    add_request(envelope, SigningRequestKind.RESEND, actor=actor)
    history.record_event(envelope, "resent")


def check_open(envelope: Envelope, actor: Actor) -> None:
    """Raises WrongState where signers are not asked at present."""
    _require_right(envelope, actor)
    if is_final(envelope):
        raise WrongState(_NOT_OPEN.format(envelope.status.value))
    if envelope.remote_id is None:
        raise WrongState(_NOT_SENT)


def correct_signer(signer: EnvelopeSigner, *, email: str, name: str | None = None, actor: Actor) -> None:
    """Send the document to another address of somebody who has not signed.

    Raises Invalid where it is no address or the other signer's, WrongState where they have signed or it has ended.
    """
    check_open(signer.envelope, actor)
    if signer.status in (SignerStatus.SIGNED, SignerStatus.DECLINED):
        raise WrongState(_SIGNED_ALREADY.format(signer.name))
    address = clean_email(email)
    if address is None:
        raise Invalid("Enter an email address", "email")
    others = [each for each in signer.envelope.signers if each is not signer]
    if any(signature_requests.fold_address(each.email) == signature_requests.fold_address(address) for each in others):
        raise Invalid("The other signer has this address. Void the document and send it again", "email")
    new_name = clean_text(name or "", max_length=200) or signer.name
    add_request(
        signer.envelope,
        SigningRequestKind.CORRECT,
        actor=actor,
        position=signer.position,
        name=new_name,
        email=address,
    )
    history.record_event(signer.envelope, "address corrected", signer=signer.name, email=address)


def correct_address(envelope: Envelope, *, position: int, email: str, name: str | None = None, actor: Actor) -> None:
    """As `correct_signer`, of the signer with this position."""
    signer = next((each for each in envelope.signers if each.position == position), None)
    if signer is None:
        raise Invalid("Choose a signer", "position")
    correct_signer(signer, email=email, name=name, actor=actor)


def list_correctable_signers(envelope: Envelope) -> list[EnvelopeSigner]:
    """Those who can still be asked at another address."""
    return [each for each in envelope.signers if each.status not in (SignerStatus.SIGNED, SignerStatus.DECLINED)]


def check_correctable(envelope: Envelope, actor: Actor) -> None:
    """Raises WrongState where no signer can be asked at another address."""
    check_open(envelope, actor)
    if not list_correctable_signers(envelope):
        raise WrongState("All have signed")


def void_envelope(envelope: Envelope, *, reason: str, actor: Actor) -> None:
    """End a document that is not needed any more. Raises Invalid without a reason, WrongState where it has ended."""
    check_voidable(envelope, actor)
    text = clean_text(reason or "", max_length=MAX_REASON_LENGTH)
    if text is None:
        raise Invalid("Enter a reason: the signers read it", "reason")
    signature_requests.void_envelope(envelope, text, actor=actor)
    history.record_event(envelope, "voiding requested", reason=text)


def check_voidable(envelope: Envelope, actor: Actor) -> None:
    """Raises WrongState where there is nothing to void."""
    _require_right(envelope, actor)
    if is_final(envelope):
        raise WrongState(_NOT_OPEN.format(envelope.status.value))


def send_again(envelope: Envelope, *, actor: Actor) -> Envelope:
    """Ask for the signatures of a profile anew, with the template and the signatory as they are now. One that is open
    is voided.

    Raises WrongState where the profile is completed, another envelope has taken its place, or set-up is missing.
    """
    check_sendable(envelope, actor)
    return _request_signatures(envelope.invoice_profile, actor)


def check_sendable(envelope: Envelope, actor: Actor) -> None:
    """Raises WrongState where the signatures cannot be asked for anew."""
    _require_right(envelope, actor)
    if not envelope.is_current:
        raise WrongState("A newer document has taken its place")
    if envelope.invoice_profile.status is ProfileStatus.COMPLETED:
        raise WrongState("The invoice profile is completed")


def list_future_signers(profile: InvoiceProfile) -> list[tuple[str, str]]:
    """(name, address) of those who would be asked to sign for `profile` now."""
    return [(each.name, each.email) for each in signature_requests.build_signers(profile)]


def request_profile_signatures(profile: InvoiceProfile, *, actor: Actor) -> Envelope:
    """Send the NDA of a profile that has waited for the set-up of signing. Raises as `send_again`."""
    require_permission(actor, Permission.SIGNATURES_EDIT)
    require_access(actor, profile)
    if profile.status is ProfileStatus.COMPLETED:
        raise WrongState("The invoice profile is completed")
    return _request_signatures(profile, actor)


def _request_signatures(profile: InvoiceProfile, actor: Actor) -> Envelope:
    obstacles = list_obstacles(profile.organisation_id)
    if obstacles:
        raise WrongState(". ".join(each.text for each in obstacles))
    envelope = signature_requests.replace_envelope(profile, "The document is sent again", actor=actor)
    assert envelope is not None
    return envelope


def leave_as_is(envelope: Envelope, *, reason: str | None = None, actor: Actor) -> None:
    """Say that nothing is to be done about a document that was not signed or failed: it needs no attention any more,
    until something else fails. Raises WrongState where it needs none.
    """
    check_leavable(envelope, actor)
    text = clean_text(reason or "", max_length=MAX_REASON_LENGTH, field="reason")
    with save_changes():
        envelope.settled_at = clock.get_now()
    history.record_event(envelope, "left as it is", **({"reason": text} if text else {}))


def check_leavable(envelope: Envelope, actor: Actor) -> None:
    """Raises WrongState where a document needs no attention."""
    _require_right(envelope, actor)
    if not is_in_need_of_attention(envelope):
        raise WrongState("This document needs no attention")


def check_now(envelope: Envelope, *, actor: Actor) -> None:
    """Have the envelope read again soon. Raises WrongState where it was not sent yet."""
    check_sent(envelope, actor)
    add_request(envelope, SigningRequestKind.CHECK, actor=actor)


def check_sent(envelope: Envelope, actor: Actor) -> None:
    """Raises WrongState where the signing service does not have the envelope yet."""
    _require_right(envelope, actor)
    if envelope.remote_id is None:
        raise WrongState(_NOT_SENT)


def try_again(envelope: Envelope, *, actor: Actor) -> None:
    """Have everything asked again that was given up. Raises WrongState where nothing was."""
    failed_requests = _list_retryable(envelope, actor)
    if not requests.retry_requests([each.id for each in failed_requests], now=clock.get_now()):
        raise WrongState("This is tried again already")
    db.session.expire(envelope, ["requests"])
    after_commit(services.get_current().notify_signing_workers)
    history.record_event(envelope, "tried again", what=", ".join(each.kind.value for each in failed_requests))


def check_retryable(envelope: Envelope, actor: Actor) -> None:
    """Raises WrongState where nothing was given up."""
    _list_retryable(envelope, actor)


def _list_retryable(envelope: Envelope, actor: Actor) -> Sequence[SigningRequest]:
    _require_right(envelope, actor)
    failed_requests = list_failed_requests(envelope)
    if not failed_requests:
        raise WrongState("Nothing has failed")
    return failed_requests


def _require_right(envelope: Envelope, actor: Actor) -> None:
    require_permission(actor, Permission.SIGNATURES_EDIT)
    require_access(actor, envelope)
