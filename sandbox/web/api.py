"""The calls of the eSignature REST API v2.1 that the hub makes."""

import io
import json
from typing import Any, Final

from flask import Blueprint, Response, jsonify, request, send_file
from flask.typing import ResponseReturnValue

from sandbox.account import get_account
from sandbox.envelopes import lifecycle
from sandbox.envelopes.corrections import update_recipients
from sandbox.envelopes.definition import Definition, read_definition, read_text
from sandbox.envelopes.representation import PARTS, describe_documents, describe_envelope, describe_recipients
from sandbox.envelopes.rows import (
    change_envelope,
    change_recipient,
    get_envelope,
    list_recipients,
    load_json,
)
from sandbox.envelopes.search import list_changes
from sandbox.errors import ApiError, invalid_body, invalid_parameter
from sandbox.moments import get_moment
from sandbox.papers.downloads import get_paper
from sandbox.service import get_service
from sandbox.web.faults import (
    add_limit_headers,
    answer_error,
    apply_faults_after,
    apply_faults_before,
    refuse_token,
)
from sandbox.web.oauth import find_token_problem

MISSING_TOKEN: Final = ApiError("USER_AUTHENTICATION_FAILED", "One or both of Username and Password are invalid.", 401)
FOREIGN_ACCOUNT: Final = ApiError(
    "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT",
    "The specified User is not a member of the specified Account.",
    401,
)
UNKNOWN_RECIPIENT: Final = ApiError(
    "UNKNOWN_ENVELOPE_RECIPIENT",
    "The recipient you have identified is not a valid recipient of the specified envelope.",
)
REQUEST_BODY: Final = "request_body"  # as a value of a query parameter: the ids are in the body
api = Blueprint("api", __name__, url_prefix="/restapi/v2.1/accounts/<account_id>")


