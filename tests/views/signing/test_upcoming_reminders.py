"""When signers are reminded and documents expire is told on the page of the customer and on that of the document."""

from datetime import timedelta
from typing import Any

import pytest

import models
from customerhub.core import history
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from models.base import db
from models.signing_enums import EnvelopeStatus, SignerStatus
from tests.support.browser_client import Browser
from tests.support.contract_pages import page_text
from tests.support.signature_operations import make_envelope
from tests.support.two_organisations import TwoOrganisations
from views.framework.formatting import format_date


@pytest.fixture
def envelope(organisations: TwoOrganisations) -> models.Envelope:
    today = organisation_today(organisations.own.id)
    row = make_envelope(organisations, reminded_on=today - timedelta(days=1), expires_on=today + timedelta(days=9))
    db.session.commit()
    return row


def change(row: Any, **values: Any) -> None:
    with history.act_as(Actor(None, row.organisation_id), "test"):
        for name, value in values.items():
            setattr(row, name, value)
        db.session.commit()


def read_messages(browser: Browser, envelope: models.Envelope) -> str:
    return page_text(browser.get(f"/admin/customers/details/?id={envelope.customer_id}&tab=messages").text)


def read_document(browser: Browser, envelope: models.Envelope) -> str:
    return page_text(browser.get(f"/admin/signatures/details/?id={envelope.id}").text)


def format_day(envelope: models.Envelope, days: int) -> str:
    return format_date(organisation_today(envelope.organisation_id) + timedelta(days=days))


def test_the_customer_tells_the_next_reminder_and_the_expiry(agent: Browser, envelope: models.Envelope):
    signer = envelope.signers[0].email
    text = read_messages(agent, envelope)
    reminder = f"Reminder to sign the {envelope}, then every 3 days {signer} Planned"
    expiry = f"{envelope} expires {signer} Planned"
    assert f"{format_day(envelope, 2)} {reminder}" in text
    assert f"{format_day(envelope, 9)} {expiry}" in text
    assert text.index(reminder) < text.index(expiry)
    assert f"Next reminder {format_day(envelope, 2)}" in read_document(agent, envelope)


def test_why_nobody_is_reminded_is_told(agent: Browser, envelope: models.Envelope):
    signer = envelope.signers[0]
    change(signer, status=SignerStatus.UNDELIVERABLE)
    obstacle = f"mail to {signer.email} came back. Correct the address"
    assert f"{signer.email} Not sent E{obstacle}" in read_messages(agent, envelope)
    assert f"Next reminder None: e{obstacle}" in read_document(agent, envelope)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"reminded_on": None}, "None: the document has not been sent yet"),
        ({"status": EnvelopeStatus.DECLINED}, "None: this document signature has ended: declined"),
        ({"days_ago": 5}, "Within the hour"),
        ({"days_ago": 0, "expires_in": 3}, "None: it expires before"),
    ],
)
def test_the_document_tells_when_or_why_not(
    agent: Browser, envelope: models.Envelope, values: dict[str, Any], told: str
):
    today = organisation_today(envelope.organisation_id)
    if "days_ago" in values:
        expires_on = today + timedelta(days=values.get("expires_in", 9))
        values = {"reminded_on": today - timedelta(days=values["days_ago"]), "expires_on": expires_on}
    change(envelope, **values)
    assert f"Next reminder {told}" in read_document(agent, envelope)


def test_an_organisation_without_reminders_says_so(
    organisations: TwoOrganisations, agent: Browser, envelope: models.Envelope
):
    settings = db.session.query(models.SigningSettings).filter_by(organisation_id=organisations.own.id).one()
    change(settings, reminder_days=0)
    assert "Reminder to sign" not in read_messages(agent, envelope)
    assert f"{envelope} expires" in read_messages(agent, envelope)
    told = "Next reminder None: reminders are inactive in the set-up of eSignature"
    assert told in read_document(agent, envelope)
