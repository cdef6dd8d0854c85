"""The account of the signing sandbox beside this hub, set up in one step."""

import json
from typing import Any, Final

from sqlalchemy import select

from customerhub.core import services
from customerhub.core.errors import WrongState
from customerhub.core.permissions import Actor
from customerhub.customers.signature_requests import REQUIRED_SETTINGS
from customerhub.signing.settings import get_or_create, save_key, save_settings
from models import Organisation, SigningKey, SigningSettings
from models.base import db
from models.signing_enums import SigningEnvironment

KEY_NAME: Final = "Signing sandbox {}"
NOT_STARTED: Final = "The signing sandbox has not been started here yet: `flask --app app signing-sandbox` starts it"


def check_sandbox_offered(organisation: Organisation, actor: Actor) -> None:
    """Raises WrongState where there is no sandbox for the organisation, or DocuSign is set up."""
    if organisation.id != actor.organisation_id:
        raise WrongState("Switch to this organisation first")
    if not services.get_current().allows_sandbox:
        raise WrongState("The sandbox is for trying things out: others can reach this hub")
    settings = get_or_create(organisation.id)
    is_complete = all(getattr(settings, name) for name in REQUIRED_SETTINGS)
    if is_complete and settings.environment is not SigningEnvironment.SANDBOX:
        raise WrongState("eSignature is set up with DocuSign")
    _read_credentials()


def connect_sandbox(organisation: Organisation, *, actor: Actor) -> SigningSettings:
    """Set up eSignature with the account and the keys of the sandbox. Raises WrongState as `check_sandbox_offered`."""
    check_sandbox_offered(organisation, actor)
    credentials = _read_credentials()
    settings = get_or_create(organisation.id)
    settings.environment = SigningEnvironment.SANDBOX
    settings.integration_key = credentials["integration_key"]
    settings.api_user_id = credentials["user_id"]
    settings.account_id = credentials["account_id"]
    save_settings(settings, private_key=credentials["private_key"], actor=actor)
    for number, secret in enumerate(credentials["hmac_keys"], start=1):
        save_key(_find_or_create_key(organisation.id, KEY_NAME.format(number)), secret=secret, actor=actor)
    return settings


def _find_or_create_key(organisation_id: int, name: str) -> SigningKey:
    named = select(SigningKey).where(SigningKey.organisation_id == organisation_id, SigningKey.name == name)
    return db.session.scalars(named).first() or SigningKey(name=name)


def _read_credentials() -> dict[str, Any]:
    """Raises WrongState where there are none."""
    try:
        credentials: dict[str, Any] = json.loads(services.get_current().sandbox_credentials.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise WrongState(NOT_STARTED) from None
    return credentials
