"""What nobody needs any more goes; everything else stays, whatever its age."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

import models
from customerhub.core import history, retention, storage
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import TransferState
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations

S = TransferState
NOW = datetime(2026, 6, 1, tzinfo=UTC)
BEFORE = NOW - timedelta(days=90)


def add_file(organisations: TwoOrganisations, name: str, at: datetime) -> int:
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        file = storage.store_file(io.BytesIO(b"bytes"), name, None, organisation_id=organisations.own.id, actor=actor)
        file.created_at = at
        db.session.commit()
    return file.id


def has_bytes(organisations: TwoOrganisations, key: str) -> bool:
    return (organisations.app.config["HUB"].files_dir / key[:2] / key).exists()


def test_a_file_that_no_row_took_goes_with_its_bytes(organisations: TwoOrganisations):
    old, young = (add_file(organisations, "form.pdf", NOW - timedelta(days=days)) for days in (3, 1))
    key = db.session.get_one(models.StoredFile, old).storage_key
    remaining_ids = set(db.session.scalars(select(models.StoredFile.id))) - {old}
    assert has_bytes(organisations, key)
    assert retention.remove_unclaimed_files(older_than=NOW - timedelta(days=2)) >= 1
    left = set(db.session.scalars(select(models.StoredFile.id)))
    assert old not in left
    assert young in left
    assert not has_bytes(organisations, key)
    assert left <= remaining_ids
    assert retention.remove_unclaimed_files(older_than=NOW - timedelta(days=2)) == 0


@pytest.mark.parametrize("holder", ["document", "profile", "logo", "import", "export"])
def test_a_file_that_a_row_holds_stays(organisations: TwoOrganisations, holder: str):
    key = add_file(organisations, "held.pdf", NOW - timedelta(days=3000))
    own_rows = organisations.own
    customer = db.session.get_one(models.Customer, own_rows.customers[0])
    with history.act_as(Actor(None, own_rows.id), "test"):
        if holder == "document":
            customer.compliance_documents[0].file_id = key
        elif holder == "profile":
            customer.invoice_profiles[0].nda_file_id = key
        elif holder == "logo":
            db.session.get_one(models.BusinessEntity, own_rows.row_id(models.BusinessEntity)).logo_id = key
        elif holder == "import":
            make.CustomerImportFactory(organisation_id=own_rows.id, file_id=key, user_id=own_rows.users["admin"])
        else:
            make.ListExportFactory(organisation_id=own_rows.id, file_id=key, user_id=own_rows.users["admin"])
        db.session.commit()
    retention.remove_unclaimed_files(older_than=NOW)
    assert db.session.get(models.StoredFile, key) is not None


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("days", [89, 91])
def test_an_import_goes_when_it_has_ended_long_ago(organisations: TwoOrganisations, state: S, days: int):
    at = NOW - timedelta(days=days)
    file = add_file(organisations, "customers.xlsx", at)
    imported = make.CustomerImportFactory(
        organisation_id=organisations.own.id,
        file_id=file,
        user_id=organisations.own.users["admin"],
        state=state,
        created_at=NOW - timedelta(days=400),
        started_at=at,
        finished_at=None if state is S.READY else at,
    )
    make.ImportRowFactory.create_batch(3, import_id=imported.id)
    db.session.commit()
    key = imported.id
    goes = days > 90 and state not in (S.QUEUED, S.CHECKING, S.SAVING, S.RUNNING)
    for _ in range(2):
        retention.remove_transfers(older_than=BEFORE)
    assert (db.session.get(models.CustomerImport, key) is None) == goes
    assert (db.session.get(models.StoredFile, file) is None) == goes
    rows = db.session.scalars(select(models.ImportRow).where(models.ImportRow.import_id == key)).all()
    assert len(rows) == (0 if goes else 3)


def test_more_than_one_transaction_takes(organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "CHUNK", 2)
    keys = [add_file(organisations, f"{number}.pdf", NOW - timedelta(days=9)) for number in range(5)]
    assert retention.remove_unclaimed_files(older_than=NOW - timedelta(days=8)) >= 5
    assert not any(db.session.get(models.StoredFile, key) for key in keys)


def test_an_old_export_goes_and_who_removed_the_file_is_known(organisations: TwoOrganisations):
    file = add_file(organisations, "list.csv", NOW - timedelta(days=100))
    export = make.ListExportFactory(
        organisation_id=organisations.own.id,
        file_id=file,
        user_id=organisations.own.users["admin"],
        state=S.DONE,
        created_at=NOW - timedelta(days=100),
        finished_at=NOW - timedelta(days=100),
    ).id
    db.session.commit()
    retention.remove_transfers(older_than=BEFORE)
    assert db.session.get(models.ListExport, export) is None
    entry = db.session.scalars(
        select(models.History).filter_by(table_name="stored_file", row_id=file, action="deleted")
    ).one()
    assert (entry.source, entry.actor_id) == ("housekeeping", None)


@pytest.mark.parametrize(
    ("kind", "forget"),
    [
        (models.UsedForm, retention.delete_used_forms),
        (models.EndedSession, retention.delete_ended_sessions),
    ],
)
def test_what_is_kept_of_forms_and_sessions_goes_in_time(organisations: TwoOrganisations, kind: Any, forget: Any):
    key = "token" if kind is models.UsedForm else "mark"
    more = {"content": "x"} if kind is models.UsedForm else {}
    for name, days in (("old", 3), ("young", 1)):
        db.session.add(kind(**{key: name}, created_at=NOW - timedelta(days=days), **more))
    db.session.commit()
    assert forget(older_than=NOW - timedelta(days=2)) == 1
    assert db.session.scalars(select(getattr(kind, key))).all() == ["young"]
