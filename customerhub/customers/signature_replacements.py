"""Documents that saving another address of a pending invoice profile voids: nobody's signature is thrown away unasked.

Every save asks here, whoever it is that saves: a form, an import, a job.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from customerhub.core.errors import WrongState
from customerhub.customers.signature_requests import (
    FINAL_STATUSES,
    build_signers,
    find_current_envelope,
    list_obstacles,
)
from models import Envelope, InvoiceProfile
from models.base import db
from models.signing_enums import SignerStatus

Person = tuple[str, str]  # name and email address


@dataclass(frozen=True)
class Replacement:
    """An open document that is about to be voided, and what takes its place.

    `new_signers` is empty where nothing can be sent at present: `obstacle` says why. `key` stands for all of this: it
    is another one as soon as somebody signs or other people are asked.
    """

    profile_name: str
    envelope_id: int
    sent_at: datetime | None
    signers: tuple[Person, ...]
    signed: tuple[str, ...]
    new_signers: tuple[Person, ...]
    obstacle: str | None

    @property
    def key(self) -> str:
        shown = (self.envelope_id, self.sent_at is None, self.signers, self.signed, self.new_signers)
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:32]


class ReplacementNotAgreed(WrongState):
    """A save would void documents that are being signed, and nobody has agreed to that."""

    def __init__(self, replacements: Sequence[Replacement]) -> None:
        names = " and ".join(each.profile_name for each in replacements)
        super().__init__(
            f"The NDA of {names} waits for signatures. With another email address it is voided: confirm this in the "
            "form of the customer"
        )
        self.replacements = replacements


def require_agreement(profiles: Sequence[InvoiceProfile], agreed_keys: Collection[str]) -> None:
    """Raises ReplacementNotAgreed where these profiles, about to be saved with other addresses, have open documents of
    which `agreed_keys` names not every one.
    """
    replacements = [each for each in map(find_replacement, profiles) if each is not None]
    if any(each.key not in agreed_keys for each in replacements):
        raise ReplacementNotAgreed(replacements)


def find_replacement(profile: InvoiceProfile) -> Replacement | None:
    """What saving `profile` with the address that it now has replaces; None where no document of it is open."""
    with db.session.no_autoflush:
        envelope = find_current_envelope(profile)
        if envelope is None or envelope.status in FINAL_STATUSES:
            return None
        obstacles = list_obstacles(profile.organisation_id)
        return _build_replacement(profile, envelope, obstacles[0].text if obstacles else None)


def _build_replacement(profile: InvoiceProfile, envelope: Envelope, obstacle: str | None) -> Replacement:
    new_signers = [] if obstacle else build_signers(profile)
    return Replacement(
        profile_name=profile.name,
        envelope_id=envelope.id,
        sent_at=envelope.sent_at,
        signers=tuple((each.name, each.email) for each in envelope.signers),
        signed=tuple(each.name for each in envelope.signers if each.status is SignerStatus.SIGNED),
        new_signers=tuple((each.name, each.email) for each in new_signers),
        obstacle=obstacle,
    )