@api.url_value_preprocessor
def take_account(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """The account is checked once for all calls."""
    request.account_id = (values or {}).pop("account_id", "")  # type: ignore[attr-defined]


@api.before_request
def prepare_request() -> ResponseReturnValue | None:
    instead = apply_faults_before((request.endpoint or "").removeprefix("api."))
    if instead is not None:
        return instead
    problem = find_token_problem()
    if problem:
        raise MISSING_TOKEN if problem == "missing" else refuse_token()
    with get_service().store.read() as db:
        if request.account_id.lower() != get_account(db)["account_id"]:  # type: ignore[attr-defined]
            raise FOREIGN_ACCOUNT
    return None


@api.after_request
def finish_request(answer: Response) -> Response:
    get_service().sender.notify_sender()
    return add_limit_headers(apply_faults_after(answer))


@api.errorhandler(ApiError)
def show_error(error: ApiError) -> Response:
    return answer_error(error)


def read_body(*, may_be_missing: bool = False) -> dict[str, Any]:
    if may_be_missing and not request.get_data():
        return {}
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise invalid_body("") from None
    if not isinstance(body, dict):
        raise invalid_body("")
    return body


def is_asked(name: str) -> bool:
    return request.args.get(name, "").lower() == "true"


def read_include() -> set[str]:
    return {part.strip() for part in request.args.get("include", "").split(",")} & set(PARTS)


# --- Envelopes -----------------------------------------------------------------------------------------------


@api.post("/envelopes")
def create() -> ResponseReturnValue:
    definition: Definition = read_definition(read_body())
    with get_service().store.write() as db:
        envelope_id = lifecycle.create_envelope(db, definition)
        envelope = get_envelope(db, envelope_id)
    summary = {
        "envelopeId": envelope_id,
        "uri": f"/envelopes/{envelope_id}",
        "statusDateTime": envelope["status_changed_at"],
        "status": envelope["status"],
    }
    return jsonify(summary), 201


@api.get("/envelopes", endpoint="list")
def list_envelopes() -> ResponseReturnValue:
    with get_service().store.read() as db:
        return jsonify(list_changes(db, request.args, read_include()))


@api.put("/envelopes/status", endpoint="status")
def list_by_ids() -> ResponseReturnValue:
    """Like the list, with the ids in the body where the query says so."""
    body, values = read_body(), request.args.to_dict()
    for name, key in (("envelope_ids", "envelopeIds"), ("transaction_ids", "transactionIds")):
        if values.get(name) == REQUEST_BODY:
            values[name] = ",".join(str(each) for each in body.get(key) or [])
    with get_service().store.read() as db:
        return jsonify(list_changes(db, values, read_include()))


@api.get("/envelopes/<envelope_id>")
def get(envelope_id: str) -> ResponseReturnValue:
    with get_service().store.read() as db:
        return jsonify(describe_envelope(db, get_envelope(db, envelope_id), read_include()))


@api.put("/envelopes/<envelope_id>")
def update(envelope_id: str) -> ResponseReturnValue:
    """Void, send a draft, change a draft's mail, or ask again."""
    body = read_body(may_be_missing=True)
    with get_service().store.write() as db:
        envelope = get_envelope(db, envelope_id)
        new_status = read_text(body, "status").lower()
        if new_status == "voided":
            lifecycle.void_envelope(db, envelope["envelope_id"], read_text(body, "voidedReason"))
        elif new_status == "sent" and envelope["status"] == "created":
            lifecycle.send_envelope(db, envelope["envelope_id"])
        elif new_status not in ("", "sent", envelope["status"]):
            raise invalid_parameter("Invalid value specified for 'status'.")
        if envelope["status"] == "created":
            _change_mail(db, envelope["envelope_id"], body)
        if is_asked("resend_envelope"):
            lifecycle.resend_envelope(db, envelope["envelope_id"])
    return jsonify({"envelopeId": envelope["envelope_id"]})


def _change_mail(db: Any, envelope_id: str, body: dict[str, Any]) -> None:
    names = {"emailSubject": "email_subject", "emailBlurb": "email_blurb"}
    values = {column: read_text(body, name) for name, column in names.items() if body.get(name)}
    if values:
        change_envelope(db, envelope_id, get_moment(db), **values)


@api.get("/envelopes/<envelope_id>/audit_events")
def audit_events(envelope_id: str) -> ResponseReturnValue:
    with get_service().store.read() as db:
        envelope = get_envelope(db, envelope_id)
        rows = db.execute(
            "SELECT * FROM audit_event WHERE envelope_id = ? ORDER BY id", (envelope["envelope_id"],)
        ).fetchall()
    return jsonify({"auditEvents": [{"eventFields": load_json(row, "fields")} for row in rows]})


# --- Recipients ----------------------------------------------------------------------------------------------


@api.get("/envelopes/<envelope_id>/recipients")
def recipients(envelope_id: str) -> ResponseReturnValue:
    with get_service().store.read() as db:
        envelope = get_envelope(db, envelope_id)
        return jsonify(describe_recipients(db, envelope["envelope_id"], with_tabs=is_asked("include_tabs")))


@api.put("/envelopes/<envelope_id>/recipients", endpoint="update_recipients")
def put_recipients(envelope_id: str) -> ResponseReturnValue:
    body = read_body()
    with get_service().store.write() as db:
        results = update_recipients(db, envelope_id, body, resend=is_asked("resend_envelope"))
    return jsonify({"recipientUpdateResults": results})


@api.post("/envelopes/<envelope_id>/views/recipient")
def recipient_view(envelope_id: str) -> ResponseReturnValue:
    """The address of the page for a recipient with a clientUserId; any other one has it by mail alone."""
    body = read_body()
    return_url = read_text(body, "returnUrl")
    if not return_url.startswith(("http://", "https://")):
        raise invalid_parameter("The returnUrl is missing or not an address.")
    if not read_text(body, "authenticationMethod"):
        raise invalid_parameter("The authenticationMethod is missing.")
    with get_service().store.write() as db:
        envelope = get_envelope(db, envelope_id)
        for recipient in list_recipients(db, envelope["envelope_id"]):
            if recipient["client_user_id"] and _is_meant(recipient, body):
                change_recipient(db, recipient, return_url=return_url)
                return jsonify({"url": f"{get_service().base_uri}/sign/{recipient['link']}"}), 201
    raise UNKNOWN_RECIPIENT


def _is_meant(recipient: Any, body: dict[str, Any]) -> bool:
    return bool(
        recipient["client_user_id"] == read_text(body, "clientUserId")
        and recipient["email"].casefold() == read_text(body, "email").casefold()
        and recipient["name"] == read_text(body, "userName")
    )


# --- Documents -----------------------------------------------------------------------------------------------


@api.get("/envelopes/<envelope_id>/documents")
def documents(envelope_id: str) -> ResponseReturnValue:
    with get_service().store.read() as db:
        envelope = get_envelope(db, envelope_id)
        found = describe_documents(db, envelope)
    return jsonify({"envelopeId": envelope["envelope_id"], "envelopeDocuments": found})


@api.get("/envelopes/<envelope_id>/documents/<document_id>")
def download(envelope_id: str, document_id: str) -> ResponseReturnValue:
    paper = get_paper(get_service().store, envelope_id, document_id, with_certificate=is_asked("certificate"))
    answer = send_file(io.BytesIO(paper.content), "application/pdf")
    answer.headers.set("Content-Disposition", "file", filename=paper.name, documentid=document_id)
    return answer
