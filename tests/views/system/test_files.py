"""Files on forms: uploaded, replaced, removed, refused, kept over a refusal, and read by those who may."""

import io
from pathlib import Path
from typing import Any

import pytest

import models
from customerhub.core import history, storage
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import PortalPermission, ProfileStatus, Role
from tests.support.browser_client import Browser, parse_form
from tests.support.pdfs import build_plain_pdf
from tests.support.row_changes import changes_since, last_change_id
from tests.support.two_organisations import TwoOrganisations, change_row

PDF = b"%PDF-1.7 a certificate"
HOSTILE_NAMES = {
    "../../etc/passwd": "passwd",
    "a\x00b.pdf": "ab.pdf",
    "<script>alert(1)</script>.html": "script.html",
    ".htaccess": "htaccess",
    "x" * 300 + ".pdf": "x" * 196 + ".pdf",
    "Zeugnis „Ü“ 证书.pdf": "Zeugnis „Ü“ 证书.pdf",
}


def edit_url(organisations: TwoOrganisations) -> str:
    return f"/admin/customers/edit/?id={organisations.own.customers[0]}"


def get_document(organisations: TwoOrganisations) -> models.ComplianceDocument:
    return db.session.get_one(models.Customer, organisations.own.customers[0]).compliance_documents[0]


