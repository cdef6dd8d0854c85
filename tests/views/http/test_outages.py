"""The database away or the disk full: 503, and nothing that was typed is lost."""

import errno
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from app import create_app
from customerhub.core.config import Settings
from customerhub.core.storage_outages import is_outage
from models import Department
from models.base import db
from models.enums import Role
from tests.conftest import close_connections
from tests.support.browser_client import Browser
from tests.support.servers import free_port
from tests.support.sign_in_pages import read_csrf_token
from tests.support.two_organisations import TwoOrganisations


@pytest.fixture
def admin(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.ADMIN])


@pytest.fixture
def away(organisations: TwoOrganisations, settings: Settings, tmp_path: Any) -> Iterator[Flask]:
    """The same hub while its database is away: no server, or no file."""
    nowhere = f"postgresql+psycopg://hub@127.0.0.1:{free_port()}/hub"
    if settings.uses_sqlite:
        nowhere = f"sqlite:///{tmp_path / 'gone' / 'hub.sqlite3'}"
    app = create_app(settings.model_copy(update={"database_url": nowhere}))
    yield app
    close_connections(app)


def post_to(app: Flask, browser: Browser, url: str, data: Any) -> Any:
    """What this browser is answered by `app`."""
    client = app.test_client()
    cookie = browser.client.get_cookie("hub_session")
    assert cookie is not None
    client.set_cookie("hub_session", cookie.value)
    return client.post(url, data={"csrf_token": browser.token, **data})


def list_hidden_fields(page: str) -> dict[str, list[str]]:
    """What the form on an error page sends again."""
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page):
        fields.setdefault(unescape(name), []).append(unescape(value))
    return fields


def test_what_was_typed_while_the_database_is_away_is_sent_again_and_saved(
    organisations: TwoOrganisations, admin: Browser, away: Flask
) -> None:
    url = "/admin/departments/new/?url=/admin/departments/"
    form = {**admin.read_form(url), "name": ['Key "accounts" <north>']}
    answer = post_to(away, admin, url, form)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"
    assert "What you entered is kept on this page" in answer.text
    assert f'action="{url}"' in answer.text
    assert "Try again</button>" in answer.text
    kept = list_hidden_fields(answer.text)
    assert kept == {"csrf_token": [admin.token], **form}
    assert admin.client.post(url, data=kept).status_code == 303
    names = db.session.scalars(select(Department.name).where(Department.organisation_id == organisations.own.id)).all()
    assert form["name"][0] in names


def test_a_page_says_so_and_programs_are_told(admin: Browser, away: Flask) -> None:
    client = away.test_client()
    cookie = admin.client.get_cookie("hub_session")
    assert cookie is not None
    client.set_cookie("hub_session", cookie.value)
    answer = client.get("/admin/customers/?search=a")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert 'href="/admin/customers/?search=a">Try again</a>' in answer.text
    answer = client.get("/admin/customers/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "database cannot be reached" in answer.json["error"]


def test_no_page_repeats_a_password(away: Flask) -> None:
    client = away.test_client()
    token = read_csrf_token(client)
    secret = "plum sofa ticket nine"
    answer = client.post("/sign-in", data={"csrf_token": token, "email": "a@hub.example", "password": secret})
    assert answer.status_code == 503
    assert secret not in answer.text
    assert "Reload this page to send it again" in answer.text


def test_a_full_disk_refuses_the_change_and_keeps_what_was_typed(
    organisations: TwoOrganisations, admin: Browser, settings: Settings
) -> None:
    """SQLite is told that it may not grow, which is what it finds out of a full disk."""
    if not settings.uses_sqlite:
        return
    url = "/admin/departments/new/"
    form = admin.read_form(url)
    engine = db.engine

    def fill_disk(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # as many as there are

    db.session.remove()
    engine.dispose()
    event.listen(engine, "checkout", fill_disk)
    try:
        for number in range(200):  # until the last page is full
            name = f"<{number}> " + "x" * 60
            sent = {**form, "name": [name], "form_token": [f"{number:032}"], "csrf_token": [admin.token]}
            answer = admin.client.post(url, data=sent)
            if answer.status_code != 303:
                break
    finally:
        event.remove(engine, "checkout", fill_disk)
        engine.dispose()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert list_hidden_fields(answer.text) == sent
    assert admin.client.post(url, data=list_hidden_fields(answer.text)).status_code == 303
    assert db.session.scalar(select(Department.id).where(Department.name == name)) is not None


def test_what_counts_as_an_outage() -> None:
    assert is_outage(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_outage(FileNotFoundError(errno.ENOENT, "No such file"))
    assert not is_outage(ValueError("a bug"))
