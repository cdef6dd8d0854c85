"""Signing in and what people do to their own account."""

from datetime import UTC, datetime

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from customerhub.core import history
from customerhub.core.errors import Conflict, Invalid, NotAllowed
from customerhub.core.permissions import Actor
from customerhub.users import passwords, sign_in
from customerhub.users.links import OneTimeLinks
from models import History, OutboxMessage, User
from models.base import db
from models.enums import Role
from models.sqlite import is_read_only
from tests.support.people import PASSWORD, make_organisation, make_user, system_actor

LINKS = OneTimeLinks("secret", "https://hub.example.com")
NEW = "a quite different phrase"


@pytest.fixture
def user(organisation):
    user = make_user(organisation, email="Robin@hub.example")
    db.session.commit()
    return user


def count_rows(model):
    return db.session.scalar(select(func.count()).select_from(model))


@pytest.mark.parametrize("email", ["Robin@hub.example", "robin@hub.example", " ROBIN@HUB.EXAMPLE "])
def test_the_right_password_is_taken(user, email):
    assert sign_in.authenticate(email, PASSWORD, accepts_demo=False) is user


@pytest.mark.parametrize(
    "email", ["kärnten@bücher.example", "KÄRNTEN@xn--bcher-kva.example", "ka\u0308rnten@BÜCHER.example"]
)
def test_an_address_is_the_same_however_its_letters_are_written(organisation, email):
    other = make_user(organisation, email="kärnten@bücher.example")
    assert sign_in.authenticate(email, PASSWORD, accepts_demo=False) is other
    sign_in.request_reset(email, links=LINKS)
    assert db.session.scalars(select(OutboxMessage.recipient)).all() == ["kärnten@bücher.example"]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("robin@hub.example", "wrong"),
        ("robin@hub.example", ""),
        ("nobody@hub.example", PASSWORD),
        ("", PASSWORD),
        ("robin@hub.example' OR 1=1 --", PASSWORD),
        ("%", PASSWORD),
    ],
)
def test_whatever_is_wrong_is_answered_alike(user, email, password):
    with pytest.raises(Invalid) as refusal:
        sign_in.authenticate(email, password, accepts_demo=False)
    assert (refusal.value.message, refusal.value.field) == (sign_in.WRONG_CREDENTIALS, None)


@pytest.mark.parametrize("email", ["robin@hub.example", "nobody@hub.example", "invited@hub.example", ""])
def test_one_password_is_checked_whoever_is_named(user, organisation, email, monkeypatch):
    make_user(organisation, email="invited@hub.example", password=None)
    checked = []
    verify = passwords._hasher.verify
    monkeypatch.setattr(
        passwords, "_hasher", type("Counting", (), {"verify": lambda _, *args: checked.append(args) or verify(*args)})()
    )
    with pytest.raises(Invalid):
        sign_in.authenticate(email, "wrong", accepts_demo=False)
    assert len(checked) == 1


def test_checking_writes_nothing_and_needs_no_lock(user):
    db.session.rollback()
    token = is_read_only.set(True)
    try:
        sign_in.authenticate("robin@hub.example", PASSWORD, accepts_demo=False)
        db.session.rollback()
    finally:
        is_read_only.reset(token)


def test_a_deactivated_user_learns_so_only_with_the_right_password(session, user, organisation):
    make_user(organisation)
    with history.act_as(system_actor(organisation), "test"):
        user.active = False
        session.commit()
    with pytest.raises(NotAllowed, match="deactivated"):
        sign_in.authenticate(user.email, PASSWORD, accepts_demo=False)
    with pytest.raises(Invalid, match="wrong"):
        sign_in.authenticate(user.email, "wrong", accepts_demo=False)


def test_nobody_signs_in_to_an_organisation_that_is_switched_off(session, user, organisation):
    with history.act_as(system_actor(organisation), "test"):
        organisation.active = False
        session.commit()
    with pytest.raises(NotAllowed, match="deactivated"):
        sign_in.authenticate(user.email, PASSWORD, accepts_demo=False)


def test_a_sign_in_is_noted_without_a_change_that_others_would_notice(session, user):
    at, version, before = datetime(2026, 1, 31, 12, tzinfo=UTC), user.version, count_rows(History)
    sign_in.record_sign_in(user, password=PASSWORD, at=at)
    session.commit()
    assert user.last_sign_in_at == at
    assert user.version == version
    assert count_rows(History) == before


