"""Error responses: a page, or JSON for programs."""

import logging
import secrets
import time
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, render_template, request
from flask_limiter import RateLimitExceeded
from flask_login import AnonymousUserMixin, current_user
from flask_wtf.csrf import CSRFError
from markupsafe import Markup, escape
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from customerhub.core.errors import Conflict, HubError, Invalid, NotAllowed, NotFound, WrongState
from customerhub.core.locking import is_contention
from customerhub.core.storage_outages import is_outage
from models.base import db
from models.sqlite import read_only_transaction

log = logging.getLogger(__name__)

STATUS_CODES: dict[type[HubError], int] = {
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    WrongState: 409,
    Invalid: 422,
}
STATUS_TEXTS: dict[int, tuple[str, str]] = {
    400: ("Invalid request", "The request could not be understood."),
    401: ("Please sign in", "Sign in to open this page."),
    403: ("Not allowed", "You do not have permission to open this page. Ask an administrator of your organisation."),
    404: ("Not found", "This page does not exist or you do not have access to it."),
    405: ("Invalid request", "This address does not support this request."),
    413: ("Too large", "The upload is too large."),
    429: ("Too many attempts", "Please wait before you try again."),
}
HUB_ERROR_TITLES = {
    403: "Not allowed",
    404: "Not found",
    409: "Not possible at the moment",
    422: "Please correct your entries",
}
BUSY_TEXT = (
    "Other users are saving at the moment and your request timed out. Nothing was saved. Reload this page to submit it "
    "again, or go back to your entries."
)
OUTAGE_TITLE = "Not available at the moment"
OUTAGE_TEXT = "The database cannot be reached, or its disk is full. Nothing was saved."
KEPT_TEXT = "What you entered is kept on this page: try again in a moment."
RELOAD_TEXT = "Reload this page to send it again, or go back to your entries."
RETRY_SECONDS = 5  # before a program tries again
OUTAGE_RETRY_SECONDS = 30
SECRET_FORMS = ("sign_in", "profile")  # blueprints whose forms have passwords, which no page repeats
FALLBACK_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p>{text}</p>'
    "<p>{reference}</p>{way_on}</html>"
)
FALLBACK_LINK = '<p><a href="/">Start page</a></p>'


@dataclass(frozen=True)
class Resend:
    """A form that was sent and can be sent once more: where to, and its fields."""

    url: str
    fields: list[tuple[str, str]]


