"""Putting the sandbox together: the application and what it needs."""

import fcntl
from pathlib import Path
from typing import Final, TextIO

from flask import Flask, Response, g, request
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import SecurityError

from sandbox.account import get_account, prepare_account, write_credentials
from sandbox.behaviour import Behaviour
from sandbox.connect.delivery import EventSender
from sandbox.service import EXTENSION, Service
from sandbox.store import Store
from sandbox.web.api import api
from sandbox.web.helpers import helpers
from sandbox.web.oauth import oauth
from sandbox.web.pages import pages
from sandbox.web.settings import settings

STATE_FILE: Final = "sandbox.sqlite3"
MAX_REQUEST_BYTES: Final = 50 * 1024 * 1024
LOCK_FILE: Final = "lock"
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class FolderInUse(Exception):
    """Another sandbox works on the folder. The message is one line."""


def open_service(folder: Path, base_uri: str) -> Service:
    """The sandbox over a folder, which is made ready; its credentials are written to the folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    lock = _lock_folder(folder)
    store = Store(folder / STATE_FILE)
    with store.write() as db:
        prepare_account(db)
    with store.read() as db:
        write_credentials(db, folder, base_uri)
    behaviour = Behaviour(store)
    return Service(store, folder, base_uri, behaviour, EventSender(store, behaviour), lock)


def _lock_folder(folder: Path) -> TextIO:
    """Keep a second sandbox from the same file, for as long as what is returned is open. Raises FolderInUse."""
    lock = (folder / LOCK_FILE).open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise FolderInUse(f"another signing sandbox uses the folder {folder}") from None
    return lock


def create_app(service: Service) -> Flask:
    app = Flask(__name__)
    with service.store.read() as db:
        app.secret_key = get_account(db)["session_secret"]
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        SESSION_COOKIE_NAME="signing_sandbox",  # the hub has the same host, and one of its own
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
        TRUSTED_HOSTS=_list_hosts(service.base_uri),
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions[EXTENSION] = service
    protection = CSRFProtect(app)
    protection.exempt(api)
    protection.exempt(helpers)
    protection.exempt("sandbox.web.oauth.token")
    for blueprint in (oauth, api, helpers, pages, settings):
        app.register_blueprint(blueprint)
    app.before_request(_refuse_foreign_host)
    app.after_request(_add_security_headers)
    return app


def _list_hosts(base_uri: str) -> list[str]:
    """Only these names: a page elsewhere whose name leads to this machine gets nothing."""
    own = base_uri.partition("://")[2].rsplit(":", 1)[0]
    return ["127.0.0.1", "localhost", "[::1]", own]


def _refuse_foreign_host() -> Response | None:
    try:
        _ = request.host
    except SecurityError:
        return Response("This host name is not known here.", 400)
    return None


def _add_security_headers(answer: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        answer.headers.setdefault(name, value)
    is_page = answer.mimetype == "text/html"
    targets = " ".join(["'self'", *filter(None, g.get("form_targets", []))])
    policy = f"default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action {targets}; "
    answer.headers["Content-Security-Policy"] = (policy if is_page else "") + "frame-ancestors 'self'; base-uri 'none'"
    return answer
