"""How often something may be tried: by address, by account and by person.

The counts lie in the queue server, so that all web servers share them; while it is away each counts for
itself.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, request
from flask_limiter import Limiter
from flask_login import current_user
from limits.storage import Storage

from customerhub.config import Settings
from customerhub.users.accounts import account_key
from jobs.queue import server_url

View = Callable[..., Any]
log = logging.getLogger(__name__)

FAILED = (401, 422)  # what a page answers that refuses what was entered

# Wrong attempts in a quarter of an hour, or requests where nothing can be wrong. Those on one account are counted by
# address, or anybody who knows an email address could keep its owner out.
SIGN_IN_BY_ADDRESS = "40 per 15 minutes"
SIGN_IN_BY_BOTH = "10 per 15 minutes"
SIGN_IN_BY_ACCOUNT = "100 per 15 minutes"
KNOWN_SECONDS = 30 * 24 * 3600  # how long an address is known by which somebody signed in to an account
LINK_BY_ADDRESS = "20 per 15 minutes"
LINK_BY_ACCOUNT = "5 per 15 minutes"
PASSWORD_BY_PERSON = "10 per 15 minutes"  # noqa: S105
TRIAL_BY_PERSON = "6 per 10 minutes"  # each may keep a web server busy for as long as somebody waits


def make_limiter(app: Flask) -> Limiter:
    """The limiter of `app`. Its limits hold for POST only."""
    settings: Settings = app.config["HUB"]
    limiter = Limiter(
        address,
        storage_uri=server_url(settings).replace("unix://", "redis+unix://", 1),
        storage_options={"socket_connect_timeout": 1, "socket_timeout": 1, "retry": None},  # type: ignore[dict-item]
        in_memory_fallback_enabled=True,
        swallow_errors=True,
        key_prefix="hub",
    )
    limiter.init_app(app)
    return limiter


def address() -> str:
    return request.remote_addr or "unknown"


def account() -> str:
    """The account that the form names, by the same key as accounts are found."""
    typed = account_key(request.form.get("email", "")[:500])
    return hashlib.sha256(typed.encode()).hexdigest() if typed else address()


def account_and_address() -> str:
    return f"{account()} {address()}"


def account_of_strangers() -> str:
    """The account, for all addresses together from which nobody signed in to it lately; each other one by itself."""
    return account_and_address() if _is_known() else account()


def remember_address() -> None:
    """Keep that somebody signed in from this address to the account that the form names."""
    try:
        _counts().incr(_known_key(), KNOWN_SECONDS)
    except Exception:
        log.warning("the queue server is away: an address from which somebody signed in is not kept")


def _is_known() -> bool:
    try:
        return _counts().get(_known_key()) > 0
    except Exception:  # whatever a server that is away makes of it
        return False


def _counts() -> Storage:
    (limiter,) = current_app.extensions["limiter"]
    counts: Storage = limiter.storage
    return counts


def _known_key() -> str:
    told = hashlib.sha256(account_and_address().encode()).hexdigest()
    return f"hub-known-{told}"


def person() -> str:
    return str(current_user.id) if current_user.is_authenticated else address()


def limited(limiter: Limiter, view: View, *rules: tuple[str, Callable[[], str]], every: bool = False) -> View:
    """`view` with each (limit, whose) of `rules` on its POSTs. Refused ones count; all do with `every`."""
    for limit, whose in rules:
        view = limiter.limit(limit, key_func=whose, methods=["POST"], deduct_when=None if every else _was_refused)(view)
    return view


def _was_refused(response: Response) -> bool:
    return response.status_code in FAILED
