"""One import from its upload to its end: its states, and what people do with it.

A transition is one UPDATE that names the states it begins in, so of two who try only one succeeds.
"""

from itertools import chain
from typing import IO, Any, Final

from sqlalchemy import delete, select, update

from customerhub.core import clock
from customerhub.core.database import save_changes
from customerhub.core.errors import Conflict, Invalid, NotFound, WrongState
from customerhub.core.organisation_dates import organisation_date_format
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.core.state_machine import Requirement, StateMachine, Transition
from customerhub.customers.importing.custom_columns import load_columns
from customerhub.customers.importing.errors_workbook import ErrorsWorkbook
from customerhub.customers.importing.stored_cells import FROM_1904
from models import CustomerImport, ImportRow, StoredFile
from models.base import db
from models.enums import RowOutcome, TransferState

S = TransferState
ImportTransition = Transition[CustomerImport, TransferState]

_HAS_CHANGES: Final = Requirement[CustomerImport](
    "if a row is new or changed",
    lambda customer_import: bool(customer_import.new_rows + customer_import.changed_rows),
    "There is nothing to save: no row is new or changed",
)

START_CHECK: Final = ImportTransition(
    "start check", frozenset({S.QUEUED, S.CHECKING}), S.CHECKING, explanation="a worker takes it"
)
FINISH_CHECK: Final = ImportTransition(
    "finish check", frozenset({S.CHECKING}), S.READY, explanation="every row is checked"
)
FAIL_CHECK: Final = ImportTransition(
    "fail check", frozenset({S.CHECKING}), S.FAILED, explanation="the file cannot be used"
)
POSTPONE_CHECK: Final = ImportTransition(
    "postpone check", frozenset({S.CHECKING}), S.QUEUED, explanation="the database was away"
)
CONFIRM: Final = ImportTransition(
    "confirm",
    frozenset({S.READY}),
    S.SAVING,
    label="Confirm",
    permission=Permission.CUSTOMERS_IMPORT,
    requirements=(_HAS_CHANGES,),
    refusal="This import is not waiting to be confirmed",
)
FINISH_SAVE: Final = ImportTransition("finish save", frozenset({S.SAVING}), S.DONE, explanation="everything is saved")
CHECK_AGAIN: Final = ImportTransition(
    "check again", frozenset({S.SAVING}), S.QUEUED, explanation="customers were changed since the preview"
)
UNDO_CONFIRM: Final = ImportTransition(
    "undo confirm", frozenset({S.SAVING}), S.READY, explanation="saving failed, nothing was saved"
)
CANCEL: Final = ImportTransition(
    "cancel",
    frozenset({S.QUEUED, S.CHECKING, S.READY, S.SAVING}),
    S.CANCELLED,
    label="Cancel",
    permission=Permission.CUSTOMERS_IMPORT,
    refusals={
        S.DONE: "It is too late to cancel this import. Saved changes can be reverted",
        S.RUNNING: "It is too late to cancel this import: it is being reverted",
        S.REVERTED: "It is too late to cancel this import: it was already reverted",
        S.CANCELLED: "This import was already cancelled. Nothing was saved",
        S.FAILED: "This import has already failed. Nothing was saved",
    },
)
REVERT: Final = ImportTransition(
    "revert",
    frozenset({S.DONE}),
    S.RUNNING,
    label="Revert",
    permission=Permission.CUSTOMERS_IMPORT,
    refusal="Only saved imports can be reverted",
)
FINISH_REVERT: Final = ImportTransition(
    "finish revert", frozenset({S.RUNNING}), S.REVERTED, explanation="everything is reverted"
)
UNDO_REVERT: Final = ImportTransition(
    "undo revert", frozenset({S.RUNNING}), S.DONE, explanation="reverting failed, nothing was reverted"
)
IMPORT_STATES: Final = StateMachine[CustomerImport, TransferState](
    CustomerImport.state,
    (
        START_CHECK,
        FINISH_CHECK,
        FAIL_CHECK,
        POSTPONE_CHECK,
        CONFIRM,
        FINISH_SAVE,
        CHECK_AGAIN,
        UNDO_CONFIRM,
        CANCEL,
        REVERT,
        FINISH_REVERT,
        UNDO_REVERT,
    ),
    {S.QUEUED: "uploaded"},
)


