"""One-time links, as browsers and those who would break in use them."""

import json
import re
import time
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from customerhub.users import sign_in as user_sign_in
from models import History, OutboxMessage
from models.base import db
from models.enums import Role, TemplatePurpose
from tests.support.people import PASSWORD, make_organisation, make_user
from tests.support.sign_in_pages import is_signed_in, make_link, read_csrf_token, session_cookie, sign_in, submit

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
    path = make_link(app, user)
    for _ in range(2):  # looking at it, as mail scanners do, does not use it up
        assert user.email in client.get(path).text
    answer = submit(client, path, password=NEW, again=NEW)
    assert answer.location == "/admin/"
    assert is_signed_in(client)
    session.expire_all()
    assert user_sign_in.authenticate(user.email, NEW, accepts_demo=False) is user
    password_entry = session.scalars(select(History).where(History.source == "screen set-password")).one()
    assert (password_entry.actor_id, password_entry.changes) == (user.id, {"password_hash": [None, "•••"]})
    assert path.rpartition("/")[2] not in json.dumps(password_entry.changes)
    stranger = app.test_client()
    response = stranger.get(path)
    assert response.status_code == 410
    assert 'href="/forgotten"' in response.text
    assert (
        stranger.post(path, data={"csrf_token": read_csrf_token(stranger), "password": NEW, "again": NEW}).status_code
        == 410
    )
    assert not is_signed_in(stranger)


def test_a_link_ends_every_other_session(app, client, user):
    sign_in(client, user.email)
    other = app.test_client()
    submit(other, make_link(app, user, TemplatePurpose.RESET), password=NEW, again=NEW)
    assert is_signed_in(other)
    assert not is_signed_in(client)
    assert sign_in(client, user.email, PASSWORD).status_code == 401


def test_a_link_ends_whose_session_the_browser_had(app, client, organisation, user):
    sign_in(client, user.email)
    copy = app.test_client()
    copy.set_cookie("hub_session", session_cookie(client))
    assert is_signed_in(copy)
    other = make_user(organisation, Role.AGENT, password=None)
    submit(client, make_link(app, other), password=NEW, again=NEW)
    assert is_signed_in(client)
    assert not is_signed_in(copy)


def test_a_link_does_not_outlive_a_change_of_the_password(app, client, session, user):
    path = make_link(app, user, TemplatePurpose.RESET)
    with history.act_as(Actor.from_user(user), "test"):
        user_sign_in.set_password(user, NEW)
    assert client.get(path).status_code == 410


@pytest.mark.parametrize(("purpose", "hours"), [(TemplatePurpose.WELCOME, 72), (TemplatePurpose.RESET, 2)])
def test_a_link_expires(app, client, user, purpose, hours):
    path = make_link(app, user, purpose)
    with time_machine.travel(clock.get_now() + timedelta(hours=hours, minutes=-1), tick=True):
        assert client.get(path).status_code == 200
    with time_machine.travel(clock.get_now() + timedelta(hours=hours, minutes=1), tick=True):
        answer = client.get(path)
        assert answer.status_code == 410
        assert "expired or has already been used" in answer.text


def test_a_link_that_was_tampered_with_opens_nothing(app, client, user):
    path = make_link(app, user)
    for wrong in (
        path[:-1],
        path + "x",
        path.replace("set-password/", "set-password/x"),
        "/set-password/x",
    ):
        assert client.get(wrong).status_code == 410
    assert client.get("/set-password/%00").status_code == 400


def test_no_other_page_gets_a_link_as_referrer(app, client, user):
    path = make_link(app, user)
    for answer in (client.get(path), client.get(path + "x"), submit(client, path, password=NEW, again=NEW)):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
    page = client.get(make_link(app, db.session.merge(user)))
    outside = re.findall(r'(?:src|href|action)="(https?:|//)', page.text)
    assert outside == []


@pytest.mark.parametrize(
    ("password", "again", "message"),
    [
        ("short", "short", "at least 12"),
        ("password1234", "password1234", "too easy to guess"),
        ("Dana Reyes 2026!", "Dana Reyes 2026!", "name"),
        (NEW, "other", "do not match"),
        ("", "", "Choose a password"),
    ],
)
def test_what_is_easy_to_guess_is_not_taken(app, client, session, user, password, again, message):
    path = make_link(app, user)
    answer = submit(client, path, password=password, again=again)
    assert answer.status_code == 422
    assert message in answer.text
    assert client.get(path).status_code == 200
    session.expire_all()
    assert user_sign_in.authenticate(user.email, PASSWORD, accepts_demo=False) is user


def test_asking_for_a_link_does_not_reveal_who_has_an_account(client, session, user):
    known_address_response = submit(client, "/forgotten", email=" ADMIN@hub.example ")
    unknown = submit(client, "/forgotten", email="nobody@hub.example")
    assert (known_address_response.status_code, known_address_response.text) == (unknown.status_code, unknown.text)
    (message,) = session.scalars(select(OutboxMessage))
    assert message.recipient == "admin@hub.example"
    path = re.search(r"(/set-password/\S+)", message.text_body)[1]
    assert submit(client, path, password=NEW, again=NEW).location == "/admin/"


def test_asking_takes_as_long_for_everybody(client, user):
    def seconds(email):
        token = read_csrf_token(client, "/forgotten")
        started_at = time.monotonic()
        client.post("/forgotten", data={"csrf_token": token, "email": email})
        return time.monotonic() - started_at

    assert seconds("admin@hub.example") >= 0.3
    assert seconds("nobody@hub.example") >= 0.3
