"""An organisation whose NDAs are signed in the sandbox, and what happens with one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.invoice_profiles import add_profile
from customerhub.customers.signature_requests import find_current_envelope
from jobs import signing
from models import Contract, Customer, Envelope, InvoiceProfile, SigningRequest
from models.base import db
from models.enums import Stage
from tests.customerhub.approvals.conftest import ApprovalOrg, acting, approval_org
from tests.customerhub.contracts.conftest import make_contract
from tests.support.services import replace_services
from tests.support.signing_sandbox import SigningSandbox, keep_plain_document, running_sandbox, set_up_signing

__all__ = ["approval_org", "replace_services"]  # fixtures made elsewhere

ADA, CLIENT = "ada@hub.example", "client@customer.example"


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: SigningSandbox) -> Iterator[SigningSandbox]:
    """A sandbox that behaves, at the beginning of the test."""
    sandbox_process.misbehave()
    yield sandbox_process
    sandbox_process.misbehave()


@dataclass
class SigningOrg:
    """An organisation with its sandbox."""

    org: ApprovalOrg
    sandbox: SigningSandbox

    @property
    def author(self) -> Actor:
        return self.org.agent

    def add_profile(
        self, customer: Customer | None = None, *, email: str = CLIENT, has_document: bool = True
    ) -> InvoiceProfile:
        """A profile without a file, saved by the author."""
        customer = customer or self.org.make_customer(Stage.BILLING)
        with acting(self.author):
            profile = add_profile(customer, name="Head office", email=email, actor=self.author)
            envelope = find_current_envelope(profile)
            if has_document and envelope is not None:
                keep_plain_document(envelope)
            db.session.commit()
        return profile

    def add_contract(self, profile: InvoiceProfile) -> Contract:
        customer = db.session.get_one(Customer, profile.customer_id)
        return make_contract(customer, invoice_profile_id=profile.id)

    def send_profile(self, **values: object) -> tuple[InvoiceProfile, Envelope]:
        """A profile whose envelope is at the sandbox."""
        profile = self.add_profile(**values)  # type: ignore[arg-type]
        perform()
        return profile, current_envelope(profile)


def current_envelope(profile: InvoiceProfile) -> Envelope:
    db.session.expire_all()
    envelope = find_current_envelope(profile)
    assert envelope is not None
    return envelope


def perform() -> str:
    """Do what a worker does, outside of whatever the test is in."""
    db.session.commit()
    summary = signing.perform_requests()
    db.session.rollback()
    return summary


def compare() -> str:
    db.session.commit()
    summary = signing.compare_envelopes()
    db.session.rollback()
    return summary


def list_requests(envelope: Envelope) -> list[tuple[str, str]]:
    """What was asked for, and what came of it."""
    query = db.select(SigningRequest).where(SigningRequest.envelope_id == envelope.id).order_by(SigningRequest.id)
    return [(each.kind.value, each.state.value) for each in db.session.scalars(query)]


@pytest.fixture
def signing_org(
    approval_org: ApprovalOrg, sandbox: SigningSandbox, replace_services: Callable[..., None]
) -> SigningOrg:
    replace_services(signing_sandbox=sandbox.host, notify_signing_workers=lambda: None)
    with history.act_as(approval_org.admin, "test"):
        set_up_signing(approval_org.organisation, sandbox, actor=approval_org.admin)
        db.session.commit()
    return SigningOrg(approval_org, sandbox)


@pytest.fixture
def act_as_system() -> Iterator[None]:
    with history.act_as(Actor(None, 0), "test"):
        yield
