"""What people see when something cannot be done or goes wrong: a page that says so, or JSON for programs."""

import logging
import secrets
import time
from typing import Any

from flask import Flask, Response, current_app, jsonify, render_template, request
from flask_limiter import RateLimitExceeded
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from markupsafe import escape
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from customerhub.contention import is_contention
from customerhub.errors import Conflict, HubError, Invalid, NotAllowed, NotFound, WrongState
from models.base import db
from models.sqlite import reading

log = logging.getLogger(__name__)

STATUS: dict[type[HubError], int] = {
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    WrongState: 409,
    Invalid: 422,
}
WORDS: dict[int, tuple[str, str]] = {
    400: ("That did not work", "The request could not be understood."),
    401: ("Please sign in", "Sign in to open this page."),
    403: ("Not allowed", "You may not open this page. Ask an administrator of your organisation."),
    404: ("Not found", "There is nothing at this address, or nothing that you may see."),
    405: ("That did not work", "This address cannot be used in this way."),
    413: ("Too large", "What you sent is too large."),
    429: ("Too many attempts", "Wait a while before you try again."),
}
OF_HUB = {
    403: "Not allowed",
    404: "Not found",
    409: "That cannot be done now",
    422: "Something needs to be corrected",
}
BUSY = (
    "Others are saving at the moment, and your turn did not come in time. Nothing was saved. Reload this page to send "
    "the same again, or go back to what you entered."
)
BUSY_SECONDS = 5  # before a program tries again
LAST_RESORT = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p>{text}</p>'
    '<p>{reference}</p><p><a href="/">Start page</a></p></html>'
)


def register(app: Flask) -> None:
    app.register_error_handler(HubError, _hub_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(RateLimitExceeded, _too_often)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OperationalError, _database_error)
    app.register_error_handler(Exception, _unexpected)


def _hub_error(error: HubError) -> Response:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
    return answer(status, OF_HUB[status], error.message, field=error.field)


def _csrf_error(error: CSRFError) -> Response:
    log.info("refused without a valid CSRF token: %s", error.description)
    return answer(
        400,
        "This page was open for too long",
        "Nothing was changed. Go back, reload the page and try again. Cookies must be allowed.",
    )


def _too_often(_error: RateLimitExceeded) -> Response:
    seconds = _wait()
    minutes = max(1, round(seconds / 60))
    response = answer(429, WORDS[429][0], f"Wait {minutes} minute{'' if minutes == 1 else 's'} before you try again.")
    response.headers["Retry-After"] = str(seconds)
    return response


def _wait() -> int:
    """Seconds until the limit that was reached is lifted."""
    for limiter in current_app.extensions.get("limiter", ()):
        if limiter.current_limit is not None:
            return max(1, int(limiter.current_limit.reset_at - time.time()))
    return 60


def _http_error(error: HTTPException) -> Any:
    if error.response is not None or (error.code or 500) < 400:
        return error
    status = error.code or 500
    if status == 413:
        most = current_app.config["MAX_CONTENT_LENGTH"] // (1024 * 1024)
        return answer(413, WORDS[413][0], f"What you sent is too large. A file has at most {most} MB.")
    title, text = WORDS.get(status, ("That did not work", error.name))
    response = answer(status, title, text)
    for name, value in error.get_headers():
        if name.lower() == "allow":
            response.headers[name] = value
    return response


def _database_error(error: OperationalError) -> Response:
    if not is_contention(error):
        return _unexpected(error)
    log.warning("the database is busy: %s %s: %s", request.method, _rule(), error.orig)
    response = answer(503, "The database is busy", BUSY)
    response.headers["Retry-After"] = str(BUSY_SECONDS)
    return response


def _unexpected(error: Exception) -> Response:
    """A bug or an outage: logged under a reference, and nothing else of it shown."""
    if current_app.testing or current_app.debug:
        raise error
    reference = secrets.token_hex(4).upper()
    log.error("reference %s: %s %s", reference, request.method, _rule(), exc_info=error)
    return answer(
        500, "Something went wrong", "This is our fault, not yours. What you did may not have been saved.",
        reference=reference,
    )  # fmt: skip


def _rule() -> str:
    """The address of this request, without what names a row or a secret."""
    return request.url_rule.rule if request.url_rule else "an unknown address"


def answer(
    status: int,
    title: str,
    text: str,
    *,
    reference: str | None = None,
    field: str | None = None,
    way_on: dict[str, str] | None = None,
) -> Response:
    """A page, or JSON where the client asks for it. What the request changed and did not commit is undone.

    `way_on` is the label and url of a link to where it goes on, if that is not the start page. The page is made without
    waiting for a turn to write, which may be what went wrong.
    """
    try:
        db.session.rollback()
    except Exception:
        log.exception("the transaction could not be rolled back")
    if _wants_json():
        told = {"error": text, "field": field, "reference": reference}
        response = jsonify({name: value for name, value in told.items() if value})
    else:
        with reading():
            response = Response(_page(title, text, reference, way_on), mimetype="text/html")
    response.status_code = status
    return response


def _page(title: str, text: str, reference: str | None, way_on: dict[str, str] | None) -> str:
    try:
        page = {"title": title, "text": text, "reference": reference, "action": way_on or _start()}
        return render_template("message.html", page=page)
    except Exception:
        log.exception("the page that tells of an error could not be shown")
        told = f"Reference {reference}" if reference else ""
        return LAST_RESORT.format(title=escape(title), text=escape(text), reference=escape(told))


def _start() -> dict[str, str]:
    if current_user.is_authenticated:
        return {"label": "Go to the start page", "url": "/"}
    return {"label": "Go to the sign-in page", "url": "/sign-in"}


def _wants_json() -> bool:
    if request.is_json:
        return True
    accepted = request.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]
