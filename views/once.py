"""A form that is sent twice is saved once.

Without JavaScript a second click sends a form again, and so does a proxy that lost the answer. Each form that is shown
has a token of its own, and whoever saves it takes the token in the same transaction: what is refused leaves it, so that
the form can be corrected and sent again.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass

from flask import Flask, flash, g, redirect, request
from markupsafe import Markup
from sqlalchemy import update
from werkzeug.wrappers import Response

from customerhub import clock
from customerhub.database import insert_new
from models import UsedForm
from models.base import db

FIELD = "form_token"
SAVED = "This form was saved already."
OTHERWISE = (
    "This form was saved already, with other entries than these. Nothing was saved this time: "
    "save again if you want to save these too."
)
LONGEST_ADDRESS = 500

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True)
class Sent:
    """How a form was sent before: where that led, and whether it held the same."""

    led_to: str | None
    is_same: bool

    def lead_on(self, otherwise: str) -> Response:
        """To where it led before, or `otherwise` where that is not known."""
        flash(SAVED, "info")
        return redirect(self.led_to or otherwise, 303)


def field() -> Markup:
    """The hidden field that makes a form one that is saved once. No browser is to fill it in from an earlier page."""
    return Markup('<input type="hidden" name="{}" value="{}" autocomplete="off">').format(
        FIELD, secrets.token_urlsafe(24)
    )


def claim() -> Sent | None:
    """Take the token of the form that is sent, until the end of the transaction.

    Returns how the form was sent before, None where it was not. A form without a token is not checked. Who sends it at
    the same moment waits here for the other one's transaction, so this comes before anything is read.
    """
    token = request.form.get(FIELD, "")
    if not _TOKEN.fullmatch(token):
        return None
    content = _fingerprint()
    taken = db.session.scalar(
        insert_new(UsedForm).values(token=token, content=content, created_at=clock.now()).returning(UsedForm.token)
    )
    if taken is not None:
        g.form_token = token
        return None
    used = db.session.get_one(UsedForm, token)
    return Sent(used.led_to, used.content == content)


def lead_to(address: str) -> None:
    """Keep where the form at hand leads, for whoever sends it again. Before the commit."""
    token = g.get("form_token")
    if token is not None and len(address) <= LONGEST_ADDRESS:
        db.session.execute(update(UsedForm).where(UsedForm.token == token).values(led_to=address))


def _fingerprint() -> str:
    """What is sent and where to, without the token of the session."""
    made = hashlib.sha256(request.full_path.encode())
    for name, text in request.form.items(multi=True):
        if name != "csrf_token":
            made.update(f"\n{len(name)} {name} {len(text)} {text}".encode(errors="replace"))
    for name, upload in request.files.items(multi=True):
        made.update(f"\n{name} {upload.filename}".encode(errors="replace"))
        made.update(hashlib.file_digest(upload.stream, "sha256").digest())  # type: ignore[arg-type]
        upload.stream.seek(0)
    return made.hexdigest()


def register(app: Flask) -> None:
    app.jinja_env.globals["form_token"] = field
