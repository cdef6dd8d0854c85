"""One-time links."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from itsdangerous import URLSafeSerializer

from customerhub.core import history
from customerhub.core.errors import WrongState
from customerhub.core.permissions import Actor
from customerhub.core.redaction import PATH, hide_links
from customerhub.users import sign_in
from customerhub.users.links import OneTimeLinks
from models.enums import TemplatePurpose
from tests.support.people import make_organisation, make_user

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LINKS = OneTimeLinks("secret", "https://hub.example.com")


@pytest.fixture
def user(session):
    return make_user(make_organisation())


def make_token(user, purpose=TemplatePurpose.WELCOME, now=NOW, links=LINKS):
    link = links.create(user, purpose, now=now)
    assert link.startswith(f"https://hub.example.com{PATH}")
    return link.removeprefix(f"https://hub.example.com{PATH}")


def is_refused(token, links=LINKS, as_of=NOW):
    with pytest.raises(WrongState, match="expired or has already been used"):
        links.read(token, as_of=as_of)
    return True


def test_a_link_stands_for_its_user(user):
    assert LINKS.read(make_token(user), as_of=NOW) is user


@pytest.mark.parametrize(("purpose", "hours"), [(TemplatePurpose.WELCOME, 72), (TemplatePurpose.RESET, 2)])
def test_a_link_expires(user, purpose, hours):
    token = make_token(user, purpose)
    assert LINKS.read(token, as_of=NOW + timedelta(hours=hours)) is user
    assert is_refused(token, as_of=NOW + timedelta(hours=hours, seconds=1))


def test_by_the_clock_too(user):
    token = make_token(user, TemplatePurpose.RESET)
    with time_machine.travel(NOW + timedelta(minutes=119), tick=False):
        assert LINKS.read(token) is user
    with time_machine.travel(NOW + timedelta(minutes=121), tick=False), pytest.raises(WrongState):
        LINKS.read(token)


def test_a_link_works_once(user):
    first, second = make_token(user), make_token(user, TemplatePurpose.RESET)
    with history.act_as(Actor.from_user(user), "test"):
        sign_in.set_password(user, "plum sofa ticket ten")
    assert is_refused(first)
    assert is_refused(second)
    assert LINKS.read(make_token(user), as_of=NOW) is user


def test_signing_out_everywhere_uses_links_up(user):
    token = make_token(user)
    with history.act_as(Actor.from_user(user), "test"):
        sign_in.sign_out_everywhere(user)
    assert is_refused(token)


def test_a_link_of_an_account_that_is_switched_off_is_refused(user, session):
    token = make_token(user)
    with history.act_as(Actor.from_user(user), "test"):
        user.active = False
        session.flush()
    assert is_refused(token)


def test_a_link_into_an_organisation_that_is_switched_off_is_refused(session):
    organisation = make_organisation()
    token = make_token(make_user(organisation))
    with history.act_as(Actor(None, organisation.id), "test"):
        organisation.active = False
        session.flush()
    assert is_refused(token)


def test_a_link_that_was_tampered_with_is_refused(user):
    token = make_token(user)
    content, dot, signature = token.rpartition(".")
    forged = (
        base64.urlsafe_b64encode(base64.urlsafe_b64decode(content + "==").replace(b'"until":', b'"until":9'))
        .rstrip(b"=")
        .decode()
    )
    for wrong in (
        "",
        ".",
        "x",
        content,
        token + "x",
        token[:-1],
        forged + dot + signature,
        signature + dot + content,
        "é" * 20,
        token.replace(".", "%2E"),
    ):
        assert is_refused(wrong)


def test_a_link_of_another_hub_or_use_is_refused(user):
    assert is_refused(make_token(user), links=OneTimeLinks("another secret", "https://hub.example.com"))
    content = {"for": user.id, "to": "set password", "epoch": user.sign_in_epoch, "until": 2**31}
    assert is_refused(URLSafeSerializer("secret", salt="session").dumps(content))
    assert is_refused(URLSafeSerializer("secret").dumps(content))


def test_a_hidden_link_is_useless():
    text = f"Go to https://hub.example.com{PATH}eyJmb3IiOjF9.Ab-c_d now"
    assert hide_links(text) == f"Go to https://hub.example.com{PATH}used-up now"
