"""The programs that `bench/signing.py` measures, each a process of its own: they print their seconds, wall and CPU."""

import json
import sys
import time
from pathlib import Path
from typing import Any

HOUR = 3600
Seconds = tuple[float, float]


def read_clocks() -> Seconds:
    return time.perf_counter(), time.process_time()


def measure_since(began: Seconds) -> Seconds:
    now = read_clocks()
    return now[0] - began[0], now[1] - began[1]


def send_by_hub() -> Seconds:
    """As a worker: the app stands, and the SDK was never imported."""
    from app import create_app
    from customerhub.core.pdf import allow_typesetting
    from jobs import signing

    app = create_app()
    allow_typesetting()  # as the process of one job does
    with app.app_context():
        if "docusign_esign" in sys.modules:
            raise RuntimeError("the SDK is there already")
        began = read_clocks()
        summary = signing.perform_requests()
        seconds = measure_since(began)
    if summary != "1 done":
        raise RuntimeError(summary)
    return seconds


def send_by_sdk(task: dict[str, Any]) -> Seconds:
    """The SDK by itself, with a token and the user as the hub asks for them; by HTTP, as the sandbox speaks it."""
    began = read_clocks()
    import docusign_esign as sdk

    class Client(sdk.ApiClient):  # type: ignore[misc]
        def request(self, method: str, url: str, **options: Any) -> Any:
            return super().request(method, url.replace("https://", "http://", 1), **options)

    client = Client(oauth_host_name=task["oauth_host"])
    token = client.request_jwt_user_token(
        task["integration_key"],
        task["user_id"],
        task["oauth_host"],
        task["private_key"].encode(),
        HOUR,
        ("signature", "impersonation"),
    )
    account = client.get_user_info(token.access_token).accounts[0]
    client.host = f"{account.base_uri}/restapi"
    envelope = sdk.EnvelopesApi(client).create_envelope(account.account_id, envelope_definition=_define(sdk, task))
    seconds = measure_since(began)
    if envelope.status != "sent":
        raise RuntimeError(envelope.status)
    return seconds


def _define(sdk: Any, task: dict[str, Any]) -> Any:
    """The envelope, with the fields that the hub asks for."""
    signers = [
        sdk.Signer(
            recipient_id=str(number),
            routing_order="1",
            name=f"Signer {number}",
            email=f"signer{number}@bench.example",
            tabs=sdk.Tabs(
                sign_here_tabs=[sdk.SignHere(document_id="1", anchor_string=anchor)],
                full_name_tabs=[sdk.FullName(document_id="1", anchor_string=anchor, anchor_y_offset="16")],
                date_signed_tabs=[sdk.DateSigned(document_id="1", anchor_string=anchor, anchor_y_offset="30")],
            ),
        )
        for number, anchor in enumerate(task["anchors"], 1)
    ]
    return sdk.EnvelopeDefinition(
        status="sent",
        email_subject="Please sign",
        documents=[sdk.Document(document_id="1", name="NDA.pdf", document_base64=task["content"])],
        recipients=sdk.Recipients(signers=signers),
    )


if __name__ == "__main__":
    if sys.argv[1] == "hub":
        print(*send_by_hub())
    else:
        print(*send_by_sdk(json.loads(Path(sys.argv[2]).read_text())))
