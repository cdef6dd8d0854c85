"""What workers do for the set-up of signing: a test of the connection, and a preview of the NDA."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from pypdf import PdfReader
from sqlalchemy import select

import models
from customerhub.core import history, storage
from customerhub.core.config import Settings
from customerhub.core.permissions import Actor
from customerhub.mail.nda_template import STARTING_TEXT
from jobs import exports, operations
from models.base import db
from models.enums import Role, TransferState
from tests.support.browser_client import Browser
from tests.support.forked_processes import ROOT
from tests.support.signature_operations import set_up_signing
from tests.support.signing_sandbox import SigningSandbox, running_sandbox
from tests.support.signing_sandbox import set_up_signing as set_up_sandbox
from tests.support.two_organisations import TwoOrganisations, own_organisation

OPEN_PAGES = """
import json, sys
from app import create_app
from models.base import db
from tests.support.browser_client import Browser
app = create_app()
with app.app_context():
    browser = Browser(app, int(sys.argv[1]))
    codes = [browser.get(url, follow_redirects=True).status_code for url in sys.argv[2:]]
print(json.dumps([codes, sorted(name for name in sys.modules if name.startswith("docusign_esign"))]))
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
def settings_url(
    organisations: TwoOrganisations, sandbox: SigningSandbox, replace_services: Callable[..., None]
) -> str:
    """The query that names the set-up of our organisation, which works."""
    replace_services(signing_sandbox=sandbox.host)
    actor = Actor.from_user(db.session.get_one(models.User, organisations.own.users[Role.ADMIN]))
    with history.act_as(actor, "test"):
        query = select(models.SigningSettings).where(models.SigningSettings.organisation_id == organisations.own.id)
        db.session.delete(db.session.scalars(query).one())
        db.session.flush()
        set_up_sandbox(own_organisation(organisations), sandbox, actor=actor)
        key = db.session.scalars(query).one().id
        db.session.commit()
    return f"?id={key}"


def ask_for_test(browser: Browser, settings_url: str) -> str:
    """The page of a test that a worker has done."""
    answer = browser.submit(f"/admin/esignature/operation/test/{settings_url}")
    waiting = browser.get(answer.location)
    assert "data-poll" in waiting.text
    operations.perform(int(answer.location.rpartition("=")[2]))
    db.session.rollback()
    assert "data-poll" not in browser.get(answer.location).text
    return str(answer.location)


def test_the_connection_is_tested_by_a_worker(organisations: TwoOrganisations, admin: Browser, settings_url: str):
    url = ask_for_test(admin, settings_url)
    page = admin.get(url).text
    assert "Connected to the account" in page
    assert "Failed" not in page
    other = Browser(organisations.app, organisations.platform_user)
    assert other.get(url).status_code == 404, "somebody else's"
    assert "Test connection" not in admin.get("/admin/operation-runs/").text


def test_a_missing_consent_is_told_with_its_link(admin: Browser, settings_url: str, sandbox: SigningSandbox):
    sandbox.post("/sandbox/consent", {"given": False})
    try:
        page = admin.get(ask_for_test(admin, settings_url)).text
    finally:
        sandbox.post("/sandbox/consent", {"given": True})
    assert "consent_required" in page
    assert "/oauth/auth?response_type=code&amp;scope=signature+impersonation&amp;client_id=" in page
    assert "redirect_uri=" in page


def test_a_set_up_that_lacks_something_says_so(organisations: TwoOrganisations, admin: Browser):
    key = organisations.own.row_id(models.SigningSettings)
    assert "eSignature is not set up" in admin.get(ask_for_test(admin, f"?id={key}")).text


def test_the_template_is_checked_and_begins_with_a_text(organisations: TwoOrganisations, admin: Browser):
    url = f"/admin/organisations/edit/?id={organisations.own.id}"
    refused = admin.submit(url, nda_template="Between {{organisation}} and {{clent}}")
    assert refused.status_code == 422
    assert "Did you mean {{client}}?" in refused.text
    assert "The name of the invoice profile" in refused.text, "the placeholders are explained"
    begin = f"/admin/organisations/operation/starting-text/?id={organisations.own.id}"
    assert admin.submit(begin).status_code == 303
    assert db.session.get_one(models.Organisation, organisations.own.id).nda_template == STARTING_TEXT.strip()
    assert "already" in admin.get(begin).text


def test_the_nda_is_previewed_by_a_worker(organisations: TwoOrganisations, agent: Browser):
    set_up_signing(organisations)
    url = f"/admin/organisations/operation/preview-nda/?id={organisations.own.id}"
    profile = db.session.get_one(models.InvoiceProfile, organisations.own.row_id(models.InvoiceProfile))
    name = profile.name
    found = agent.get(f"/admin/organisations/ajax/lookup/?name=nda.profile_id&query={name}").json
    assert [profile.id] == [key for key, label in found if label.startswith(name)]
    foreign = str(organisations.foreign.row_id(models.InvoiceProfile))
    for entered in ("", foreign):
        assert agent.submit(url, profile_id=entered).status_code == 422
    answer = agent.submit(url, profile_id=str(profile.id))
    export_id = int(answer.location.rpartition("=")[2])
    exports.write(export_id)
    export = db.session.get_one(models.ListExport, export_id)
    assert (export.state, export.problem) == (TransferState.DONE, None)
    assert export.file is not None
    with storage.open_file(export.file) as stream:
        text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(stream.read())).pages)
    assert name in text
    page = agent.get(answer.location).text
    assert "Back to the organisation" in page


def test_the_web_never_imports_the_sdk(organisations: TwoOrganisations, settings: Settings, admin: Browser):
    set_up_signing(organisations)
    key, own_id = organisations.own.row_id(models.SigningSettings), organisations.own.id
    pages = [
        f"/admin/esignature/details/?id={key}",
        f"/admin/esignature/edit/?id={key}",
        f"/admin/esignature/operation/test/?id={key}",
        f"/admin/organisations/edit/?id={own_id}",
        f"/admin/organisations/operation/preview-nda/?id={own_id}",
        "/admin/signatures/",
    ]
    environment = os.environ | {
        "DATABASE_URL": settings.database_url,
        "HUB_DATA_DIR": str(settings.data_dir),
        "HUB_SECRET_KEY": "tests",
        "REDIS_URL": settings.redis_url or "",
    }
    db.session.commit()
    done = subprocess.run(
        [sys.executable, "-c", OPEN_PAGES, str(admin.user_id), *pages],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    codes, modules = json.loads(done.stdout.splitlines()[-1])
    assert codes == [200] * len(pages)
    assert modules == []
