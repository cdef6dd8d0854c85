"""A client of the sandbox: the SDK as it comes, with a token that was got without it, as it gets one by TLS alone."""

import base64
import json
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import jwt
from docusign_esign import (
    ApiClient,
    ConnectEventData,
    Document,
    EnvelopeDefinition,
    EnvelopesApi,
    EventNotification,
    Recipients,
    Signer,
    SignHere,
    Tabs,
)

from tests.support.pdfs import build_plain_pdf
from tests.support.signing_sandbox import SigningSandbox

ADA, BOB = "ada@hub.example", "bob@customer.example"
ANCHORS = {ADA: "/ada/", BOB: "/bob/"}
EVENTS = ("envelope-sent", "envelope-delivered", "envelope-completed", "envelope-declined", "envelope-voided")
SIGNER_EVENTS = ("recipient-sent", "recipient-delivered", "recipient-completed", "recipient-declined")
CONTENT = base64.b64encode(build_plain_pdf(*ANCHORS.values())).decode()


@dataclass
class Client:
    """The API of one account."""

    api: EnvelopesApi
    account_id: str

    def create(self, **values: object) -> str:
        """An envelope that is sent to both at once; its id."""
        return str(self.api.create_envelope(self.account_id, envelope_definition=define(**values)).envelope_id)

    def count(self, transaction_id: str) -> int:
        """How many envelopes there are with this transaction id."""
        found = self.api.list_status_changes(self.account_id, transaction_ids=transaction_id)
        return int(found.total_set_size)

    def get_status(self, envelope_id: str) -> str:
        return str(self.api.get_envelope(self.account_id, envelope_id).status)


def define(
    *,
    subject: str = "Please sign",
    transaction_id: str | None = None,
    webhook: str = "",
    events: Sequence[str] = EVENTS + SIGNER_EVENTS,
    signers: Sequence[str] = (ADA, BOB),
) -> EnvelopeDefinition:
    notification = EventNotification(
        url=webhook,
        events=list(events),
        include_hmac="true",
        require_acknowledgment="true",
        delivery_mode="SIM",
        event_data=ConnectEventData(version="restv2.1", format="json", include_data=["recipients"]),
    )
    return EnvelopeDefinition(
        status="sent",
        email_subject=subject,
        transaction_id=transaction_id or str(uuid.uuid4()),
        documents=[Document(document_id="1", name="NDA", document_base64=CONTENT)],
        recipients=Recipients(signers=[_build_signer(number, email) for number, email in enumerate(signers, 1)]),
        event_notification=notification if webhook else None,
    )


def _build_signer(number: int, email: str) -> Signer:
    place = SignHere(document_id="1", anchor_string=ANCHORS[email], anchor_units="pixels")
    name = email.partition("@")[0].capitalize()
    return Signer(
        recipient_id=str(number), routing_order="1", name=name, email=email, tabs=Tabs(sign_here_tabs=[place])
    )


def open_client(sandbox: SigningSandbox) -> Client:
    client = ApiClient(host=f"{sandbox.base_url}/restapi")
    client.set_default_header("Authorization", f"Bearer {get_token(sandbox)}")
    return Client(EnvelopesApi(client), sandbox.credentials["account_id"])


def get_token(sandbox: SigningSandbox) -> str:
    known, now = sandbox.credentials, int(time.time())
    claims = {
        "iss": known["integration_key"],
        "sub": known["user_id"],
        "aud": known["oauth_host"],
        "iat": now,
        "exp": now + 3600,
        "scope": "signature impersonation",
    }
    assertion = jwt.encode(claims, known["private_key"], algorithm="RS256")
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    url = f"{sandbox.base_url}/oauth/token"
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=30) as answer:
        return str(json.load(answer)["access_token"])
