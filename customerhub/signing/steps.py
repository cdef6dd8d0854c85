"""The steps of one request to the signing service.

`load_task` and, before something is sent, `prepare_draft` in a transaction; `ask_service` with none open;
`apply_answer` in another one, in which the caller ends the lease. Each may be done again: what was asked for already is
found out first.
"""

import io
import mimetypes
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from customerhub.core import clock, history, storage
from customerhub.core.database import save_changes
from customerhub.core.leases import Lease
from customerhub.core.permissions import Actor
from customerhub.core.public_urls import build_url
from customerhub.customers.signature_requests import FINAL_STATUSES
from customerhub.signing import nda, results
from customerhub.signing.access import find_settings
from customerhub.signing.readings import EnvelopeReading
from customerhub.signing.service import EnvelopeDraft, SignerDraft, SigningServiceError
from models import Customer, Envelope, EnvelopeSigner, Organisation, SigningRequest, StoredFile
from models.base import db
from models.signing_enums import EnvelopeStatus, SignerRole, SigningRequestKind

WEBHOOK_PATH: Final = "/webhooks/docusign"
SPARE_EXPIRY_DAYS: Final = 30  # the signing service lets an envelope expire so long after the hub would
PDF: Final = mimetypes.types_map[".pdf"]


class Service(Protocol):
    """The signing service as one organisation reaches it, see docusign.py."""

    def send(self, draft: EnvelopeDraft) -> str: ...
    def find_by_transaction(self, transaction_id: str) -> EnvelopeReading | None: ...
    def read(self, remote_id: str) -> EnvelopeReading: ...
    def void_envelope(self, remote_id: str, reason: str) -> None: ...
    def resend_envelope(self, remote_id: str) -> None: ...
    def correct_address(self, remote_id: str, position: int, name: str, email: str) -> None: ...
    def fetch_signed(self, remote_id: str) -> bytes: ...
    def fetch_certificate(self, remote_id: str) -> bytes: ...


@dataclass(frozen=True)
class Task:
    """A claimed request with what is known of its envelope: all that is needed to ask."""

    kind: SigningRequestKind
    details: dict[str, Any]
    attempts: int
    envelope_id: int
    organisation_id: int
    transaction_id: str
    remote_id: str | None
    account_id: str | None
    has_ended: bool


@dataclass(frozen=True)
class Answer:
    """What came of asking. `is_needless`: there was nothing to ask any more. `is_unsent`: it has no such envelope."""

    remote_id: str | None = None
    reading: EnvelopeReading | None = None
    documents: dict[str, bytes] = field(default_factory=dict)  # by the column that keeps each
    signature_check: str | None = None
    is_needless: bool = False
    is_unsent: bool = False


def load_task(lease: Lease) -> Task:
    """The request that was claimed."""
    request = db.session.get_one(SigningRequest, lease.row_id, populate_existing=True)
    envelope = db.session.get_one(Envelope, request.envelope_id, populate_existing=True)
    return Task(
        kind=request.kind,
        details=dict(request.details),
        attempts=request.attempts,
        envelope_id=envelope.id,
        organisation_id=envelope.organisation_id,
        transaction_id=envelope.transaction_id,
        remote_id=envelope.remote_id,
        account_id=envelope.account_id,
        has_ended=envelope.status in FINAL_STATUSES,
    )


# --- Before something is sent ------------------------------------------------------------------------------------


def prepare_draft(task: Task) -> EnvelopeDraft | None:
    """The envelope to be sent, with its document, which is made and kept once. None where there is nothing to send.

    Raises Invalid where the document cannot be made.
    """
    if task.kind is not SigningRequestKind.SEND or task.remote_id is not None or task.has_ended:
        return None
    envelope, profile = results.lock_envelope(task.envelope_id)
    organisation = db.session.get_one(Organisation, envelope.organisation_id)
    customer = db.session.get_one(Customer, profile.customer_id)
    settings = find_settings(envelope.organisation_id)
    pdf = _load_document(envelope) or _make_document(envelope)
    return EnvelopeDraft(
        transaction_id=envelope.transaction_id,
        subject=f"Please sign: non-disclosure agreement with {organisation.name}"[:100],
        message=f"{organisation.name} asks you to sign the non-disclosure agreement with {customer.name}.",
        file_name=nda.FILE_NAME,
        pdf=pdf,
        signers=tuple(_draft_signer(each, envelope) for each in envelope.signers),
        webhook_url=build_url(WEBHOOK_PATH),
        expire_after_days=(settings.expiry_days if settings else 0) + SPARE_EXPIRY_DAYS,
    )


def _load_document(envelope: Envelope) -> bytes | None:
    if envelope.document is None:
        return None
    with storage.open_file(envelope.document) as file:
        return file.read()


def _make_document(envelope: Envelope) -> bytes:
    pdf = nda.build_nda(envelope)
    with save_changes():
        envelope.document_id = _store(pdf, nda.FILE_NAME, envelope.organisation_id).id
    return pdf


def _store(content: bytes, name: str, organisation_id: int) -> StoredFile:
    actor = Actor(None, organisation_id)
    return storage.store_file(io.BytesIO(content), name, PDF, organisation_id=organisation_id, actor=actor)


