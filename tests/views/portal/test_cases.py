"""Cases in the portal: a customer opens, reads and answers its own, and finds nothing else."""

import re

import pytest

import models
from models.base import db
from models.enums import PortalPermission, Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations, change_row, own_organisation


@pytest.fixture
def portal(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.CUSTOMER])


def test_a_case_goes_from_the_portal_to_staff_and_back(
    organisations: TwoOrganisations, portal: Browser, agent: Browser
):
    answer = portal.submit("/portal/cases/new/", subject="<b>Line</b> is dead", text="Since <i>Monday</i>")
    case = db.session.query(models.CustomerCase).order_by(models.CustomerCase.id.desc()).first()
    assert answer.location == f"/portal/cases/{case.id}/"
    staff_url = f"/admin/cases/details/?id={case.id}"
    page = agent.get(staff_url).text
    assert "&lt;b&gt;Line&lt;/b&gt; is dead" in page
    assert "Since &lt;i&gt;Monday&lt;/i&gt;" in page
    agent.post(f"/admin/cases/note/?id={case.id}", {"text": "Never pays"})
    agent.post(f"/admin/cases/note/?id={case.id}", {"text": "We look into it", "visible": "1"})
    page = portal.get(answer.location).text
    assert "We look into it" in page
    assert "Never pays" not in page
    assert "The agent" not in page, "customers read that we wrote, not who"
    assert portal.post(answer.location, {"text": "Thanks"}).location == answer.location
    assert "Thanks" in agent.get(staff_url).text


def test_what_is_another_customers_is_not_there(organisations: TwoOrganisations, portal: Browser):
    other = make.CustomerCaseFactory(
        organisation=own_organisation(organisations), customer_id=organisations.own.customers[1], subject="Not yours"
    )
    change_row(organisations, other)
    foreign_id = organisations.foreign.row_id(models.CustomerCase)
    assert "Not yours" not in portal.get("/portal/cases/").text
    for key in (other.id, foreign_id, 10**30):
        assert portal.get(f"/portal/cases/{key}/").status_code == 404
        assert portal.post(f"/portal/cases/{key}/", {"text": "Mine"}).status_code == 404
    assert db.session.query(models.CaseNote).filter_by(text="Mine").count() == 0


def test_without_the_permission_there_are_no_cases(organisations: TwoOrganisations, portal: Browser):
    user = db.session.get_one(models.User, organisations.own.users[Role.CUSTOMER])
    own_url = f"/portal/cases/{organisations.own.row_id(models.CustomerCase)}/"
    assert "/portal/cases/" in portal.get("/portal/").text
    change_row(organisations, user, portal_permissions=[PortalPermission.DASHBOARD.value])
    assert "/portal/cases/" not in portal.get("/portal/").text
    for url in ("/portal/cases/", "/portal/cases/new/", own_url):
        assert portal.get(url).status_code == 404


def test_a_case_or_reply_that_is_sent_twice_is_there_once(organisations: TwoOrganisations, portal: Browser):
    own_url = f"/portal/cases/{organisations.own.row_id(models.CustomerCase)}/"
    for url, entries in (("/portal/cases/new/", {"subject": "Twice", "text": "Twice"}), (own_url, {"text": "Twice"})):
        token = re.search(r'name="form_token" value="([^"]+)"', portal.get(url).text)
        assert token is not None
        answers = [portal.post(url, entries | {"form_token": token[1]}) for _ in range(2)]
        assert answers[0].location == answers[1].location
    assert db.session.query(models.CustomerCase).filter_by(subject="Twice").count() == 1
    assert db.session.query(models.CaseNote).filter_by(text="Twice").count() == 2


def test_what_was_typed_stays_where_it_is_refused(organisations: TwoOrganisations, portal: Browser):
    own_url = f"/portal/cases/{organisations.own.row_id(models.CustomerCase)}/"
    answer = portal.post("/portal/cases/new/", {"subject": "", "text": "Kept <text>"})
    assert (answer.status_code, "Kept &lt;text&gt;" in answer.text) == (422, True)
    answer = portal.post(own_url, {"text": "x" * 10_001})
    assert answer.status_code == 422
    assert "x" * 10_001 in answer.text
