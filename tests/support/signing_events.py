"""Events as the signing service sends them to the hub."""

import base64
import hashlib
import hmac
import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from models import Envelope
from tests.support.signing_sandbox import SigningSandbox

PATH = "/webhooks/docusign"


def sign(body: bytes, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def build_body(
    envelope: Envelope, sandbox: SigningSandbox, name: str = "envelope-completed", *, number: int = 0, **more: Any
) -> bytes:
    """An event of an envelope; those of another `number` are others."""
    data = {"accountId": sandbox.credentials["account_id"], "envelopeId": envelope.remote_id, **more}
    moment = f"2026-01-31T09:00:0{number}.0000000Z"
    return json.dumps({"event": name, "generatedDateTime": moment, "data": data}).encode()


def post(client: FlaskClient, body: bytes, *signatures: str) -> TestResponse:
    headers = {f"X-DocuSign-Signature-{number}": text for number, text in enumerate(signatures, start=1)}
    return client.post(PATH, data=body, headers=headers, content_type="application/json")


def tell(client: FlaskClient, envelope: Envelope, sandbox: SigningSandbox, name: str, *, number: int = 0) -> int:
    """Have an event arrive, rightly signed; the status of the answer."""
    body = build_body(envelope, sandbox, name, number=number)
    return post(client, body, sign(body, sandbox.credentials["hmac_keys"][0])).status_code
