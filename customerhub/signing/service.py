"""What is said to the signing service and what may go wrong, without the library that says it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from customerhub.core.redaction import format_one_line

MAX_ERROR_LENGTH: Final = 400
_NOT_VOIDABLE_CODES: Final = ("ENVELOPE_CANNOT_VOID_INVALID_STATE", "ENVELOPE_VOIDED", "INVALID_STATUS")


class SigningServiceError(Exception):
    """The signing service refused, or did not answer.

    `code` is its own word for the reason. `is_final`: trying again would not help. `try_at`: not before then.
    """

    def __init__(
        self,
        reason: str,
        *,
        code: str = "",
        is_final: bool = False,
        try_at: datetime | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = format_one_line(reason, max_length=MAX_ERROR_LENGTH)
        self.code = code
        self.is_final = is_final
        self.try_at = try_at

    @property
    def is_not_voidable(self) -> bool:
        """Whether an envelope could not be voided because it has ended."""
        return self.code in _NOT_VOIDABLE_CODES


@dataclass(frozen=True)
class SignerDraft:
    """Somebody who is to sign, and the texts of the document at which their fields go."""

    position: int
    name: str
    email: str
    anchors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EnvelopeDraft:
    """An envelope as it is to be sent."""

    transaction_id: str
    subject: str
    message: str
    file_name: str
    pdf: bytes
    signers: tuple[SignerDraft, ...]
    webhook_url: str
    expire_after_days: int
