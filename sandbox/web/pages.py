"""The pages: the inbox and the document of each signer."""

import io
import sqlite3
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, g, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response as BaseResponse

from sandbox.account import get_account
from sandbox.envelopes.lifecycle import EXPIRED, OPEN, PENDING, decline_envelope, open_envelope, sign_envelope
from sandbox.envelopes.rows import Row, find_recipient_by_link, get_envelope, list_recipients, load_json
from sandbox.errors import ApiError
from sandbox.moments import parse_moment
from sandbox.papers.downloads import CERTIFICATE, COMBINED, get_paper
from sandbox.service import get_service
from sandbox.web.oauth import get_origin

MAILS_PER_PAGE: Final = 50
MAX_NAME: Final = 100
MAX_REASON: Final = 500
LABELS: Final = {"sent": "waiting", "delivered": "opened", "created": "not yet sent", "delivered to": "delivered"}
pages = Blueprint("pages", __name__)


class DeadLink(Exception):
    """The link of a mail leads nowhere any more."""


@pages.app_template_filter("moment")
def format_for_people(value: str) -> str:
    return f"{parse_moment(value):%d %b %Y, %H:%M} UTC" if value else ""


@pages.app_template_filter("status_label")
def get_status_label(status: str) -> str:
    return LABELS.get(status, status)


@pages.app_template_filter("number")
def format_number(value: float) -> str:
    return f"{value:g}"


@pages.app_errorhandler(CSRFError)
def show_stale_form(_error: CSRFError) -> ResponseReturnValue:
    text = "The form was open for too long, or cookies are off. Go back, load the page again and repeat."
    return render_template("message.html", title="Please try again", text=text), 400


@pages.app_errorhandler(404)
def show_missing_page(_error: Exception) -> ResponseReturnValue:
    return render_template("message.html", title="Not found", text="There is no such page in the sandbox."), 404


@pages.errorhandler(DeadLink)
def show_dead_link(_error: DeadLink) -> ResponseReturnValue:
    text = "This link is not valid any more: the sender has sent the document to another address, or never sent it."
    return render_template("message.html", title="Link not valid", text=text), 404


@pages.errorhandler(ApiError)
def show_api_error(error: ApiError) -> ResponseReturnValue:
    return render_template("message.html", title="Not found", text=error.message), error.status


# --- Inbox ---------------------------------------------------------------------------------------------------


@pages.get("/")
def inbox() -> ResponseReturnValue:
    words, page = request.args.get("q", "").strip()[:200], max(1, request.args.get("page", 1, type=int))
    with get_service().store.read() as db:
        rows = db.execute(
            "SELECT mail.*, envelope.status FROM mail JOIN envelope USING (envelope_id)"
            " WHERE instr(lower(mail.email || ' ' || mail.name || ' ' || mail.subject), lower(?))"
            " ORDER BY mail.id DESC LIMIT ? OFFSET ?",
            (words, MAILS_PER_PAGE + 1, min((page - 1) * MAILS_PER_PAGE, 10**9)),
        ).fetchall()
    mails = [{**dict(row), "address": _find_address(row)} for row in rows[:MAILS_PER_PAGE]]
    return render_template("inbox.html", mails=mails, words=words, page=page, has_more=len(rows) > MAILS_PER_PAGE)


def _find_address(mail: Row) -> str:
    """Where a mail leads: a signer to the document, the sender to the envelope."""
    if mail["link"]:
        return url_for("pages.show_document", link=mail["link"])
    return url_for("pages.envelope", envelope_id=mail["envelope_id"])


@pages.get("/envelopes/<envelope_id>")
def envelope(envelope_id: str) -> ResponseReturnValue:
    with get_service().store.read() as db:
        row = get_envelope(db, envelope_id)
        trail = db.execute(
            "SELECT * FROM audit_event WHERE envelope_id = ? ORDER BY id", (row["envelope_id"],)
        ).fetchall()
        recipients = list_recipients(db, row["envelope_id"])
    names = ("created", "sent", "delivered", "completed", "declined", "voided")
    return render_template(
        "envelope.html",
        envelope=row,
        recipients=recipients,
        times=[(name.capitalize(), row[f"{name}_at"]) for name in names if row[f"{name}_at"]],
        trail=[{field["name"]: field["value"] for field in load_json(line, "fields")} for line in trail],
    )


