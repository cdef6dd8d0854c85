"""Signing in and out, and one-time links, as browsers and those who would break in use them."""

import json
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
import time_machine
from sqlalchemy import create_engine, text

from app import create_app
from customerhub.core import clock, history
from customerhub.users import passwords
from customerhub.users import sign_in as user_sign_in
from models import EndedSession
from models.base import db
from models.enums import Role
from tests.support.databases import settings_for
from tests.support.people import PASSWORD, make_organisation, make_user, system_actor
from tests.support.sign_in_pages import is_signed_in, make_link, read_csrf_token, session_cookie, sign_in, submit
from tests.support.statements import record_statements
from views.users.sign_in import FULL_SESSION_SECONDS, safe_next


@pytest.fixture
def organisation(session):
    return make_organisation()


@pytest.fixture
def user(organisation):
    user = make_user(organisation, email="admin@hub.example", name="Dana Reyes")
    db.session.commit()
    return user


# --- Signing in -------------------------------------------------------------------------------------------


def test_who_is_not_signed_in_is_shown_the_way(client, user):
    answer = client.get("/profile/?a=1")
    assert answer.status_code == 303
    assert answer.location == "/sign-in?next=/profile/?a%3D1"
    assert sign_in(client, user.email, next_path=quote("/profile/?a=1")).location == "/profile/?a=1"


def test_programs_get_errors_as_json(client, user):
    answer = client.get("/profile/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json) == (401, {"error": "Sign in first."})


@pytest.mark.parametrize(
    ("role", "start"),
    [
        (Role.ADMIN, "/admin/"),
        (Role.MANAGER, "/admin/"),
        (Role.AGENT, "/admin/"),
        (Role.PARTNER, "/partner/"),
        (Role.CUSTOMER, "/portal/"),
    ],
)
def test_each_role_starts_at_its_own_page(client, session, organisation, role, start):
    user = make_user(organisation, role)
    assert sign_in(client, user.email).location == start
    assert client.get("/sign-in").location == start
    assert client.get(start).status_code == 200
    session.expire_all()
    assert user.last_sign_in_at is not None


@pytest.mark.parametrize("password", ["hunter-two", "x" * 5000, "\x00", "\ud7ff\uffff"])
def test_a_wrong_password_is_refused_without_a_hint(client, user, password):
    known_address_response = sign_in(client, user.email, password)
    unknown = sign_in(client, "nobody@hub.example", password)
    assert (known_address_response.status_code, unknown.status_code) == (401, 401)
    assert user_sign_in.WRONG_CREDENTIALS in known_address_response.text
    pages = [re.sub(r'value="[^"]+"', "", page.text) for page in (known_address_response, unknown)]
    assert pages[0] == pages[1]
    assert password not in known_address_response.text
    assert not is_signed_in(client)


def test_blanks_are_asked_for(client, user):
    answer = submit(client, "/sign-in", email="", password="")
    assert answer.status_code == 422
    assert "Enter your password" in answer.text


def test_who_is_switched_off_is_signed_out_and_kept_out(client, session, user, organisation):
    sign_in(client, user.email)
    assert is_signed_in(client)
    make_user(organisation)
    with history.act_as(system_actor(organisation), "test"):
        user.active = False
        session.commit()
    assert not is_signed_in(client)
    answer = sign_in(client, user.email)
    assert answer.status_code == 401
    assert "deactivated" in answer.text


def test_so_is_everybody_of_an_organisation_that_is_switched_off(client, session, user, organisation):
    sign_in(client, user.email)
    with history.act_as(system_actor(organisation), "test"):
        organisation.active = False
        session.commit()
    assert not is_signed_in(client)
    assert sign_in(client, user.email).status_code == 401
    assert not is_signed_in(client)


def test_others_can_write_while_a_password_is_checked(client, user, monkeypatch):
    url = db.engine.url
    wrote = []
    verify = passwords.verify

    def watched(*args):
        others = create_engine(url)
        with others.begin() as connection:
            wrote.append(connection.execute(text("UPDATE organisation SET country = 'DE'")).rowcount)
        others.dispose()
        return verify(*args)

    monkeypatch.setattr(passwords, "verify", watched)
    assert sign_in(client, user.email).status_code == 303
    assert wrote == [1]


# --- Sessions ---------------------------------------------------------------------------------------------


def test_a_session_begins_anew_at_sign_in(client, user):
    read_csrf_token(client)
    planted = session_cookie(client)
    sign_in(client, user.email)
    assert session_cookie(client) != planted
    client.set_cookie("hub_session", planted)
    assert not is_signed_in(client)


def test_nothing_of_the_session_before_goes_on(client, user):
    with client.session_transaction() as session:
        session["organisation_id"] = 4711
        session["planted"] = True
    sign_in(client, user.email)
    with client.session_transaction() as session:
        assert "planted" not in session
        assert "organisation_id" not in session


def test_the_cookie_is_kept_from_scripts_and_other_sites(client, user):
    answer = sign_in(client, user.email)
    cookie_header = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie_header
    assert "SameSite=Lax" in cookie_header
    assert ("Secure" in cookie_header) is client.application.config["SESSION_COOKIE_SECURE"]


def test_the_cookie_is_for_https_only_where_the_hub_is_reached_by_it(user, tmp_path):
    url = db.engine.url.render_as_string(hide_password=False)
    app = create_app(settings_for(url, tmp_path, HUB_PUBLIC_URL="https://hub.example.com"))
    cookie_header = app.test_client().get("/sign-in", base_url="https://hub.example.com")
    assert "Secure" in cookie_header.headers["Set-Cookie"]
    assert "max-age" in cookie_header.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    "identity", ["", ":", "1", "1:", "x:y", "1:0:0", "99999999999999999999:0", "²:0", "1:-1", None]
)
def test_a_forged_identity_is_nobodys(client, user, identity):
    with client.session_transaction() as session:
        session["_user_id"] = identity
        session["began"] = int(clock.get_now().timestamp())
    assert not is_signed_in(client)


