"""Setting up eSignature with the sandbox in one step."""

import json
from pathlib import Path

import pytest

from customerhub.core import encryption, history
from customerhub.core.errors import NotAllowed, WrongState
from customerhub.signing.access import find_settings, load_access
from customerhub.signing.sandbox_account import connect_sandbox
from models import SigningKey
from models.base import db
from models.signing_enums import SigningEnvironment
from tests.customerhub.approvals.conftest import acting
from tests.customerhub.signing.conftest import compare


@pytest.fixture
def near_sandbox(approval_org, sandbox, replace_services):
    """An organisation without a set-up of signing, beside the sandbox."""
    replace_services(
        signing_sandbox=sandbox.host,
        sandbox_credentials=sandbox.folder / "credentials.json",
        notify_signing_workers=lambda: None,
    )
    return approval_org


def list_secrets(organisation_id):
    keys = db.session.scalars(db.select(SigningKey).where(SigningKey.organisation_id == organisation_id))
    return sorted(encryption.decrypt_secret(each.secret) for each in keys)


def test_all_of_it_is_set_up(near_sandbox, sandbox):
    organisation = near_sandbox.organisation
    with acting(near_sandbox.admin):
        connect_sandbox(organisation, actor=near_sandbox.admin)
        db.session.commit()
    access = load_access(organisation.id)
    assert (access.account_id, access.private_key.strip()) == (
        sandbox.credentials["account_id"],
        sandbox.credentials["private_key"].strip(),
    )
    assert access.oauth_url == sandbox.base_url
    assert list_secrets(organisation.id) == sorted(sandbox.credentials["hmac_keys"])
    assert compare() == "0 corrected"


def test_done_again_it_takes_the_keys_of_today(near_sandbox, sandbox, tmp_path, replace_services):
    organisation = near_sandbox.organisation
    with acting(near_sandbox.admin):
        connect_sandbox(organisation, actor=near_sandbox.admin)
        path = tmp_path / "credentials.json"
        path.write_text(json.dumps({**sandbox.credentials, "hmac_keys": ["another", "and one more"]}))
        replace_services(sandbox_credentials=path)
        connect_sandbox(organisation, actor=near_sandbox.admin)
    assert list_secrets(organisation.id) == ["and one more", "another"]


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ({"allows_sandbox": False}, "others can reach this hub"),
        ({"sandbox_credentials": Path("/nonexistent")}, "has not been started here yet"),
    ],
)
def test_where_there_is_none_it_is_refused(near_sandbox, replace_services, services, message):
    replace_services(**services)
    with acting(near_sandbox.admin), pytest.raises(WrongState, match=message):
        connect_sandbox(near_sandbox.organisation, actor=near_sandbox.admin)


def test_a_set_up_with_docusign_stays(near_sandbox):
    organisation = near_sandbox.organisation
    with acting(near_sandbox.admin):
        settings = connect_sandbox(organisation, actor=near_sandbox.admin)
        settings.environment = SigningEnvironment.PRODUCTION
        db.session.flush()
        with pytest.raises(WrongState, match="set up with DocuSign"):
            connect_sandbox(organisation, actor=near_sandbox.admin)
    assert find_settings(organisation.id).environment is SigningEnvironment.PRODUCTION


def test_agents_may_not(near_sandbox):
    with history.act_as(near_sandbox.agent, "test"), pytest.raises(NotAllowed):
        connect_sandbox(near_sandbox.organisation, actor=near_sandbox.agent)
