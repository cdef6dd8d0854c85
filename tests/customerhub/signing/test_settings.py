"""Setting up the signing service: what is checked, and that keys go in and never come out."""

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from customerhub.core import encryption, services
from customerhub.core.errors import Conflict, Invalid, NotAllowed, WrongState
from customerhub.signing.access import load_access
from customerhub.signing.settings import MASK, rotate_secrets, save_key, save_settings
from models import History, SigningKey, SigningSettings
from models.base import db
from models.signing_enums import SigningEnvironment
from tests.customerhub.approvals.conftest import acting
from tests.support.services import replaced_services

GUID = "6f0c0a9e-7c1d-4b59-9a0e-0305e82c3301"


def make_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def pem():
    return make_pem(rsa.generate_private_key(65537, 2048))


def build_settings(**values):
    ids = dict.fromkeys(("integration_key", "api_user_id", "account_id"), GUID)
    return SigningSettings(
        **{"environment": SigningEnvironment.DEMO, "reminder_days": 3, "expiry_days": 30} | ids | values
    )


def save(approval_org, settings, private_key, actor=None):
    with acting(actor or approval_org.admin):
        saved = save_settings(settings, private_key=private_key, actor=actor or approval_org.admin)
        db.session.commit()
    return saved


def test_the_key_is_encrypted_and_leaves_no_trace(approval_org, pem):
    settings = save(approval_org, build_settings(), pem)
    assert pem.strip() not in settings.private_key
    assert load_access(approval_org.id).private_key.strip() == pem.strip()
    assert pem.splitlines()[1] not in repr(load_access(approval_org.id))
    texts = [str(entry.changes) for entry in db.session.scalars(db.select(History))]
    assert not any(pem.splitlines()[1] in text or settings.private_key in text for text in texts)
    assert any("•••" in text for text in texts)
    assert any(GUID in text for text in texts), "the ids are no secret"


def test_the_mask_sent_back_keeps_the_key_and_a_blank_takes_it_away(approval_org, pem):
    settings = save(approval_org, build_settings(), pem)
    kept = settings.private_key
    settings.reminder_days = 5
    assert save(approval_org, settings, MASK).private_key == kept
    assert save(approval_org, settings, " ").private_key is None
    with pytest.raises(WrongState):
        load_access(approval_org.id)


@pytest.mark.parametrize(
    ("make_text", "sentence"),
    [
        (lambda: "hello", "no RSA private key"),
        (lambda: make_pem(ec.generate_private_key(ec.SECP256R1())), "RSA key of at least 2048 bits"),
        (lambda: make_pem(rsa.generate_private_key(65537, 1024)), "RSA key of at least 2048 bits"),
    ],
    ids=["words", "another kind", "too short"],
)
def test_what_is_no_usable_key_is_refused(approval_org, make_text, sentence):
    with pytest.raises(Invalid, match=sentence) as error_info:
        save(approval_org, build_settings(), make_text())
    assert error_info.value.field == "private_key"


@pytest.mark.parametrize(
    ("field", "value"),
    [("account_id", "12345"), ("integration_key", f"{GUID}0"), ("reminder_days", -1), ("expiry_days", 366)],
)
def test_other_fields_are_checked(approval_org, pem, field, value):
    with pytest.raises(Invalid) as error_info:
        save(approval_org, build_settings(**{field: value}), pem)
    assert error_info.value.field == field


def test_the_sandbox_is_for_hubs_that_nobody_else_reaches(approval_org, pem):
    with replaced_services(allows_sandbox=False), pytest.raises(Invalid, match="sandbox"):
        save(approval_org, build_settings(environment=SigningEnvironment.SANDBOX), pem)


def test_only_who_sets_up_may(approval_org, pem):
    for actor in (approval_org.manager, approval_org.agent, approval_org.partner):
        with pytest.raises(NotAllowed):
            save(approval_org, build_settings(), pem, actor)
        with acting(actor), pytest.raises(NotAllowed):
            save_key(SigningKey(name="Mine"), secret="x", actor=actor)


def test_keys_have_names_of_their_own(approval_org):
    with acting(approval_org.admin):
        key = save_key(SigningKey(name="Connect 1"), secret=" abc= ", actor=approval_org.admin)
        assert encryption.decrypt_secret(key.secret) == "abc="
        key.active = False
        save_key(key, secret=MASK, actor=approval_org.admin)
        assert encryption.decrypt_secret(key.secret) == "abc="
        with pytest.raises(Invalid, match="Connect keys"):
            save_key(SigningKey(name="Connect 2"), secret=" ", actor=approval_org.admin)
        db.session.commit()
        with pytest.raises(Conflict):
            save_key(SigningKey(name="Connect 1"), secret="x", actor=approval_org.admin)


def test_a_key_of_the_installation_is_replaced(approval_org, pem):
    settings = save(approval_org, build_settings(), pem)
    with acting(approval_org.admin):
        save_key(SigningKey(name="Connect 1"), secret="abc", actor=approval_org.admin)
        db.session.commit()
    old_keys = services.get_current().encryption_keys
    new_key = Fernet.generate_key().decode()
    with replaced_services(encryption_keys=(new_key, *old_keys)), acting(approval_org.system):
        assert rotate_secrets() == 2
        db.session.commit()
    with replaced_services(encryption_keys=(new_key,)):
        assert load_access(approval_org.id).private_key.strip() == pem.strip()
    with pytest.raises(WrongState, match="HUB_ENCRYPTION_KEYS"):
        encryption.decrypt_secret(settings.private_key)


def test_the_command_replaces_it_and_says_how_many(approval_org, app):
    with acting(approval_org.admin):
        save_key(SigningKey(name="Connect 1"), secret="abc", actor=approval_org.admin)
        db.session.commit()
    answer = app.test_cli_runner().invoke(args=["rotate-secrets"])
    assert (answer.exit_code, answer.output) == (0, "1 secrets are encrypted by the first key.\n")
    db.session.execute(db.text("UPDATE signing_key SET secret = 'junk'"))
    db.session.commit()
    answer = app.test_cli_runner().invoke(args=["rotate-secrets"])
    assert answer.exit_code == 2
    assert "HUB_ENCRYPTION_KEYS" in answer.output
