"""One-time links, as browsers and those who would break in use them."""

import json
import re
import time
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from customerhub import clock, history
from customerhub.permissions import Actor
from customerhub.users import sign_in as signing
from models import History, OutboxMessage
from models.base import db
from models.enums import Role, TemplatePurpose
from tests.people import PASSWORD, make_organisation, make_user
from tests.views.signing import cookie, csrf_token, is_signed_in, link_for, sign_in, submit

NEW = "a quite different phrase"


@pytest.fixture
def organisation(session):
    return make_organisation()


@pytest.fixture
def user(organisation):
    user = make_user(organisation, email="admin@hub.example", name="Dana Reyes")
    db.session.commit()
    return user


def test_a_link_sets_a_password_once_and_signs_in(app, client, session, organisation):
    user = make_user(organisation, Role.AGENT, password=None)
    path = link_for(app, user)
    for _ in range(2):  # looking at it, as mail scanners do, does not use it up
        assert user.email in client.get(path).text
    answer = submit(client, path, password=NEW, again=NEW)
    assert answer.location == "/admin/"
    assert is_signed_in(client)
    session.expire_all()
    assert signing.authenticate(user.email, NEW) is user
    told = session.scalars(select(History).where(History.source == "screen set-password")).one()
    assert (told.actor_id, told.changes) == (user.id, {"password_hash": [None, "•••"]})
    assert path.rpartition("/")[2] not in json.dumps(told.changes)
    stranger = app.test_client()
    refused = stranger.get(path)
    assert refused.status_code == 410
    assert 'href="/forgotten"' in refused.text
    assert (
        stranger.post(path, data={"csrf_token": csrf_token(stranger), "password": NEW, "again": NEW}).status_code == 410
    )
    assert not is_signed_in(stranger)


def test_a_link_ends_every_other_session(app, client, user):
    sign_in(client, user.email)
    other = app.test_client()
    submit(other, link_for(app, user, TemplatePurpose.RESET), password=NEW, again=NEW)
    assert is_signed_in(other)
    assert not is_signed_in(client)
    assert sign_in(client, user.email, PASSWORD).status_code == 401


def test_a_link_ends_whose_session_the_browser_had(app, client, organisation, user):
    sign_in(client, user.email)
    copy = app.test_client()
    copy.set_cookie("hub_session", cookie(client))
    assert is_signed_in(copy)
    other = make_user(organisation, Role.AGENT, password=None)
    submit(client, link_for(app, other), password=NEW, again=NEW)
    assert is_signed_in(client)
    assert not is_signed_in(copy)


def test_a_link_does_not_outlive_a_change_of_the_password(app, client, session, user):
    path = link_for(app, user, TemplatePurpose.RESET)
    with history.acting(Actor.of(user), "test"):
        signing.set_password(user, NEW)
    assert client.get(path).status_code == 410


@pytest.mark.parametrize(("purpose", "hours"), [(TemplatePurpose.WELCOME, 72), (TemplatePurpose.RESET, 2)])
def test_a_link_expires(app, client, user, purpose, hours):
    path = link_for(app, user, purpose)
    with time_machine.travel(clock.now() + timedelta(hours=hours, minutes=-1), tick=True):
        assert client.get(path).status_code == 200
    with time_machine.travel(clock.now() + timedelta(hours=hours, minutes=1), tick=True):
        answer = client.get(path)
        assert answer.status_code == 410
        assert "expired or was used" in answer.text


def test_a_link_that_was_tampered_with_opens_nothing(app, client, user):
    path = link_for(app, user)
    for wrong in (
        path[:-1],
        path + "x",
        path.replace("set-password/", "set-password/x"),
        "/set-password/x",
    ):
        assert client.get(wrong).status_code == 410
    assert client.get("/set-password/%00").status_code == 400


def test_no_other_page_is_told_of_a_link(app, client, user):
    path = link_for(app, user)
    for answer in (client.get(path), client.get(path + "x"), submit(client, path, password=NEW, again=NEW)):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
    page = client.get(link_for(app, db.session.merge(user)))
    outside = re.findall(r'(?:src|href|action)="(https?:|//)', page.text)
    assert outside == []


@pytest.mark.parametrize(
    ("password", "again", "told"),
    [("short", "short", "at least 12"), ("password1234", "password1234", "first that are tried"),
     ("Dana Reyes 2026!", "Dana Reyes 2026!", "name"), (NEW, "other", "not the same"), ("", "", "Choose a password")],
)  # fmt: skip
def test_what_is_easy_to_guess_is_not_taken(app, client, session, user, password, again, told):
    path = link_for(app, user)
    answer = submit(client, path, password=password, again=again)
    assert answer.status_code == 422
    assert told in answer.text
    assert client.get(path).status_code == 200
    session.expire_all()
    assert signing.authenticate(user.email, PASSWORD) is user


def test_asking_for_a_link_tells_nobody_who_has_an_account(client, session, user):
    known = submit(client, "/forgotten", email=" ADMIN@hub.example ")
    unknown = submit(client, "/forgotten", email="nobody@hub.example")
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    (message,) = session.scalars(select(OutboxMessage))
    assert message.recipient == "admin@hub.example"
    path = re.search(r"(/set-password/\S+)", message.text_body)[1]
    assert submit(client, path, password=NEW, again=NEW).location == "/admin/"


def test_asking_takes_as_long_for_everybody(client, user):
    def seconds(email):
        token = csrf_token(client, "/forgotten")
        begun = time.monotonic()
        client.post("/forgotten", data={"csrf_token": token, "email": email})
        return time.monotonic() - begun

    assert seconds("admin@hub.example") >= 0.3
    assert seconds("nobody@hub.example") >= 0.3
