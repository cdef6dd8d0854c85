"""Signatures while workers are killed, the sandbox fails and events come in any number and order."""

import os
import random
import time

import pytest

from customerhub.customers.invoice_profiles import add_profile
from customerhub.customers.signature_requests import find_current_envelope
from models.base import db
from models.enums import Stage
from tests.customerhub.approvals.conftest import acting
from tests.customerhub.signing.conftest import CLIENT
from tests.support.signing_chaos import Chaos, list_faults
from tests.support.signing_sandbox import keep_plain_document

PROFILES = int(os.environ.get("HUB_CHAOS_PROFILES", "8"))
SECONDS = 60 + 3 * PROFILES


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
def test_every_profile_ends_as_it_was_signed_and_once(signing_org, app, settings):
    profile_ids = []
    for number in range(PROFILES):
        customer = signing_org.org.make_customer(Stage.BILLING)
        with acting(signing_org.author):
            profile = add_profile(customer, name=f"Profile {number}", email=CLIENT, actor=signing_org.author)
            keep_plain_document(find_current_envelope(profile))
            db.session.commit()
        signing_org.add_contract(profile)
        profile_ids.append(profile.id)
    db.session.commit()
    port = int(signing_org.sandbox.host.rpartition(":")[2])
    chaos = Chaos(
        app=app,
        settings=settings.model_copy(update={"sandbox_port": port}),
        sandbox=signing_org.sandbox,
        profile_ids=profile_ids,
        dice=random.Random(11),
        end_by=time.monotonic() + SECONDS,
    )
    chaos.run()
    db.session.expire_all()
    assert list_faults(chaos) == []
    assert chaos.kills > 2