def test_an_outdated_hash_is_made_anew_at_sign_in(session, user, organisation):
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with history.act_as(system_actor(organisation), "test"):
        user.password_hash = weak
        session.commit()
    assert sign_in.authenticate(user.email, PASSWORD, accepts_demo=False) is user
    sign_in.record_sign_in(user, password=PASSWORD, at=datetime.now(UTC))
    session.commit()
    assert user.password_hash != weak
    assert not passwords.is_outdated(user.password_hash)
    assert sign_in.authenticate(user.email, PASSWORD, accepts_demo=False) is user


def test_a_new_password_ends_the_old_one_and_every_session(session, user):
    before = user.sign_in_epoch
    with history.act_as(Actor.from_user(user), "screen set-password"):
        sign_in.set_password(user, NEW)
    session.commit()
    assert user.sign_in_epoch == before + 1
    assert sign_in.authenticate(user.email, NEW, accepts_demo=False) is user
    with pytest.raises(Invalid):
        sign_in.authenticate(user.email, PASSWORD, accepts_demo=False)
    password_entry = session.scalars(select(History).where(History.source == "screen set-password")).one()
    assert password_entry.changes == {"password_hash": ["•••", "•••"]}


def test_two_who_use_one_link_at_once_do_not_both_succeed(session, user):
    session.execute(
        User.__table__.update().where(User.__table__.c.id == user.id).values(version=User.__table__.c.version + 1)
    )
    with history.act_as(Actor.from_user(user), "test"), pytest.raises(Conflict):
        sign_in.set_password(user, NEW)


def test_a_password_that_is_easy_to_guess_is_not_set(user):
    with pytest.raises(Invalid) as refusal:
        sign_in.set_password(user, "password1234")
    assert refusal.value.field == "password"
    assert not db.session.dirty


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("wrong", NEW, "old"),
        ("", NEW, "old"),
        (PASSWORD, "short", "new"),
        (PASSWORD, PASSWORD, "new"),
        (PASSWORD, "Robin Sample is me", "new"),
    ],
)
def test_what_keeps_a_password_from_being_changed(user, old, new, field):
    with pytest.raises(Invalid) as refusal:
        sign_in.change_password(user, old, new)
    assert refusal.value.field == field


def test_changing_a_password(session, user):
    with history.act_as(Actor.from_user(user), "test"):
        sign_in.change_password(user, PASSWORD, NEW)
    session.commit()
    assert sign_in.authenticate(user.email, NEW, accepts_demo=False) is user


def test_signing_out_everywhere_is_recorded_in_the_history(session, user):
    before = user.sign_in_epoch
    with history.act_as(Actor.from_user(user), "test"):
        sign_in.sign_out_everywhere(user)
    session.commit()
    assert user.sign_in_epoch == before + 1
    assert session.scalars(select(History).where(History.action == "signed out everywhere")).one().row_id == user.id


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b"])
def test_a_name_that_cannot_be(user, name):
    with pytest.raises(Invalid) as refusal:
        sign_in.save_profile(user, name)
    assert refusal.value.field == "name"


def test_a_link_is_mailed_to_who_asks(session, user):
    sign_in.request_reset(" ROBIN@hub.example", links=LINKS)
    sign_in.request_reset("robin@hub.example", links=LINKS)
    session.commit()
    message = session.scalars(select(OutboxMessage)).one()
    assert (message.recipient, message.purpose) == ("Robin@hub.example", "reset password")
    assert "2 hours" in message.text_body


def test_nobody_else_is_mailed(session, user, organisation):
    make_user(organisation, email="off@hub.example", active=False)
    inactive_organisation = make_organisation("Gone")
    make_user(inactive_organisation, Role.AGENT, email="gone@hub.example")
    with history.act_as(system_actor(inactive_organisation), "test"):
        inactive_organisation.active = False
        session.commit()
    for email in ("off@hub.example", "gone@hub.example", "nobody@hub.example", "", "nonsense", "a\r\nBcc: b@c.example"):
        sign_in.request_reset(email, links=LINKS)
    assert count_rows(OutboxMessage) == 0
