"""One-time links by which a person sets a password.

A link is signed and carries whom it is for, what for, until when, and the account's sign-in epoch. Setting
the password begins a new epoch, so the link and every other one made before are used up then. Nothing is
stored.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Protocol
from urllib.parse import quote

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import select

from customerhub import clock
from customerhub.config import Settings
from customerhub.errors import WrongState
from models import Organisation, User
from models.base import db
from models.enums import TemplatePurpose

PATH: Final = "/set-password/"
VALID_HOURS: Final = {TemplatePurpose.WELCOME: 72, TemplatePurpose.RESET: 2}
_LINK = re.compile(re.escape(PATH) + r"[\w.%~-]+")
_REFUSAL = "This link has expired or was used before. Ask for a new one."


class Receiver(Protocol):
    """Whom a link is for: a user, or what is known of one who was written a moment ago."""

    @property
    def id(self) -> int: ...
    @property
    def sign_in_epoch(self) -> int: ...


@dataclass(frozen=True)
class OneTimeLinks:
    """Makes and reads the links of one hub. `public_url` is its address without a slash at the end."""

    secret: str
    public_url: str

    @classmethod
    def of(cls, settings: Settings) -> "OneTimeLinks":
        return cls(settings.secret_key, settings.public_url)

    def make(self, user: Receiver, purpose: TemplatePurpose, *, now: datetime) -> str:
        """The address at which `user` sets a password, for as long as VALID_HOURS tells."""
        until = now + timedelta(hours=VALID_HOURS[purpose])
        content = {
            "for": user.id,
            "to": purpose.value,
            "epoch": user.sign_in_epoch,
            "until": int(until.timestamp()),
        }
        return f"{self.public_url}{PATH}{quote(self._signer.dumps(content))}"

    def read(self, token: str, *, as_of: datetime | None = None) -> User:
        """The user whom the last part of a link stands for.

        Raises WrongState where it was tampered with, has expired or was used, or the account is switched off.
        """
        content = self._content(token)
        if content is None or content["until"] < (as_of or clock.now()).timestamp():
            raise WrongState(_REFUSAL)
        user = db.session.scalar(
            select(User)
            .join(Organisation, Organisation.id == User.organisation_id)
            .where(
                User.id == content["for"],
                User.sign_in_epoch == content["epoch"],
                User.active,
                Organisation.active,
            )
        )
        if user is None:
            raise WrongState(_REFUSAL)
        return user

    def find_owner(self, token: str) -> User | None:
        """Whom a link was made for, however old or used it is; None where it is none of ours."""
        content = self._content(token)
        return db.session.get(User, content["for"]) if content is not None else None

    def _content(self, token: str) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = self._signer.loads(token)
        except BadData:
            return None
        return content

    @cached_property
    def _signer(self) -> URLSafeSerializer:
        return URLSafeSerializer(self.secret, salt="one-time link")


def hide_links(text: str) -> str:
    """`text` with every one-time link in it made useless."""
    return _LINK.sub(f"{PATH}used-up", text)
