"""Files on forms: uploaded, replaced, removed, refused, kept over a refusal, and read by those who may."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest

import models
from customerhub import history, storage
from customerhub.permissions import Actor
from models.base import db
from models.enums import PortalPermission, ProfileStatus, Role
from tests.browsing import Browser, form_of
from tests.views.watching import changes_since, last_change
from tests.world import World

PDF = b"%PDF-1.7 a certificate"
EVIL = {
    "../../etc/passwd": "passwd",
    "a\x00b.pdf": "ab.pdf",
    "<script>alert(1)</script>.html": "script.html",
    ".htaccess": "htaccess",
    "x" * 300 + ".pdf": "x" * 196 + ".pdf",
    "Zeugnis „Ü“ 证书.pdf": "Zeugnis „Ü“ 证书.pdf",
}


def url_of(world: World) -> str:
    return f"/admin/customers/edit/?id={world.ours.customers[0]}"


def document(world: World) -> models.ComplianceDocument:
    return db.session.get_one(models.Customer, world.ours.customers[0]).compliance_documents[0]


def upload(data: bytes = PDF, name: str = "iso.pdf") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def stored_bytes(world: World) -> set[bytes]:
    folder: Path = world.app.config["HUB"].files_dir
    return {path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kept(world: World, data: bytes = PDF) -> int:
    """A file on our first customer's certificate."""
    actor = Actor(None, world.ours.id)
    with history.acting(actor, "test"):
        file = storage.store(io.BytesIO(data), "old.pdf", None, organisation_id=world.ours.id, actor=actor)
        document(world).file_id = file.id
        db.session.commit()
    return file.id


def test_a_file_is_uploaded_with_its_row_in_one_change(world: World, admin: Browser):
    mark = last_change()
    new = {"compliance_documents-1-certificate": "Licence", "compliance_documents-1-expiry_date": "2030-01-31",
           "compliance_documents-1-file_id": upload()}  # fmt: skip
    assert admin.submit(url_of(world), **new).status_code == 303
    file = db.session.get_one(models.Customer, world.ours.customers[0]).compliance_documents[1].file
    assert (file.name, file.content_type, file.size) == ("iso.pdf", "application/pdf", len(PDF))
    assert admin.get(f"/files/{file.id}").data == PDF
    made = [(entry.action, entry.table_name) for entry in changes_since(mark)]
    assert made == [("created", "stored_file"), ("created", "compliance_document")]


def test_a_profile_with_an_nda_is_completed_at_once(world: World, admin: Browser):
    new = {"invoice_profiles-1-name": "With NDA", "invoice_profiles-1-email": "a@x.example",
           "invoice_profiles-1-nda_file_id": upload(name="nda.pdf")}  # fmt: skip
    mark = last_change()
    assert admin.submit(url_of(world), **new).status_code == 303
    (made,) = [entry for entry in changes_since(mark) if entry.table_name == "invoice_profile"]
    assert (made.action, made.changes["status"]) == ("created", [None, ProfileStatus.COMPLETED.value])


def test_a_replaced_file_is_gone_for_good(world: World, admin: Browser):
    old = kept(world, b"%PDF-1.4 old")
    assert admin.submit(url_of(world), **{"compliance_documents-0-file_id": upload()}).status_code == 303
    assert document(world).file.name == "iso.pdf"
    assert db.session.get(models.StoredFile, old) is None
    assert stored_bytes(world) == {PDF}
    assert admin.get(f"/files/{old}").status_code == 404


def test_a_removed_file_is_gone_for_good(world: World, admin: Browser):
    old = kept(world)
    assert admin.submit(url_of(world), **{"compliance_documents-0-file_id-remove": "1"}).status_code == 303
    assert document(world).file_id is None
    assert db.session.get(models.StoredFile, old) is None
    assert stored_bytes(world) == set()


def test_the_file_of_a_removed_row_is_gone_with_it(world: World, admin: Browser):
    old = kept(world)
    assert admin.submit(url_of(world), **{"del-compliance_documents-0": "1"}).status_code == 303
    assert db.session.get(models.StoredFile, old) is None
    assert stored_bytes(world) == set()


