"""How often something may be tried: by address, by account and by person.

The counts lie in the queue server, so that all web servers share them; while it is away each counts for
itself.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_login import current_user

from customerhub.config import Settings
from jobs.queue import server_url
from models.keys import exact_key

View = Callable[..., Any]

FAILED = (401, 422)  # what a page answers that refuses what was entered

# Wrong attempts in a quarter of an hour, or requests where nothing can be wrong.
SIGN_IN_BY_ADDRESS = "40 per 15 minutes"
SIGN_IN_BY_ACCOUNT = "10 per 15 minutes"
LINK_BY_ADDRESS = "20 per 15 minutes"
LINK_BY_ACCOUNT = "5 per 15 minutes"
PASSWORD_BY_PERSON = "10 per 15 minutes"  # noqa: S105


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
    typed = exact_key(request.form.get("email", "")[:500])
    return hashlib.sha256(typed.encode()).hexdigest() if typed else address()


def person() -> str:
    return str(current_user.id) if current_user.is_authenticated else address()


def limited(limiter: Limiter, view: View, *rules: tuple[str, Callable[[], str]], every: bool = False) -> View:
    """`view` with each (limit, whose) of `rules` on its POSTs. Refused ones count; all do with `every`."""
    for limit, whose in rules:
        view = limiter.limit(limit, key_func=whose, methods=["POST"], deduct_when=None if every else _was_refused)(view)
    return view


def _was_refused(response: Response) -> bool:
    return response.status_code in FAILED
