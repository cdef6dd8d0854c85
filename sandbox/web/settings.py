"""The pages about the sandbox itself: events, behaviour, set-up."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from sandbox.account import (
    add_hmac_key,
    describe_credentials,
    get_account,
    list_hmac_keys,
    retire_hmac_key,
    set_consent,
    write_credentials,
)
from sandbox.behaviour import ANY, CALL_FAULTS, EVENT_FAULTS, OPERATIONS, InvalidRule
from sandbox.connect.delivery import resend_event
from sandbox.service import get_service

MAX_EVENTS: Final = 200
FIRST_RULE: Final = {"fault": "slow", "operation": ANY, "next": "", "probability": "1", "seconds": "2"}
TIMED: Final = ("slow", "shuffle", "delay")
settings = Blueprint("settings", __name__)


@settings.get("/events")
def events() -> ResponseReturnValue:
    with get_service().store.read() as db:
        rows = db.execute(
            "SELECT connect_event.*, email_subject FROM connect_event JOIN envelope USING (envelope_id)"
            " ORDER BY id DESC LIMIT ?",
            (MAX_EVENTS,),
        ).fetchall()
    return render_template("events.html", events=rows)


@settings.post("/events/<int:event_id>/send")
def send_again(event_id: int) -> ResponseReturnValue:
    with get_service().store.write() as db:
        resend_event(db, event_id)
    get_service().sender.notify_sender()
    return redirect(url_for("settings.events"), 303)


# --- Behaviour -----------------------------------------------------------------------------------------------


@settings.get("/behaviour")
def behaviour() -> ResponseReturnValue:
    return _render_behaviour()


def _render_behaviour(problem: str = "", entered: Mapping[str, str] = FIRST_RULE) -> str:
    return render_template(
        "behaviour.html",
        rules=get_service().behaviour.describe_rules()["rules"],
        call_faults=CALL_FAULTS,
        event_faults=EVENT_FAULTS,
        faults=CALL_FAULTS | EVENT_FAULTS,
        operations=OPERATIONS,
        timed=TIMED,
        problem=problem,
        entered=entered,
    )


@settings.post("/behaviour")
def add_rule() -> ResponseReturnValue:
    rules = get_service().behaviour.describe_rules()
    try:
        get_service().behaviour.set_rules({**rules, "rules": [*rules["rules"], _read_rule_form()]})
    except InvalidRule as error:
        text = str(error)
        return _render_behaviour(f"{text[:1].upper()}{text[1:]}.", request.form), 400
    return redirect(url_for("settings.behaviour"), 303)


def _read_rule_form() -> dict[str, Any]:
    """Raises InvalidRule."""
    values: dict[str, Any] = {name: request.form.get(name, "") for name in ("fault", "operation")}
    if values["fault"] in EVENT_FAULTS:
        values["operation"] = "any"
    for name in ("next", "probability", "seconds"):
        text = request.form.get(name, "").strip().replace(",", ".")
        try:
            if text:
                values[name] = float(text)
        except ValueError:
            raise InvalidRule(f"{name} is expected to be a number") from None
    return values


@settings.post("/behaviour/clear")
def clear_rules() -> ResponseReturnValue:
    get_service().behaviour.set_rules({})
    return redirect(url_for("settings.behaviour"), 303)


# --- Set-up --------------------------------------------------------------------------------------------------


@settings.get("/setup")
def setup() -> ResponseReturnValue:
    service = get_service()
    with service.store.read() as db:
        account, keys = get_account(db), list_hmac_keys(db)
        credentials = describe_credentials(db, service.base_uri)
    labels = {
        "oauth_host": "OAuth host",
        "base_uri": "Base URI",
        "account_id": "API account ID",
        "user_id": "User ID",
        "integration_key": "Integration key",
    }
    return render_template(
        "setup.html",
        values=[(label, credentials[name]) for name, label in labels.items()],
        private_key=credentials["private_key"],
        keys=keys,
        account=account,
        has_consent=account["has_consent"],
    )


@settings.post("/setup/keys")
def add_key() -> ResponseReturnValue:
    with get_service().store.write() as db:
        add_hmac_key(db)
    return finish_setup()


@settings.post("/setup/keys/<int:key_id>/retire")
def retire_key(key_id: int) -> ResponseReturnValue:
    with get_service().store.write() as db:
        retire_hmac_key(db, key_id)
    return finish_setup()


@settings.post("/setup/consent")
def change_consent() -> ResponseReturnValue:
    with get_service().store.write() as db:
        set_consent(db, is_given=request.form.get("given") == "yes")
    return finish_setup()


def finish_setup() -> Response:
    """Write the file anew, and lead back to the page."""
    rewrite_credentials()
    return redirect(url_for("settings.setup"), 303)


def rewrite_credentials() -> None:
    service = get_service()
    with service.store.read() as db:
        write_credentials(db, service.folder, service.base_uri)
