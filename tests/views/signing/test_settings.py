"""The set-up of eSignature on its page: keys go in and are never shown, and what is missing is told."""

import io
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import models
from customerhub.core import encryption, history
from customerhub.core.permissions import Actor
from customerhub.signing.settings import MASK
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.signature_operations import set_up_signing
from tests.support.two_organisations import TwoOrganisations, own_organisation

GUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
SECRET = "c2VjcmV0IG9mIENvbm5lY3Q="


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def get_settings(organisations: TwoOrganisations) -> models.SigningSettings:
    key = organisations.own.row_id(models.SigningSettings)
    return db.session.get_one(models.SigningSettings, key)


def edit_url(organisations: TwoOrganisations) -> str:
    return f"/admin/esignature/edit/?id={organisations.own.row_id(models.SigningSettings)}"


def read_key(organisations: TwoOrganisations) -> str | None:
    stored = get_settings(organisations).private_key
    return encryption.decrypt_secret(stored).strip() if stored else None


def list_pages(organisations: TwoOrganisations) -> list[str]:
    """Every page and file that could show a secret."""
    pages = [
        "/admin/esignature/",
        "/admin/esignature/export/csv/",
        "/admin/signing-keys/",
        "/admin/signing-keys/export/csv/",
        "/admin/history/",
    ]
    for screen, model in (("esignature", models.SigningSettings), ("signing-keys", models.SigningKey)):
        key = organisations.own.row_id(model)
        pages += [f"/admin/{screen}/{page}/?id={key}" for page in ("details", "edit")]
        pages.append(f"/admin/{screen}/details/?id={key}&tab=history")
    return pages


def test_secrets_are_on_no_page_and_in_no_file(organisations: TwoOrganisations, admin: Browser, pem: str):
    ids = dict.fromkeys(("integration_key", "api_user_id", "account_id"), GUID)
    assert admin.submit(edit_url(organisations), **ids, private_key=pem).status_code == 303
    key_id = organisations.own.row_id(models.SigningKey)
    assert admin.submit(f"/admin/signing-keys/edit/?id={key_id}", secret=SECRET).status_code == 303
    stored_key = db.session.get_one(models.SigningKey, key_id).secret
    assert encryption.decrypt_secret(stored_key) == SECRET
    secrets = [pem.splitlines()[1], SECRET, stored_key, get_settings(organisations).private_key or ""]
    texts = {url: admin.get(url).text for url in list_pages(organisations)}
    assert all(secret not in text for secret in secrets for text in texts.values())
    assert sum(MASK in text for text in texts.values()) >= 4
    assert GUID in texts["/admin/esignature/export/csv/"], "the ids are no secret"
    assert "/webhooks/docusign" in admin.get("/admin/esignature/open/", follow_redirects=True).text


def test_the_mask_keeps_the_key_and_only_the_box_takes_it_away(
    organisations: TwoOrganisations, admin: Browser, pem: str
):
    url = edit_url(organisations)
    assert 'name="remove_key"' not in admin.get(url).text
    upload = (io.BytesIO(pem.encode()), "key.pem")
    assert admin.submit(url, private_key=" ", key_file=upload).status_code == 303
    assert read_key(organisations) == pem.strip()
    assert admin.read_form(url)["private_key"] == [MASK]
    assert admin.submit(url, reminder_days="5").status_code == 303
    assert admin.submit(url, private_key="").status_code == 303
    assert (read_key(organisations), get_settings(organisations).reminder_days) == (pem.strip(), 5)
    assert admin.submit(url, remove_key="y").status_code == 303
    assert read_key(organisations) is None


def test_a_refused_form_does_not_show_what_was_entered(organisations: TwoOrganisations, admin: Browser, pem: str):
    refused = admin.submit(edit_url(organisations), private_key=pem, account_id="no id")
    assert refused.status_code == 422
    assert pem.splitlines()[1] not in refused.text
    assert "Enter it again" in refused.text
    assert "no id" in refused.text
    junk = admin.submit(edit_url(organisations), key_file=(io.BytesIO(b"\xff\x00" * 30_000), "../../key.pem"))
    assert junk.status_code == 422
    assert "no RSA private key" in junk.text
    assert read_key(organisations) is None