# --- The signer ----------------------------------------------------------------------------------------------


def get_linked_recipient(db: sqlite3.Connection, link: str) -> Row:
    recipient = find_recipient_by_link(db, link)
    if recipient is None or not recipient["sent_at"]:
        raise DeadLink
    return recipient


@pages.get("/sign/<link>")
def show_document(link: str) -> ResponseReturnValue:
    """The document and what can be done about it. Whoever looks at it has it delivered."""
    with get_service().store.write() as db:
        open_envelope(db, get_linked_recipient(db, link))
    get_service().sender.notify_sender()
    return _render_document(link)


def _render_document(link: str, **values: Any) -> str:
    with get_service().store.read() as db:
        recipient = get_linked_recipient(db, link)
        row = get_envelope(db, recipient["envelope_id"])
        recipients = list_recipients(db, recipient["envelope_id"])
        account = get_account(db)
    if recipient["return_url"]:
        g.form_targets = [get_origin(recipient["return_url"])]
    return render_template(
        "sign.html",
        envelope=row,
        recipient=recipient,
        recipients=recipients,
        account=account,
        can_answer=row["status"] in OPEN and recipient["status"] in PENDING,
        outcome=_describe_outcome(row, recipient, recipients),
        **values,
    )


def _describe_outcome(row: Row, recipient: Row, recipients: list[Row]) -> dict[str, str]:
    """What became of an envelope that waits for this signer no more."""
    status = row["status"]
    if status == "completed":
        return {"title": "Completed", "text": "Everybody has signed. The document here is the signed one."}
    if status == "declined":
        who = next((each for each in recipients if each["status"] == "declined"), recipient)
        return {"title": "Declined", "text": f"{who['name']} declined to sign: {who['declined_reason']}"}
    if status == "voided" and row["voided_reason"] == EXPIRED:
        return {"title": "Expired", "text": "Not everybody has signed in time. The sender can send the document again."}
    if status == "voided":
        return {"title": "Voided", "text": f"The sender has withdrawn the document: {row['voided_reason']}"}
    return {"title": "You have signed", "text": "Thank you. The document now waits for the other signers."}


@pages.post("/sign/<link>")
def sign(link: str) -> ResponseReturnValue:
    name = " ".join(request.form.get("name", "").split())[:MAX_NAME]
    if not name:
        return _render_document(link, problem="name"), 400
    with get_service().store.write() as db:
        recipient = get_linked_recipient(db, link)
        is_done = sign_envelope(db, recipient, name)
    return _lead_on(recipient, "signing_complete" if is_done else "")


@pages.post("/sign/<link>/decline")
def decline(link: str) -> ResponseReturnValue:
    reason = request.form.get("reason", "").strip()[:MAX_REASON]
    if not reason:
        return _render_document(link, problem="reason"), 400
    with get_service().store.write() as db:
        recipient = get_linked_recipient(db, link)
        is_done = decline_envelope(db, recipient, reason)
    return _lead_on(recipient, "decline" if is_done else "")


def _lead_on(recipient: Row, event: str) -> BaseResponse:
    """Back to the page, or to where the sender wants a signer to go that it had led here."""
    get_service().sender.notify_sender()
    return_url = recipient["return_url"]
    if return_url and event:
        separator = "&" if "?" in return_url else "?"
        return redirect(f"{return_url}{separator}{urlencode({'event': event})}", 303)
    return redirect(url_for("pages.show_document", link=recipient["link"]), 303)


@pages.get("/sign/<link>/document.pdf")
def document(link: str) -> ResponseReturnValue:
    return _send_paper(link, COMBINED)


@pages.get("/sign/<link>/certificate.pdf")
def certificate(link: str) -> ResponseReturnValue:
    return _send_paper(link, CERTIFICATE)


def _send_paper(link: str, kind: str) -> Response:
    with get_service().store.read() as db:
        envelope_id = get_linked_recipient(db, link)["envelope_id"]
    paper = get_paper(get_service().store, envelope_id, kind)
    return send_file(io.BytesIO(paper.content), "application/pdf", download_name=paper.name)