def test_a_file_that_another_row_holds_stays(world: World, admin: Browser):
    old = kept(world)
    other = db.session.get_one(models.Customer, world.ours.customers[1]).compliance_documents[0]
    with history.acting(Actor(None, world.ours.id), "test"):
        other.file_id = old
        db.session.commit()
    assert admin.submit(url_of(world), **{"compliance_documents-0-file_id-remove": "1"}).status_code == 303
    assert db.session.get(models.StoredFile, old) is not None
    assert stored_bytes(world) == {PDF}


def test_an_untouched_file_stays(world: World, admin: Browser):
    old = kept(world)
    empty = {"compliance_documents-0-file_id": (io.BytesIO(b""), "")}  # what a browser sends where none was chosen
    assert admin.submit(url_of(world), website="www.example.com", **empty).status_code == 303
    assert document(world).file_id == old


@pytest.mark.parametrize(("name", "safe"), EVIL.items())
def test_a_name_is_made_safe(world: World, admin: Browser, name: str, safe: str):
    answer = admin.submit(url_of(world), **{"compliance_documents-0-file_id": upload(b"no pdf", name)})
    assert answer.status_code == 303
    file = document(world).file
    assert file.name == safe
    answer = admin.get(f"/files/{file.id}")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Injected" not in answer.headers
    assert safe.partition("„")[0] in admin.get(url_of(world)).text


@pytest.mark.parametrize(("data", "why"), [(b"", "The file is empty"), (b"x" * 1001, "too large")])
def test_a_file_that_cannot_be_kept_is_told_at_its_field(
    world: World, admin: Browser, data: bytes, why: str, monkeypatch
):
    monkeypatch.setitem(world.app.config, "HUB", small(world))
    mark = last_change()
    answer = admin.submit(url_of(world), website="www.example.com", **{"compliance_documents-0-file_id": upload(data)})
    assert answer.status_code == 422
    assert why in answer.text
    assert form_of(answer.text)["website"] == ["www.example.com"]
    assert changes_since(mark) == []
    assert stored_bytes(world) == set()


def small(world: World) -> Any:
    """Settings that allow a thousand bytes a file."""
    return dataclasses.replace(world.app.config["HUB"], max_upload_bytes=1000)


def test_more_than_a_request_may_hold_is_refused_as_a_whole(world: World, admin: Browser, monkeypatch):
    monkeypatch.setitem(world.app.config, "MAX_CONTENT_LENGTH", 20_000)
    mark = last_change()
    answer = admin.submit(url_of(world), **{"compliance_documents-0-file_id": upload(b"x" * 20_000)})
    assert answer.status_code == 413
    assert "too large" in answer.text
    assert changes_since(mark) == []


def test_a_file_survives_a_form_that_is_refused(world: World, admin: Browser):
    answer = admin.submit(url_of(world), email="nobody", **{"compliance_documents-0-file_id": upload()})
    assert answer.status_code == 422
    assert "iso.pdf" in answer.text
    assert admin.post(url_of(world), form_of(answer.text) | {"email": "office@x.example"}).status_code == 303
    assert document(world).file.name == "iso.pdf"
    assert admin.get(f"/files/{document(world).file_id}").data == PDF


def test_nobody_else_can_use_a_file_that_waits(world: World, admin: Browser):
    answer = admin.submit(url_of(world), email="nobody", **{"compliance_documents-0-file_id": upload()})
    token = form_of(answer.text)["compliance_documents-0-file_id-held"]
    colleague = Browser(world.app, world.ours.users[Role.AGENT])
    stranger = Browser(world.app, world.theirs.users[Role.ADMIN])
    before = document(world).file_id
    for browser, side in ((colleague, world.ours), (stranger, world.theirs)):
        url = f"/admin/customers/edit/?id={side.customers[0]}"
        answer = browser.submit(url, **{"compliance_documents-0-file_id-held": token})
        assert answer.status_code == 422
        assert "no longer kept" in answer.text
    assert document(world).file_id == before
    held = db.session.query(models.StoredFile).filter_by(name="iso.pdf").one()
    for browser in (admin, colleague, stranger):
        assert browser.get(f"/files/{held.id}").status_code == 404


