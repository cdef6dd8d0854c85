"""One-time links by which a person sets a password.

A link is signed and carries whom it is for, what for, until when, and the account's sign-in epoch. Setting
the password begins a new epoch, so the link and every other one made before are used up then. Nothing is
stored.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Protocol
from urllib.parse import quote

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import select

from customerhub.core import clock, services
from customerhub.core.errors import WrongState
from customerhub.core.redaction import PATH
from models import Organisation, User
from models.base import db
from models.enums import TemplatePurpose

VALID_HOURS: Final = {TemplatePurpose.WELCOME: 72, TemplatePurpose.RESET: 2}
_REFUSAL_MESSAGE = "This link has expired or has already been used. Request a new one."


class LinkRecipient(Protocol):
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

    def create(self, user: LinkRecipient, purpose: TemplatePurpose, *, now: datetime) -> str:
        """The address at which `user` sets a password, valid for VALID_HOURS."""
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
        content = self._read_content(token)
        if content is None or content["until"] < (as_of or clock.get_now()).timestamp():
            raise WrongState(_REFUSAL_MESSAGE)
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
            raise WrongState(_REFUSAL_MESSAGE)
        return user

    def find_owner(self, token: str) -> User | None:
        """Whom a link was made for, however old or used it is; None where it is none of ours."""
        content = self._read_content(token)
        return db.session.get(User, content["for"]) if content is not None else None

    def _read_content(self, token: str) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = self._signer.loads(token)
        except BadData:
            return None
        return content

    @cached_property
    def _signer(self) -> URLSafeSerializer:
        return URLSafeSerializer(self.secret, salt="one-time link")


def get_one_time_links() -> OneTimeLinks:
    """What makes and reads the links of the hub that is at work."""
    current = services.get_current()
    return OneTimeLinks(current.link_secret, current.public_url)
