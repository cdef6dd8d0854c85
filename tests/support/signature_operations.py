"""The operations of the screen of document signatures, as tests of all screens run them."""

import functools
import json
import uuid
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import models
from customerhub.core import clock, history, services
from customerhub.core.permissions import Actor
from customerhub.customers.signature_attention import (
    UNSIGNED_STATUSES,
    list_failed_requests,
    list_waiting_signers,
)
from customerhub.signing.settings import MIN_KEY_BITS
from models.base import db
from models.enums import ProfileStatus
from models.signing_enums import EnvelopeStatus, SigningRequestKind, SigningRequestState
from tests.support import factories as make
from tests.support.screen_operations import ADMINS, STAFF, ScreenOperation
from tests.support.screen_rows import numbered
from tests.support.two_organisations import TwoOrganisations, own_organisation

K = SigningRequestKind


def set_up_signing(organisations: TwoOrganisations) -> models.Organisation:
    """Fill in all that an organisation needs to have documents signed; no key is one that works."""
    organisation = own_organisation(organisations)
    settings = db.session.query(models.SigningSettings).filter_by(organisation_id=organisation.id).one()
    with history.act_as(Actor(None, organisation.id), "test"):
        organisation.nda_template = "Between {{organisation}} and {{client}}."
        organisation.signatory_name, organisation.signatory_email = "Ada Admin", "ada@our.example"
        for name in ("integration_key", "api_user_id", "account_id", "private_key"):
            setattr(settings, name, "set")
        db.session.commit()
    return organisation


def make_envelope(organisations: TwoOrganisations, **values: Any) -> models.Envelope:
    """A document that waits for the client's signature."""
    organisation = set_up_signing(organisations)
    envelope = make.EnvelopeFactory(organisation=organisation, customer_id=organisations.own.customers[1], **values)
    make.EnvelopeSignerFactory(organisation=organisation, envelope_id=envelope.id)
    db.session.refresh(envelope)
    return envelope


def make_failed_envelope(organisations: TwoOrganisations) -> models.Envelope:
    """A document that the signing service refused."""
    envelope = make_envelope(organisations, status=EnvelopeStatus.CREATED, remote_id=None, sent_at=None)
    make.SigningRequestFactory(
        organisation=own_organisation(organisations),
        envelope_id=envelope.id,
        state=SigningRequestState.FAILED,
        attempts=9,
        last_error="DocuSign answered 400: consent_required",
    )
    return envelope


def find_requests(envelope: models.Envelope, kind: SigningRequestKind) -> list[models.SigningRequest]:
    """What waits to be asked for."""
    waiting = {"envelope_id": envelope.id, "kind": kind, "state": SigningRequestState.WAITING}
    return db.session.query(models.SigningRequest).filter_by(**waiting).all()


def is_asked(kind: SigningRequestKind, **details: Any) -> Callable[[Any], bool]:
    return lambda row: [each.details for each in find_requests(row, kind)] == [details]


def is_replaced(row: models.Envelope) -> bool:
    newer = db.session.query(models.Envelope).filter_by(invoice_profile_id=row.invoice_profile_id, is_current=True)
    return not row.is_current and newer.one().id > row.id


def make_declined_envelope(organisations: TwoOrganisations) -> models.Envelope:
    return make_envelope(organisations, status=EnvelopeStatus.DECLINED, ended_at=clock.get_now())


def make_signed_envelope(organisations: TwoOrganisations) -> models.Envelope:
    """A document that all have signed, whose signed PDF was fetched."""
    db.session.query(models.ListExport).filter_by(screen="signed-documents").delete()
    signed_file = make.StoredFileFactory(organisation=own_organisation(organisations))
    return make_envelope(organisations, status=EnvelopeStatus.COMPLETED, signed_file_id=signed_file.id)


def is_archive_requested(row: models.Envelope) -> bool:
    exports = db.session.query(models.ListExport).filter_by(organisation_id=row.organisation_id, format="zip")
    return [row.id in each.query["envelopes"] for each in exports] == [True]


SIGNATURE_OPERATIONS = {
    "resend": ScreenOperation(STAFF, make_envelope, is_asked(K.RESEND)),
    "correct-address": ScreenOperation(
        STAFF,
        make_envelope,
        is_asked(K.CORRECT, position=1, name="Kim Client", email="new@customer.example"),
        lambda _world: {"position": "1", "email": "new@customer.example"},
    ),
    "check": ScreenOperation(STAFF, make_envelope, is_asked(K.CHECK)),
    "try-again": ScreenOperation(STAFF, make_failed_envelope, is_asked(K.SEND)),
    "send-again": ScreenOperation(STAFF, make_envelope, is_replaced),
    "void": ScreenOperation(
        STAFF, make_envelope, is_asked(K.VOID, reason="No longer needed"), lambda _world: {"reason": "No longer needed"}
    ),
    "leave": ScreenOperation(STAFF, make_declined_envelope, lambda row: row.settled_at is not None),
    "download-signed": ScreenOperation(STAFF, make_signed_envelope, is_archive_requested),
}


def own_settings(organisations: TwoOrganisations) -> models.SigningSettings:
    """The set-up of our organisation, with all that it needs and not tested yet."""
    db.session.query(models.OperationRun).filter_by(screen="esignature-test").delete()
    organisation = set_up_signing(organisations)
    return db.session.query(models.SigningSettings).filter_by(organisation_id=organisation.id).one()


