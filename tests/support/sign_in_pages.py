"""Signing in as a browser does it."""

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from customerhub.core import clock
from customerhub.core.config import Settings
from customerhub.users.links import OneTimeLinks
from models import User
from models.enums import TemplatePurpose
from tests.support.people import PASSWORD

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def read_csrf_token(client: FlaskClient, path: str = "/sign-in") -> str:
    """The token that the form at `path` has for this browser."""
    found = _TOKEN.search(client.get(path).text)
    assert found, f"no form at {path}"
    return found[1]


def submit(client: FlaskClient, path: str, *, form: str | None = None, **values: str) -> TestResponse:
    """Open the form at `form`, or at `path` itself, and send it filled in with `values`."""
    token = read_csrf_token(client, form or path)
    options: dict[str, Any] = {"data": {"csrf_token": token, **values}}
    return client.post(path, **options)


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD, next_path: str | None = None) -> TestResponse:
    """Sign in on this browser."""
    path = "/sign-in" + (f"?next={next_path}" if next_path else "")
    return submit(client, path, email=email, password=password)


def session_cookie(client: FlaskClient) -> str | None:
    """What this browser has of its session."""
    stored_cookie = client.get_cookie("hub_session")
    return stored_cookie.value if stored_cookie else None


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/profile/").status_code == 200


def make_link(app: Flask, user: User, purpose: TemplatePurpose = TemplatePurpose.WELCOME) -> str:
    """The path of a one-time link, made now."""
    settings: Settings = app.config["HUB"]
    return (
        OneTimeLinks(settings.secret_key, settings.public_url)
        .create(user, purpose, now=clock.get_now())
        .removeprefix(settings.public_url)
    )
