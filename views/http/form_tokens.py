"""Form tokens: a form that is sent twice is saved once.

Without JavaScript a second click sends a form again, and so does a proxy that lost the answer. Each form that is shown
has a token of its own, which is used up in the transaction that saves it: a refused form keeps it, so that it can be
corrected and sent again.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass

from flask import Flask, flash, g, redirect, request
from markupsafe import Markup
from sqlalchemy import update
from werkzeug.wrappers import Response

from customerhub.core import clock
from customerhub.core.database import insert_new
from models import UsedForm
from models.base import db

TAB_FIELD = "_tab"  # the tab of the form that was open, which is no entry
TOKEN_FIELD = "form_token"  # noqa: S105  (the name of a field)
ALREADY_SAVED = "This form has already been saved."
SAVED_WITH_OTHER_ENTRIES = (
    "This form has already been saved with different entries. Nothing was saved this time. "
    "Save again to save these entries as well."
)
MAX_ADDRESS_LENGTH = 500

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True)
class DuplicateSubmission:
    """How a form was sent before: where that led, and whether it held the same."""

    redirect_url: str | None
    is_same: bool

    def redirect_again(self, fallback_url: str) -> Response:
        """To where it led before, or `fallback_url` where that is not known."""
        flash(ALREADY_SAVED, "info")
        return redirect(self.redirect_url or fallback_url, 303)


def render_token_field() -> Markup:
    """The hidden field that makes a form one that is saved once. No browser is to fill it in from an earlier page."""
    return Markup('<input type="hidden" name="{}" value="{}" autocomplete="off">').format(
        TOKEN_FIELD, secrets.token_urlsafe(24)
    )


def claim_token() -> DuplicateSubmission | None:
    """Take the token of the form that is sent, until the end of the transaction.

    Returns how the form was sent before, None where it was not. A form without a token is not checked. Who sends it at
    the same moment waits here for the other one's transaction, so this comes before anything is read.
    """
    token = request.form.get(TOKEN_FIELD, "")
    if not _TOKEN.fullmatch(token):
        return None
    content = _fingerprint()
    claimed_token = db.session.scalar(
        insert_new(UsedForm).values(token=token, content=content, created_at=clock.get_now()).returning(UsedForm.token)
    )
    if claimed_token is not None:
        g.form_token = token
        return None
    used_form = db.session.get_one(UsedForm, token)
    return DuplicateSubmission(used_form.led_to, used_form.content == content)


def set_redirect(address: str) -> None:
    """Save where the current form leads, for a repetition of it. Before the commit."""
    token = g.get("form_token")
    if token is not None and len(address) <= MAX_ADDRESS_LENGTH:
        db.session.execute(update(UsedForm).where(UsedForm.token == token).values(led_to=address))


def _fingerprint() -> str:
    """What is sent and where to, without the token of the session."""
    digest = hashlib.sha256(request.full_path.encode())
    for name, text in request.form.items(multi=True):
        if name not in ("csrf_token", TAB_FIELD):
            digest.update(f"\n{len(name)} {name} {len(text)} {text}".encode(errors="replace"))
    for name, upload in request.files.items(multi=True):
        digest.update(f"\n{name} {upload.filename}".encode(errors="replace"))
        digest.update(hashlib.file_digest(upload.stream, "sha256").digest())  # type: ignore[arg-type]
        upload.stream.seek(0)
    return digest.hexdigest()


def register(app: Flask) -> None:
    app.jinja_env.globals["form_token"] = render_token_field
