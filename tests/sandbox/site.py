"""The sandbox in this process: its pages without a server, over the same file."""

import re
from html import unescape
from pathlib import Path
from typing import Any

from docusign_esign import ApiClient
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sandbox.application import create_app, open_service
from sandbox.envelopes import lifecycle
from sandbox.envelopes.definition import read_definition
from sandbox.envelopes.rows import get_envelope, list_recipients
from tests.sandbox.client import define

BASE_URI = "http://127.0.0.1:5999"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_MAIN = re.compile(r"<main>(.*)</main>", re.DOTALL)


class Site:
    """A sandbox over a folder, which is its own until the block ends."""

    def __init__(self, folder: Path) -> None:
        self.service = open_service(folder, BASE_URI)
        self.app = create_app(self.service)

    def __enter__(self) -> "Site":
        return self

    def __exit__(self, *_: object) -> None:
        self.service.close()

    def open_browser(self) -> "Visitor":
        return Visitor(self.app.test_client())

    def create(self, **values: Any) -> str:
        """An envelope that is sent; its id."""
        names = values.pop("names", {})
        definition = define(**values)
        for signer in definition.recipients.signers:
            signer.name = names.get(signer.email, signer.name)
        body = ApiClient().sanitize_for_serialization(definition)
        with self.service.store.write() as db:
            return lifecycle.create_envelope(db, read_definition(body))

    def find_links(self, envelope_id: str) -> dict[str, str]:
        """The page of each signer, by address."""
        with self.service.store.read() as db:
            return {row["email"]: f"/sign/{row['link']}" for row in list_recipients(db, envelope_id)}

    def find_statuses(self, envelope_id: str) -> list[str]:
        """Of the envelope, then of each signer."""
        with self.service.store.read() as db:
            signers = [row["status"] for row in list_recipients(db, envelope_id)]
            return [get_envelope(db, envelope_id)["status"], *signers]

    def list_events(self, envelope_id: str) -> list[str]:
        query = "SELECT event FROM connect_event WHERE envelope_id = ? ORDER BY id"
        with self.service.store.read() as db:
            return [row["event"] for row in db.execute(query, (envelope_id,))]


class Visitor:
    """Somebody with a browser."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, base_url=BASE_URI)

    def read(self, path: str) -> str:
        """What a page says, as text."""
        return read_text(self.get(path))

    def submit(self, path: str, form: dict[str, str], *, page: str) -> TestResponse:
        """Send a form of `page`, which is opened before, and look where that leads."""
        return self.send(path, form, self.take_token(page))

    def take_token(self, page: str) -> str:
        """What a form of a page proves with that it is one of ours."""
        found = _TOKEN.search(self.get(page).text)
        assert found, page
        return found[1]

    def send(self, path: str, form: dict[str, str], token: str) -> TestResponse:
        return self.client.post(path, base_url=BASE_URI, data={"csrf_token": token, **form}, follow_redirects=True)


def read_text(answer: TestResponse) -> str:
    """What the main part of a page says, in one line."""
    found = _MAIN.search(answer.text)
    assert found, answer.text[:500]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", found[1])).split())