def start_import(stored_file: StoredFile, *, actor: Actor) -> CustomerImport:
    """An import of the uploaded file, waiting to be checked."""
    require_permission(actor, Permission.CUSTOMERS_IMPORT)
    if stored_file.organisation_id != actor.organisation_id or actor.id is None:
        raise NotFound("There is no such file")
    customer_import = CustomerImport(
        organisation_id=actor.organisation_id, user_id=actor.id, file_id=stored_file.id, file_name=stored_file.name
    )
    with save_changes():
        db.session.add(customer_import)
    return customer_import


def confirm_import(
    customer_import: CustomerImport, *, good_rows_only: bool, actor: Actor, seen_version: int | None = None
) -> None:
    """Have what the preview shows saved. `seen_version` is that of the import when its preview was looked at.

    Raises Invalid where rows are in error and not only the good ones are meant, Conflict where the preview has become
    another, WrongState where there is nothing to confirm.
    """
    _require_import_access(customer_import, actor)
    if seen_version is not None and customer_import.state is S.READY and seen_version != customer_import.version:
        raise Conflict("This file was checked again in the meantime. Review the preview before you confirm")
    if customer_import.error_rows and not good_rows_only:
        raise Invalid(f"Rows with errors: {customer_import.error_rows:,}. Fix the file, or import only the valid rows")
    IMPORT_STATES.check(CONFIRM, customer_import, actor)
    values = {"good_rows_only": good_rows_only, "problem": None, "acting_user_id": actor.id}
    _apply_transition(CONFIRM, customer_import, actor, **values)


def cancel_import(customer_import: CustomerImport, *, actor: Actor) -> None:
    """Stop it before it is saved; what was found out about its rows goes. Raises WrongState where it is too late."""
    _require_import_access(customer_import, actor)
    _apply_transition(CANCEL, customer_import, actor, claimed_until=None, finished_at=clock.get_now())
    db.session.execute(delete(ImportRow).where(ImportRow.import_id == customer_import.id))


def revert_import(customer_import: CustomerImport, *, actor: Actor) -> None:
    """Have what it did taken back, as far as nobody has changed it since."""
    _require_import_access(customer_import, actor)
    _apply_transition(REVERT, customer_import, actor, problem=None, done_rows=0, acting_user_id=actor.id)


def _require_import_access(customer_import: CustomerImport, actor: Actor) -> None:
    require_permission(actor, Permission.CUSTOMERS_IMPORT)
    if customer_import.organisation_id != actor.organisation_id:
        raise NotFound("There is no such import")


def _apply_transition(
    transition: ImportTransition, customer_import: CustomerImport, actor: Actor, **values: Any
) -> None:
    """Make a transition of an import as it is in the database: a worker may have changed it since it was read."""
    is_made = update_import(customer_import.id, transition, started_at=clock.get_now(), **values)
    db.session.refresh(customer_import)
    if not is_made:
        IMPORT_STATES.check(transition, customer_import, actor)
        raise WrongState("Changed by another user in the meantime")


def update_import(import_id: int, transition: ImportTransition, **values: Any) -> bool:
    """Make `transition` of an import that is where it begins, with `values`; whether it was."""
    version = db.session.scalar(
        update(CustomerImport)
        .where(CustomerImport.id == import_id, IMPORT_STATES.begins_in(transition))
        .values(state=transition.to_state, version=CustomerImport.version + 1, **values)
        .returning(CustomerImport.version)
        .execution_options(synchronize_session=False)
    )
    return version is not None


def write_errors_workbook(customer_import: CustomerImport, file: IO[bytes]) -> None:
    """The rows in error as a workbook."""
    rows = db.session.execute(
        select(ImportRow.row_number, ImportRow.cells, ImportRow.errors, ImportRow.is_account)
        .where(ImportRow.import_id == customer_import.id, ImportRow.outcome == RowOutcome.ERROR)
        .order_by(ImportRow.is_account, ImportRow.row_number)
        .execution_options(yield_per=1000)
    )
    first = next(rows, None)
    from_1904 = first is not None and FROM_1904 in (first.cells or {})
    date_format = organisation_date_format(customer_import.organisation_id)
    columns = load_columns(customer_import.organisation_id)
    with ErrorsWorkbook(file, date_format, columns, from_1904=from_1904) as workbook:
        for row in chain([first] if first else [], rows):
            workbook.add_row(row.row_number, row.cells or {}, row.errors or [], is_account=row.is_account)
