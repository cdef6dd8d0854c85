"""All that goes between the hub and the sandbox is as the API's published description says."""

import base64
from collections.abc import Callable, Iterator

import pytest
from docusign_esign import (
    ConnectEventData,
    CustomFields,
    Document,
    EnvelopeDefinition,
    EnvelopeIdsRequest,
    EnvelopesApi,
    EventNotification,
    Recipients,
    RecipientViewRequest,
    Signer,
    SignHere,
    Tabs,
    TextCustomField,
)
from docusign_esign.client.api_exception import ApiException
from flask import Flask

from customerhub.signing import operations
from customerhub.signing.access import load_access
from customerhub.signing.docusign import SigningService, forget_tokens
from models.base import db
from models.signing_enums import EnvelopeStatus
from tests.customerhub.approvals.conftest import acting
from tests.customerhub.signing.conftest import ADA, CLIENT, SigningOrg, compare, current_envelope, perform
from tests.sandbox.published_api import find_exchange_faults, find_message_faults, name_call
from tests.sandbox.recording import Recorder, recording
from tests.support.pdfs import build_plain_pdf
from tests.support.servers import free_port
from tests.support.signing_sandbox import SigningSandbox, running_sandbox

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # the database makes no difference here


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def sandbox_process(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningSandbox]:
    """A sandbox whose public address is the recorder's."""
    recorder.target = free_port()
    folder, address = tmp_path_factory.mktemp("sandbox"), f"http://127.0.0.1:{recorder.port}"
    with running_sandbox(folder, "--public-url", address, port=recorder.target) as sandbox:
        yield sandbox


@pytest.fixture
def recorded(
    signing_org: SigningOrg, recorder: Recorder, app: Flask, replace_services: Callable[..., None]
) -> Iterator[Recorder]:
    """A recorder that has noted nothing, and hands the sandbox's events to the hub."""
    replace_services(public_url=f"http://127.0.0.1:{recorder.port}")
    forget_tokens()
    recorder.exchanges.clear()
    recorder.events.clear()

    def take_event(body: bytes, headers: dict[str, str]) -> int:
        answer = app.test_client().post(
            "/webhooks/docusign", data=body, headers={k: v for k, v in headers.items() if k.startswith("x-docusign")}
        )
        return int(answer.status_code)

    recorder.take_event = take_event
    yield recorder
    recorder.take_event = lambda _body, _headers: 204


def flush(signing_org: SigningOrg) -> None:
    """Let all events arrive."""
    db.session.commit()
    assert signing_org.sandbox.post("/sandbox/events/flush") == {"left": 0}


def open_api(signing_org: SigningOrg) -> tuple[EnvelopesApi, str]:
    """The SDK as the hub has it, and the account, for calls that the hub does not make."""
    service = SigningService(load_access(signing_org.org.id))
    return service._prepare(), service.account_id


def list_faults(recorder: Recorder) -> list[str]:
    return [fault for exchange in recorder.exchanges for fault in find_exchange_faults(exchange)] + [
        f"{event.get('event')}: {fault}" for event in recorder.events for fault in find_message_faults("event", event)
    ]


def test_the_whole_life_of_envelopes(signing_org: SigningOrg, recorded: Recorder) -> None:
    profile, envelope = signing_org.send_profile()
    actor = signing_org.author
    with acting(actor):
        operations.resend_envelope(envelope, actor=actor)
        operations.correct_address(envelope, position=2, email="other@customer.example", name="Ötker", actor=actor)
    perform()
    with acting(actor):
        operations.void_envelope(current_envelope(profile), reason="Wrong terms", actor=actor)
    perform()
    assert current_envelope(profile).status is EnvelopeStatus.VOIDED
    with acting(actor):
        operations.send_again(current_envelope(profile), actor=actor)
    perform()
    envelope = current_envelope(profile)
    with acting(actor):
        operations.check_now(envelope, actor=actor)
    perform()
    signing_org.sandbox.sign(envelope.remote_id, ADA, CLIENT)
    flush(signing_org)
    perform()
    envelope = current_envelope(profile)
    assert envelope.status is EnvelopeStatus.COMPLETED
    assert envelope.signed_file_id is not None
    assert envelope.certificate_file_id is not None
    compare()

    assert list_faults(recorded) == []
    calls = {name_call(exchange) for exchange in recorded.exchanges}
    assert calls == {"token", "userinfo", "create", "get", "update", "update_recipients", "download", "list"}
    assert {exchange.status for exchange in recorded.exchanges} == {200, 201}
    assert {"envelope-sent", "envelope-voided", "recipient-completed", "envelope-completed"} <= {
        event["event"] for event in recorded.events
    }


def build_definition(recorder: Recorder) -> EnvelopeDefinition:
    """An envelope whose signer is led to the page by the sender, and of which messages tell everything."""
    content = base64.b64encode(build_plain_pdf("Vertrag")).decode()
    tabs = Tabs(sign_here_tabs=[SignHere(document_id="1", page_number="1", x_position="100", y_position="100")])
    return EnvelopeDefinition(
        status="sent",
        email_subject="Ein Vertrag",
        documents=[Document(document_id="1", name="Vertrag", document_base64=content)],
        recipients=Recipients(
            signers=[Signer(recipient_id="7", name="Ada", email=ADA, client_user_id="ada", tabs=tabs)]
        ),
        custom_fields=CustomFields(text_custom_fields=[TextCustomField(name="profile", value="12")]),
        event_notification=EventNotification(
            url=f"http://127.0.0.1:{recorder.port}/webhooks/elsewhere",
            events=["envelope-sent", "recipient-sent"],
            event_data=ConnectEventData(
                version="restv2.1",
                format="json",
                include_data=["recipients", "tabs", "custom_fields", "documents", "folders"],
            ),
        ),
    )