def _draft_signer(signer: EnvelopeSigner, envelope: Envelope) -> SignerDraft:
    anchors = {
        SignerRole.ORGANISATION: (envelope.organisation_anchor,),
        SignerRole.CLIENT: (envelope.client_anchor,),
        SignerRole.BOTH: (envelope.organisation_anchor, envelope.client_anchor),
    }
    return SignerDraft(signer.position, signer.name, signer.email, anchors[signer.role])


# --- Asking --------------------------------------------------------------------------------------------------------


def ask_service(task: Task, service: Service, draft: EnvelopeDraft | None) -> Answer:
    """Ask the signing service. Raises SigningServiceError."""
    if task.kind is SigningRequestKind.SEND:
        return _send(task, service, draft)
    if task.has_ended and task.kind in _FOR_OPEN_ENVELOPES:
        return Answer(is_needless=True)
    if task.remote_id is None:
        return _void_unheard_of(task, service) if task.kind is SigningRequestKind.VOID else Answer(is_needless=True)
    if task.kind is SigningRequestKind.FETCH:
        return _fetch(task.remote_id, service)
    if task.kind is SigningRequestKind.VOID:
        _void(task.remote_id, service, task.details["reason"])
    elif task.kind is SigningRequestKind.RESEND:
        service.resend_envelope(task.remote_id)
    elif task.kind is SigningRequestKind.CORRECT:
        service.correct_address(task.remote_id, *(task.details[name] for name in ("position", "name", "email")))
    return Answer(reading=service.read(task.remote_id))


_FOR_OPEN_ENVELOPES: Final = (SigningRequestKind.VOID, SigningRequestKind.RESEND, SigningRequestKind.CORRECT)


def _send(task: Task, service: Service, draft: EnvelopeDraft | None) -> Answer:
    """An earlier attempt may have made the envelope without our hearing of it, so it is looked for first."""
    if draft is None:
        return Answer(is_needless=True)
    if task.attempts > 1:
        found = service.find_by_transaction(task.transaction_id)
        if found is not None:
            return Answer(remote_id=found.remote_id, reading=found)
    return Answer(remote_id=service.send(draft))


def _void(remote_id: str, service: Service, reason: str) -> None:
    """Void an envelope. One that has ended meanwhile stays as it ended: what is read next tells how."""
    try:
        service.void_envelope(remote_id, reason)
    except SigningServiceError as error:
        if not error.is_not_voidable:
            raise


def _void_unheard_of(task: Task, service: Service) -> Answer:
    """Void an envelope that was given up while it was sent: the service may have it all the same."""
    found = service.find_by_transaction(task.transaction_id)
    if found is None:
        return Answer(is_unsent=True)
    _void(found.remote_id, service, task.details["reason"])
    return Answer(remote_id=found.remote_id, reading=service.read(found.remote_id))


def _fetch(remote_id: str, service: Service) -> Answer:
    from customerhub.signing.signed_documents import describe_signatures  # it needs much that sending does not

    signed_pdf = service.fetch_signed(remote_id)
    documents = {"signed_file": signed_pdf, "certificate_file": service.fetch_certificate(remote_id)}
    return Answer(documents=documents, signature_check=describe_signatures(signed_pdf))


# --- Afterwards ----------------------------------------------------------------------------------------------------


def apply_answer(task: Task, answer: Answer, *, account_id: str) -> str | None:
    """Record what came of a request; which envelope is to be voided, as another worker has sent it meanwhile."""
    if answer.is_needless:
        return None
    envelope, _ = results.lock_envelope(task.envelope_id)
    if answer.is_unsent:
        reading = EnvelopeReading("", EnvelopeStatus.VOIDED, end_reason=task.details["reason"])
        results.apply_reading(task.envelope_id, reading)
        return None
    if answer.remote_id is not None and not results.record_sending(envelope, answer.remote_id, account_id):
        return answer.remote_id
    if task.kind is SigningRequestKind.RESEND:
        results.record_resending(envelope, is_reminder=bool(task.details.get("is_reminder")))
    if task.kind is SigningRequestKind.VOID and task.details.get("is_expired"):
        _record_expiry(envelope, answer)
    if answer.reading is not None:
        results.apply_reading(task.envelope_id, answer.reading)
    if answer.documents:
        _keep_documents(envelope, answer)
    return None


def _record_expiry(envelope: Envelope, answer: Answer) -> None:
    """The hub itself ended the envelope because nobody signed in time."""
    if answer.reading is not None and answer.reading.status is EnvelopeStatus.VOIDED:
        reading = EnvelopeReading(**{**vars(answer.reading), "status": EnvelopeStatus.EXPIRED})
        results.apply_reading(envelope.id, reading)


def _keep_documents(envelope: Envelope, answer: Answer) -> None:
    """Keep what was fetched, once."""
    names = {"signed_file": "NDA signed.pdf", "certificate_file": "NDA certificate.pdf"}
    with save_changes():
        for column, content in answer.documents.items():
            if getattr(envelope, f"{column}_id") is None:
                setattr(envelope, f"{column}_id", _store(content, names[column], envelope.organisation_id).id)
        envelope.signature_check = answer.signature_check
        envelope.checked_at = clock.get_now()


def acting_for(task: Task) -> Any:
    """The block in which a task changes rows: by the system, on account of the signing service."""
    return history.act_as(Actor(None, task.organisation_id), "signing service")
