"""Shorthands for tests of imports."""

import io
from typing import Any

from sqlalchemy import select

from customerhub import history, storage
from customerhub.customers.importing import one_pass, runs
from customerhub.customers.importing.one_pass import ImportResult
from jobs import imports
from models import Customer, CustomerImport, History, ImportRow
from models.base import db
from tests.customers.conftest import House

MAX_ROWS = 50_000


def import_now(file: io.BytesIO, house: House, **options: Any) -> ImportResult:
    """Import as the command does, and commit what it saved."""
    try:
        with history.acting(house.actor, "test import"):
            result = one_pass.import_file(file, actor=house.actor, max_rows=MAX_ROWS, **options)
            if result.saved:
                db.session.commit()
        return result
    finally:
        db.session.rollback()


def upload(file: io.BytesIO, house: House, name: str = "customers.xlsx") -> int:
    """Upload a workbook; the id of its import, which waits to be checked."""
    with history.acting(house.actor, "test"):
        stored = storage.store(file, name, None, organisation_id=house.id, actor=house.actor)
        imported = runs.start_import(stored, actor=house.actor)
        db.session.commit()
        return imported.id


def the_import(import_id: int, house: House) -> CustomerImport:
    """The import as it stands now."""
    imported = db.session.get_one(CustomerImport, import_id, populate_existing=True)
    assert imported.organisation_id == house.id
    return imported


def confirm(import_id: int, house: House, *, good_rows_only: bool = False) -> None:
    runs.confirm_import(the_import(import_id, house), good_rows_only=good_rows_only, actor=house.actor)
    db.session.commit()


def checked(file: io.BytesIO, house: House) -> int:
    """Upload and check."""
    import_id = upload(file, house)
    imports.check(import_id)
    return import_id


def saved(file: io.BytesIO, house: House, *, good_rows_only: bool = False) -> int:
    """Upload, check, confirm and save."""
    import_id = checked(file, house)
    confirm(import_id, house, good_rows_only=good_rows_only)
    imports.save(import_id)
    return import_id


def reverted(import_id: int, house: House) -> None:
    runs.revert_import(the_import(import_id, house), actor=house.actor)
    db.session.commit()
    imports.revert(import_id)


def rows_of(import_id: int) -> list[ImportRow]:
    query = select(ImportRow).where(ImportRow.import_id == import_id).order_by(ImportRow.row_number)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def customer(reference: str, house: House) -> Customer:
    db.session.expire_all()
    return db.session.scalars(
        select(Customer).where(Customer.organisation_id == house.id, Customer.reference == reference)
    ).one()


def customers(house: House) -> list[Customer]:
    db.session.expire_all()
    return list(db.session.scalars(select(Customer).where(Customer.organisation_id == house.id).order_by(Customer.id)))


def history_of(customer_id: int) -> list[History]:
    return list(db.session.scalars(select(History).where(History.customer_id == customer_id).order_by(History.id)))


def counts(result):
    return result.tally.new, result.tally.changed, result.tally.unchanged, result.tally.error


def problems(result):
    return [(error.row, error.column) for error in result.errors]


def the_problem(file, house):
    """The one reason why the one row of `file` is refused."""
    result = import_now(file, house, dry_run=True)
    assert len(result.errors) == 1, result.errors
    return result.errors[0].column, result.errors[0].reason