def test_who_opened_it_earlier_is_told(organisations: TwoOrganisations, admin: Browser):
    url = edit_url(organisations)
    stale = admin.read_form(url) | {"expiry_days": "9"}
    assert admin.submit(url, reminder_days="7").status_code == 303
    refused = admin.post(url, stale)
    assert refused.status_code == 409
    assert "saved this record" in refused.text
    assert get_settings(organisations).expiry_days == 30


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT])
def test_others_see_it_and_change_nothing(
    organisations: TwoOrganisations, as_role: Callable[[Role], Browser], admin: Browser, role: Role
):
    browser, url = as_role(role), edit_url(organisations)
    assert "Webhook address" in browser.get(url.replace("edit", "details")).text
    form = admin.read_form(url) | {"reminder_days": "8"}
    assert browser.post(url, form).status_code == 403
    assert browser.get("/admin/esignature/connection/?id=1").status_code == 403
    assert get_settings(organisations).reminder_days == 3


def test_what_belongs_to_another_organisation_does_not_exist(organisations: TwoOrganisations, admin: Browser):
    foreign_id = organisations.foreign.row_id(models.SigningSettings)
    foreign_key = organisations.foreign.row_id(models.SigningKey)
    for url in (
        f"/admin/esignature/details/?id={foreign_id}",
        f"/admin/esignature/operation/test/?id={foreign_id}",
        f"/admin/signing-keys/edit/?id={foreign_key}",
        "/admin/esignature/connection/?id=99",
    ):
        assert admin.get(url).status_code == 404, url


def test_an_organisation_without_a_set_up_begins_with_the_form(organisations: TwoOrganisations, admin: Browser):
    assert admin.get("/admin/esignature/new/").status_code == 403, "there is one already"
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.delete(get_settings(organisations))
        db.session.commit()
    assert admin.get("/admin/esignature/open/").location == "/admin/esignature/new/"
    form = admin.read_form("/admin/esignature/new/")
    assert admin.post("/admin/esignature/new/", form).status_code == 303
    assert admin.post("/admin/esignature/new/", form | {"form_token": ""}).status_code == 403
    assert db.session.query(models.SigningSettings).filter_by(organisation_id=organisations.own.id).count() == 1


def test_what_is_missing_is_told_and_what_waits_is_sent_once(organisations: TwoOrganisations, admin: Browser):
    page = admin.get("/admin/esignature/open/", follow_redirects=True).text
    for text in ("There is no NDA template", "no signatory", "eSignature is not set up"):
        assert text in page
    set_up_signing(organisations)
    profile = make.InvoiceProfileFactory(
        organisation=own_organisation(organisations), customer_id=organisations.own.customers[1], name="مكتب"
    )
    key = profile.id
    page = admin.get("/admin/esignature/open/", follow_redirects=True).text
    assert "no NDA is sent" not in page
    assert "for an NDA that was never sent" in page
    url = f"/admin/esignature/operation/send-waiting/?id={organisations.own.row_id(models.SigningSettings)}"
    form = admin.read_form(url)
    assert "مكتب" in admin.get(url).text
    assert [admin.post(url, form).status_code for _ in range(2)] == [303, 303]
    assert db.session.query(models.Envelope).filter_by(invoice_profile_id=key).count() == 1
    assert "never sent" not in admin.get("/admin/esignature/open/", follow_redirects=True).text


def test_a_retired_key_keeps_its_secret_and_names_are_taken_once(organisations: TwoOrganisations, admin: Browser):
    for expected in (303, 422):
        answer = admin.submit("/admin/signing-keys/new/", name="Connect", secret=SECRET)
        assert answer.status_code == expected
        assert SECRET not in answer.text
    key_id = db.session.query(models.SigningKey).filter_by(name="Connect").one().id
    url = f"/admin/signing-keys/edit/?id={key_id}"
    assert admin.read_form(url)["secret"] == [MASK]
    assert admin.submit(url, active=None, name="Retired").status_code == 303
    key = db.session.get_one(models.SigningKey, key_id)
    assert (key.name, key.active, encryption.decrypt_secret(key.secret)) == ("Retired", False, SECRET)
    assert admin.submit("/admin/signing-keys/new/", name="Blank", secret=" ").status_code == 422
