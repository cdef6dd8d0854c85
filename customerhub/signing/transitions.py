"""How far an envelope is, and what leads on: docs/signing.md draws it.

What moves an envelope is what the signing service says when it is asked. Its answers come late, twice and in any order,
so an envelope moves on only, and from where it has ended it never moves.
"""

from typing import Final

from customerhub.core.state_machine import StateMachine, Transition
from customerhub.customers.signature_requests import FINAL_STATUSES
from models import Envelope, EnvelopeSigner
from models.signing_enums import EnvelopeStatus, SignerStatus

S = EnvelopeStatus
EnvelopeTransition = Transition[Envelope, EnvelopeStatus]
SignerTransition = Transition[EnvelopeSigner, SignerStatus]
OPEN_STATUSES: Final = frozenset({S.CREATED, S.SENT, S.DELIVERED})

ENVELOPE_STATUSES: Final = StateMachine[Envelope, EnvelopeStatus](
    Envelope.status,
    (
        EnvelopeTransition("send", frozenset({S.CREATED}), S.SENT, explanation="accepted by the signing service"),
        EnvelopeTransition(
            "deliver", frozenset({S.CREATED, S.SENT}), S.DELIVERED, explanation="all signers have opened it"
        ),
        EnvelopeTransition("complete", OPEN_STATUSES, S.COMPLETED, explanation="all have signed"),
        EnvelopeTransition("decline", OPEN_STATUSES, S.DECLINED, explanation="one has declined"),
        EnvelopeTransition("void", OPEN_STATUSES, S.VOIDED, explanation="no longer needed"),
        EnvelopeTransition("expire", OPEN_STATUSES, S.EXPIRED, explanation="not signed in time"),
    ),
    {S.CREATED: "an invoice profile is saved without an NDA"},
)

P = SignerStatus
_OPEN_SIGNER: Final = frozenset({P.CREATED, P.SENT, P.DELIVERED, P.UNDELIVERABLE})
SIGNER_STATUSES: Final = StateMachine[EnvelopeSigner, SignerStatus](
    EnvelopeSigner.status,
    (
        SignerTransition("send", frozenset({P.CREATED, P.UNDELIVERABLE}), P.SENT, explanation="asked by email"),
        SignerTransition("bounce", frozenset({P.CREATED, P.SENT}), P.UNDELIVERABLE, explanation="the email came back"),
        SignerTransition(
            "deliver", frozenset({P.CREATED, P.SENT, P.UNDELIVERABLE}), P.DELIVERED, explanation="opened the document"
        ),
        SignerTransition("sign", _OPEN_SIGNER, P.SIGNED, explanation="signed"),
        SignerTransition("decline", _OPEN_SIGNER, P.DECLINED, explanation="declined, with a reason"),
    ),
    {P.CREATED: "the envelope is made"},
)


def can_become(envelope: Envelope, status: EnvelopeStatus) -> bool:
    """Whether an envelope may move to `status` from where it is."""
    return any(
        each.to_state is status and each.is_possible_in(envelope.status) for each in ENVELOPE_STATUSES.transitions
    )


def can_signer_become(signer: EnvelopeSigner, status: SignerStatus) -> bool:
    """Whether a signer may move to `status` from where they are. Who has signed neither declines nor signs again."""
    return any(each.to_state is status and each.is_possible_in(signer.status) for each in SIGNER_STATUSES.transitions)


def is_final(envelope: Envelope) -> bool:
    """Whether nothing leads on from where an envelope is."""
    return envelope.status in FINAL_STATUSES
