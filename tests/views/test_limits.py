"""How often a password, an account or a link may be tried."""

import pytest
from sqlalchemy import func, select

from app import create_app
from models import OutboxMessage
from models.base import db
from tests.databases import settings_for
from tests.people import PASSWORD, make_organisation, make_user
from tests.views.signing import is_signed_in, sign_in, submit


@pytest.fixture
def user(session):
    user = make_user(make_organisation(), email="admin@hub.example")
    db.session.commit()
    return user


def browser_at(app, address):
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return client


def guess(app, user, address, times):
    """Wrong passwords for one account, its address spelt in several ways."""
    client = browser_at(app, address)
    for number in range(times):
        spelling = user.email.upper() if number % 2 else f" {user.email}"
        assert sign_in(client, spelling, "wrong").status_code == 401


def is_stopped(client, user):
    answer = sign_in(client, user.email, PASSWORD)
    if answer.status_code == 429:
        assert 1 <= int(answer.headers["Retry-After"]) <= 900
        assert "minute" in answer.text
        assert not is_signed_in(client)
    return answer.status_code == 429


def test_guessing_one_account_is_stopped_and_keeps_nobody_else_out(app, user):
    guess(app, user, "192.0.2.1", 10)
    client = browser_at(app, "192.0.2.1")
    assert is_stopped(client, user)
    assert sign_in(client, "other@hub.example", "wrong").status_code == 401
    assert not is_stopped(browser_at(app, "192.0.2.2"), user)


def test_guessing_is_stopped_however_the_address_is_written(app, user):
    other = make_user(make_organisation("Bücher"), email="admin@bücher.example")
    db.session.commit()
    client = browser_at(app, "192.0.2.1")
    for _ in range(5):
        for spelling in ("admin@bücher.example", "Admin@xn--bcher-kva.example"):
            assert sign_in(client, spelling, "wrong").status_code == 401
    assert is_stopped(browser_at(app, "192.0.2.1"), other)


def test_guessing_one_account_from_many_addresses_is_stopped_but_for_where_its_owner_signs_in(app, user):
    assert not is_stopped(browser_at(app, "192.0.2.250"), user)
    for number in range(10):
        guess(app, user, f"192.0.2.{number}", 10)
    assert is_stopped(browser_at(app, "192.0.2.99"), user)
    assert not is_stopped(browser_at(app, "192.0.2.250"), user)
    guess(app, user, "192.0.2.250", 10)
    assert is_stopped(browser_at(app, "192.0.2.250"), user)


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
