"""Rate limits: by address, by account and by user.

The counts lie in the queue server, so that all web servers share them; while it is away each counts for
itself.
"""

import hashlib
import ipaddress
import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, request
from flask_limiter import Limiter
from flask_login import current_user
from limits.storage import Storage

from customerhub.core.config import Settings
from customerhub.users.accounts import account_key
from jobs.queue import server_url

View = Callable[..., Any]
log = logging.getLogger(__name__)

FAILURE_CODES = (401, 422)  # what a page answers that refuses what was entered

# Wrong attempts in a quarter of an hour, or requests where nothing can be wrong. Those on one account are counted by
# address, or anybody who knows an email address could keep its owner out.
SIGN_IN_BY_ADDRESS = "40 per 15 minutes"
SIGN_IN_BY_ACCOUNT_AND_ADDRESS = "10 per 15 minutes"
SIGN_IN_BY_ACCOUNT = "100 per 15 minutes"
IPV6_PREFIX_BITS = 64  # what one subscriber has at least (RFC 6177): all of its addresses count as one
KNOWN_ADDRESS_SECONDS = 30 * 24 * 3600  # how long an address is known by which somebody signed in to an account
LINK_BY_ADDRESS = "20 per 15 minutes"
LINK_BY_ACCOUNT = "5 per 15 minutes"
PASSWORD_BY_PERSON = "10 per 15 minutes"  # noqa: S105
TEST_MAIL_BY_PERSON = "6 per 10 minutes"  # each may keep a web server busy for as long as somebody waits


def make_limiter(app: Flask) -> Limiter:
    """The limiter of `app`. Its limits hold for POST only."""
    settings: Settings = app.config["HUB"]
    limiter = Limiter(
        client_address,
        storage_uri=server_url(settings).replace("unix://", "redis+unix://", 1),
        storage_options={"socket_connect_timeout": 1, "socket_timeout": 1, "retry": None},  # type: ignore[dict-item]
        in_memory_fallback_enabled=True,
        swallow_errors=True,
        key_prefix="hub",
    )
    limiter.init_app(app)
    return limiter


def client_address() -> str:
    """Whom a visitor's requests count for: the IPv4 address, or the /64 of an IPv6 address."""
    text = request.remote_addr or "unknown"
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # behind the % is an interface of this machine
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_PREFIX_BITS), strict=False))


def submitted_account() -> str:
    """The account that the form names, by the same key as accounts are found."""
    key = account_key(request.form.get("email", "")[:500])
    return hashlib.sha256(key.encode()).hexdigest() if key else client_address()


def account_and_address() -> str:
    return f"{submitted_account()} {client_address()}"


def account_unless_known_address() -> str:
    """The account, for all addresses together from which nobody signed in to it lately; each other one by itself."""
    return account_and_address() if _is_known_address() else submitted_account()


def remember_address() -> None:
    """Keep that somebody signed in from this address to the account that the form names."""
    try:
        _counter_storage().incr(_known_address_key(), KNOWN_ADDRESS_SECONDS)
    except Exception:
        log.warning("the queue server is away: an address with a successful sign-in is not kept")


def _is_known_address() -> bool:
    try:
        return _counter_storage().get(_known_address_key()) > 0
    except Exception:  # whatever a server that is away makes of it
        return False


def _counter_storage() -> Storage:
    (limiter,) = current_app.extensions["limiter"]
    storage: Storage = limiter.storage
    return storage


def _known_address_key() -> str:
    digest = hashlib.sha256(account_and_address().encode()).hexdigest()
    return f"hub-known-{digest}"


def current_person() -> str:
    return str(current_user.id) if current_user.is_authenticated else client_address()


def limit_view(limiter: Limiter, view: View, *rules: tuple[str, Callable[[], str]], counts_all: bool = False) -> View:
    """`view` with each (limit, whose) of `rules` on its POSTs. Refused ones count; all do with `counts_all`."""
    for limit, key_function in rules:
        view = limiter.limit(
            limit, key_func=key_function, methods=["POST"], deduct_when=None if counts_all else _was_refused
        )(view)
    return view


def _was_refused(response: Response) -> bool:
    return response.status_code in FAILURE_CODES
