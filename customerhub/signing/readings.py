"""What the signing service says of an envelope when it is asked, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from customerhub.core.redaction import format_one_line
from models.signing_enums import EnvelopeStatus, SignerStatus

MAX_REASON_LENGTH: Final = 500
EXPIRED_REASON: Final = "Envelope has expired"  # what DocuSign voids an envelope with that nobody signed in time
# What DocuSign calls the statuses. "signed" is between two signers of an envelope; others are no status of a sent one.
_ENVELOPE_STATUSES: Final[Mapping[str, EnvelopeStatus]] = {
    "created": EnvelopeStatus.CREATED,
    "sent": EnvelopeStatus.SENT,
    "delivered": EnvelopeStatus.DELIVERED,
    "signed": EnvelopeStatus.DELIVERED,
    "completed": EnvelopeStatus.COMPLETED,
    "declined": EnvelopeStatus.DECLINED,
    "voided": EnvelopeStatus.VOIDED,
    "deleted": EnvelopeStatus.VOIDED,
    "timedout": EnvelopeStatus.EXPIRED,
}
_SIGNER_STATUSES: Final[Mapping[str, SignerStatus]] = {
    "created": SignerStatus.CREATED,
    "sent": SignerStatus.SENT,
    "delivered": SignerStatus.DELIVERED,
    "signed": SignerStatus.SIGNED,
    "completed": SignerStatus.SIGNED,
    "declined": SignerStatus.DECLINED,
    "autoresponded": SignerStatus.UNDELIVERABLE,
}


@dataclass(frozen=True)
class SignerReading:
    """A signer. What the service did not tell is None."""

    position: int
    name: str | None = None
    email: str | None = None
    status: SignerStatus | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    signed_at: datetime | None = None
    declined_at: datetime | None = None
    decline_reason: str | None = None


@dataclass(frozen=True)
class EnvelopeReading:
    """An envelope with its signers, as it was when it was read. What the service did not tell is None."""

    remote_id: str
    status: EnvelopeStatus | None
    transaction_id: str | None = None
    status_at: datetime | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None
    signers: tuple[SignerReading, ...] = ()


def read_envelope(answer: Any) -> EnvelopeReading:
    """An envelope of the SDK. Raises ValueError where it is none."""
    if not answer.envelope_id:
        raise ValueError("the answer names no envelope")
    signers = (answer.recipients.signers if answer.recipients else None) or ()
    reading = EnvelopeReading(
        remote_id=answer.envelope_id,
        transaction_id=answer.transaction_id,
        status=_ENVELOPE_STATUSES.get((answer.status or "").lower()),
        status_at=parse_moment(answer.status_changed_date_time),
        sent_at=parse_moment(answer.sent_date_time),
        ended_at=parse_moment(answer.completed_date_time)
        or parse_moment(answer.declined_date_time)
        or parse_moment(answer.voided_date_time),
        end_reason=_clean_reason(answer.voided_reason),
        signers=tuple(_read_signer(each) for each in signers),
    )
    if reading.status is EnvelopeStatus.VOIDED and (reading.end_reason or "").startswith(EXPIRED_REASON):
        return _replace_status(reading, EnvelopeStatus.EXPIRED)
    return reading


def _replace_status(reading: EnvelopeReading, status: EnvelopeStatus) -> EnvelopeReading:
    return EnvelopeReading(**{**vars(reading), "status": status})


def _read_signer(answer: Any) -> SignerReading:
    return SignerReading(
        position=int(answer.recipient_id),
        name=answer.name,
        email=answer.email,
        status=_SIGNER_STATUSES.get((answer.status or "").lower()),
        sent_at=parse_moment(answer.sent_date_time),
        delivered_at=parse_moment(answer.delivered_date_time),
        signed_at=parse_moment(answer.signed_date_time),
        declined_at=parse_moment(answer.declined_date_time),
        decline_reason=_clean_reason(answer.declined_reason),
    )


def _clean_reason(text: str | None) -> str | None:
    return (format_one_line(text, max_length=MAX_REASON_LENGTH) or None) if text else None


def parse_moment(text: str | None) -> datetime | None:
    """A moment as the service writes it, such as 2026-01-31T09:00:00.1230000Z; None where it is none."""
    if not text:
        return None
    head, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    try:  # seven decimals are one more than Python has
        moment = datetime.fromisoformat(
            f"{head}{dot}{rest[: min(digits, 6)].ljust(6, '0')}{rest[digits:]}" if dot else text
        )
    except ValueError:
        return None
    return moment if moment.tzinfo else None
