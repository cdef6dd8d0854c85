"""Document signatures: settings, envelopes and what hangs on them."""

from datetime import UTC, date, datetime
from uuid import uuid4

import factory

import models
from models.signing_enums import EnvelopeStatus, SignerRole, SignerStatus, SigningRequestKind, SigningRequestState
from tests.support.factories.base import OrganisationRow, related_id
from tests.support.factories.customers import CustomerPartFactory, InvoiceProfileFactory

SENT_AT = datetime(2025, 2, 3, 9, 30, tzinfo=UTC)


class SigningSettingsFactory(OrganisationRow):
    class Meta:
        model = models.SigningSettings

    account_id = "6f0c0a9e-0000-4000-8000-000000000001"


class SigningKeyFactory(OrganisationRow):
    """A key whose secret is none that anything decrypts."""

    class Meta:
        model = models.SigningKey

    name = factory.Sequence(lambda n: f"Key {n}")
    secret = "encrypted"


class EnvelopeFactory(CustomerPartFactory):
    """An envelope that was sent, without signers."""

    class Meta:
        model = models.Envelope

    invoice_profile_id = factory.LazyAttribute(
        lambda row: InvoiceProfileFactory(organisation=row.organisation, customer_id=row.customer_id).id
    )
    transaction_id = factory.LazyFunction(lambda: uuid4().hex)
    remote_id = factory.LazyFunction(lambda: str(uuid4()))
    account_id = "a-1"
    status = EnvelopeStatus.SENT
    organisation_anchor = "/1/"
    client_anchor = "/2/"
    sent_at = SENT_AT
    sent_on = reminded_on = date(2025, 2, 3)
    checked_at = SENT_AT


class EnvelopeSignerFactory(OrganisationRow):
    class Meta:
        model = models.EnvelopeSigner

    envelope_id = related_id(EnvelopeFactory)
    position = 1
    role = SignerRole.CLIENT
    name = "Kim Client"
    email = "kim@customer.example"
    status = SignerStatus.SENT
    sent_at = SENT_AT


class SigningRequestFactory(OrganisationRow):
    """A request that is done."""

    class Meta:
        model = models.SigningRequest

    envelope_id = related_id(EnvelopeFactory)
    kind = SigningRequestKind.SEND
    state = SigningRequestState.DONE
    next_attempt_at = finished_at = SENT_AT


class SigningEventFactory(OrganisationRow):
    class Meta:
        model = models.SigningEvent

    envelope_id = related_id(EnvelopeFactory)
    remote_id = "r-1"
    name = "envelope-sent"
    digest = factory.Sequence(lambda n: f"{n:064x}")
