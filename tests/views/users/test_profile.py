"""What people do to their own account."""

import pytest
from sqlalchemy import select

from customerhub.users import sign_in as user_sign_in
from models import History, User
from models.base import db
from models.enums import Role
from tests.support.people import PASSWORD, make_organisation, make_user
from tests.support.sign_in_pages import is_signed_in, sign_in, submit
from views.users.profile import NO_MAIL_SERVER

NEW = "a quite different phrase"


@pytest.fixture
def user(session):
    user = make_user(make_organisation(), email="admin@hub.example", name="Dana Reyes")
    db.session.commit()
    return user


@pytest.fixture
def signed_in(client, user):
    sign_in(client, user.email)
    return client


@pytest.mark.parametrize("path", ["/profile/", "/profile/password", "/profile/sign-out-everywhere"])
def test_a_profile_is_for_who_is_signed_in(client, user, path):
    assert client.get(path).location.startswith("/sign-in?next=/profile/")


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_everybody_has_one(client, session, user, role):
    other = make_user(session.merge(user.dealer) if user.dealer else make_organisation("Another"), role)
    sign_in(client, other.email)
    for path in ("/profile/", "/profile/password", "/profile/sign-out-everywhere"):
        assert client.get(path).status_code == 200


def test_the_name_can_be_changed_and_is_recorded(signed_in, session, user):
    entries = {"name": "  Dana R. ", "email": "evil@hub.example", "role": "admin"}
    entries |= {"notify_by_email": "y", "single_key_shortcuts": "y"}
    assert submit(signed_in, "/profile/", **entries).status_code == 303
    session.expire_all()
    assert (user.name, user.email) == ("Dana R.", "admin@hub.example")
    name_entry = session.scalars(select(History).where(History.source == "screen profile")).one()
    assert (name_entry.actor_id, name_entry.changes) == (user.id, {"name": ["Dana Reyes", "Dana R."]})


def test_mails_of_colleagues_can_be_switched_off(signed_in, session, user):
    submit(signed_in, "/profile/", name="Dana Reyes")
    session.expire_all()
    assert user.notify_by_email is False
    assert "checked" not in signed_in.get("/profile/").text.split('name="notify_by_email"')[0].rpartition("<input")[2]


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\u202eb"])
def test_a_name_that_cannot_be_is_refused_and_kept_in_the_form(signed_in, session, user, name):
    answer = submit(signed_in, "/profile/", name=name)
    assert answer.status_code == 422
    session.expire_all()
    assert user.name == "Dana Reyes"


def test_changing_the_password_ends_every_other_session(app, signed_in, session, user):
    other = app.test_client()
    sign_in(other, user.email)
    assert is_signed_in(other)
    answer = submit(signed_in, "/profile/password", old=PASSWORD, new=NEW, again=NEW)
    assert answer.location == "/profile/"
    assert is_signed_in(signed_in)
    assert not is_signed_in(other)
    assert sign_in(other, user.email, PASSWORD).status_code == 401
    assert sign_in(other, user.email, NEW).status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "message"),
    [
        ("wrong", NEW, NEW, "not your current password"),
        (PASSWORD, "too brief", "too brief", "at least 12"),
        (PASSWORD, NEW, "other", "do not match"),
        (PASSWORD, PASSWORD, PASSWORD, "must differ from the current one"),
    ],
)
def test_what_keeps_the_password(signed_in, session, user, old, new, again, message):
    answer = submit(signed_in, "/profile/password", old=old, new=new, again=again)
    assert answer.status_code == 422
    assert message in answer.text
    assert new not in answer.text
    session.expire_all()
    assert user_sign_in.authenticate(user.email, PASSWORD, accepts_demo=False) is user


def test_guessing_the_present_password_is_limited(signed_in, user):
    for _ in range(10):
        assert submit(signed_in, "/profile/password", old="wrong", new=NEW, again=NEW).status_code == 422
    assert submit(signed_in, "/profile/password", old=PASSWORD, new=NEW, again=NEW).status_code == 429


def test_signing_out_everywhere(app, signed_in, session, user):
    other = app.test_client()
    sign_in(other, user.email)
    assert submit(signed_in, "/profile/sign-out-everywhere").location == "/sign-in"
    assert not is_signed_in(signed_in)
    assert not is_signed_in(other)
    assert session.scalars(select(History).where(History.action == "signed out everywhere")).one().row_id == user.id
    assert session.get(User, user.id).active


def test_the_daily_digest_is_chosen_here_and_what_keeps_it_from_coming_is_said(
    app, signed_in, session, user, monkeypatch
):
    page = signed_in.get("/profile/").text
    assert "checked" not in page.split('name="daily_digest"')[0].rpartition("<input")[2], "off by default"
    assert NO_MAIL_SERVER in page
    submit(signed_in, "/profile/", name="Dana Reyes", daily_digest="y")
    session.expire_all()
    assert user.daily_digest is True
    entry = session.scalars(select(History).where(History.source == "screen profile")).one()
    assert entry.changes["daily_digest"] == [False, True]
    settings = app.config["HUB"].model_copy(update={"smtp_url": "smtp://mail.hub.example:25"})
    monkeypatch.setitem(app.config, "HUB", settings)
    assert NO_MAIL_SERVER not in signed_in.get("/profile/").text
    submit(signed_in, "/profile/", name="Dana Reyes")
    session.expire_all()
    assert user.daily_digest is False


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_others_than_staff_have_no_digest_to_choose(client, session, role):
    other = make_user(make_organisation("Another"), role)
    db.session.commit()
    sign_in(client, other.email)
    page = client.get("/profile/").text
    assert "daily_digest" not in page
    assert NO_MAIL_SERVER not in page
    submit(client, "/profile/", name="Somebody", daily_digest="y")
    session.expire_all()
    assert other.daily_digest is False
