"""The logins of the demo, which everybody knows: shown and valid only where nobody else can reach the hub."""

import json
from dataclasses import dataclass
from typing import Final

from customerhub.core.config import Settings

LOGINS_FILE: Final = "demo_logins.json"


@dataclass(frozen=True)
class DemoLogin:
    """One login of the demo; `role` in words."""

    role: str
    email: str
    password: str


def list_logins(settings: Settings) -> list[DemoLogin]:
    """The logins that the demo data has left in the data folder; none where they cannot be read."""
    try:
        logins = json.loads((settings.data_dir / LOGINS_FILE).read_text(encoding="utf-8"))
        return [DemoLogin(login["role"], login["email"], login["password"]) for login in logins]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def list_valid_logins(settings: Settings) -> list[DemoLogin]:
    """The logins that may be shown: those that can be used, as nobody but this machine's users reaches the hub."""
    return list_logins(settings) if settings.is_private else []


def describe_exposure(settings: Settings, program: str) -> list[str]:
    """Why the demo's passwords are not valid, and what to do, for the operator; nothing where they are valid.

    `program` is how commands of the hub are called here.
    """
    logins = list_logins(settings)
    if settings.is_private or not logins:
        return []
    return [
        f"  The demo's passwords are not valid, as others can reach this hub: {settings.exposure}.",
        f"  Set a password of your own: {program} password-link --email {logins[0].email}",
    ]
