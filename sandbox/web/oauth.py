"""Access tokens by the JWT grant, who the user is, and the page on which consent is given."""

import re
import secrets
import time
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Blueprint, Response, g, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from sandbox.account import get_account, set_consent
from sandbox.service import get_service
from sandbox.web.faults import apply_faults_after, apply_faults_before

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_SECONDS: Final = 3600
LEEWAY_SECONDS: Final = 60
SCOPES: Final = frozenset({"signature", "impersonation"})
oauth = Blueprint("oauth", __name__, url_prefix="/oauth")


class _Refused(Exception):
    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@oauth.before_request
def prepare_request() -> ResponseReturnValue | None:
    endpoint = (request.endpoint or "").removeprefix("oauth.")
    return apply_faults_before(endpoint) if endpoint in ("token", "userinfo") else None


@oauth.after_request
def finish_request(answer: Response) -> Response:
    return apply_faults_after(answer)


@oauth.post("/token")
def token() -> ResponseReturnValue:
    """Exchange a signed assertion for an access token."""
    try:
        _check_request()
    except _Refused as refusal:
        answer = {"error": refusal.error}
        if refusal.description:
            answer["error_description"] = refusal.description
        return jsonify(answer), 400
    access_token = secrets.token_urlsafe(48)
    with get_service().store.write() as db:
        db.execute("DELETE FROM access_token WHERE expires_at < ?", (time.time(),))
        db.execute("INSERT INTO access_token VALUES (?, ?)", (access_token, time.time() + TOKEN_SECONDS))
    return jsonify(
        {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(sorted(SCOPES, reverse=True)),
        }
    )


def _check_request() -> None:
    """Raises _Refused with DocuSign's own error."""
    if request.form.get("grant_type") != GRANT_TYPE:
        raise _Refused("unsupported_grant_type")
    assertion = request.form.get("assertion", "")
    with get_service().store.read() as db:
        account = get_account(db)
    try:
        claimed = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise _Refused("invalid_grant", "unsupported_grant_type") from None
    if claimed.get("iss") != account["integration_key"]:
        raise _Refused("invalid_grant", "issuer_not_found")
    _verify_claims(assertion, account["private_key"])
    if str(claimed.get("sub", "")).lower() != account["user_id"]:
        raise _Refused("invalid_grant", "user_not_found")
    if not set(str(claimed.get("scope", "")).split()) >= SCOPES:
        raise _Refused("invalid_scope")
    if not account["has_consent"]:
        raise _Refused("consent_required")


def _verify_claims(assertion: str, private_key: str) -> None:
    key: Any = load_pem_private_key(private_key.encode(), None)
    try:
        jwt.decode(
            assertion,
            key.public_key(),
            algorithms=["RS256"],
            audience=list_own_hosts(),
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "aud", "iss", "sub"]},
        )
    except jwt.ExpiredSignatureError:
        raise _Refused("invalid_grant", "expired_grant") from None
    except jwt.InvalidAudienceError:
        raise _Refused("invalid_grant", "invalid_audience") from None
    except jwt.InvalidTokenError:
        raise _Refused("invalid_grant", "no_valid_keys_or_signatures") from None


def list_own_hosts() -> list[str]:
    """The names under which the sandbox is reached, as an assertion's audience has them."""
    host = get_service().oauth_host
    return [host, host.replace("127.0.0.1", "localhost", 1)]


def find_token_problem() -> str:
    """Why the request's access token is not accepted; empty where it is."""
    kind, _, access_token = request.headers.get("Authorization", "").partition(" ")
    if not kind:
        return "missing"
    with get_service().store.read() as db:
        row = db.execute("SELECT expires_at FROM access_token WHERE token = ?", (access_token,)).fetchone()
    is_valid = kind.lower() == "bearer" and row is not None and row[0] > time.time()
    return "" if is_valid else "invalid"


@oauth.get("/userinfo")
def userinfo() -> ResponseReturnValue:
    if find_token_problem():
        return jsonify({"error": "invalid_token", "reference_id": secrets.token_hex(8)}), 401
    with get_service().store.read() as db:
        account = get_account(db)
    first, _, last = account["user_name"].partition(" ")
    return jsonify(
        {
            "sub": account["user_id"],
            "name": account["user_name"],
            "given_name": first,
            "family_name": last,
            "created": "2026-01-01T00:00:00",
            "email": account["user_email"],
            "accounts": [
                {
                    "account_id": account["account_id"],
                    "is_default": True,
                    "account_name": account["account_name"],
                    "base_uri": get_service().base_uri,
                }
            ],
        }
    )


# --- Consent -------------------------------------------------------------------------------------------------


@oauth.route("/auth", methods=["GET", "POST"])
def auth() -> ResponseReturnValue:
    """Ask whether the integration may act for the user; then back to where the question came from."""
    with get_service().store.read() as db:
        account = get_account(db)
    redirect_uri = request.args.get("redirect_uri", "")
    problem = _find_problem(account["integration_key"], redirect_uri)
    if problem:
        return render_template("message.html", title="Consent", text=problem), 400
    if request.method == "GET":
        g.form_targets = [get_origin(redirect_uri)]
        return render_template("consent.html", account=account, redirect_host=urlsplit(redirect_uri).netloc)
    is_allowed = request.form.get("answer") == "allow"
    if is_allowed:
        with get_service().store.write() as db:
            set_consent(db, is_given=True)
    values = {"code": secrets.token_urlsafe(24)} if is_allowed else {"error": "access_denied"}
    if state := request.args.get("state"):
        values["state"] = state
    return redirect(f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(values)}", 303)


def _find_problem(integration_key: str, redirect_uri: str) -> str:
    if request.args.get("client_id") != integration_key:
        return "The client_id is not the integration key of this sandbox."
    if request.args.get("response_type") != "code":
        return "The response_type is expected to be code."
    if not set(request.args.get("scope", "").split()) >= SCOPES:
        return "The scope is expected to be: signature impersonation."
    if not re.fullmatch(r"https?://[^\s/\\@;,]+(/[^\s\\]*)?", redirect_uri):
        return "The redirect_uri is not an address."
    return ""


def get_origin(address: str) -> str:
    """The beginning of an address, for a Content-Security-Policy; empty where it is an odd one."""
    found = re.match(r"https?://[a-zA-Z0-9.:\[\]-]+(?=/|\?|#|$)", address)
    return found[0] if found else ""