@pytest.mark.parametrize("token", ["1", "abc", "[]", "x" * 5000, "\x00", "WzEsMV0.aaaa.bbbb"])
def test_a_token_that_was_never_given_stands_for_nothing(world: World, admin: Browser, token: str):
    before = document(world).file_id
    answer = admin.submit(url_of(world), website="www.example.com", **{"compliance_documents-0-file_id-held": token})
    assert answer.status_code == 422
    assert "The file you chose before is no longer kept. Choose it again" in answer.text
    form = form_of(answer.text)
    assert "compliance_documents-0-file_id-held" not in form
    assert admin.post(url_of(world), form).status_code == 303
    assert document(world).file_id == before


def test_a_file_that_is_no_longer_kept_does_not_vanish_in_silence(world: World, admin: Browser):
    answer = admin.submit(url_of(world), year_end_day="abc", **{"compliance_documents-0-file_id": upload()})
    held = db.session.query(models.StoredFile).filter_by(name="iso.pdf").one()
    with history.acting(Actor(None, world.ours.id), "test"):
        storage.remove(held)
        db.session.commit()
    again = admin.post(url_of(world), form_of(answer.text) | {"year_end_day": ""})
    assert again.status_code == 422
    assert "no longer kept" in again.text


def test_a_file_where_a_text_is_expected_counts_as_nothing(world: World, admin: Browser):
    form = admin.form(url_of(world))
    for field in ("name", "start_date", "credit_limit", "risk", "region_id", "departments", "billing_day", "version",
                  "contacts-0-name", "contacts-0-id", "portal_access", "account_manager_id", "original"):  # fmt: skip
        given = {key: value for key, value in form.items() if key != field}
        answer = admin.post(url_of(world), given | {field: upload()})
        assert answer.status_code in (303, 409, 422), field
        form = admin.form(url_of(world))


def test_a_text_where_a_file_is_expected_counts_as_nothing(world: World, admin: Browser):
    before = document(world).file_id
    theirs = str(world.theirs.row(models.StoredFile))
    assert admin.submit(url_of(world), **{"compliance_documents-0-file_id": theirs}).status_code == 303
    assert document(world).file_id == before


# --- Who reads a file --------------------------------------------------------------------------------------


def readers(world: World, file: int) -> set[str]:
    people = {role.value: key for role, key in world.ours.users.items()}
    return {name for name, key in people.items() if Browser(world.app, key).get(f"/files/{file}").status_code == 200}


def change(world: World, row: Any, **values: Any) -> None:
    with history.acting(Actor(None, world.ours.id), "test"):
        for name, value in values.items():
            setattr(row, name, value)
        db.session.commit()


def test_a_certificate_is_read_by_staff_and_its_customer(world: World):
    assert readers(world, kept(world)) == {"admin", "manager", "agent", "customer"}


@pytest.mark.parametrize(
    ("permissions", "access"),
    [
        ([PortalPermission.DASHBOARD], True),
        ([PortalPermission.DOCUMENTS, PortalPermission.DENY_ALL], True),
        ([], True),
        ([PortalPermission.DOCUMENTS], False),
    ],
)
def test_a_portal_user_reads_documents_only_where_the_portal_shows_them(world: World, permissions: Any, access: bool):
    user = db.session.get_one(models.User, world.ours.users[Role.CUSTOMER])
    customer = db.session.get_one(models.Customer, world.ours.customers[0])
    change(world, user, portal_permissions=[permission.value for permission in permissions])
    change(world, customer, portal_access=access)
    file = kept(world)
    assert "customer" not in readers(world, file)
    portal = Browser(world.app, world.ours.users[Role.CUSTOMER]).get("/portal/").text
    assert f"/files/{file}" not in portal


def test_an_nda_is_for_staff_only(world: World):
    """Neither the portal nor a page of partners shows it, so it is not there by address either."""
    file = kept(world)
    profile = db.session.get_one(models.Customer, world.ours.customers[0]).invoice_profiles[0]
    change(world, document(world), file_id=None)
    change(world, profile, nda_file_id=file)
    assert readers(world, file) == {"admin", "manager", "agent"}


def test_a_file_that_hangs_on_nothing_is_read_by_nobody(world: World):
    file = kept(world)
    change(world, document(world), file_id=None)
    assert readers(world, file) == set()
