"""What was declined, has expired or failed needs attention until it is sent again, or left as it is on purpose."""

from datetime import timedelta

import pytest

import models
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from customerhub.customers.signature_attention import is_in_need_of_attention, needs_attention
from models.base import db
from models.signing_enums import EnvelopeStatus, SigningRequestKind, SigningRequestState
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.contract_pages import page_text
from tests.support.signature_operations import make_declined_envelope, make_envelope, make_failed_envelope
from tests.support.two_organisations import TwoOrganisations, own_organisation

LIST = "/admin/signatures/?f=attention:is:yes"


@pytest.fixture
def declined(organisations: TwoOrganisations) -> models.Envelope:
    row = make_declined_envelope(organisations)
    db.session.commit()
    return row


def is_listed(row: models.Envelope) -> bool:
    """Whether it needs attention, by the database and by the row at hand."""
    db.session.expire_all()
    query = db.session.query(models.Envelope).filter(needs_attention(row.organisation_id), models.Envelope.id == row.id)
    found = query.count() == 1
    assert is_in_need_of_attention(row) is found
    return found


def operation_url(name: str, row: models.Envelope) -> str:
    return f"/admin/signatures/operation/{name}/?id={row.id}"


def test_a_declined_one_stays_until_it_is_sent_again(manager: Browser, agent: Browser, declined: models.Envelope):
    assert is_listed(declined)
    assert f"details/?id={declined.id}" in manager.get(LIST).text
    assert str(declined) in page_text(manager.get("/admin/").text), "Home"
    assert "has ended: declined" in page_text(agent.get(operation_url("void", declined)).text)
    assert agent.submit(operation_url("send-again", declined)).status_code == 303
    assert not is_listed(declined)


def test_one_is_left_as_it_is_with_a_reason_and_once(manager: Browser, agent: Browser, declined: models.Envelope):
    url = operation_url("leave", declined)
    assert agent.submit(url, reason="x" * 201).status_code == 422
    form = agent.read_form(url) | {"reason": "عميل: sold to others"}
    assert agent.post(url, form).status_code == 303
    assert not is_listed(declined)
    assert f"details/?id={declined.id}" not in manager.get(LIST).text
    assert str(declined) not in page_text(manager.get("/admin/").text)
    assert "needs no attention" in page_text(agent.get(url).text)
    page = manager.get(f"/admin/signatures/details/?id={declined.id}&tab=history").text
    assert "left as it is" in page
    assert "عميل: sold to others" in page
    assert agent.submit(operation_url("send-again", declined)).status_code == 303, "it can still be sent again"


def test_what_fails_later_needs_attention_again(
    organisations: TwoOrganisations, agent: Browser, declined: models.Envelope
):
    failed = make_failed_envelope(organisations)
    db.session.commit()
    rows = [declined, failed]
    assert all(is_listed(each) for each in rows)
    for each in rows:
        assert agent.submit(operation_url("leave", each)).status_code == 303
        assert not is_listed(each)
    make.SigningRequestFactory(
        organisation=own_organisation(organisations),
        envelope_id=declined.id,
        kind=SigningRequestKind.CHECK,
        state=SigningRequestState.FAILED,
        finished_at=clock.get_now() + timedelta(seconds=1),
    )
    db.session.commit()
    assert is_listed(declined)
    assert not is_listed(failed)


@pytest.mark.parametrize("status", [EnvelopeStatus.SENT, EnvelopeStatus.VOIDED, EnvelopeStatus.COMPLETED])
def test_what_needs_no_attention_cannot_be_left(
    organisations: TwoOrganisations, agent: Browser, status: EnvelopeStatus
):
    row = make_envelope(organisations)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        row.status = status
        db.session.commit()
    assert not is_listed(row)
    assert agent.submit(operation_url("leave", row)).status_code == 409
