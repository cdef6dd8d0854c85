"""Documents that are sent to be signed: envelopes, their signers, and what is asked of the signing service."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Key, OrganisationRow, tenant_foreign_key, tenant_table, to_many, to_one
from models.customer_parts import BLOCKS_CUSTOMER_DELETION, CustomerPart, InvoiceProfile, part_table
from models.organisation import StoredFile
from models.signing_enums import (
    EnvelopeStatus,
    SignerRole,
    SignerStatus,
    SigningEnvironment,
    SigningRequestKind,
    SigningRequestState,
)
from models.types import UtcDateTime, enum_type
from models.users import User

CURRENT_ONLY: dict[str, Any] = {f"{dialect}_where": text("is_current") for dialect in ("postgresql", "sqlite")}
WAITING_ONLY: dict[str, Any] = {f"{dialect}_where": text("state = 'waiting'") for dialect in ("postgresql", "sqlite")}
OPEN_REQUESTS_ONLY: dict[str, Any] = {
    f"{dialect}_where": text("state IN ('waiting', 'working')") for dialect in ("postgresql", "sqlite")
}
FAILED_REQUESTS_ONLY: dict[str, Any] = {
    f"{dialect}_where": text("state = 'failed'") for dialect in ("postgresql", "sqlite")
}
UNSIGNED_ENVELOPES_ONLY: dict[str, Any] = {
    f"{dialect}_where": text("status IN ('declined', 'expired')") for dialect in ("postgresql", "sqlite")
}
OPEN_ENVELOPES_ONLY: dict[str, Any] = {
    f"{dialect}_where": text("status IN ('sent', 'delivered')") for dialect in ("postgresql", "sqlite")
}


class SigningSettings(OrganisationRow):
    """How an organisation reaches its signing service, one row each. `private_key` is encrypted.

    `base_url` is where the service said the account is; it is asked again where it is None. `changes_read_until` is how
    far the list of changed envelopes has been read.
    """

    __tablename__ = "signing_settings"

    environment: Mapped[SigningEnvironment] = mapped_column(
        enum_type(SigningEnvironment, "environment"), default=SigningEnvironment.DEMO
    )
    integration_key: Mapped[str | None] = mapped_column(String(60), info={"help": "Client ID of the app in DocuSign"})
    api_user_id: Mapped[str | None] = mapped_column(
        String(60), info={"label": "User ID", "help": "API user ID of the user in whose name documents are sent"}
    )
    account_id: Mapped[str | None] = mapped_column(String(60), info={"label": "Account ID", "help": "API account ID"})
    private_key: Mapped[str | None] = mapped_column(Text, info={"label": "RSA private key", "secret": True})
    base_url: Mapped[str | None] = mapped_column(String(300), info={"untracked": True})
    reminder_days: Mapped[int] = mapped_column(
        Integer,
        default=3,
        server_default="3",
        info={
            "label": "Reminder after (days)",
            "help": "Days after which signers are reminded, again and again. 0 sends no reminders",
        },
    )
    expiry_days: Mapped[int] = mapped_column(
        Integer,
        default=30,
        server_default="30",
        info={"label": "Expiry after (days)", "help": "Days that signers have from the last sending"},
    )
    changes_read_until: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})

    __table_args__ = tenant_table(
        UniqueConstraint("organisation_id"),
        CheckConstraint("reminder_days BETWEEN 0 AND 365", name="reminder_days"),
        CheckConstraint("expiry_days BETWEEN 1 AND 365", name="expiry_days"),
    )

    def __str__(self) -> str:
        return "eSignature"


class SigningKey(OrganisationRow):
    """A key by which the signing service signs its events. Several may be active, so that one can be replaced."""

    __tablename__ = "signing_key"

    name: Mapped[str] = mapped_column(String(80))
    secret: Mapped[str] = mapped_column(Text, info={"label": "HMAC key", "secret": True})
    active: Mapped[bool] = mapped_column(default=True)

    __table_args__ = tenant_table(UniqueConstraint("organisation_id", "name"))

    def __str__(self) -> str:
        return self.name


class Envelope(CustomerPart):
    """A document of an invoice profile that is sent to be signed. Written in the transaction that asks for it.

    `transaction_id` is ours and made with the row, `remote_id` the signing service's once it has the envelope, in the
    account `account_id`. Where an answer was lost the one is looked up by the other. Only the `is_current` envelope of
    a profile moves the profile. The anchors are texts in the document where the signatures go. `drift` says where the
    service was found to know more than was known here. Its events up to `events_deleted_until` are no longer kept. What
    had come of it by `settled_at` is left as it is: somebody has said so. `sent_on` counts for reminders and
    `expires_on`: it is the day of the last sending.
    """

    __tablename__ = "envelope"

    invoice_profile_id: Mapped[int] = mapped_column(Key)
    transaction_id: Mapped[str] = mapped_column(String(36), unique=True, info={"untracked": True})
    remote_id: Mapped[str | None] = mapped_column(String(60), info={"label": "Envelope ID"})
    account_id: Mapped[str | None] = mapped_column(String(60), info={"untracked": True})
    status: Mapped[EnvelopeStatus] = mapped_column(
        enum_type(EnvelopeStatus, "status"), default=EnvelopeStatus.CREATED, server_default="created"
    )
    is_current: Mapped[bool] = mapped_column(default=True, info={"untracked": True})
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))  # perhaps a visitor
    organisation_anchor: Mapped[str] = mapped_column(String(40), info={"untracked": True})
    client_anchor: Mapped[str] = mapped_column(String(40), info={"untracked": True})
    status_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    end_reason: Mapped[str | None] = mapped_column(String(500))
    sent_on: Mapped[date | None] = mapped_column(info={"untracked": True})
    expires_on: Mapped[date | None] = mapped_column(info={"untracked": True})
    reminded_on: Mapped[date | None] = mapped_column(info={"untracked": True})
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    drift: Mapped[str | None] = mapped_column(String(300))
    events_deleted_until: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    document_id: Mapped[int | None] = mapped_column(Key)
    signed_file_id: Mapped[int | None] = mapped_column(Key)
    certificate_file_id: Mapped[int | None] = mapped_column(Key)
    signature_check: Mapped[str | None] = mapped_column(String(500))

    customer: Mapped[Any] = to_one("Envelope.customer_id", "Customer", viewonly=True)
    invoice_profile: Mapped[InvoiceProfile] = to_one("Envelope.invoice_profile_id", "InvoiceProfile")
    requested_by: Mapped[User | None] = to_one("Envelope.requested_by_id", "User")
    document: Mapped[StoredFile | None] = to_one("Envelope.document_id", "StoredFile")
    signed_file: Mapped[StoredFile | None] = to_one("Envelope.signed_file_id", "StoredFile")
    certificate_file: Mapped[StoredFile | None] = to_one("Envelope.certificate_file_id", "StoredFile")
    signers: Mapped[list["EnvelopeSigner"]] = to_many(
        "EnvelopeSigner", "envelope_id", "Envelope", order_by="EnvelopeSigner.position"
    )
    requests: Mapped[list["SigningRequest"]] = to_many(
        "SigningRequest", "envelope_id", "Envelope", order_by="SigningRequest.id", viewonly=True, cascade=""
    )

    __table_args__ = part_table(
        "envelope",
        tenant_foreign_key("envelope", "invoice_profile_id", "invoice_profile"),
        tenant_foreign_key("envelope", "document_id", "stored_file"),
        tenant_foreign_key("envelope", "signed_file_id", "stored_file"),
        tenant_foreign_key("envelope", "certificate_file_id", "stored_file"),
        CheckConstraint("remote_id IS NOT NULL OR status IN ('created', 'voided', 'expired')", name="remote_id"),
        Index("uq_envelope_invoice_profile_id", "invoice_profile_id", unique=True, **CURRENT_ONLY),
        UniqueConstraint("organisation_id", "remote_id"),
        Index("ix_envelope_profile", "invoice_profile_id"),
        Index("ix_envelope_open", "organisation_id", "checked_at", **OPEN_ENVELOPES_ONLY),
        Index("ix_envelope_unsigned", "organisation_id", "ended_at", **UNSIGNED_ENVELOPES_ONLY),
        ondelete=BLOCKS_CUSTOMER_DELETION,
    )

    def __str__(self) -> str:
        return f"NDA of {self.invoice_profile}"


class EnvelopeSigner(OrganisationRow):
    """Somebody who is to sign an envelope. `position` is how the signing service knows them: 1 or 2."""

    __tablename__ = "envelope_signer"

    envelope_id: Mapped[int] = mapped_column(Key)
    position: Mapped[int] = mapped_column(Integer)
    role: Mapped[SignerRole] = mapped_column(enum_type(SignerRole, "role"))
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    status: Mapped[SignerStatus] = mapped_column(
        enum_type(SignerStatus, "status"), default=SignerStatus.CREATED, server_default="created"
    )
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    signed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    declined_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    decline_reason: Mapped[str | None] = mapped_column(String(500))

    envelope: Mapped[Envelope] = to_one("EnvelopeSigner.envelope_id", "Envelope", viewonly=True)

    __table_args__ = tenant_table(
        tenant_foreign_key("envelope_signer", "envelope_id", "envelope", ondelete="CASCADE"),
        UniqueConstraint("envelope_id", "position"),
    )

    def __str__(self) -> str:
        return f"{self.name}, {self.email}"


class SigningRequest(OrganisationRow):
    """One thing to be asked of the signing service for an envelope, done by a job, one after the other for each
    envelope. `details` are what it takes, such as the reason of a void.
    """

    __tablename__ = "signing_request"

    envelope_id: Mapped[int] = mapped_column(Key)
    kind: Mapped[SigningRequestKind] = mapped_column(enum_type(SigningRequestKind, "kind"))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[SigningRequestState] = mapped_column(
        enum_type(SigningRequestState, "state"), default=SigningRequestState.WAITING, server_default="waiting"
    )
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claim_number: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    last_error: Mapped[str | None] = mapped_column(String(500))
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))  # perhaps a visitor

    envelope: Mapped[Envelope] = to_one("SigningRequest.envelope_id", "Envelope", viewonly=True)
    requested_by: Mapped[User | None] = to_one("SigningRequest.requested_by_id", "User")

    __table_args__ = tenant_table(
        tenant_foreign_key("signing_request", "envelope_id", "envelope", ondelete="CASCADE"),
        Index("uq_signing_request_envelope_id_kind", "envelope_id", "kind", unique=True, **WAITING_ONLY),
        Index("ix_signing_request_envelope", "envelope_id", "id"),
        Index("ix_signing_request_due", "next_attempt_at", **OPEN_REQUESTS_ONLY),
        Index("ix_signing_request_failed", "organisation_id", "finished_at", **FAILED_REQUESTS_ONLY),
    )

    def __str__(self) -> str:
        return self.kind.value


class SigningEvent(OrganisationRow):
    """An event that the signing service sent, once however often it came. It moves nothing by itself: the envelope is
    read again because of it. `envelope_id` is None where nobody here knows the envelope.
    """

    __tablename__ = "signing_event"

    envelope_id: Mapped[int | None] = mapped_column(Key)
    remote_id: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(60))
    occurred_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    digest: Mapped[str] = mapped_column(String(64))

    __table_args__ = tenant_table(
        tenant_foreign_key("signing_event", "envelope_id", "envelope", ondelete="CASCADE"),
        UniqueConstraint("organisation_id", "digest"),
        Index("ix_signing_event_envelope", "envelope_id"),
    )

    def __str__(self) -> str:
        return self.name
