"""One import from its upload to its end: what people do with it.

States: queued → checking → ready → saving → done, and from done → running (it is being reverted) → reverted; cancelled
or failed instead. A move is one UPDATE that names the states it starts from, so of two who try only one succeeds.
"""

from typing import IO, Any

from sqlalchemy import ColumnElement, delete, select, update

from customerhub import clock
from customerhub.customers.importing.errors_workbook import ErrorsWorkbook
from customerhub.database import saving
from customerhub.errors import Conflict, Invalid, NotFound, WrongState
from customerhub.permissions import Actor, Permission, require
from models import CustomerImport, ImportRow, StoredFile
from models.base import db
from models.enums import RowOutcome, TransferState

S = TransferState
UNDER_WAY = (S.QUEUED, S.CHECKING, S.SAVING, S.RUNNING)
NOT_YET_SAVED = (S.QUEUED, S.CHECKING, S.READY, S.SAVING)


def start_import(stored: StoredFile, *, actor: Actor) -> CustomerImport:
    """An import of the uploaded file, waiting to be checked."""
    require(actor, Permission.CUSTOMERS_IMPORT)
    if stored.organisation_id != actor.organisation_id or actor.id is None:
        raise NotFound("There is no such file")
    imported = CustomerImport(
        organisation_id=actor.organisation_id, user_id=actor.id, file_id=stored.id, file_name=stored.name
    )
    with saving():
        db.session.add(imported)
    return imported


def confirm_import(
    imported: CustomerImport, *, good_rows_only: bool, actor: Actor, seen_version: int | None = None
) -> None:
    """Have what the preview shows saved. `seen_version` is that of the import when its preview was looked at.

    Raises Invalid where rows are in error and not only the good ones are meant, Conflict where the preview has become
    another, WrongState where there is nothing to confirm.
    """
    _require(imported, actor)
    if seen_version is not None and imported.state is S.READY and seen_version != imported.version:
        raise Conflict("This file was checked again in the meantime. Look at it before you confirm")
    if imported.error_rows and not good_rows_only:
        raise Invalid(f"Rows in error: {imported.error_rows:,}. Mend the file, or import only the good rows")
    if not imported.new_rows + imported.changed_rows:
        raise WrongState("There is nothing to save: no row is new or changed")
    values = {"good_rows_only": good_rows_only, "problem": None, "acting_user_id": actor.id}
    if not _moved(imported, (S.READY,), S.SAVING, **values):
        raise WrongState("This import is not waiting to be confirmed")


def cancel_import(imported: CustomerImport, *, actor: Actor) -> None:
    """Stop it before it is saved; what was found out about its rows goes. Raises WrongState where it is too late."""
    _require(imported, actor)
    if not _moved(imported, NOT_YET_SAVED, S.CANCELLED, finished_at=clock.now()):
        raise WrongState("It is too late to cancel this import. What it saved can be reverted")
    db.session.execute(delete(ImportRow).where(ImportRow.import_id == imported.id))


def revert_import(imported: CustomerImport, *, actor: Actor) -> None:
    """Have what it did taken back, as far as nobody has changed it since."""
    _require(imported, actor)
    if not _moved(imported, (S.DONE,), S.RUNNING, problem=None, done_rows=0, acting_user_id=actor.id):
        raise WrongState("Only an import that was saved can be reverted")


def _require(imported: CustomerImport, actor: Actor) -> None:
    require(actor, Permission.CUSTOMERS_IMPORT)
    if imported.organisation_id != actor.organisation_id:
        raise NotFound("There is no such import")


def _moved(imported: CustomerImport, before: tuple[TransferState, ...], after: TransferState, **values: Any) -> bool:
    """Change the state, if it is one of `before`; whether it did."""
    changed = move(imported.id, CustomerImport.state.in_(before), state=after, started_at=clock.now(), **values)
    db.session.refresh(imported)
    return changed


def move(import_id: int, condition: ColumnElement[bool], **values: Any) -> bool:
    """Set `values` and raise the version, where `condition` holds; whether it did."""
    result = db.session.execute(
        update(CustomerImport)
        .where(CustomerImport.id == import_id, condition)
        .values(version=CustomerImport.version + 1, **values)
        .returning(CustomerImport.version)
        .execution_options(synchronize_session=False)
    )
    return result.first() is not None


def write_errors(imported: CustomerImport, file: IO[bytes]) -> None:
    """The rows in error as a workbook."""
    with ErrorsWorkbook(file) as book:
        rows = db.session.execute(
            select(ImportRow.row_number, ImportRow.cells, ImportRow.errors)
            .where(ImportRow.import_id == imported.id, ImportRow.outcome == RowOutcome.ERROR)
            .order_by(ImportRow.row_number)
            .execution_options(yield_per=1000)
        )
        for row in rows:
            book.add(row.row_number, row.cells or {}, row.errors or [])