def build_upload(data: bytes = PDF, name: str = "iso.pdf") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def stored_bytes(organisations: TwoOrganisations) -> set[bytes]:
    folder: Path = organisations.app.config["HUB"].files_dir
    return {path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def store_certificate(organisations: TwoOrganisations, data: bytes = PDF) -> int:
    """A file on our first customer's certificate."""
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        file = storage.store_file(io.BytesIO(data), "old.pdf", None, organisation_id=organisations.own.id, actor=actor)
        get_document(organisations).file_id = file.id
        db.session.commit()
    return file.id


def test_a_file_is_uploaded_with_its_row_in_one_change(organisations: TwoOrganisations, admin: Browser):
    mark = last_change_id()
    new = {
        "compliance_documents-1-certificate": "Licence",
        "compliance_documents-1-expiry_date": "2030-01-31",
        "compliance_documents-1-file_id": build_upload(),
    }
    assert admin.submit(edit_url(organisations), **new).status_code == 303
    file = db.session.get_one(models.Customer, organisations.own.customers[0]).compliance_documents[1].file
    assert (file.name, file.content_type, file.size) == ("iso.pdf", "application/pdf", len(PDF))
    assert admin.get(f"/files/{file.id}").data == PDF
    recorded_changes = [(entry.action, entry.table_name) for entry in changes_since(mark)]
    assert recorded_changes == [("created", "stored_file"), ("created", "compliance_document")]


def test_a_profile_with_an_nda_is_completed_at_once(organisations: TwoOrganisations, admin: Browser):
    new = {
        "invoice_profiles-1-name": "With NDA",
        "invoice_profiles-1-email": "a@x.example",
        "invoice_profiles-1-nda_file_id": build_upload(build_plain_pdf("Signed"), "nda.pdf"),
    }
    mark = last_change_id()
    assert admin.submit(edit_url(organisations), **new).status_code == 303
    (profile_entry,) = [entry for entry in changes_since(mark) if entry.table_name == "invoice_profile"]
    assert (profile_entry.action, profile_entry.changes["status"]) == ("created", [None, ProfileStatus.COMPLETED.value])


def test_a_replaced_file_is_gone_for_good(organisations: TwoOrganisations, admin: Browser):
    old = store_certificate(organisations, b"%PDF-1.4 old")
    assert (
        admin.submit(edit_url(organisations), **{"compliance_documents-0-file_id": build_upload()}).status_code == 303
    )
    assert get_document(organisations).file.name == "iso.pdf"
    assert db.session.get(models.StoredFile, old) is None
    assert stored_bytes(organisations) == {PDF}
    assert admin.get(f"/files/{old}").status_code == 404


def test_a_removed_file_is_gone_for_good(organisations: TwoOrganisations, admin: Browser):
    old = store_certificate(organisations)
    assert admin.submit(edit_url(organisations), **{"compliance_documents-0-file_id-remove": "1"}).status_code == 303
    assert get_document(organisations).file_id is None
    assert db.session.get(models.StoredFile, old) is None
    assert stored_bytes(organisations) == set()


def test_the_file_of_a_removed_row_is_gone_with_it(organisations: TwoOrganisations, admin: Browser):
    old = store_certificate(organisations)
    assert admin.submit(edit_url(organisations), **{"del-compliance_documents-0": "1"}).status_code == 303
    assert db.session.get(models.StoredFile, old) is None
    assert stored_bytes(organisations) == set()


def test_a_file_that_another_row_holds_stays(organisations: TwoOrganisations, admin: Browser):
    old = store_certificate(organisations)
    other = db.session.get_one(models.Customer, organisations.own.customers[1]).compliance_documents[0]
    with history.act_as(Actor(None, organisations.own.id), "test"):
        other.file_id = old
        db.session.commit()
    assert admin.submit(edit_url(organisations), **{"compliance_documents-0-file_id-remove": "1"}).status_code == 303
    assert db.session.get(models.StoredFile, old) is not None
    assert stored_bytes(organisations) == {PDF}


def test_an_untouched_file_stays(organisations: TwoOrganisations, admin: Browser):
    old = store_certificate(organisations)
    empty = {"compliance_documents-0-file_id": (io.BytesIO(b""), "")}  # what a browser sends where none was chosen
    assert admin.submit(edit_url(organisations), website="www.example.com", **empty).status_code == 303
    assert get_document(organisations).file_id == old


@pytest.mark.parametrize(("name", "safe"), HOSTILE_NAMES.items())
def test_a_name_is_made_safe(organisations: TwoOrganisations, admin: Browser, name: str, safe: str):
    answer = admin.submit(edit_url(organisations), **{"compliance_documents-0-file_id": build_upload(b"no pdf", name)})
    assert answer.status_code == 303
    file = get_document(organisations).file
    assert file.name == safe
    answer = admin.get(f"/files/{file.id}")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Injected" not in answer.headers
    assert safe.partition("„")[0] in admin.get(edit_url(organisations)).text


@pytest.mark.parametrize(("data", "why"), [(b"", "The file is empty"), (b"x" * 1001, "too large")])
def test_a_file_that_cannot_be_stored_is_shown_at_its_field(
    organisations: TwoOrganisations, admin: Browser, data: bytes, why: str, monkeypatch
):
    monkeypatch.setitem(organisations.app.config, "HUB", small_file_limit(organisations))
    mark = last_change_id()
    answer = admin.submit(
        edit_url(organisations), website="www.example.com", **{"compliance_documents-0-file_id": build_upload(data)}
    )
    assert answer.status_code == 422
    assert why in answer.text
    assert parse_form(answer.text)["website"] == ["www.example.com"]
    assert changes_since(mark) == []
    assert stored_bytes(organisations) == set()


def small_file_limit(organisations: TwoOrganisations) -> Any:
    """Settings that allow a thousand bytes a file."""
    return organisations.app.config["HUB"].model_copy(update={"max_upload_bytes": 1000})


def test_more_than_a_request_may_hold_is_refused_as_a_whole(
    organisations: TwoOrganisations, admin: Browser, monkeypatch
):
    monkeypatch.setitem(organisations.app.config, "MAX_CONTENT_LENGTH", 20_000)
    mark = last_change_id()
    answer = admin.submit(edit_url(organisations), **{"compliance_documents-0-file_id": build_upload(b"x" * 20_000)})
    assert answer.status_code == 413
    assert "too large" in answer.text
    assert changes_since(mark) == []


def test_a_file_survives_a_form_that_is_refused(organisations: TwoOrganisations, admin: Browser):
    answer = admin.submit(edit_url(organisations), email="nobody", **{"compliance_documents-0-file_id": build_upload()})
    assert answer.status_code == 422
    assert "iso.pdf" in answer.text
    assert (
        admin.post(edit_url(organisations), parse_form(answer.text) | {"email": "office@x.example"}).status_code == 303
    )
    assert get_document(organisations).file.name == "iso.pdf"
    assert admin.get(f"/files/{get_document(organisations).file_id}").data == PDF


def test_nobody_else_can_use_a_file_that_waits(organisations: TwoOrganisations, admin: Browser):
    answer = admin.submit(edit_url(organisations), email="nobody", **{"compliance_documents-0-file_id": build_upload()})
    token = parse_form(answer.text)["compliance_documents-0-file_id-held"]
    colleague = Browser(organisations.app, organisations.own.users[Role.AGENT])
    stranger = Browser(organisations.app, organisations.foreign.users[Role.ADMIN])
    before = get_document(organisations).file_id
    for browser, side in ((colleague, organisations.own), (stranger, organisations.foreign)):
        url = f"/admin/customers/edit/?id={side.customers[0]}"
        answer = browser.submit(url, **{"compliance_documents-0-file_id-held": token})
        assert answer.status_code == 422
        assert "no longer available" in answer.text
    assert get_document(organisations).file_id == before
    stored_file = db.session.query(models.StoredFile).filter_by(name="iso.pdf").one()
    for browser in (admin, colleague, stranger):
        assert browser.get(f"/files/{stored_file.id}").status_code == 404


@pytest.mark.parametrize("token", ["1", "abc", "[]", "x" * 5000, "\x00", "WzEsMV0.aaaa.bbbb"])
def test_a_token_that_was_never_given_stands_for_nothing(organisations: TwoOrganisations, admin: Browser, token: str):
    before = get_document(organisations).file_id
    answer = admin.submit(
        edit_url(organisations), website="www.example.com", **{"compliance_documents-0-file_id-held": token}
    )
    assert answer.status_code == 422
    assert "The file you uploaded is no longer available. Choose it again" in answer.text
    form = parse_form(answer.text)
    assert "compliance_documents-0-file_id-held" not in form
    assert admin.post(edit_url(organisations), form).status_code == 303
    assert get_document(organisations).file_id == before


def test_a_file_that_is_no_longer_kept_does_not_vanish_in_silence(organisations: TwoOrganisations, admin: Browser):
    answer = admin.submit(
        edit_url(organisations), year_end_day="abc", **{"compliance_documents-0-file_id": build_upload()}
    )
    stored_file = db.session.query(models.StoredFile).filter_by(name="iso.pdf").one()
    with history.act_as(Actor(None, organisations.own.id), "test"):
        storage.remove(stored_file)
        db.session.commit()
    again = admin.post(edit_url(organisations), parse_form(answer.text) | {"year_end_day": ""})
    assert again.status_code == 422
    assert "no longer available" in again.text


def test_a_file_where_a_text_is_expected_counts_as_nothing(organisations: TwoOrganisations, admin: Browser):
    form = admin.read_form(edit_url(organisations))
    for field in (
        "name",
        "start_date",
        "credit_limit",
        "risk",
        "region_id",
        "departments",
        "billing_day",
        "version",
        "contacts-0-name",
        "contacts-0-id",
        "portal_access",
        "account_manager_id",
        "original",
    ):
        remaining_values = {key: value for key, value in form.items() if key != field}
        answer = admin.post(edit_url(organisations), remaining_values | {field: build_upload()})
        assert answer.status_code in (303, 409, 422), field
        form = admin.read_form(edit_url(organisations))


def test_a_text_where_a_file_is_expected_counts_as_nothing(organisations: TwoOrganisations, admin: Browser):
    before = get_document(organisations).file_id
    foreign_file_id = str(organisations.foreign.row_id(models.StoredFile))
    assert (
        admin.submit(edit_url(organisations), **{"compliance_documents-0-file_id": foreign_file_id}).status_code == 303
    )
    assert get_document(organisations).file_id == before


# --- Who reads a file --------------------------------------------------------------------------------------


def list_readers(organisations: TwoOrganisations, file: int) -> set[str]:
    people = {role.value: key for role, key in organisations.own.users.items()}
    return {
        name for name, key in people.items() if Browser(organisations.app, key).get(f"/files/{file}").status_code == 200
    }


def test_a_certificate_is_read_by_staff_and_its_customer(organisations: TwoOrganisations):
    assert list_readers(organisations, store_certificate(organisations)) == {"admin", "manager", "agent", "customer"}


@pytest.mark.parametrize(
    ("permissions", "access"),
    [
        ([PortalPermission.DASHBOARD], True),
        ([PortalPermission.DOCUMENTS, PortalPermission.DENY_ALL], True),
        ([], True),
        ([PortalPermission.DOCUMENTS], False),
    ],
)
def test_a_portal_user_reads_documents_only_where_the_portal_shows_them(
    organisations: TwoOrganisations, permissions: Any, access: bool
):
    user = db.session.get_one(models.User, organisations.own.users[Role.CUSTOMER])
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    change_row(organisations, user, portal_permissions=[permission.value for permission in permissions])
    change_row(organisations, customer, portal_access=access)
    file = store_certificate(organisations)
    assert "customer" not in list_readers(organisations, file)
    portal = Browser(organisations.app, organisations.own.users[Role.CUSTOMER]).get("/portal/").text
    assert f"/files/{file}" not in portal


def test_an_nda_is_for_staff_only(organisations: TwoOrganisations):
    """Neither the portal nor a page of partners shows it, so it is not there by address either."""
    file = store_certificate(organisations)
    profile = db.session.get_one(models.Customer, organisations.own.customers[0]).invoice_profiles[0]
    change_row(organisations, get_document(organisations), file_id=None)
    change_row(organisations, profile, nda_file_id=file)
    assert list_readers(organisations, file) == {"admin", "manager", "agent"}


def test_a_file_that_hangs_on_nothing_is_read_by_nobody(organisations: TwoOrganisations):
    file = store_certificate(organisations)
    change_row(organisations, get_document(organisations), file_id=None)
    assert list_readers(organisations, file) == set()
