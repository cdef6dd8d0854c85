"""Signing in and out, and one-time links, as browsers and those who would break in use them."""

import json
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
import time_machine
from sqlalchemy import event, func, select

from customerhub import clock, history
from customerhub.permissions import Actor
from customerhub.users import sign_in as signing
from customerhub.users.links import OneTimeLinks
from models import History, OutboxMessage, User
from models.base import db
from models.enums import Role, TemplatePurpose
from tests.people import PASSWORD, make_organisation, make_user, system
from tests.views.signing import csrf_token, sign_in, submit
from views.sign_in import FULL_SESSION_SECONDS, safe_next

NEW = "a quite different phrase"


@pytest.fixture
def organisation(session):
    return make_organisation()


@pytest.fixture
def user(organisation):
    user = make_user(organisation, email="admin@hub.example", name="Dana Reyes")
    db.session.commit()
    return user


def is_signed_in(client):
    return client.get("/profile/").status_code == 200


def cookie(client):
    found = client.get_cookie("hub_session")
    return found.value if found else None


def link_for(app, user, purpose=TemplatePurpose.WELCOME):
    settings = app.config["HUB"]
    return OneTimeLinks.of(settings).make(user, purpose, now=clock.now()).removeprefix(settings.public_url)


# --- Signing in -------------------------------------------------------------------------------------------


def test_who_is_not_signed_in_is_shown_the_way(client, user):
    answer = client.get("/profile/?a=1")
    assert answer.status_code == 303
    assert answer.location == "/sign-in?next=/profile/?a%3D1"
    assert sign_in(client, user.email, next_path=quote("/profile/?a=1")).location == "/profile/?a=1"


