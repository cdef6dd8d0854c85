"""Shorthands for tests of imports."""

import io
from typing import Any

from sqlalchemy import select

from customerhub.core import history, storage
from customerhub.customers.importing import transitions
from customerhub.customers.importing.import_file import ImportResult, import_open_file
from jobs import imports
from models import Customer, CustomerImport, History, ImportRow
from models.base import db
from tests.customerhub.customers.conftest import ImportOrg

MAX_ROWS = 50_000


def import_now(file: io.BytesIO, import_org: ImportOrg, **options: Any) -> ImportResult:
    """Import as the command does, and commit what it saved."""
    try:
        with history.act_as(import_org.actor, "test import"):
            result = import_open_file(file, actor=import_org.actor, max_rows=MAX_ROWS, **options)
            if result.is_saved:
                db.session.commit()
        return result
    finally:
        db.session.rollback()


def upload_import(file: io.BytesIO, import_org: ImportOrg, name: str = "customers.xlsx") -> int:
    """Upload a workbook; the id of its import, which waits to be checked."""
    with history.act_as(import_org.actor, "test"):
        stored = storage.store_file(file, name, None, organisation_id=import_org.id, actor=import_org.actor)
        imported = transitions.start_import(stored, actor=import_org.actor)
        db.session.commit()
        return imported.id


def get_import(import_id: int, import_org: ImportOrg) -> CustomerImport:
    """The import as it is now."""
    imported = db.session.get_one(CustomerImport, import_id, populate_existing=True)
    assert imported.organisation_id == import_org.id
    return imported


def confirm_import(import_id: int, import_org: ImportOrg, *, good_rows_only: bool = False) -> None:
    transitions.confirm_import(get_import(import_id, import_org), good_rows_only=good_rows_only, actor=import_org.actor)
    db.session.commit()


def upload_and_check(file: io.BytesIO, import_org: ImportOrg) -> int:
    """Upload and check."""
    import_id = upload_import(file, import_org)
    imports.check(import_id)
    return import_id


def import_and_save(file: io.BytesIO, import_org: ImportOrg, *, good_rows_only: bool = False) -> int:
    """Upload, check, confirm and save."""
    import_id = upload_and_check(file, import_org)
    confirm_import(import_id, import_org, good_rows_only=good_rows_only)
    imports.save(import_id)
    return import_id


def revert_import(import_id: int, import_org: ImportOrg) -> None:
    transitions.revert_import(get_import(import_id, import_org), actor=import_org.actor)
    db.session.commit()
    imports.revert(import_id)


def list_rows(import_id: int) -> list[ImportRow]:
    query = select(ImportRow).where(ImportRow.import_id == import_id).order_by(ImportRow.row_number)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def get_customer(reference: str, import_org: ImportOrg) -> Customer:
    db.session.expire_all()
    return db.session.scalars(
        select(Customer).where(Customer.organisation_id == import_org.id, Customer.reference == reference)
    ).one()


def list_customers(import_org: ImportOrg) -> list[Customer]:
    db.session.expire_all()
    return list(
        db.session.scalars(select(Customer).where(Customer.organisation_id == import_org.id).order_by(Customer.id))
    )


def list_history(customer_id: int) -> list[History]:
    return list(db.session.scalars(select(History).where(History.customer_id == customer_id).order_by(History.id)))


def tally_counts(result):
    return result.counts.new, result.counts.changed, result.counts.unchanged, result.counts.error


def problem_cells(result):
    return [(error.row, error.column) for error in result.errors]


def single_problem(file, import_org):
    """The one reason why the one row of `file` is refused."""
    result = import_now(file, import_org, dry_run=True)
    assert len(result.errors) == 1, result.errors
    return result.errors[0].column, result.errors[0].reason
