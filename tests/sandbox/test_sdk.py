"""The unmodified SDK over TLS: nothing of the hub between it and the sandbox."""

import base64
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from docusign_esign import ApiClient, Envelope, EnvelopesApi
from docusign_esign.client.api_exception import ApiException
from docusign_esign.client.auth.oauth import OAuthUserInfo
from docusign_esign.client.configuration import Configuration
from urllib3.exceptions import MaxRetryError

from tests.sandbox.client import ADA, BOB, define
from tests.support.certificates import write_certificate
from tests.support.signing_sandbox import SigningSandbox, running_sandbox

HOUR = 3600
SCOPES = ["signature", "impersonation"]


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The certificate, which the SDK trusts until the test is over."""
    paths = write_certificate(tmp_path, "127.0.0.1")
    monkeypatch.setattr(Configuration(), "ssl_ca_cert", str(paths[0]))
    return paths


@pytest.fixture
def tls_sandbox(certificate: tuple[Path, Path], tmp_path: Path) -> Iterator[SigningSandbox]:
    options = [f"--tls-cert={certificate[0]}", f"--tls-key={certificate[1]}"]
    with running_sandbox(tmp_path / "sandbox", *options) as sandbox:
        sandbox.trust = ssl.create_default_context(cafile=str(certificate[0]))
        yield sandbox


def sign_in(sandbox: SigningSandbox) -> tuple[ApiClient, OAuthUserInfo]:
    """The client with a token, and who its user is."""
    known, client = sandbox.credentials, ApiClient()
    client.set_oauth_host_name(known["oauth_host"])
    key = known["private_key"].encode()
    token = client.request_jwt_user_token(
        known["integration_key"], known["user_id"], known["oauth_host"], key, HOUR, SCOPES
    )
    user = client.get_user_info(token.access_token)
    client.host = f"{user.accounts[0].base_uri}/restapi"
    return client, user


def test_the_bare_sdk_over_tls(tls_sandbox: SigningSandbox) -> None:
    assert tls_sandbox.base_url.startswith("https://127.0.0.1:")
    client, user = sign_in(tls_sandbox)
    account, api = user.accounts[0].account_id, EnvelopesApi(client)
    assert (user.sub, account) == (tls_sandbox.credentials["user_id"], tls_sandbox.credentials["account_id"])
    assert user.accounts[0].is_default == "True"

    first = api.create_envelope(account, envelope_definition=define(transaction_id="first")).envelope_id
    second = api.create_envelope(account, envelope_definition=define(transaction_id="second")).envelope_id
    assert api.get_envelope(account, first, include="recipients").recipients.signers[1].email == BOB
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    changed = api.list_status_changes(account, from_date=yesterday)
    assert {each.envelope_id for each in changed.envelopes} == {first, second}
    [found] = api.list_status_changes(account, transaction_ids="second").envelopes
    assert (found.envelope_id, found.status) == (second, "sent")

    api.update(account, second, envelope=Envelope(status="voided", voided_reason="Not needed"))
    assert api.get_envelope(account, second).voided_reason == "Not needed"
    with pytest.raises(ApiException) as refusal:
        api.update(account, second, envelope=Envelope(status="voided", voided_reason="Again"))
    assert refusal.value.status == 400
    assert b"ENVELOPE_CANNOT_VOID_INVALID_STATE" in refusal.value.body

    tls_sandbox.sign(first, ADA, BOB)
    assert api.get_envelope(account, first).status == "completed"
    names = [each.document_id for each in api.list_documents(account, first).envelope_documents]
    assert names == ["1", "certificate"]
    for document_id in ("1", "combined", "certificate"):
        content = api.get_document(account, document_id, first)
        assert content.startswith(b"%PDF-"), document_id
    original = base64.b64decode(define().documents[0].document_base64)
    assert api.get_document(account, "1", second) == original, "what nobody signed stays as it was"


def test_a_certificate_of_nobody_is_refused(tls_sandbox: SigningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Configuration(), "ssl_ca_cert", None)
    with pytest.raises(MaxRetryError, match="certificate verify failed"):
        sign_in(tls_sandbox)
