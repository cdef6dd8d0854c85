"""The signing sandbox as a process of its own, and an organisation that has its documents signed there."""

import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from customerhub.core.permissions import Actor
from customerhub.signing.settings import save_key, save_settings
from models import Envelope, Organisation, SigningKey, SigningSettings
from models.base import db
from models.signing_enums import SigningEnvironment
from tests.support.forked_processes import ROOT
from tests.support.pdfs import store_plain_pdf

ANSWER_SECONDS = 30


class Refusal(Exception):
    """The sandbox did not do what it was asked."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body.decode(errors='replace')}")
        self.status, self.body = status, body


class SigningSandbox:
    """A running sandbox. `trust` is what vouches for its certificate, if it has one."""

    trust: ssl.SSLContext | None = None

    def __init__(self, folder: Path, base_url: str, process: "subprocess.Popen[str]") -> None:
        self.folder = folder
        self.process = process
        self.base_url = base_url
        self.credentials: dict[str, Any] = json.loads((folder / "credentials.json").read_text(encoding="ascii"))

    @property
    def host(self) -> str:
        return str(self.credentials["oauth_host"])

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        self.process.kill()
        self.process.wait()

    def get(self, path: str) -> Any:
        return self._call(urllib.request.Request(self.base_url + path))

    def post(self, path: str, values: dict[str, Any] | None = None) -> Any:
        body = json.dumps(values or {}).encode()
        headers = {"Content-Type": "application/json"}
        return self._call(urllib.request.Request(self.base_url + path, data=body, headers=headers, method="POST"))

    def find_refusal(self, path: str, values: dict[str, Any]) -> Any:
        """What is answered to something that is refused."""
        with pytest.raises(Refusal) as refusal:
            self.post(path, values)
        return json.loads(refusal.value.body)

    def _call(self, request: urllib.request.Request) -> Any:
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS, context=self.trust) as answer:
                return json.load(answer)
        except HTTPError as error:
            with error:  # it is an open answer
                raise Refusal(error.code, error.read()) from error

    def list_envelopes(self) -> list[dict[str, Any]]:
        envelopes: list[dict[str, Any]] = self.get("/sandbox/envelopes")
        return envelopes

    def sign(self, remote_id: str | None, *addresses: str) -> None:
        for address in addresses:
            self.post(f"/sandbox/envelopes/{remote_id}/sign", {"email": address})

    def decline(self, remote_id: str | None, address: str, reason: str) -> None:
        self.post(f"/sandbox/envelopes/{remote_id}/decline", {"email": address, "reason": reason})

    def misbehave(self, *rules: dict[str, Any], seed: int = 0) -> None:
        """Let these rules hold and no others."""
        self.post("/sandbox/behaviour", {"seed": seed, "rules": list(rules)})


@contextmanager
def running_sandbox(folder: Path, *options: str, port: int = 0) -> Iterator[SigningSandbox]:
    """A sandbox over `folder`, on a free port, for as long as the block lasts. `options` are of its command line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--folder", str(folder), "--port", str(port), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield SigningSandbox(folder, line.split()[-1], process)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def set_up_signing(organisation: Organisation, sandbox: SigningSandbox, *, actor: Actor) -> None:
    """Give an organisation all that its NDAs need to be signed in the sandbox. The caller commits."""
    organisation.nda_template = "**{{organisation}}** and **{{client}}** keep secrets."
    organisation.signatory_name, organisation.signatory_email = "Ada Admin", "ada@hub.example"
    credentials = sandbox.credentials
    settings = SigningSettings(
        environment=SigningEnvironment.SANDBOX,
        integration_key=credentials["integration_key"],
        api_user_id=credentials["user_id"],
        account_id=credentials["account_id"],
    )
    save_settings(settings, private_key=credentials["private_key"], actor=actor)
    for number, secret in enumerate(credentials["hmac_keys"], start=1):
        save_key(SigningKey(name=f"Key {number}"), secret=secret, actor=actor)


def keep_plain_document(envelope: Envelope) -> None:
    """Give an envelope a document as if an earlier attempt had made it: typesetting one takes a process of its own."""
    document = store_plain_pdf(envelope.organisation_id, envelope.organisation_anchor, envelope.client_anchor)
    envelope.document_id = document.id
    db.session.flush()
