"""The outbox as screens show it: no one-time link in what several people read."""

import re

import pytest

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import OutboxState, Role, TemplatePurpose
from tests.browsing import Browser
from tests.world import World

LINK = re.compile(r"/set-password/(?!used-up)[\w.%~-]+")
HOME = "/admin/outbox/"


@pytest.fixture
def message(world: World, admin: Browser) -> models.OutboxMessage:
    """The mail that invites somebody, worded by a template from before links were kept out of subjects."""
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.add(
            models.NotificationTemplate(
                organisation_id=world.ours.id, name="0", purpose=TemplatePurpose.WELCOME, body="Hello",
                subject="Welcome: {{link}}",
            )
        )  # fmt: skip
        person = db.session.get_one(models.User, world.ours.users[Role.AGENT])
        person.password_hash = None
        db.session.commit()
    assert admin.post(f"/admin/users/operation/invite/?id={person.id}").status_code == 303
    made = db.session.query(models.OutboxMessage).filter_by(recipient=person.email).one()
    assert LINK.search(made.text_body)
    return made


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ADMIN])
def test_no_list_search_record_or_export_gives_a_link_away(world: World, message: models.OutboxMessage, role: Role):
    browser = Browser(world.app, world.ours.users[role])
    link = LINK.search(message.text_body)
    assert link is not None
    for state in OutboxState:
        message.state = state
        db.session.commit()
        for url in (HOME, f"{HOME}?search=Welcome", f"{HOME}export/csv/", f"{HOME}details/?id={message.id}"):
            page = browser.get(url).text
            assert "Welcome" in page, url
            shown = page if "details" not in url else page.partition("<h1>")[2].partition("</h1>")[0]
            assert not LINK.search(shown), url
        found = browser.get(f"{HOME}?search={link[0].removeprefix('/set-password/')[:40]}").text
        assert "Nothing matches" in found


def test_such_a_subject_cannot_be_saved_any_more(world: World, admin: Browser):
    new = {"name": "New", "purpose": TemplatePurpose.WELCOME.value, "subject": "Welcome: {{link}}", "body": "Hello"}
    answer = admin.submit("/admin/templates/new/", **new)
    assert answer.status_code == 422
    assert "can stand in the body only" in answer.text
    assert admin.submit("/admin/templates/new/", **new | {"subject": "Hi", "body": "{{link}}"}).status_code == 303