def test_a_session_does_not_last_for_ever_however_busy(client, user):
    began = clock.get_now()
    with time_machine.travel(began, tick=True) as traveller:
        sign_in(client, user.email)
        for hours in range(10, FULL_SESSION_SECONDS // 3600, 10):
            traveller.move_to(began + timedelta(hours=hours))
            assert is_signed_in(client)
        traveller.move_to(began + timedelta(seconds=FULL_SESSION_SECONDS + 60))
        assert not is_signed_in(client)


def test_an_idle_session_ends_after_half_a_day(client, user):
    with time_machine.travel(clock.get_now(), tick=True) as traveller:
        sign_in(client, user.email)
        traveller.shift(timedelta(hours=12, minutes=1))
        assert not is_signed_in(client)


def test_signing_out_takes_a_post_with_a_token(client, user):
    sign_in(client, user.email)
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").status_code == 400
    assert is_signed_in(client)
    answer = submit(client, "/sign-out", form="/profile/")
    assert answer.location == "/sign-in"
    assert not is_signed_in(client)
    assert "signed out" in client.get("/sign-in").text


def test_a_copy_of_the_session_ends_with_it(app, client, user):
    sign_in(client, user.email)
    other = app.test_client()
    sign_in(other, user.email)
    copy = app.test_client()
    copy.set_cookie("hub_session", session_cookie(client))
    assert is_signed_in(copy)
    submit(client, "/sign-out", form="/profile/")
    assert not is_signed_in(copy)
    assert is_signed_in(other)
    assert submit(copy, "/sign-in", email=user.email, password=PASSWORD).location == "/admin/"


def test_signing_in_again_ends_the_session_before(app, client, user):
    sign_in(client, user.email)
    copy = app.test_client()
    copy.set_cookie("hub_session", session_cookie(client))
    submit(client, "/sign-in", form="/profile/", email=user.email, password=PASSWORD)
    assert is_signed_in(client)
    assert not is_signed_in(copy)


def test_who_is_not_signed_in_may_sign_out(client, session, user):
    for _ in range(2):
        assert submit(client, "/sign-out", form="/sign-in").location == "/sign-in"
    assert session.query(EndedSession).count() == 0


def test_whether_a_session_was_ended_is_read_with_its_user(client, user):
    sign_in(client, user.email)
    with record_statements() as statements:
        assert is_signed_in(client)
    assert len([text for text in statements if "ended_session" in text]) == 1
    assert [text for text in statements if "ended_session" in text and "hub_user" not in text] == []


def test_an_address_that_is_too_long_to_come_back_to_is_left_out(client, user):
    answer = client.get("/admin/customers/?search=" + "x" * 5000)
    assert (answer.status_code, answer.location) == (303, "/sign-in")


def test_a_request_without_a_csrf_token_changes_nothing(client, user):
    answer = client.post("/sign-in", data={"email": user.email, "password": PASSWORD})
    assert answer.status_code == 400
    assert "reload the page" in answer.text
    assert not is_signed_in(client)


def test_a_token_of_another_browser_is_refused(app, client, user):
    token = read_csrf_token(app.test_client())
    read_csrf_token(client)
    answer = client.post("/sign-in", data={"csrf_token": token, "email": user.email, "password": PASSWORD})
    assert answer.status_code == 400


# --- The way on -------------------------------------------------------------------------------------------

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    "//evil.example\\@hub.example",
    "/\u2028/evil.example",
    "/" + "x" * 3000,
    "/sign-in?next=/",
    "/sign-out",
    "",
]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nobody_is_sent_to_another_site(client, user, target):
    assert safe_next(target) is None
    assert sign_in(client, user.email, next_path=quote(target, safe="")).location == "/admin/"
    assert client.get("/sign-in", query_string={"next": target}).location == "/admin/"


@pytest.mark.parametrize(
    "target", ["/admin/customers/?f=name:is:A%20B&page=2", "/profile/", "/", "/admin/a b/?q=ä", "/a//b"]
)
def test_people_come_back_to_where_they_were(target):
    assert safe_next(target) == target


# --- What is written --------------------------------------------------------------------------------------


def test_looking_at_pages_writes_nothing(app, client, session, user):
    sign_in(client, user.email)
    path = make_link(app, user)
    with record_statements() as statements:
        for page in (
            "/",
            "/sign-in",
            "/forgotten",
            "/profile/",
            "/profile/password",
            "/profile/sign-out-everywhere",
            path,
        ):
            client.get(page)
            client.head(page)
    assert statements
    writing = [text for text in statements if text.split()[0] in ("INSERT", "UPDATE", "DELETE") or "IMMEDIATE" in text]
    assert writing == []


def test_demo_logins_are_shown_only_where_the_demo_left_them(app, client, user):
    assert "Demo" not in client.get("/sign-in").text
    path = app.config["HUB"].data_dir / "demo_logins.json"
    try:
        path.write_text(json.dumps([{"role": "admin", "email": "a@demo.example", "password": "customer-hub-demo"}]))
        page = client.get("/sign-in").text
        assert "a@demo.example" in page
        assert "customer-hub-demo" in page
        for broken in ("", "{", "[1]", '{"a": 1}', "[]"):
            path.write_text(broken)
            assert client.get("/sign-in").status_code == 200
    finally:
        path.unlink()
