"""What users do with document signatures."""

from typing import Final

from customerhub.core import history
from customerhub.core.errors import Invalid, WrongState
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.validation import clean_email, clean_text
from customerhub.customers import signature_requests
from customerhub.customers.signature_requests import add_request, list_obstacles
from customerhub.signing.transitions import is_final
from models import Envelope, EnvelopeSigner, InvoiceProfile
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


def void_envelope(envelope: Envelope, *, reason: str, actor: Actor) -> None:
    """End a document that is not needed any more. Raises Invalid without a reason, WrongState where it has ended."""
    check_voidable(envelope, actor)
    text = clean_text(reason, max_length=MAX_REASON_LENGTH)
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


def check_now(envelope: Envelope, *, actor: Actor) -> None:
    """Have the envelope read again soon. Raises WrongState where it was not sent yet."""
    check_sent(envelope, actor)
    add_request(envelope, SigningRequestKind.CHECK, actor=actor)


def check_sent(envelope: Envelope, actor: Actor) -> None:
    """Raises WrongState where the signing service does not have the envelope yet."""
    _require_right(envelope, actor)
    if envelope.remote_id is None:
        raise WrongState(_NOT_SENT)


def _require_right(envelope: Envelope, actor: Actor) -> None:
    require_permission(actor, Permission.SIGNATURES_EDIT)
    require_access(actor, envelope)
