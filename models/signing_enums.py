"""The fixed vocabularies of document signatures. Values are stored in the database and shown to users."""

import enum


class SigningEnvironment(enum.StrEnum):
    """Which signing service an organisation's documents go to."""

    SANDBOX = "sandbox"
    DEMO = "DocuSign demo"
    PRODUCTION = "DocuSign"


class EnvelopeStatus(enum.StrEnum):
    """How far an envelope is, by what the signing service says of it. From the last four nothing leads away."""

    CREATED = "created"
    SENT = "sent"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    DECLINED = "declined"
    VOIDED = "voided"
    EXPIRED = "expired"


class SignerStatus(enum.StrEnum):
    CREATED = "created"
    SENT = "sent"
    DELIVERED = "seen"
    SIGNED = "signed"
    DECLINED = "declined"
    UNDELIVERABLE = "undeliverable"


class SignerRole(enum.StrEnum):
    """For whom somebody signs. One address for both is one signer with both fields."""

    ORGANISATION = "organisation"
    CLIENT = "client"
    BOTH = "organisation and client"


class SigningRequestKind(enum.StrEnum):
    """What is asked of the signing service for one envelope."""

    SEND = "send"
    CHECK = "check"
    RESEND = "resend"
    CORRECT = "correct address"
    VOID = "void"
    FETCH = "fetch documents"


class SigningRequestState(enum.StrEnum):
    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
