"""What people see when something goes wrong."""

import io
import logging
import re

import pytest
from flask import Blueprint, abort
from sqlalchemy.exc import OperationalError

from app import create_app
from customerhub.core.errors import Conflict, Invalid, NotAllowed, NotFound, StillLinked, WrongState
from models import Organisation
from models.base import db
from tests.conftest import HubClient, close_connections
from tests.support.people import make_organisation, make_user
from tests.support.sign_in_pages import read_csrf_token, sign_in
from views.http import error_pages

JSON = {"Accept": "application/json"}


def _raise(error):
    def view():
        raise error

    return view


@pytest.fixture(scope="module")
def broken_app(settings):
    """An app of its own, as it is in production, with pages that go wrong in every way."""
    app = create_app(settings)
    app.test_client_class = HubClient
    kinds = {
        "not-allowed": NotAllowed("You may not."),
        "not-found": NotFound("There is no such <row>."),
        "conflict": Conflict("Taken.", "email"),
        "state": WrongState("Not now."),
        "linked": StillLinked("Still linked."),
        "invalid": Invalid("Wrong.", "name"),
        "bug": RuntimeError("secret detail"),
        "database": OperationalError("SELECT secret", {}, Exception("secret host")),
    }
    pages = Blueprint("broken", __name__, url_prefix="/broken")
    for name, error in kinds.items():
        pages.add_url_rule(f"/{name}", name, _raise(error))
    pages.add_url_rule("/forbidden", "forbidden", lambda: abort(403))
    pages.add_url_rule("/teapot", "teapot", lambda: abort(418))
    pages.add_url_rule("/writes", "writes", _write)
    app.register_blueprint(pages)
    yield app
    close_connections(app)


@pytest.fixture
def broken(app, broken_app):
    """The broken app, over an empty database."""
    close_connections(broken_app)
    return broken_app


def _write():
    db.session.add(Organisation(name="From a GET"))
    db.session.flush()
    return "written"


@pytest.mark.parametrize(
    ("page", "status", "message"),
    [
        ("not-allowed", 403, "You may not."),
        ("not-found", 404, "There is no such &lt;row&gt;."),
        ("conflict", 409, "Taken."),
        ("state", 409, "Not now."),
        ("linked", 409, "Still linked."),
        ("invalid", 422, "Wrong."),
        ("forbidden", 403, "Ask an administrator"),
        ("teapot", 418, "Invalid request"),
        ("nowhere", 404, "you do not have access to it"),
    ],
)
def test_people_get_a_sentence(broken, page, status, message):
    answer = broken.test_client().get(f"/broken/{page}")
    assert answer.status_code == status
    assert message in answer.text
    assert answer.headers["Content-Security-Policy"]
    assert "<h1>" in answer.text


def test_programs_get_json(broken):
    client = broken.test_client()
    answer = client.get("/broken/conflict", headers=JSON)
    assert (answer.status_code, answer.json) == (409, {"error": "Taken.", "field": "email"})
    assert client.get("/broken/nowhere", headers=JSON).json["error"]
    assert client.get("/broken/bug", headers=JSON).json["reference"]
    assert client.post("/sign-in", json={}).json["error"]


@pytest.mark.parametrize("page", ["bug", "database"])
def test_a_bug_is_logged_under_the_reference_that_is_shown(broken, caplog, page):
    with caplog.at_level(logging.ERROR):
        answer = broken.test_client().get(f"/broken/{page}")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    reference = re.search(r"<code>([0-9A-F]{8})</code>", answer.text)[1]
    assert f"reference {reference}: GET /broken/{page}" in caplog.text
    assert "secret" in caplog.text


def test_even_where_the_page_itself_cannot_be_shown(broken, monkeypatch):
    monkeypatch.setattr(error_pages, "render_template", _raise_template)
    answer = broken.test_client().get("/broken/bug")
    assert answer.status_code == 500
    assert re.search(r"Reference [0-9A-F]{8}", answer.text)
    assert "&lt;row&gt;" in broken.test_client().get("/broken/not-found").text


def _raise_template(*_args, **_kwargs):
    raise RuntimeError("no template")


def test_tests_see_the_bug_itself(broken, monkeypatch):
    monkeypatch.setattr(broken, "testing", True)
    with pytest.raises(RuntimeError, match="secret detail"):
        broken.test_client().get("/broken/bug")


def test_a_page_that_is_only_read_cannot_write(broken, session):
    answer = broken.test_client().get("/broken/writes")
    assert answer.status_code == 500
    assert session.query(Organisation).count() == 0


def test_an_address_that_takes_no_post(client):
    answer = client.post("/sign-out-everywhere-else", data={"csrf_token": read_csrf_token(client)})
    assert answer.status_code == 404
    answer = client.delete("/sign-in", headers={"X-CSRFToken": read_csrf_token(client)})
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_what_is_too_large(client, app, session):
    user = make_user(make_organisation())
    sign_in(client, user.email)
    size = app.config["MAX_CONTENT_LENGTH"] + 1
    answer = client.post(
        "/profile/",
        input_stream=io.BytesIO(b"x" * size),
        content_type="multipart/form-data; boundary=x",
        content_length=size,
    )
    assert answer.status_code == 413
    assert "The maximum file size is 25 MB" in answer.text


def test_the_way_on_is_where_one_came_from(client, session):
    assert 'href="/sign-in"' in client.get("/nowhere").text
    user = make_user(make_organisation())
    sign_in(client, user.email)
    assert "Go to the start page" in client.get("/nowhere").text