def register(app: Flask) -> None:
    app.register_error_handler(HubError, _hub_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(RateLimitExceeded, _rate_limit_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OperationalError, _database_error)
    app.register_error_handler(Exception, _unexpected_error)


def _hub_error(error: HubError) -> Response:
    status = next((code for kind, code in STATUS_CODES.items() if isinstance(error, kind)), 422)
    return error_response(status, HUB_ERROR_TITLES[status], error.message, field=error.field)


def _csrf_error(error: CSRFError) -> Response:
    log.info("refused without a valid CSRF token: %s", error.description)
    return error_response(
        400,
        "This page has expired",
        "Nothing was changed. Go back, reload the page and try again. Cookies must be enabled.",
    )


def _rate_limit_error(_error: RateLimitExceeded) -> Response:
    seconds = _seconds_until_reset()
    minutes = max(1, round(seconds / 60))
    response = error_response(
        429, STATUS_TEXTS[429][0], f"Wait {minutes} minute{'' if minutes == 1 else 's'} before you try again."
    )
    response.headers["Retry-After"] = str(seconds)
    return response


def _seconds_until_reset() -> int:
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
        max_megabytes = current_app.config["MAX_CONTENT_LENGTH"] // (1024 * 1024)
        return error_response(
            413, STATUS_TEXTS[413][0], f"The upload is too large. The maximum file size is {max_megabytes} MB."
        )
    title, text = STATUS_TEXTS.get(status, ("Invalid request", error.name))
    response = error_response(status, title, text)
    for name, value in error.get_headers():
        if name.lower() == "allow":
            response.headers[name] = value
    return response


def _outage_error(error: Exception) -> Response:
    """The database or the disk is away. What was typed comes back with the answer, to be sent again."""
    cause = getattr(error, "orig", None) or error
    log.error("database or disk away: %s %s: %s", request.method, _request_rule(), " ".join(str(cause).split()))
    g._login_user = AnonymousUserMixin()  # who it is would be read from the database
    resend = _find_resend()
    text = OUTAGE_TEXT
    if request.method == "POST":
        text += f" {KEPT_TEXT if resend else RELOAD_TEXT}"
    link = {"label": "Try again", "url": request.full_path.rstrip("?")} if request.method == "GET" else None
    response = error_response(503, OUTAGE_TITLE, text, link=link, resend=resend)
    response.headers["Retry-After"] = str(OUTAGE_RETRY_SECONDS)
    return response


def _find_resend() -> Resend | None:
    """The form of this request; None where there is none, or it has a file or a secret, which no page can repeat."""
    if request.method != "POST" or request.blueprint in SECRET_FORMS:
        return None
    try:
        has_file = any(upload.filename for upload in request.files.values())
        fields = list(request.form.items(multi=True))
    except OSError:  # what was sent did not fit on the disk
        return None
    return None if has_file else Resend(request.full_path.rstrip("?"), fields)


def _database_error(error: OperationalError) -> Response:
    if not is_contention(error):
        return _unexpected_error(error)
    log.warning("the database is busy: %s %s: %s", request.method, _request_rule(), error.orig)
    response = error_response(503, "The database is busy", BUSY_TEXT)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _unexpected_error(error: Exception) -> Response:
    """An outage, or a bug: that is logged under a reference, and nothing else of it shown."""
    if is_outage(error):
        return _outage_error(error)
    if current_app.testing or current_app.debug:
        raise error
    reference = secrets.token_hex(4).upper()
    log.error("reference %s: %s %s", reference, request.method, _request_rule(), exc_info=error)
    return error_response(
        500,
        "Something went wrong",
        "An unexpected error occurred. Your last changes may not have been saved.",
        reference=reference,
    )


def _request_rule() -> str:
    """The address of this request, without what names a row or a secret."""
    return request.url_rule.rule if request.url_rule else "an unknown address"


def error_response(
    status: int,
    title: str,
    text: str,
    *,
    reference: str | None = None,
    field: str | None = None,
    link: dict[str, str] | None = None,
    resend: Resend | None = None,
) -> Response:
    """A page, or JSON where the client asks for it. What the request changed and did not commit is undone.

    `link` is the label and url of a link to where it goes on, if that is not the start page; `resend` the form that can
    be sent once more instead. The page is made without
    waiting for a turn to write, which may be what went wrong.
    """
    try:
        db.session.rollback()
    except Exception:
        log.exception("the transaction could not be rolled back")
    if _wants_json():
        payload = {"error": text, "field": field, "reference": reference}
        response = jsonify({name: value for name, value in payload.items() if value})
    else:
        with read_only_transaction():
            response = Response(_render_page(title, text, reference, link, resend), mimetype="text/html")
    response.status_code = status
    return response


def _render_page(
    title: str, text: str, reference: str | None, link: dict[str, str] | None, resend: Resend | None
) -> str:
    try:
        action = None if resend else link or _start_link()
        page = {"title": title, "text": text, "reference": reference, "action": action, "resend": resend}
        return render_template("layout/message.html", page=page)
    except Exception:
        log.exception("the page that tells of an error could not be shown")
        reference_text = f"Reference {reference}" if reference else ""
        return FALLBACK_PAGE.format(
            title=escape(title),
            text=escape(text),
            reference=escape(reference_text),
            way_on=_render_resend(resend) if resend else FALLBACK_LINK,
        )


def _render_resend(resend: Resend) -> Markup:
    """The form without a template."""
    field = Markup('<input type="hidden" name="{}" value="{}">')
    fields = Markup().join(field.format(name, value) for name, value in resend.fields)
    form = Markup('<form method="post" action="{}">{}<button>Try again</button></form>')
    return form.format(resend.url, fields)


def _start_link() -> dict[str, str]:
    if current_user.is_authenticated:
        return {"label": "Go to the start page", "url": "/"}
    return {"label": "Go to the sign-in page", "url": "/sign-in"}


def _wants_json() -> bool:
    if request.is_json:
        return True
    accepted = request.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]
