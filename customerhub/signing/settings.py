"""Setting up how an organisation reaches its signing service. Keys go in and never come out."""

import re
from typing import Final

from sqlalchemy import select

from customerhub.core import encryption, services
from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.row_validation import Problems, clean_row
from customerhub.core.validation import clean_text
from customerhub.signing.access import find_settings
from models import SigningKey, SigningSettings
from models.base import db
from models.signing_enums import SigningEnvironment

MASK: Final = "••••••••"  # what stands for a key that is kept; sent back it keeps it
MIN_KEY_BITS: Final = 2048
ID_FIELDS: Final = ("integration_key", "api_user_id", "account_id")
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WRONG_ID: Final = "Enter it as DocuSign shows it, such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301"


def save_settings(settings: SigningSettings, *, private_key: str | None, actor: Actor) -> SigningSettings:
    """Check and flush the settings. `private_key` is as it was entered: the mask keeps the one that there is.

    Raises Invalid with every problem.
    """
    with save_changes():
        require_permission(actor, Permission.SETUP_EDIT)
        require_access(actor, settings)
        if settings.id is None:
            settings.organisation_id = actor.organisation_id
        problems = clean_row(settings) + _list_problems(settings)
        entered_key = (private_key or "").strip()
        if entered_key != MASK:
            problems += _list_key_problems(entered_key)
        if problems:
            raise Invalid.from_problems(problems)
        if entered_key != MASK:
            settings.private_key = encryption.encrypt_secret(entered_key + "\n") if entered_key else None
        settings.base_url = None  # asked for again: the account may be another one
        db.session.add(settings)
    return settings


def get_or_create(organisation_id: int) -> SigningSettings:
    """The settings of an organisation; new ones where it has none yet."""
    return find_settings(organisation_id) or SigningSettings(
        organisation_id=organisation_id, environment=SigningEnvironment.DEMO, reminder_days=3, expiry_days=30
    )


def list_environments() -> list[SigningEnvironment]:
    """What an organisation can choose from: the sandbox only where nobody from outside reaches the hub."""
    current = services.get_current()
    return [each for each in SigningEnvironment if each is not SigningEnvironment.SANDBOX or current.allows_sandbox]


def _list_problems(settings: SigningSettings) -> Problems:
    problems = [
        (field, _WRONG_ID)
        for field in ID_FIELDS
        if (value := getattr(settings, field)) is not None and not _GUID.fullmatch(value)
    ]
    if settings.environment not in list_environments():
        text = "The sandbox is for trying things out: others can reach this hub. Choose DocuSign or its demo"
        problems.append(("environment", text))
    for field, low in (("reminder_days", 0), ("expiry_days", 1)):
        value = getattr(settings, field)
        if value is not None and not low <= value <= 365:
            problems.append((field, f"Enter a value from {low} to 365"))
    return problems


def _list_key_problems(text: str) -> Problems:
    """What is wrong with an RSA private key in PEM; a blank one takes the key away."""
    if not text:
        return []
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        text = "This is no RSA private key. It begins with -----BEGIN RSA PRIVATE KEY----- and has no password"
        return [("private_key", text)]
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        return [("private_key", f"Use an RSA key of at least {MIN_KEY_BITS} bits")]
    return []


def save_key(key: SigningKey, *, secret: str | None, actor: Actor) -> SigningKey:
    """Check and flush an HMAC key. `secret` is as it was entered: the mask keeps the one that there is.

    Raises Invalid with every problem, Conflict where the name is taken.
    """
    with save_changes():
        require_permission(actor, Permission.SETUP_EDIT)
        require_access(actor, key)
        if key.id is None:
            key.organisation_id = actor.organisation_id
        entered_secret = clean_text(secret or "", max_length=500)
        if entered_secret != MASK:
            if entered_secret is None:
                raise Invalid("Enter the key that DocuSign shows under Connect keys", "secret")
            key.secret = encryption.encrypt_secret(entered_secret)
        problems = clean_row(key)
        if problems:
            raise Invalid.from_problems(problems)
        db.session.add(key)
    return key


def rotate_secrets() -> int:
    """Encrypt the secrets of all organisations by the first of the installation's keys; how many there were.

    Raises WrongState where one of them cannot be read. The caller commits.
    """
    columns = ((SigningSettings, SigningSettings.private_key), (SigningKey, SigningKey.secret))
    count = 0
    with save_changes():
        for model, column in columns:
            for row in db.session.scalars(select(model).where(column.is_not(None)).with_for_update()):
                setattr(row, column.key, encryption.rotate_secret(getattr(row, column.key)))
                count += 1
    return count