def settings_with_waiting_profile(organisations: TwoOrganisations) -> models.SigningSettings:
    settings = own_settings(organisations)
    make.InvoiceProfileFactory(
        organisation=own_organisation(organisations),
        customer_id=organisations.own.customers[1],
        name=numbered("Waiting"),
    )
    return settings


def make_customer_with_waiting_profile(organisations: TwoOrganisations) -> models.Customer:
    """A customer with a pending profile that has no document, and one that has."""
    organisation = set_up_signing(organisations)
    customer = make.CustomerFactory(organisation=organisation)
    for name in ("Waits", "Is sent"):
        make.InvoiceProfileFactory(organisation=organisation, customer_id=customer.id, name=name)
    sent = find_profile(customer, "Is sent")
    make.EnvelopeFactory(organisation=organisation, customer_id=customer.id, invoice_profile_id=sent.id)
    return customer


def find_profile(customer: models.Customer, name: str) -> models.InvoiceProfile:
    return db.session.query(models.InvoiceProfile).filter_by(customer_id=customer.id, name=name).one()


def name_waiting_profile(_organisations: TwoOrganisations) -> dict[str, Any]:
    """The profile that was made last."""
    newest = db.session.query(models.InvoiceProfile).filter_by(name="Waits").order_by(models.InvoiceProfile.id.desc())
    return {"profile_id": str(newest.first().id)}


def is_profile_sent(customer: models.Customer) -> bool:
    profile_id = find_profile(customer, "Waits").id
    return db.session.query(models.Envelope).filter_by(invoice_profile_id=profile_id, is_current=True).count() == 1


def is_tested(settings: models.SigningSettings) -> bool:
    runs = db.session.query(models.OperationRun).filter_by(screen="esignature-test", total_rows=1)
    return runs.filter_by(organisation_id=settings.organisation_id).count() == 1


def is_sent(settings: models.SigningSettings) -> bool:
    profiles = db.session.query(models.InvoiceProfile).filter_by(organisation_id=settings.organisation_id)
    ids = [each.id for each in profiles if each.name.startswith("Waiting")]
    envelopes = db.session.query(models.Envelope).filter(models.Envelope.invoice_profile_id.in_(ids))
    return bool(ids) and envelopes.count() == len(ids)


def organisation_without_text(organisations: TwoOrganisations) -> models.Organisation:
    organisation = own_organisation(organisations)
    with history.act_as(Actor(None, organisation.id), "test"):
        organisation.nda_template = None
        db.session.commit()
    return organisation


def organisation_without_preview(organisations: TwoOrganisations) -> models.Organisation:
    db.session.query(models.ListExport).filter_by(screen="nda-preview").delete()
    return set_up_signing(organisations)


def is_preview_requested(organisation: models.Organisation) -> bool:
    exports = db.session.query(models.ListExport).filter_by(screen="nda-preview", format="pdf")
    return exports.filter_by(organisation_id=organisation.id).count() == 1


def organisation_beside_sandbox(organisations: TwoOrganisations) -> models.Organisation:
    """An organisation beside a sandbox whose account is not set up in it."""
    credentials = {
        **{name: str(uuid.uuid4()) for name in ("integration_key", "user_id", "account_id")},
        "private_key": make_private_key(),
        "hmac_keys": ["secret"],
    }
    path = services.get_current().sandbox_credentials
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(credentials), encoding="ascii")
    organisation = own_organisation(organisations)
    with history.act_as(Actor(None, organisation.id), "test"):
        db.session.query(models.SigningSettings).filter_by(organisation_id=organisation.id).one().private_key = None
        db.session.commit()
    return organisation


def uses_sandbox(organisation: models.Organisation) -> bool:
    credentials = json.loads(services.get_current().sandbox_credentials.read_text(encoding="ascii"))
    settings = db.session.query(models.SigningSettings).filter_by(organisation_id=organisation.id)
    return settings.filter_by(account_id=credentials["account_id"]).count() == 1


@functools.cache
def make_private_key() -> str:
    key = rsa.generate_private_key(65537, MIN_KEY_BITS)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


SENDING_OPERATIONS = {
    "send-nda": ScreenOperation(STAFF, make_customer_with_waiting_profile, is_profile_sent, name_waiting_profile)
}
ESIGNATURE_OPERATIONS = {
    "test": ScreenOperation(ADMINS, own_settings, is_tested),
    "send-waiting": ScreenOperation(STAFF, settings_with_waiting_profile, is_sent),
}
NDA_OPERATIONS = {
    "use-sandbox": ScreenOperation(ADMINS, organisation_beside_sandbox, uses_sandbox),
    "starting-text": ScreenOperation(
        ADMINS, organisation_without_text, lambda row: "confidential" in (row.nda_template or "")
    ),
    "preview-nda": ScreenOperation(
        STAFF,
        organisation_without_preview,
        is_preview_requested,
        lambda organisations: {"profile_id": str(organisations.own.row_id(models.InvoiceProfile))},
    ),
}


# What the filters of the screen that have no column of their own are about, of a row.
SIGNATURE_VALUES: dict[str, Callable[[models.Envelope], Any]] = {
    "waiting": lambda row: [text for each in list_waiting_signers(row) for text in (each.name, each.email)],
    "failed": lambda row: bool(list_failed_requests(row)),
    "attention": lambda row: (
        row.is_current
        and row.invoice_profile.status is not ProfileStatus.COMPLETED
        and row.settled_at is None
        and (row.status in UNSIGNED_STATUSES or bool(list_failed_requests(row)))
    ),
}
