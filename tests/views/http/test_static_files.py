"""Style sheet, scripts and fonts: compressed, kept by browsers for as long as they stay as they are, and safe."""

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from customerhub.core.config import Settings
from tests.conftest import close_connections
from views.http.security import HEADERS
from views.http.static_files import static_file

COMPRESSED = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture
def sheet(app: Flask) -> str:
    """The address of the style sheet."""
    with app.app_context():
        return static_file("hub.css")


def sheet_content(app: Flask) -> bytes:
    return (Path(app.static_folder or "") / "hub.css").read_bytes()


def test_what_shrinks_is_sent_compressed_to_who_can_read_it(app: Flask, client: FlaskClient, sheet: str):
    content = sheet_content(app)
    compressed, plain = client.get(sheet, headers=COMPRESSED, buffered=True), client.get(sheet, buffered=True)
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert len(compressed.data) < len(content) / 3
    assert gzip.decompress(compressed.data) == plain.data == content
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert (compressed.mimetype, compressed.mimetype_params["charset"]) == ("text/css", "utf-8")
    with app.app_context():
        font = client.get(static_file("fonts/inter-latin.woff2"), headers=COMPRESSED, buffered=True)
    assert "Content-Encoding" not in font.headers
    assert font.data[:4] == b"wOF2"


def test_only_the_address_of_this_very_content_is_kept(app: Flask, client: FlaskClient, sheet: str):
    """Another version's may be asked for during an upgrade; who kept the answer would have a wrong file for ever."""
    assert client.get(sheet, buffered=True).headers["Cache-Control"] == "max-age=31536000, public, immutable"
    for other in ("/static/hub.css", "/static/hub.css?v=0123456789ab", "/static/hub.css?x=1", f"{sheet}&x=1"):
        answer = client.get(other, buffered=True)
        assert answer.data == sheet_content(app)
        assert answer.headers["Cache-Control"] in ("max-age=0, public", "no-cache"), other


def test_what_did_not_change_is_not_sent_again(client: FlaskClient, sheet: str):
    tag = client.get("/static/hub.css", buffered=True).headers["ETag"]
    again = client.get("/static/hub.css", headers={"If-None-Match": tag}, buffered=True)
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/static/hub.css", headers={"If-None-Match": 'W/"another"'}, buffered=True).status_code == 200


@pytest.mark.parametrize("method", ["get", "head"])
def test_they_have_the_headers_of_a_page(client: FlaskClient, sheet: str, method: str):
    for address in (sheet, "/static/hub.css"):
        answer = getattr(client, method)(address, buffered=True)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        unchanged = getattr(client, method)(address, headers={"If-None-Match": answer.headers["ETag"]}, buffered=True)
        assert {name: unchanged.headers[name] for name in HEADERS} == HEADERS


def test_what_is_no_file_is_a_page_that_says_so(client: FlaskClient, sheet: str):
    for address in (
        "/static/nothing.css",
        "/static/nothing.css?v=0123456789ab",
        "/static/",
        "/static/js",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
    ):
        answer = client.get(address, buffered=True)
        assert answer.status_code == 404, address
        assert "<h1" in answer.text
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    refused = client.post(sheet, buffered=True)
    assert refused.status_code in (400, 405)
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


@pytest.fixture
def upgraded_app(settings: Settings, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """A later version of the hub over the same data, whose style sheet has another colour and nobody can write to."""
    folder = tmp_path / "static"
    shutil.copytree(app.static_folder or "", folder)
    sheet = folder / "hub.css"
    times = sheet.stat().st_atime, sheet.stat().st_mtime
    content = sheet.read_bytes()
    sheet.write_bytes(content.replace(b"a", b"b", 1))
    os.utime(sheet, times)
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    monkeypatch.setattr(Flask, "static_folder", property(lambda _self: str(folder), lambda _self, _value: None))
    upgraded = create_app(settings)
    yield upgraded
    close_connections(upgraded)


def test_after_an_upgrade_nobody_sees_the_file_of_before(
    app: Flask, client: FlaskClient, sheet: str, upgraded_app: Flask, settings: Settings
):
    """Even where the new file has the size and the time of the old one."""
    tag = client.get("/static/hub.css", buffered=True).headers["ETag"]
    with upgraded_app.app_context():
        new_sheet = static_file("hub.css")
    assert new_sheet != sheet
    new_client = upgraded_app.test_client()
    new_content = gzip.decompress(new_client.get(new_sheet, headers=COMPRESSED, buffered=True).data)
    assert (
        new_content
        == new_client.get(sheet, buffered=True).data
        == new_client.get("/static/hub.css", buffered=True).data
    )
    assert new_content != client.get("/static/hub.css", buffered=True).data
    assert new_client.get("/static/hub.css", headers={"If-None-Match": tag}, buffered=True).status_code == 200
    assert "immutable" not in new_client.get(sheet, buffered=True).headers["Cache-Control"]
    assert {path.suffix for path in (settings.data_dir / "static").iterdir()} == {".gz"}
