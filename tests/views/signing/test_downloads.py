"""Several signed PDFs are downloaded as one file, which a job makes of what its owner may see."""

import io
import zipfile
from collections.abc import Sequence

import pytest

import models
from customerhub.core import history, storage
from customerhub.core.permissions import Actor
from jobs import exports
from models.base import db
from models.enums import Role, TransferState
from models.signing_enums import EnvelopeStatus
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.signature_operations import make_envelope
from tests.support.two_organisations import TwoOrganisations, own_organisation

PROFILES = ("Büro", "BÜRO", "../../etc/passwd", "مكتب")
COMPLETED = {"status": EnvelopeStatus.COMPLETED}


def keep_pdf(organisation_id: int, content: bytes) -> models.StoredFile:
    actor = Actor(None, organisation_id)
    with history.act_as(actor, "test"):
        return storage.store_file(
            io.BytesIO(content), "x.pdf", "application/pdf", organisation_id=organisation_id, actor=actor
        )


@pytest.fixture
def envelopes(organisations: TwoOrganisations) -> list[models.Envelope]:
    """Signed documents of one customer."""
    organisation = own_organisation(organisations)
    customer = make.CustomerFactory(organisation=organisation, name="Papyrus / Söhne", account_number="A-1")
    rows = []
    for name in PROFILES:
        profile = make.InvoiceProfileFactory(organisation=organisation, customer_id=customer.id, name=name)
        rows.append(
            make.EnvelopeFactory(
                organisation=organisation,
                customer_id=customer.id,
                invoice_profile_id=profile.id,
                signed_file_id=keep_pdf(organisation.id, f"%PDF-{name}".encode()).id,
                **COMPLETED,
            )
        )
    db.session.commit()
    return rows


def operation_url(rows: Sequence[models.Envelope]) -> str:
    return "/admin/signatures/operation/download-signed/?" + "&".join(f"id={each.id}" for each in rows)


def request_archive(browser: Browser, rows: Sequence[models.Envelope]) -> tuple[str, int]:
    """The page of the export, and its id."""
    answer = browser.submit(operation_url(rows))
    assert answer.status_code == 303
    return answer.location, int(answer.location.rpartition("=")[2])


def read_archive(browser: Browser, export_id: int) -> dict[str, bytes]:
    answer = browser.get(f"/admin/exports/file/?id={export_id}")
    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_each_pdf_is_in_it_by_a_name_of_its_own(agent: Browser, manager: Browser, envelopes: list[models.Envelope]):
    ids = [str(each.id) for each in envelopes]
    begun = agent.post("/admin/signatures/action/", {"rowid": ids, "action": "download-signed"})
    assert "/operation/download-signed/" in begun.location
    url, export_id = request_archive(agent, envelopes)
    exports.write(export_id)
    assert read_archive(agent, export_id) == {
        "A-1 Papyrus - Söhne, Büro.pdf": "%PDF-Büro".encode(),
        "A-1 Papyrus - Söhne, BÜRO (2).pdf": "%PDF-BÜRO".encode(),
        "A-1 Papyrus - Söhne, ..-..-etc-passwd.pdf": b"%PDF-../../etc/passwd",
        "A-1 Papyrus - Söhne, مكتب.pdf": "%PDF-مكتب".encode(),
    }
    page = agent.get(url).text
    assert "4 PDFs, " in page
    assert "Back to document signatures" in page
    assert manager.get(f"/admin/exports/file/?id={export_id}").status_code == 404, "an export is its owner's"


def test_what_is_not_signed_is_left_out_and_said(
    organisations: TwoOrganisations, agent: Browser, envelopes: list[models.Envelope]
):
    waiting = make_envelope(organisations)
    unfetched = make_envelope(organisations, **COMPLETED)
    rows = [envelopes[0], waiting, unfetched]
    page = agent.get(operation_url(rows)).text
    assert "Not all have signed" in page
    assert "The signed PDF has not been fetched yet" in page
    assert agent.submit(operation_url([waiting])).status_code == 409
    _, export_id = request_archive(agent, rows)
    exports.write(export_id)
    assert len(read_archive(agent, export_id)) == 1


def test_only_what_its_owner_may_see_goes_in(
    organisations: TwoOrganisations, agent: Browser, envelopes: list[models.Envelope]
):
    foreign = make.EnvelopeFactory(
        organisation=db.session.get_one(models.Organisation, organisations.foreign.id),
        customer_id=organisations.foreign.customers[0],
        signed_file_id=keep_pdf(organisations.foreign.id, b"%PDF-secret").id,
        **COMPLETED,
    )
    db.session.commit()
    assert agent.get(operation_url([envelopes[0], foreign])).status_code == 404
    _, export_id = request_archive(agent, envelopes[:1])
    export = db.session.get_one(models.ListExport, export_id)
    with history.act_as(Actor(None, export.organisation_id), "test"):
        export.query = {"envelopes": [envelopes[0].id, foreign.id]}
        db.session.commit()
    exports.write(export_id)
    assert list(read_archive(agent, export_id).values()) == ["%PDF-Büro".encode()]


def test_who_is_deactivated_meanwhile_gets_nothing(
    organisations: TwoOrganisations, agent: Browser, envelopes: list[models.Envelope]
):
    _, export_id = request_archive(agent, envelopes)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.User, organisations.own.users[Role.AGENT]).active = False
        db.session.commit()
    exports.write(export_id)
    export = db.session.get_one(models.ListExport, export_id)
    assert (export.state, export.file_id) == (TransferState.FAILED, None)


def test_a_file_that_is_gone_is_named_and_holds_up_no_other(agent: Browser, envelopes: list[models.Envelope]):
    lost = envelopes[0].signed_file
    assert lost is not None
    storage.services.get_current().file_store.remove(lost.storage_key)
    url, export_id = request_archive(agent, envelopes[:2])
    exports.write(export_id)
    assert list(read_archive(agent, export_id).values()) == ["%PDF-BÜRO".encode()]
    assert "1 PDF, " in agent.get(url).text
    assert "No longer there: A-1 Papyrus - Söhne, Büro.pdf" in agent.get(url).text
    _, export_id = request_archive(agent, envelopes[:1])
    exports.write(export_id)
    assert db.session.get_one(models.ListExport, export_id).problem == "None of the files exists any more"