def test_calls_that_the_hub_does_not_make_are_answered_as_published(
    signing_org: SigningOrg, recorded: Recorder
) -> None:
    api, account = open_api(signing_org)
    recorded.take_event = lambda _body, _headers: 204
    created = api.create_envelope(account, envelope_definition=build_definition(recorded))
    assert api.list_documents(account, created.envelope_id).envelope_documents[0].name == "Vertrag"
    assert api.list_recipients(account, created.envelope_id, include_tabs="true").recipient_count == "1"
    view = RecipientViewRequest(
        authentication_method="none",
        client_user_id="ada",
        email=ADA,
        user_name="Ada",
        return_url="http://127.0.0.1/done",
    )
    address = api.create_recipient_view(account, created.envelope_id, recipient_view_request=view).url
    assert address.startswith(f"http://127.0.0.1:{recorded.port}/sign/")
    include = "recipients,tabs,custom_fields,documents,folders"
    assert api.get_envelope(account, created.envelope_id, include=include).custom_fields is not None
    asked = EnvelopeIdsRequest(envelope_ids=[created.envelope_id])
    found = api.list_status(account, envelope_ids_request=asked, envelope_ids="request_body")
    assert [each.envelope_id for each in found.envelopes] == [created.envelope_id]
    assert api.list_audit_events(account, created.envelope_id).audit_events
    flush(signing_org)

    first, *others = recorded.exchanges[2:]
    assert [fault for fault in find_exchange_faults(first) if "required" not in fault] == []
    assert [fault for exchange in others for fault in find_exchange_faults(exchange)] == []
    assert [fault for event in recorded.events for fault in find_message_faults("event", event)] == []
    assert {"status", "recipients", "documents", "recipient_view", "audit_events"} <= set(map(name_call, others))
    [told, _] = recorded.events
    assert {"customFields", "envelopeDocuments", "recipients"} <= set(told["data"]["envelopeSummary"])
    assert "tabs" in told["data"]["envelopeSummary"]["recipients"]["signers"][0]


def test_refusals_are_as_published(signing_org: SigningOrg, recorded: Recorder) -> None:
    _, envelope = signing_org.send_profile()
    api, account = open_api(signing_org)
    signing_org.sandbox.sign(envelope.remote_id, ADA, CLIENT)
    unknown = "00000000-0000-0000-0000-000000000000"
    refused = [
        (404, "ENVELOPE_DOES_NOT_EXIST", lambda: api.get_envelope(account, unknown)),
        (404, "DOCUMENT_DOES_NOT_EXIST", lambda: api.get_document(account, "9", envelope.remote_id)),
        (400, "ENVELOPE_IS_INCOMPLETE", lambda: api.create_envelope(account, envelope_definition={"status": "sent"})),
        (400, "INVALID_REQUEST_PARAMETER", lambda: api.list_status_changes(account)),
        (401, "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT", lambda: api.get_envelope(unknown, envelope.remote_id)),
        (
            400,
            "ENVELOPE_CANNOT_VOID_INVALID_STATE",
            lambda: api.update(account, envelope.remote_id, envelope={"status": "voided", "voidedReason": "Too late"}),
        ),
        (
            400,
            "ENVELOPE_INVALID_STATUS",
            lambda: api.update_recipients(
                account,
                envelope.remote_id,
                recipients={"signers": [{"recipientId": "1", "name": "A", "email": "a@b.cd"}]},
            ),
        ),
    ]
    recorded.exchanges.clear()
    for status, code, call in refused:
        with pytest.raises(ApiException) as refusal:
            call()
        assert (refusal.value.status, recorded.exchanges[-1].read_answer()["errorCode"]) == (status, code)
    for fault in ("rate_limit", "hourly_limit", "burst_limit", "unauthorized", "error_before", "error_after"):
        signing_org.sandbox.misbehave({"fault": fault, "operation": "get"})
        with pytest.raises(ApiException):
            api.get_envelope(account, envelope.remote_id)
    signing_org.sandbox.misbehave()
    faults = [fault for exchange in recorded.exchanges for fault in find_exchange_faults(exchange)]
    assert [fault for fault in faults if "required" not in fault] == [], "what was asked for was incomplete on purpose"


def test_refused_tokens_are_as_published(signing_org: SigningOrg, recorded: Recorder) -> None:
    signing_org.add_profile()
    signing_org.sandbox.post("/sandbox/consent", {"given": False})
    try:
        assert perform() == "1 to be retried"
    finally:
        signing_org.sandbox.post("/sandbox/consent", {"given": True})
    [exchange] = recorded.exchanges
    assert (exchange.status, exchange.read_answer()) == (400, {"error": "consent_required"})
    assert find_exchange_faults(exchange) == []
