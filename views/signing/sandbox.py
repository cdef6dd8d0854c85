"""The signing sandbox, as pages of the hub point to it."""

from typing import Any

from flask import url_for

from customerhub.core.permissions import Actor
from customerhub.signing.access import find_settings, get_oauth_url
from customerhub.signing.sandbox_account import check_sandbox_offered
from models import Organisation, SigningSettings
from models.base import db
from models.signing_enums import SigningEnvironment
from views.framework.operation import refusal_reason
from views.setup.nda_template import SANDBOX_OPERATION


def build_offer_banners(actor: Actor) -> list[dict[str, Any]]:
    """The way to try signing out without an account, where there is one."""
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    if refusal_reason(check_sandbox_offered, organisation, actor):
        return []
    url = url_for("organisations.operation_view", operation=SANDBOX_OPERATION.name, id=organisation.id)
    link = {"url": url, "label": SANDBOX_OPERATION.label}
    return [{"kind": "info", "text": "No account yet? The signing sandbox beside this hub needs none.", "link": link}]


def build_sandbox_banners(organisation_id: int) -> list[dict[str, Any]]:
    """That documents are signed in the sandbox, where they are, with the way there."""
    settings = find_settings(organisation_id)
    if not _uses_sandbox(settings):
        return []
    text = "Documents are sent to the signing sandbox instead of DocuSign: nobody gets a mail, and nothing is valid."
    link = {"url": get_oauth_url(SigningEnvironment.SANDBOX), "label": "Open the sandbox's inbox"}
    return [{"kind": "info", "text": text, "link": link}]


def find_sandbox_url(organisation_id: int, remote_id: str | None) -> str | None:
    """The page of an envelope in the sandbox; None where it is not there."""
    if remote_id is None or not _uses_sandbox(find_settings(organisation_id)):
        return None
    return f"{get_oauth_url(SigningEnvironment.SANDBOX)}/envelopes/{remote_id}"


def _uses_sandbox(settings: SigningSettings | None) -> bool:
    return settings is not None and settings.environment is SigningEnvironment.SANDBOX
