"""Attachments: any file, kept safe, gone with its customer and not before."""

import io
from datetime import timedelta

import pytest

from customerhub.activity.attachments import MAX_FILES, Upload, attach_files, delete_attachment, save_attachment
from customerhub.core import clock, services, storage
from customerhub.core.errors import Invalid, NotAllowed, NotFound, WrongState
from customerhub.core.permissions import Actor
from customerhub.core.retention import remove_unclaimed_files
from customerhub.customers.deletion import delete_customer
from models import Attachment, Contract, Customer, History, StoredFile
from models.base import db
from models.enums import Role
from tests.customerhub.conftest import actor_of
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations, get_customer


def build_upload(name: str = "note.txt", content: bytes = b"text", content_type: str = "text/plain") -> Upload:
    return Upload(io.BytesIO(content), name, content_type)


def attach(actor: Actor, customer: Customer, *uploads: Upload, **values: object) -> list[Attachment]:
    attached, refusals = attach_files(customer.id, uploads or [build_upload()], actor=actor, **values)
    assert refusals == {}
    return attached


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Übersicht – 概要 تقرير.docx", "Übersicht – 概要 تقرير.docx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Kim\\invoice.pdf", "invoice.pdf"),
        ('<img src=x onerror="alert(1)">.html', "img src=x onerror=alert(1).html"),
        ("evil\u202efdp.exe", "evilfdp.exe"),
    ],
)
def test_a_file_keeps_its_name_as_far_as_it_is_one(organisations: TwoOrganisations, admin: Actor, sent: str, kept: str):
    (row,) = attach(admin, get_customer(organisations), build_upload(sent))
    assert (row.name, row.file.name) == (kept, kept)
    assert row.uploaded_by_id == admin.id


def test_what_could_run_as_a_page_is_a_download(organisations: TwoOrganisations, admin: Actor):
    rows = attach(
        admin,
        get_customer(organisations),
        build_upload("page.html", b"<script>alert(1)</script>", "text/html"),
        build_upload("picture.svg", b"<svg onload='alert(1)'/>", "image/svg+xml"),
        build_upload("really.pdf", b"%PDF-1.7", "text/html"),
    )
    options = [storage.serving_options_of(each.file) for each in rows]
    assert options == [(storage.OCTET_STREAM, False), (storage.OCTET_STREAM, False), ("application/pdf", True)]


def test_one_file_that_is_refused_keeps_no_other_out(organisations: TwoOrganisations, admin: Actor):
    limit = services.get_current().max_upload_bytes
    uploads = [build_upload("a.txt"), build_upload("empty.txt", b""), build_upload("big.iso", b"x" * (limit + 1))]
    attached, refusals = attach_files(get_customer(organisations).id, uploads, actor=admin)
    assert [row.name for row in attached] == ["a.txt"]
    assert refusals.keys() == {"empty.txt", "big.iso"}
    for uploads in ([], [build_upload() for _ in range(MAX_FILES + 1)]):
        with pytest.raises(Invalid):
            attach_files(get_customer(organisations).id, uploads, actor=admin)


def test_a_contract_is_that_of_the_customer(organisations: TwoOrganisations, admin: Actor):
    contract_id = organisations.own.row_id(Contract)
    (row,) = attach(admin, get_customer(organisations, 0), contract_id=contract_id, description=" Signed ")
    assert (row.contract_id, row.description) == (contract_id, "Signed")
    with pytest.raises(NotFound):
        attach(admin, get_customer(organisations, 1), contract_id=contract_id)


def test_only_the_description_changes(organisations: TwoOrganisations, admin: Actor):
    (row,) = attach(admin, get_customer(organisations))
    row.description = "The signed copy"
    save_attachment(row, actor=admin)
    row.name = "other.txt"
    with pytest.raises(WrongState):
        save_attachment(row, actor=admin)


def test_strangers_attach_nothing(organisations: TwoOrganisations, admin: Actor):
    for role in (Role.PARTNER, Role.CUSTOMER):
        with pytest.raises(NotAllowed):
            attach(actor_of(organisations, role), get_customer(organisations))
    with pytest.raises(NotFound):
        attach(admin, db.session.get_one(Customer, organisations.foreign.customers[0]))


def test_the_clean_up_leaves_attached_files_alone(organisations: TwoOrganisations, admin: Actor):
    (row,) = attach(admin, get_customer(organisations))
    file_id = row.file_id
    db.session.commit()
    remove_unclaimed_files(older_than=clock.get_now() + timedelta(days=1))
    assert db.session.get(StoredFile, file_id) is not None


def test_a_file_goes_with_its_attachment_and_with_its_customer(organisations: TwoOrganisations, admin: Actor):
    customer = make_bare_customer(organisations)
    first, second = attach(admin, customer, build_upload("first.txt"), build_upload("second.txt"))
    keys = [first.file.storage_key, second.file.storage_key]
    delete_attachment(first, actor=admin)
    db.session.commit()
    store = services.get_current().file_store
    with pytest.raises(NotFound):
        store.open(keys[0])
    store.open(keys[1]).close()
    delete_customer(customer, actor=admin)
    db.session.commit()
    with pytest.raises(NotFound):
        store.open(keys[1])
    entries = db.session.query(History).filter_by(table_name="attachment", action="deleted").order_by(History.id)
    assert [each.title for each in entries] == ["first.txt", "second.txt"]
