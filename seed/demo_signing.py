"""Document signatures of the demo, which its signers sign or decline in the signing sandbox, as people would."""

import json
import urllib.request
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.signing.access import find_settings
from customerhub.signing.operations import request_profile_signatures
from customerhub.signing.sandbox_account import connect_sandbox
from customerhub.signing.setting_up import insert_starting_text, list_waiting_profiles
from models import Contract, Envelope, User
from models.base import db
from models.enums import ContractStatus, Role
from seed.demo import NAME, email_of
from seed.reference import find_organisation

DECLINE_REASON: Final = "Clause 4 needs a change: our insurer asks for two years"
EVERYBODY, ORGANISATION, CLIENT_DECLINES, NOBODY = "everybody", "organisation", "client declines", "nobody"
# What becomes of the first documents. The last one waits for whoever tries the demo.
OUTCOMES: Final = (EVERYBODY, ORGANISATION, CLIENT_DECLINES, NOBODY)
ANSWER_SECONDS: Final = 30


def request_demo_signatures() -> list[int]:
    """Set up signing for the demo and ask for the first signatures: the envelopes' ids; none where it is set up.

    Only profiles whose draft contract waits for them are chosen. The caller commits.
    """
    organisation = find_organisation(NAME)
    admin = db.session.scalar(select(User).where(User.email_key == email_of(Role.ADMIN)))
    if organisation is None or admin is None or find_settings(organisation.id) is not None:
        return []
    actor = Actor(admin, organisation.id)
    with history.act_as(actor, "demo"):
        insert_starting_text(organisation, actor=actor)
        connect_sandbox(organisation, actor=actor)
        drafts = select(Contract.invoice_profile_id).where(Contract.status == ContractStatus.DRAFT)
        with_draft = set(db.session.scalars(drafts))
        profiles = [each for each in list_waiting_profiles(actor) if each.id in with_draft]
        envelopes = [request_profile_signatures(each, actor=actor) for each in profiles[: len(OUTCOMES)]]
        db.session.flush()
    return [each.id for each in envelopes]


def sign_demo_documents(envelopes: Sequence[Envelope], sandbox: str) -> None:
    """Let the signers of sent documents do in the sandbox at the address `sandbox` what OUTCOMES says."""
    for envelope, outcome in zip(envelopes, OUTCOMES, strict=False):
        organisation, client = envelope.signers
        if outcome in (EVERYBODY, ORGANISATION):
            _post(f"{sandbox}/sandbox/envelopes/{envelope.remote_id}/sign", {"email": organisation.email})
        if outcome == EVERYBODY:
            _post(f"{sandbox}/sandbox/envelopes/{envelope.remote_id}/sign", {"email": client.email})
        if outcome == CLIENT_DECLINES:
            values = {"email": client.email, "reason": DECLINE_REASON}
            _post(f"{sandbox}/sandbox/envelopes/{envelope.remote_id}/decline", values)


def _post(url: str, values: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(values).encode(), headers, method="POST")  # noqa: S310  # ours
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
        answer.read()
