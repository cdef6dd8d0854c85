"""DocuSign's eSignature API, by its own SDK. Nothing else imports the SDK, and only jobs import this.

Everything goes through one `request`, which adds what the SDK lacks: a time limit for every call, no repeating and no
sleeping of its own, and the sandbox's address where an organisation uses that. The hub decides when to try again.
"""

import base64
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import urllib3
from docusign_esign import (
    ApiClient,
    ConnectEventData,
    DateSigned,
    Document,
    Envelope,
    EnvelopeDefinition,
    EnvelopesApi,
    EventNotification,
    Expirations,
    FullName,
    Notification,
    Recipients,
    Reminders,
    Signer,
    SignHere,
    Tabs,
)
from docusign_esign.client.api_exception import ApiException, ArgumentException

from customerhub.signing.access import Access
from customerhub.signing.readings import EnvelopeReading, read_envelope
from customerhub.signing.service import EnvelopeDraft, SignerDraft, SigningServiceError

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 25
TOKEN_SECONDS: Final = 3600  # how long a token is asked for
TOKEN_SPARE_SECONDS: Final = 300  # a token is renewed so long before it ends
MAX_LISTED: Final = 1000  # envelopes that one call lists
SCOPES: Final = ("signature", "impersonation")
EVENTS: Final = (
    *("envelope-sent", "envelope-delivered", "envelope-completed", "envelope-declined", "envelope-voided"),
    *("recipient-sent", "recipient-delivered", "recipient-completed", "recipient-declined"),
    "recipient-autoresponded",
)
_LIMIT_CODES: Final = ("HOURLY_APIINVOCATION_LIMIT_EXCEEDED", "BURST_APIINVOCATION_LIMIT_EXCEEDED")
_TOO_MANY: Final = 429
_UNAUTHORIZED: Final = 401

for _name in ("docusign_esign", "urllib3"):  # the SDK prints to standard error by handlers of its own
    for _handler in list(logging.getLogger(_name).handlers):
        logging.getLogger(_name).removeHandler(_handler)


@dataclass
class _Token:
    header: str
    ends_at: float  # by time.monotonic()


