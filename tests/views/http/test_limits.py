"""How often a password, an account or a link may be tried."""

import pytest
from sqlalchemy import func, select

from app import create_app
from models import OutboxMessage
from models.base import db
from tests.support.databases import settings_for
from tests.support.people import PASSWORD, make_organisation, make_user
from tests.support.sign_in_pages import is_signed_in, sign_in, submit

pytestmark = pytest.mark.slow  # each try to sign in costs what a password costs


@pytest.fixture
def user(session):
    user = make_user(make_organisation(), email="admin@hub.example")
    db.session.commit()
    return user


def browser_from(app, address):
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return client


def guess_passwords(app, user, address, times):
    """Wrong passwords for one account, its address spelt in several ways."""
    client = browser_from(app, address)
    for number in range(times):
        spelling = user.email.upper() if number % 2 else f" {user.email}"
        assert sign_in(client, spelling, "wrong").status_code == 401


def is_rate_limited(client, user):
    answer = sign_in(client, user.email, PASSWORD)
    if answer.status_code == 429:
        assert 1 <= int(answer.headers["Retry-After"]) <= 900
        assert "minute" in answer.text
        assert not is_signed_in(client)
    return answer.status_code == 429


def test_guessing_one_account_is_stopped_and_keeps_nobody_else_out(app, user):
    guess_passwords(app, user, "192.0.2.1", 10)
    client = browser_from(app, "192.0.2.1")
    assert is_rate_limited(client, user)
    assert sign_in(client, "other@hub.example", "wrong").status_code == 401
    assert not is_rate_limited(browser_from(app, "192.0.2.2"), user)


def test_guessing_is_stopped_however_the_address_is_written(app, user):
    other = make_user(make_organisation("Bücher"), email="admin@bücher.example")
    db.session.commit()
    client = browser_from(app, "192.0.2.1")
    for _ in range(5):
        for spelling in ("admin@bücher.example", "Admin@xn--bcher-kva.example"):
            assert sign_in(client, spelling, "wrong").status_code == 401
    assert is_rate_limited(browser_from(app, "192.0.2.1"), other)


@pytest.mark.slow
def test_guessing_one_account_from_many_addresses_is_stopped_but_for_where_its_owner_signs_in(app, user):
    assert not is_rate_limited(browser_from(app, "192.0.2.250"), user)
    for number in range(10):
        guess_passwords(app, user, f"192.0.2.{number}", 10)
    assert is_rate_limited(browser_from(app, "192.0.2.99"), user)
    assert not is_rate_limited(browser_from(app, "192.0.2.250"), user)
    guess_passwords(app, user, "192.0.2.250", 10)
    assert is_rate_limited(browser_from(app, "192.0.2.250"), user)


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("address", "other_address", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_the_addresses_of_one_ipv6_network_count_as_one(app, user, address, other_address, is_same):
    guess_passwords(app, user, address, 10)
    assert is_rate_limited(browser_from(app, address), user)
    assert is_rate_limited(browser_from(app, other_address), user) == is_same


@pytest.mark.slow
def test_an_ipv6_network_does_not_give_a_new_set_of_tries_for_each_address(app, user):
    for number in range(40):
        client = browser_from(app, f"2001:db8:1:2::{number:x}")
        assert sign_in(client, f"user{number}@hub.example", "wrong").status_code == 401
    assert sign_in(browser_from(app, "2001:db8:1:2:3:4:5:6"), "more@hub.example", "wrong").status_code == 429
