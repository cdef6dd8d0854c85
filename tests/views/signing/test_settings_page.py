"""Set-up > eSignature: keys go in and never come out; what is missing, waits and was answered is told."""

import io
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select

import models
from customerhub.core import encryption
from customerhub.signing.access import record_test
from customerhub.signing.settings import MASK
from models.base import db
from models.enums import Role
from models.signing_enums import SigningEnvironment
from tests.support.forked_processes import ROOT
from tests.support.signature_operations import set_up_signing
from tests.support.two_organisations import change_row

URL = "/admin/esignature/"
GUID = "6f0c0a9e-7c1d-4b59-9a0e-0305e82c3301"
IDS = dict.fromkeys(("integration_key", "api_user_id", "account_id"), GUID)


@pytest.fixture(scope="module")
def pem():
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def own_settings(organisations):
    db.session.expire_all()
    query = select(models.SigningSettings).where(models.SigningSettings.organisation_id == organisations.own.id)
    return db.session.scalars(query).one()


def test_keys_are_kept_and_nowhere_shown(organisations, admin, pem):
    answer = admin.submit(URL, **IDS, private_key=pem, key_name="Connect", key_secret="hush-hush-key")
    assert answer.status_code == 303
    settings = own_settings(organisations)
    assert encryption.decrypt_secret(settings.private_key).strip() == pem.strip()
    pages = [admin.get(URL).text, admin.get("/admin/history/").text]
    pages += [str(entry.changes) for entry in db.session.scalars(select(models.History))]
    secrets = (pem.splitlines()[1], "hush-hush-key", settings.private_key)
    assert not any(secret in page for page in pages for secret in secrets)
    assert MASK in pages[0]
    assert "Connect is active" in pages[0]


def test_the_mask_keeps_the_key_and_a_blank_takes_it_away(organisations, admin, pem):
    admin.submit(URL, **IDS, private_key=pem)
    kept = own_settings(organisations).private_key
    assert admin.submit(URL, reminder_days="9").status_code == 303
    assert (own_settings(organisations).private_key, own_settings(organisations).reminder_days) == (kept, 9)
    assert admin.submit(URL, private_key="").status_code == 303
    assert own_settings(organisations).private_key is None


def test_a_key_comes_as_a_file_too(organisations, admin, pem):
    admin.submit(URL, **IDS, key_file=(io.BytesIO(pem.encode()), "key.pem"))
    assert encryption.decrypt_secret(own_settings(organisations).private_key).strip() == pem.strip()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"private_key": "hello"}, "no RSA private key"),
        ({"account_id": "12"}, "as DocuSign shows it"),
        ({"expiry_days": "0"}, "between 1 and 365"),
        ({"key_secret": "x"}, "Required"),
        ({"key_name": "Connect"}, "Enter the key that DocuSign shows"),
        ({"environment": "elsewhere"}, "Not a valid choice"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_saved(organisations, admin, values, sentence):
    before = own_settings(organisations).account_id
    answer = admin.submit(URL, **{"account_id": GUID} | values)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert own_settings(organisations).account_id == before


def test_a_key_is_retired_and_taken_up_again(organisations, admin):
    admin.submit(URL, account_id=GUID, key_name="Connect", key_secret="abc")
    key = db.session.scalars(select(models.SigningKey).where(models.SigningKey.name == "Connect")).one()
    for is_active in (False, True):
        admin.submit(URL, **{f"key_{key.id}": "y" if is_active else None})
        db.session.refresh(key)
        assert (key.active, encryption.decrypt_secret(key.secret)) == (is_active, "abc")


def test_what_is_missing_waits_and_was_answered_is_told(organisations, admin, pem):
    page = admin.get(URL).text
    assert "There is no NDA template." in page
    assert "eSignature is not set up." in page
    waiting = "wait to be sent for signature"
    assert waiting in page
    set_up_signing(organisations)
    page = admin.get(URL).text
    assert "There is no NDA template." not in page
    assert 'name="_send"' in page
    settings = own_settings(organisations)
    change_row(organisations, settings, environment=SigningEnvironment.DEMO, integration_key=GUID)
    record_test(organisations.own.id, code="consent_required", text="DocuSign answered 400: consent_required")
    page = admin.get(URL).text
    assert "DocuSign answered 400: consent_required" in page
    assert (
        f"https://account-d.docusign.com/oauth/auth?response_type=code&amp;scope=signature%20impersonation&amp;client_id={GUID}"
        in page
    )


def test_what_waits_is_sent_by_one_press(organisations, admin, pem):
    set_up_signing(organisations)
    assert admin.submit(URL, **IDS, private_key=pem, _send="1").status_code == 303
    pending = db.session.scalars(
        select(models.InvoiceProfile).where(models.InvoiceProfile.organisation_id == organisations.own.id)
    ).all()
    envelopes = {
        each.invoice_profile_id
        for each in db.session.scalars(select(models.Envelope).where(models.Envelope.is_current))
    }
    assert {each.id for each in pending} <= envelopes
    foreign = select(models.Envelope).where(models.Envelope.organisation_id == organisations.foreign.id)
    assert len(db.session.scalars(foreign).all()) == 1, "those of others are not sent"


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.PARTNER, Role.CUSTOMER])
def test_nobody_else_opens_it(as_role, role):
    assert as_role(role).get(URL).status_code == 403


def test_the_web_never_imports_the_sdk():
    """What answers people has nothing of DocuSign, of signatures in PDFs and of typesetting loaded."""
    program = (
        "import sys, app\n"
        "from customerhub.core.config import load_settings\n"
        "import tempfile\n"
        "hub = app.create_app(load_settings({'HUB_DATA_DIR': tempfile.mkdtemp()}))\n"
        "client = hub.test_client()\n"
        "client.get('/sign-in'); client.post('/webhooks/docusign', data=b'{}')\n"
        "print([name for name in ('docusign_esign', 'pyhanko', 'pikepdf', 'typst', 'pypdf') if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip().splitlines()[-1] == "[]"
