"""What the end of an envelope means for its invoice profile."""

from typing import Final

from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.customers.invoice_profiles import activate_contracts
from customerhub.signing import mails
from models import Envelope, InvoiceProfile
from models.enums import ProfileStatus
from models.signing_enums import EnvelopeStatus

SIGNED: Final = "All have signed"
_NOT_SIGNED: Final = {
    EnvelopeStatus.DECLINED: "A signer declined",
    EnvelopeStatus.VOIDED: "The envelope was voided",
    EnvelopeStatus.EXPIRED: "The envelope expired",
}


def complete_profile(envelope: Envelope, profile: InvoiceProfile) -> bool:
    """Complete `profile`, whose row is locked, by the signatures of `envelope`: its contracts go live, and everybody is
    notified. Whether it was done: a profile that is no longer pending, or has another envelope by now, stays as it is.
    """
    if not envelope.is_current or profile.status is not ProfileStatus.NDA_PENDING:
        return False
    with history.with_reason(SIGNED), save_changes():
        profile.status = ProfileStatus.COMPLETED
    activate_contracts(profile)
    mails.notify_of_end(envelope)
    return True


def decline_profile(envelope: Envelope, profile: InvoiceProfile) -> bool:
    """As `complete_profile`, of an envelope that was not signed: the profile's NDA is declined."""
    if not envelope.is_current or profile.status is not ProfileStatus.NDA_PENDING:
        return False
    reason = "\n".join(filter(None, (_NOT_SIGNED[envelope.status], envelope.end_reason)))
    with history.with_reason(reason), save_changes():
        profile.status = ProfileStatus.NDA_DECLINED
    mails.notify_of_end(envelope)
    return True
