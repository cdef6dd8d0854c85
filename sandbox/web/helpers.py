"""Helpers that DocuSign does not have, for tests and demonstrations: sign, decline, misbehave, move the clock."""

from typing import Any, Final

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.account import add_hmac_key, list_hmac_keys, retire_hmac_key, set_consent
from sandbox.behaviour import InvalidRule
from sandbox.connect.delivery import resend_event
from sandbox.envelopes import lifecycle
from sandbox.envelopes.representation import describe_envelope
from sandbox.envelopes.rows import Row, get_envelope, list_recipients
from sandbox.errors import ApiError, invalid_body
from sandbox.service import get_service
from sandbox.web.api import read_body
from sandbox.web.faults import answer_error
from sandbox.web.settings import rewrite_credentials

FLUSH_SECONDS: Final = 30.0
DAY_SECONDS: Final = 86_400
MAX_DAYS: Final = 3650
helpers = Blueprint("helpers", __name__, url_prefix="/sandbox")


@helpers.before_request
def require_json() -> None:
    """A page elsewhere can have a browser send a form here, but no JSON."""
    if request.method != "GET" and request.mimetype != "application/json":
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "Send JSON, with Content-Type: application/json.", 415)


@helpers.errorhandler(ApiError)
def show_error(error: ApiError) -> Response:
    return answer_error(error)


@helpers.errorhandler(InvalidRule)
def show_invalid_rule(error: InvalidRule) -> Response:
    return answer_error(ApiError("INVALID_RULE", str(error)))


@helpers.get("/behaviour")
def show_behaviour() -> ResponseReturnValue:
    return jsonify(get_service().behaviour.describe_rules())


@helpers.post("/behaviour")
def set_behaviour() -> ResponseReturnValue:
    get_service().behaviour.set_rules(read_body())
    return jsonify(get_service().behaviour.describe_rules())


@helpers.get("/envelopes")
def list_envelopes() -> ResponseReturnValue:
    with get_service().store.read() as db:
        rows = db.execute("SELECT * FROM envelope ORDER BY created_at, rowid").fetchall()
        return jsonify([describe_envelope(db, row, ("recipients", "custom_fields")) for row in rows])


@helpers.post("/envelopes/<envelope_id>/open")
def open_envelope(envelope_id: str) -> ResponseReturnValue:
    """Look at the document as an address."""
    body = read_body()
    with get_service().store.write() as db:
        for recipient in _list_meant(db, envelope_id, body):
            lifecycle.open_envelope(db, recipient)
        envelope = get_envelope(db, envelope_id)
    return _answer(envelope, has_changed=True)


@helpers.post("/envelopes/<envelope_id>/sign")
def sign_envelope(envelope_id: str) -> ResponseReturnValue:
    """Sign as an address: as all of its recipients, should it have several."""
    body = read_body()
    with get_service().store.write() as db:
        meant = _list_meant(db, envelope_id, body)
        done = [lifecycle.sign_envelope(db, each, str(body.get("name") or each["name"])) for each in meant]
        envelope = get_envelope(db, envelope_id)
    return _answer(envelope, has_changed=any(done))


@helpers.post("/envelopes/<envelope_id>/decline")
def decline_envelope(envelope_id: str) -> ResponseReturnValue:
    body = read_body()
    reason = str(body.get("reason") or "").strip()
    if not reason:
        raise invalid_body("A reason is required.")
    with get_service().store.write() as db:
        done = [lifecycle.decline_envelope(db, each, reason) for each in _list_meant(db, envelope_id, body)]
        envelope = get_envelope(db, envelope_id)
    return _answer(envelope, has_changed=any(done))


def _list_meant(db: Any, envelope_id: str, body: dict[str, Any]) -> list[Row]:
    email = str(body.get("email") or "").strip().casefold()
    envelope = get_envelope(db, envelope_id)
    found = [each for each in list_recipients(db, envelope["envelope_id"]) if each["email"].casefold() == email]
    if not found:
        raise ApiError("UNKNOWN_ENVELOPE_RECIPIENT", "No recipient of the envelope has this address.")
    return found


def _answer(envelope: Row, *, has_changed: bool) -> Response:
    get_service().sender.notify_sender()
    return jsonify({"envelopeId": envelope["envelope_id"], "status": envelope["status"], "changed": has_changed})


@helpers.get("/events")
def list_events() -> ResponseReturnValue:
    with get_service().store.read() as db:
        rows = db.execute("SELECT * FROM connect_event ORDER BY id").fetchall()
    shown = ("id", "envelope_id", "event", "url", "state", "signing", "attempt_count", "answer", "created_at")
    return jsonify([{name: row[name] for name in shown} for row in rows])


@helpers.post("/events/flush")
def flush_events() -> ResponseReturnValue:
    """Send everything that waits for the first time, and say how much is left."""
    return jsonify({"left": get_service().sender.flush_events(FLUSH_SECONDS)})


@helpers.post("/events/<int:event_id>/resend")
def resend_one_event(event_id: int) -> ResponseReturnValue:
    with get_service().store.write() as db:
        resend_event(db, event_id)
    get_service().sender.notify_sender()
    return jsonify({})


@helpers.get("/hmac-keys")
def list_keys() -> ResponseReturnValue:
    """The active keys of Connect, in the order of the headers."""
    with get_service().store.read() as db:
        return jsonify([dict(key) for key in list_hmac_keys(db)])


@helpers.post("/hmac-keys")
def add_key() -> ResponseReturnValue:
    with get_service().store.write() as db:
        add_hmac_key(db)
    rewrite_credentials()
    return list_keys()


@helpers.post("/hmac-keys/<int:key_id>/retire")
def retire_key(key_id: int) -> ResponseReturnValue:
    with get_service().store.write() as db:
        retire_hmac_key(db, key_id)
    rewrite_credentials()
    return list_keys()


@helpers.post("/consent")
def change_consent() -> ResponseReturnValue:
    """{"given": false} takes the consent away, and ends all access tokens."""
    is_given = read_body().get("given") is True
    with get_service().store.write() as db:
        set_consent(db, is_given=is_given)
    return jsonify({"given": is_given})


@helpers.post("/clock")
def set_clock() -> ResponseReturnValue:
    """Set the clock forward: {"advance_days": 3}. Reminders are sent and envelopes expire at once."""
    days = read_body().get("advance_days")
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days <= MAX_DAYS:
        raise invalid_body(f"advance_days is expected to be a number from 0 to {MAX_DAYS}.")
    with get_service().store.write() as db:
        db.execute("UPDATE account SET clock_offset_seconds = clock_offset_seconds + ?", (int(days * DAY_SECONDS),))
        lifecycle.expire_envelopes(db)
        lifecycle.send_reminders(db)
        offset = db.execute("SELECT clock_offset_seconds FROM account").fetchone()[0]
    get_service().sender.notify_sender()
    return jsonify({"offset_days": offset / DAY_SECONDS})
