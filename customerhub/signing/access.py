"""How an organisation reaches its signing service: addresses by environment, ids and keys from its settings."""

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select, update

from customerhub.core import encryption, services
from customerhub.core.errors import WrongState
from customerhub.customers.signature_requests import REQUIRED_SETTINGS
from models import SigningSettings
from models.base import db, get_table
from models.signing_enums import SigningEnvironment

SETTINGS: Final = get_table(SigningSettings)
NOT_SET_UP: Final = "eSignature is not set up"
_OAUTH_HOSTS: Final = {
    SigningEnvironment.DEMO: "account-d.docusign.com",
    SigningEnvironment.PRODUCTION: "account.docusign.com",
}


@dataclass(frozen=True)
class Access:
    """All that is needed to speak with the signing service for one organisation, without the database."""

    organisation_id: int
    oauth_host: str
    is_local: bool  # the sandbox of this machine, which speaks HTTP
    integration_key: str
    user_id: str
    account_id: str
    private_key: str = field(repr=False)
    base_url: str | None

    @property
    def oauth_url(self) -> str:
        return f"{'http' if self.is_local else 'https'}://{self.oauth_host}"


def find_settings(organisation_id: int) -> SigningSettings | None:
    """The eSignature settings of an organisation, if it has some."""
    return db.session.scalars(select(SigningSettings).where(SigningSettings.organisation_id == organisation_id)).first()


def load_access(organisation_id: int) -> Access:
    """How an organisation reaches its signing service. Raises WrongState where it is not set up."""
    settings = find_settings(organisation_id)
    if settings is None or not all(getattr(settings, name) for name in REQUIRED_SETTINGS):
        raise WrongState(NOT_SET_UP)
    return Access(
        organisation_id=organisation_id,
        oauth_host=get_oauth_host(settings.environment),
        is_local=settings.environment is SigningEnvironment.SANDBOX,
        integration_key=settings.integration_key or "",
        user_id=settings.api_user_id or "",
        account_id=settings.account_id or "",
        private_key=encryption.decrypt_secret(settings.private_key or ""),
        base_url=settings.base_url,
    )


def get_oauth_host(environment: SigningEnvironment) -> str:
    """The host that gives tokens in an environment."""
    return _OAUTH_HOSTS.get(environment) or services.get_current().signing_sandbox


def get_oauth_url(environment: SigningEnvironment) -> str:
    """The address that gives tokens in an environment."""
    scheme = "http" if environment is SigningEnvironment.SANDBOX else "https"
    return f"{scheme}://{get_oauth_host(environment)}"


def remember_base_url(organisation_id: int, base_url: str | None) -> None:
    """Keep where the service said the account of an organisation is. That is no change of what people set up."""
    db.session.execute(
        update(SETTINGS)
        .where(SETTINGS.c.organisation_id == organisation_id, SETTINGS.c.base_url.is_distinct_from(base_url))
        .values(base_url=base_url)
    )
