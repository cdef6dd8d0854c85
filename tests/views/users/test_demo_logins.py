"""The logins of the demo: for this machine's users, and not valid as soon as anybody else can reach the hub."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from customerhub.core.errors import Invalid
from customerhub.users.demo_logins import LOGINS_FILE
from customerhub.users.passwords import DEMO_PASSWORD, check_strength
from models import User
from models.base import db
from tests.support.people import make_organisation, make_user
from tests.support.sign_in_pages import is_signed_in, make_link, sign_in, submit

EXPOSED: tuple[dict[str, Any], ...] = (
    {"host": "0.0.0.0"},
    {"host": "::"},
    {"host": "192.168.1.7"},
    {"public_url": "https://hub.example.com"},
    {"host": "hub.internal", "public_url": "http://192.168.1.7:8000"},
)


@pytest.fixture
def demo_user(app: Flask, session: Any) -> User:
    """Somebody of the demo, whose logins lie in the data folder."""
    user = make_user(make_organisation(), email="admin@demo.example", password=DEMO_PASSWORD)
    db.session.commit()
    logins = [{"role": "admin", "email": user.email, "password": DEMO_PASSWORD}]
    (app.config["HUB"].data_dir / LOGINS_FILE).write_text(json.dumps(logins))
    return user


@pytest.fixture
def expose(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the hub go on with other settings, as after a start with these."""

    def expose(**changes: Any) -> None:
        monkeypatch.setitem(app.config, "HUB", app.config["HUB"].model_copy(update=changes))

    return expose


def test_on_this_machine_they_are_shown_and_valid(client: FlaskClient, demo_user: User) -> None:
    page = client.get("/sign-in").text
    assert demo_user.email in page
    assert DEMO_PASSWORD in page
    assert sign_in(client, demo_user.email, DEMO_PASSWORD).status_code == 303
    assert is_signed_in(client)


@pytest.mark.parametrize("changes", EXPOSED, ids=str)
def test_where_others_reach_the_hub_they_are_neither_shown_nor_valid(
    client: FlaskClient, demo_user: User, expose: Any, changes: dict[str, Any]
) -> None:
    expose(**changes)
    page = client.get("/sign-in").text
    assert demo_user.email not in page
    assert DEMO_PASSWORD not in page
    answer = sign_in(client, demo_user.email, DEMO_PASSWORD)
    assert answer.status_code == 401
    assert "not valid here, as others can reach this hub" in answer.text
    assert "password-link --email" in answer.text
    assert not is_signed_in(client)


def test_the_password_is_refused_however_it_is_spelt_and_whoevers_it_is(
    app: Flask, client: FlaskClient, demo_user: User, expose: Any
) -> None:
    """The file may be gone: what everybody knows is the password."""
    expose(host="0.0.0.0")
    (app.config["HUB"].data_dir / LOGINS_FILE).unlink()
    wide = "".join(chr(ord(character) + 0xFEE0) for character in DEMO_PASSWORD)
    for password in (DEMO_PASSWORD, wide):
        assert sign_in(client, demo_user.email, password).status_code == 401
    # The answer does not tell whether there is such an account.
    for email in (demo_user.email, "no@hub.example"):
        assert sign_in(client, email, DEMO_PASSWORD).text.count("not valid here") == 1


def test_who_comes_over_the_network_is_refused_whatever_the_settings_say(client: FlaskClient, demo_user: User) -> None:
    """gunicorn --bind 0.0.0.0 listens where no setting of the hub says so."""
    client.environ_base["REMOTE_ADDR"] = "192.168.1.20"
    assert DEMO_PASSWORD not in client.get("/sign-in").text
    assert sign_in(client, demo_user.email, DEMO_PASSWORD).status_code == 401


def test_a_session_of_the_demo_ends_where_others_reach_the_hub(
    client: FlaskClient, demo_user: User, expose: Any
) -> None:
    sign_in(client, demo_user.email, DEMO_PASSWORD)
    expose(host="0.0.0.0")
    assert not is_signed_in(client)
    expose(host="127.0.0.1")
    assert is_signed_in(client)


def test_a_password_of_ones_own_is_valid_everywhere(
    app: Flask, client: FlaskClient, demo_user: User, expose: Any
) -> None:
    expose(host="0.0.0.0")
    result = app.test_cli_runner().invoke(args=["password-link", "--email", demo_user.email, "--json"])
    link = json.loads(result.output)["link"]
    path = link.removeprefix(app.config["HUB"].public_url)
    own = "seven lamps under water"
    assert submit(client, path, password=own, again=own).status_code == 303
    assert is_signed_in(client)
    assert sign_in(app.test_client(), demo_user.email, own).status_code == 303


def test_nobody_chooses_the_password_of_the_demo(app: Flask, client: FlaskClient, demo_user: User) -> None:
    with pytest.raises(Invalid, match="too easy to guess"):
        check_strength(DEMO_PASSWORD, email="dana@hub.example", name="Dana Reyes", organisation="Acme")
    path = make_link(app, demo_user)
    assert submit(client, path, password=DEMO_PASSWORD, again=DEMO_PASSWORD).status_code == 422


def test_the_link_of_somebody_unknown(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["password-link", "--email", "nobody@hub.example"])
    assert result.exit_code == 2
    assert "There is no user 'nobody@hub.example'" in result.output