class _Client(ApiClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's client with the `request` described above."""

    def __init__(self, access: Access) -> None:
        super().__init__(host=access.oauth_url, oauth_host_name=access.oauth_host)
        self._access = access
        self.rest_client.pool_manager.connection_pool_kw["retries"] = urllib3.Retry(
            0, redirect=0, respect_retry_after_header=False
        )

    def request(self, method: str, url: str, **options: Any) -> Any:
        if self._access.is_local:
            url = url.replace("https://", "http://", 1)
        return super().request(method, url, **{**options, "_request_timeout": (CONNECT_SECONDS, ANSWER_SECONDS)})


_tokens: dict[tuple[str, str, str], _Token] = {}  # of this process, by host, app and user


class SigningService:
    """The signing service as one organisation reaches it. `base_url` is known once it was asked for anything.

    Every method raises SigningServiceError.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client = _Client(access)
        self.base_url = access.base_url

    @property
    def account_id(self) -> str:
        return self._access.account_id

    def send(self, draft: EnvelopeDraft) -> str:
        """Make an envelope and send it to all signers at once; its id. Asked again, it may make another one."""
        api = self._prepare()
        with _translated_errors():
            answer = api.create_envelope(self._access.account_id, envelope_definition=_build_definition(draft))
        return str(answer.envelope_id)

    def find_by_transaction(self, transaction_id: str) -> EnvelopeReading | None:
        """The envelope that was made with this transaction id; the service knows it for seven days."""
        readings = self._list(transaction_ids=transaction_id)
        return next((each for each in readings if each.transaction_id in (transaction_id, None)), None)

    def read(self, remote_id: str) -> EnvelopeReading:
        """An envelope with its signers, as it is now."""
        api = self._prepare()
        with _translated_errors():
            return read_envelope(api.get_envelope(self._access.account_id, remote_id, include="recipients"))

    def read_many(self, remote_ids: Sequence[str]) -> list[EnvelopeReading]:
        """As `read`, of many; those that the service does not know are left out."""
        return self._list(envelope_ids=",".join(remote_ids)) if remote_ids else []

    def list_changed(self, since: datetime) -> list[EnvelopeReading]:
        """The envelopes of the account whose status changed since then, with their signers."""
        return self._list(from_date=since.astimezone(UTC).isoformat(), from_to_status="changed")

    def void_envelope(self, remote_id: str, reason: str) -> None:
        """End an envelope that not all have signed. See `is_not_voidable` of the error."""
        api = self._prepare()
        with _translated_errors():
            api.update(self._access.account_id, remote_id, envelope=Envelope(status="voided", voided_reason=reason))

    def resend_envelope(self, remote_id: str) -> None:
        """Mail everybody who has not signed once more."""
        api = self._prepare()
        with _translated_errors():
            api.update(self._access.account_id, remote_id, envelope=Envelope(), resend_envelope="true")

    def correct_address(self, remote_id: str, position: int, name: str, email: str) -> None:
        """Send an envelope to another address of one signer. Asked again it does the same."""
        api = self._prepare()
        recipients = Recipients(signers=[Signer(recipient_id=str(position), name=name, email=email)])
        with _translated_errors():
            answer = api.update_recipients(
                self._access.account_id, remote_id, recipients=recipients, resend_envelope="true"
            )
        for each in answer.recipient_update_results or ():
            details = each.error_details
            if details is not None and details.error_code not in (None, "SUCCESS"):
                text = details.message or details.error_code
                raise SigningServiceError(text, code=details.error_code, is_final=True)

    def fetch_signed(self, remote_id: str) -> bytes:
        """The signed document as PDF."""
        return self._fetch(remote_id, "combined")

    def fetch_certificate(self, remote_id: str) -> bytes:
        """The certificate of completion as PDF: who signed, when and from where."""
        return self._fetch(remote_id, "certificate")

    def describe_account(self) -> str:
        """The name of the account, for a test of the connection: a token is asked for anew."""
        _tokens.pop(self._token_key, None)
        self.base_url = None
        return self._sign_in()

    def _fetch(self, remote_id: str, document: str) -> bytes:
        api = self._prepare()
        options = {"certificate": "false"} if document == "combined" else {}
        with _translated_errors():
            content = api.get_document(self._access.account_id, document, remote_id, **options)
        if not isinstance(content, bytes) or not content.startswith(b"%PDF-"):
            raise SigningServiceError("The signing service sent no PDF")
        return content

    def _list(self, **conditions: str) -> list[EnvelopeReading]:
        readings: list[EnvelopeReading] = []
        while True:
            api = self._prepare()
            with _translated_errors():
                answer = api.list_status_changes(
                    self._access.account_id,
                    include="recipients",
                    count=str(MAX_LISTED),
                    start_position=str(len(readings)),
                    **conditions,
                )
                page = [read_envelope(each) for each in answer.envelopes or ()]
            readings += page
            if not page or len(readings) >= int(answer.total_set_size or 0):
                return readings

    @property
    def _token_key(self) -> tuple[str, str, str]:
        return self._access.oauth_host, self._access.integration_key, self._access.user_id

    def _prepare(self) -> EnvelopesApi:
        """The API with a valid token and the account's address."""
        token = _tokens.get(self._token_key)
        if token is None or token.ends_at < time.monotonic() or self.base_url is None:
            self._sign_in()
            token = _tokens[self._token_key]
        self._client.set_default_header("Authorization", token.header)
        self._client.host = f"{self.base_url}/restapi"
        return EnvelopesApi(self._client)

    def _sign_in(self) -> str:
        """Ask for a token and for the address of the account; its name."""
        access = self._access
        with _translated_errors(is_refusal_final=False):  # a consent or a key can be given yet
            token = self._client.request_jwt_user_token(
                access.integration_key,
                access.user_id,
                access.oauth_host,
                access.private_key.encode(),
                TOKEN_SECONDS,
                scopes=SCOPES,
            )
            user = self._client.get_user_info(token.access_token)
        account = next((each for each in user.accounts or () if each.account_id == access.account_id), None)
        if account is None:
            raise SigningServiceError("The user of the settings does not belong to the account of the settings")
        seconds = int(token.expires_in or TOKEN_SECONDS) - TOKEN_SPARE_SECONDS
        header = self._client.default_headers["Authorization"]
        _tokens[self._token_key] = _Token(header, time.monotonic() + max(seconds, 0))
        self.base_url = str(account.base_uri).rstrip("/")
        return str(account.account_name)


def forget_tokens() -> None:
    """Ask for new tokens from here on: one was refused."""
    _tokens.clear()


# --- What is sent ----------------------------------------------------------------------------------------------


def _build_definition(draft: EnvelopeDraft) -> EnvelopeDefinition:
    document = Document(
        document_id="1",
        name=draft.file_name,
        file_extension="pdf",
        document_base64=base64.b64encode(draft.pdf).decode(),
    )
    return EnvelopeDefinition(
        status="sent",
        transaction_id=draft.transaction_id,
        email_subject=draft.subject,
        email_blurb=draft.message,
        allow_reassign="false",
        documents=[document],
        recipients=Recipients(signers=[_build_signer(each) for each in draft.signers]),
        event_notification=_build_event_notification(draft.webhook_url),
        notification=_build_notification(draft.expire_after_days),
    )


def _build_signer(draft: SignerDraft) -> Signer:
    """A signer whom the service asks by mail: with a clientUserId it would not. All of them are asked at once."""
    return Signer(
        recipient_id=str(draft.position),
        routing_order="1",
        name=draft.name,
        email=draft.email,
        tabs=Tabs(
            sign_here_tabs=[_place(SignHere, anchor, y=0) for anchor in draft.anchors],
            full_name_tabs=[_place(FullName, anchor, y=16) for anchor in draft.anchors],
            date_signed_tabs=[_place(DateSigned, anchor, y=30) for anchor in draft.anchors],
        ),
    )


def _place(tab: Callable[..., Any], anchor: str, *, y: int) -> Any:
    return tab(
        document_id="1", anchor_string=anchor, anchor_units="pixels", anchor_x_offset="0", anchor_y_offset=str(y)
    )


def _build_event_notification(url: str) -> EventNotification:
    return EventNotification(
        url=url,
        include_hmac="true",
        require_acknowledgment="true",
        logging_enabled="true",
        delivery_mode="SIM",
        events=list(EVENTS),
        event_data=ConnectEventData(version="restv2.1", format="json", include_data=["recipients"]),
    )


def _build_notification(expire_after_days: int) -> Notification:
    """The hub reminds by itself and lets envelopes expire; DocuSign's own expiry is for a hub that is gone."""
    return Notification(
        use_account_defaults="false",
        reminders=Reminders(reminder_enabled="false"),
        expirations=Expirations(expire_enabled="true", expire_after=str(expire_after_days), expire_warn="0"),
    )


# --- What goes wrong -------------------------------------------------------------------------------------------


@contextmanager
def _translated_errors(*, is_refusal_final: bool = True) -> Iterator[None]:
    """A call whose failures are SigningServiceErrors. Whether what was asked for was done nobody knows then."""
    try:
        yield
    except ApiException as error:
        raise _translate_error(error, is_refusal_final) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise SigningServiceError(f"The signing service does not answer ({type(error).__name__})") from error
    except (ValueError, ArgumentException) as error:  # a key that is none, an answer that cannot be read
        raise SigningServiceError(f"{type(error).__name__}: {error}") from error


def _translate_error(error: ApiException, is_refusal_final: bool) -> SigningServiceError:
    code, text = _read_error(error)
    status = int(error.status or 0)
    if status == _TOO_MANY or code in _LIMIT_CODES:
        text = "The signing service takes no more calls for now"
        return SigningServiceError(text, code=code, try_at=_find_reset(error.headers or {}))
    if status == _UNAUTHORIZED:
        forget_tokens()
        return SigningServiceError(text, code=code)
    return SigningServiceError(text, code=code, is_final=is_refusal_final and 400 <= status < 500)


def _read_error(error: ApiException) -> tuple[str, str]:
    """DocuSign's word for an error, and what it says of it."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body or ""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    code = str(answer.get("errorCode") or answer.get("error") or "")
    text = answer.get("message") or answer.get("error_description") or error.reason or "no reason was given"
    return code, f"DocuSign answered {error.status}: {f'{code}: ' if code else ''}{text}"


def _find_reset(headers: Any) -> datetime:
    """When calls are taken again, by the service or in an hour at the latest."""
    now = datetime.now(UTC)
    try:
        reset_at = datetime.fromtimestamp(int(headers.get("X-RateLimit-Reset", "")), UTC)
    except (ValueError, OverflowError, OSError):
        try:
            reset_at = now + timedelta(seconds=int(headers.get("Retry-After", "")))
        except (ValueError, OverflowError):
            reset_at = now + timedelta(minutes=5)
    return min(max(reset_at, now + timedelta(seconds=30)), now + timedelta(hours=1, minutes=1))
