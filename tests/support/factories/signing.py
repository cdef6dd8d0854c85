"""Documents that were sent to be signed."""

from uuid import uuid4

import factory

import models
from customerhub.core import clock
from models.signing_enums import EnvelopeStatus, SignerRole, SigningRequestKind, SigningRequestState
from tests.support.factories.base import OrganisationRow, related_id
from tests.support.factories.customers import CustomerPartFactory, InvoiceProfileFactory


class SigningSettingsFactory(OrganisationRow):
    class Meta:
        model = models.SigningSettings

    account_id = "6f0c0a9e-0000-4000-8000-000000000001"


class SigningKeyFactory(OrganisationRow):
    class Meta:
        model = models.SigningKey

    name = factory.Sequence(lambda n: f"Key {n}")
    secret = "encrypted"


class EnvelopeFactory(CustomerPartFactory):
    """An envelope that has ended: no work is left to be done."""

    class Meta:
        model = models.Envelope

    invoice_profile_id = factory.LazyAttribute(
        lambda row: InvoiceProfileFactory(organisation=row.organisation, customer_id=row.customer_id).id
    )
    transaction_id = factory.LazyFunction(lambda: uuid4().hex)
    remote_id = factory.LazyFunction(lambda: str(uuid4()))
    organisation_anchor = factory.Sequence(lambda n: f"/{n:016x}/")
    client_anchor = factory.Sequence(lambda n: f"/{n:016X}c/")
    status = EnvelopeStatus.COMPLETED


class EnvelopeSignerFactory(OrganisationRow):
    class Meta:
        model = models.EnvelopeSigner

    envelope_id = related_id(EnvelopeFactory)
    position = factory.Sequence(lambda n: n + 1)
    role = SignerRole.CLIENT
    name = "Robin Client"
    email = "robin@customer.example"


class SigningRequestFactory(OrganisationRow):
    class Meta:
        model = models.SigningRequest

    envelope_id = related_id(EnvelopeFactory)
    kind = SigningRequestKind.SEND
    state = SigningRequestState.DONE
    next_attempt_at = factory.LazyFunction(clock.get_now)


class SigningEventFactory(OrganisationRow):
    class Meta:
        model = models.SigningEvent

    envelope_id = related_id(EnvelopeFactory)
    remote_id = factory.LazyFunction(lambda: str(uuid4()))
    name = "envelope-completed"
    digest = factory.Sequence(lambda n: f"{n:064x}")