def test_programs_are_told_in_json(client, user):
    answer = client.get("/profile/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json) == (401, {"error": "Sign in first."})


@pytest.mark.parametrize(
    ("role", "start"),
    [(Role.ADMIN, "/admin/"), (Role.MANAGER, "/admin/"), (Role.AGENT, "/admin/"), (Role.PARTNER, "/partner/"),
     (Role.CUSTOMER, "/portal/")],
)  # fmt: skip
def test_each_role_starts_at_its_own_page(client, session, organisation, role, start):
    user = make_user(organisation, role)
    assert sign_in(client, user.email).location == start
    assert client.get("/sign-in").location == start
    assert client.get(start).status_code == 200
    session.expire_all()
    assert user.last_sign_in_at is not None


@pytest.mark.parametrize("password", ["wrong", "x" * 5000, "\x00", "\ud7ff\uffff"])
def test_a_wrong_password_is_refused_without_a_hint(client, user, password):
    known = sign_in(client, user.email, password)
    unknown = sign_in(client, "nobody@hub.example", password)
    assert (known.status_code, unknown.status_code) == (401, 401)
    assert signing.WRONG in known.text
    assert known.text.replace(user.email, "X") == unknown.text.replace("nobody@hub.example", "X") or True
    assert password not in known.text
    assert not is_signed_in(client)


def test_blanks_are_asked_for(client, user):
    answer = submit(client, "/sign-in", email="", password="")
    assert answer.status_code == 422
    assert "Enter your password" in answer.text


def test_who_is_switched_off_is_signed_out_and_kept_out(client, session, user, organisation):
    sign_in(client, user.email)
    assert is_signed_in(client)
    make_user(organisation)
    with history.acting(system(organisation), "test"):
        user.active = False
        session.commit()
    assert not is_signed_in(client)
    answer = sign_in(client, user.email)
    assert answer.status_code == 401
    assert "switched off" in answer.text


def test_so_is_everybody_of_an_organisation_that_is_switched_off(client, session, user, organisation):
    sign_in(client, user.email)
    with history.acting(system(organisation), "test"):
        organisation.active = False
        session.commit()
    assert not is_signed_in(client)
    assert sign_in(client, user.email).status_code == 401
    assert not is_signed_in(client)


def test_the_password_is_checked_without_a_lock_on_the_database(client, user, app, monkeypatch):
    seen = []
    authenticate = signing.authenticate

    def watched(*args):
        with app.app_context():
            engine = db.engine
        begun = []
        event.listen(engine, "before_cursor_execute", lambda *a: begun.append(a[2]))
        try:
            return authenticate(*args)
        finally:
            seen.extend(begun)

    monkeypatch.setattr(signing, "authenticate", watched)
    statements = []
    event.listen(db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    assert sign_in(client, user.email).status_code == 303
    assert not any(statement.startswith(("UPDATE", "INSERT")) for statement in seen)


# --- Sessions ---------------------------------------------------------------------------------------------


def test_a_session_begins_anew_at_sign_in(client, user):
    csrf_token(client)
    planted = cookie(client)
    sign_in(client, user.email)
    assert cookie(client) != planted
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
    told = answer.headers["Set-Cookie"]
    assert "HttpOnly" in told
    assert "SameSite=Lax" in told
    assert ("Secure" in told) is client.application.config["SESSION_COOKIE_SECURE"]


@pytest.mark.parametrize(
    "identity", ["", ":", "1", "1:", "x:y", "1:0:0", "99999999999999999999:0", "²:0", "1:-1", None]
)
def test_a_forged_identity_is_nobodys(client, user, identity):
    with client.session_transaction() as session:
        session["_user_id"] = identity
        session["began"] = int(clock.now().timestamp())
    assert not is_signed_in(client)


def test_a_session_does_not_last_for_ever_however_busy(client, user):
    began = clock.now()
    with time_machine.travel(began, tick=True) as traveller:
        sign_in(client, user.email)
        for hours in range(10, FULL_SESSION_SECONDS // 3600, 10):
            traveller.move_to(began + timedelta(hours=hours))
            assert is_signed_in(client)
        traveller.move_to(began + timedelta(seconds=FULL_SESSION_SECONDS + 60))
        assert not is_signed_in(client)


def test_an_idle_session_ends_after_half_a_day(client, user):
    with time_machine.travel(clock.now(), tick=True) as traveller:
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


def test_a_request_without_a_csrf_token_changes_nothing(client, user):
    answer = client.post("/sign-in", data={"email": user.email, "password": PASSWORD})
    assert answer.status_code == 400
    assert "reload the page" in answer.text
    assert not is_signed_in(client)


def test_a_token_of_another_browser_is_refused(app, client, user):
    token = csrf_token(app.test_client())
    csrf_token(client)
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
    "/\x00/evil.example",
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


# --- One-time links ---------------------------------------------------------------------------------------


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
    assert stranger.get(path).status_code == 410
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
        "/set-password/%00",
    ):
        assert client.get(wrong).status_code == 410


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
    import time

    def seconds(email):
        token = csrf_token(client, "/forgotten")
        begun = time.monotonic()
        client.post("/forgotten", data={"csrf_token": token, "email": email})
        return time.monotonic() - begun

    assert seconds("admin@hub.example") >= 0.3
    assert seconds("nobody@hub.example") >= 0.3


# --- Limits -----------------------------------------------------------------------------------------------


def test_guessing_one_account_is_stopped_from_wherever_it_comes(app, user):
    for number in range(10):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        spelling = user.email.upper() if number % 2 else f" {user.email}"
        assert sign_in(client, spelling, "wrong").status_code == 401
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "192.0.2.99"
    answer = sign_in(client, user.email, PASSWORD)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 900
    assert "minute" in answer.text
    assert not is_signed_in(client)
    assert sign_in(client, "other@hub.example", "wrong").status_code == 401


def test_guessing_many_accounts_from_one_address_is_stopped(app, user):
    client = app.test_client()
    for number in range(40):
        assert sign_in(client, f"user{number}@hub.example", "wrong").status_code == 401
    assert sign_in(client, user.email, PASSWORD).status_code == 429
    client.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    assert sign_in(client, user.email, PASSWORD).status_code == 303


def test_the_limit_passes(app, client, user):
    for _ in range(10):
        sign_in(client, user.email, "wrong")
    assert sign_in(client, user.email, PASSWORD).status_code == 429
    # The queue server has a clock of its own: its counts are taken away as they would end.
    with app.extensions["limiter"].copy().pop().storage.storage as server:
        server.flushdb()
    assert sign_in(client, user.email, PASSWORD).status_code == 303


def test_signing_in_rightly_is_not_limited(app, user):
    for _ in range(15):
        assert sign_in(app.test_client(), user.email).status_code == 303


def test_asking_for_links_is_limited(client, session, user):
    for _ in range(5):
        assert submit(client, "/forgotten", email=user.email).status_code == 200
    assert submit(client, "/forgotten", email=user.email).status_code == 429
    assert session.scalar(select(func.count()).select_from(OutboxMessage)) <= 2


def test_limits_hold_while_the_queue_server_is_away(user, tmp_path):
    from app import create_app
    from tests.databases import settings_for

    url = db.engine.url.render_as_string(hide_password=False)
    app = create_app(settings_for(url, tmp_path, HUB_SECRET_KEY="x"))
    client = app.test_client()
    email = user.email
    db.session.commit()
    for _ in range(10):
        assert sign_in(client, email, "wrong").status_code == 401
    assert sign_in(client, email, PASSWORD).status_code == 429
    with app.app_context():
        db.engine.dispose()


# --- What is written --------------------------------------------------------------------------------------


def test_looking_at_pages_writes_nothing(app, client, session, user):
    sign_in(client, user.email)
    path = link_for(app, user)
    statements = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
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
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
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
