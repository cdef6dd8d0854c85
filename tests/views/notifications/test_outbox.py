"""The outbox as screens show it: no one-time link in what several people read."""

import re

import pytest

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import OutboxState, Role, TemplatePurpose
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations

LINK = re.compile(r"/set-password/(?!used-up)[\w.%~-]+")
HOME = "/admin/outbox/"


@pytest.fixture
def message(organisations: TwoOrganisations, admin: Browser) -> models.OutboxMessage:
    """The mail that invites somebody, worded by a template from before links were kept out of subjects."""
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.add(
            models.NotificationTemplate(
                organisation_id=organisations.own.id,
                name="0",
                purpose=TemplatePurpose.WELCOME,
                body="Hello",
                subject="Welcome: {{link}}",
            )
        )
        person = db.session.get_one(models.User, organisations.own.users[Role.AGENT])
        person.password_hash = None
        db.session.commit()
    assert admin.post(f"/admin/users/operation/invite/?id={person.id}").status_code == 303
    invitation = db.session.query(models.OutboxMessage).filter_by(recipient=person.email).one()
    assert LINK.search(invitation.text_body)
    return invitation


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ADMIN])
def test_no_list_search_record_or_export_gives_a_link_away(
    organisations: TwoOrganisations, message: models.OutboxMessage, role: Role
):
    browser = Browser(organisations.app, organisations.own.users[role])
    link = LINK.search(message.text_body)
    assert link is not None
    for state in OutboxState:
        message.state = state
        db.session.commit()
        for url in (HOME, f"{HOME}?search=Welcome", f"{HOME}export/csv/", f"{HOME}details/?id={message.id}"):
            page = browser.get(url).text
            assert "Welcome" in page, url
            page_body = page if "details" not in url else page.partition("<h1>")[2].partition("</h1>")[0]
            assert not LINK.search(page_body), url
        found = browser.get(f"{HOME}?search={link[0].removeprefix('/set-password/')[:40]}").text
        assert "No results" in found


def test_such_a_subject_cannot_be_saved_any_more(organisations: TwoOrganisations, admin: Browser):
    new = {"name": "New", "purpose": TemplatePurpose.WELCOME.value, "subject": "Welcome: {{link}}", "body": "Hello"}
    answer = admin.submit("/admin/templates/new/", **new)
    assert answer.status_code == 422
    assert "can be used in the body only" in answer.text
    assert admin.submit("/admin/templates/new/", **new | {"subject": "Hi", "body": "{{link}}"}).status_code == 303
