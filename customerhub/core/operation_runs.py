"""Operations on many rows: started with the rows fixed, done a chunk at a time, each row once, and taken back.

What is done to the rows of a chunk and what became of each are written in one transaction, which also asks for the
lease: a worker that is killed leaves whole chunks behind, and one that was thought dead keeps nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, insert, literal, null, select, update

from customerhub.core import clock, history
from customerhub.core.database import save_changes
from customerhub.core.errors import WrongState
from customerhub.core.leases import Lease, LeaseTable
from customerhub.core.permissions import Actor
from models import OperationRun, OperationRunRow
from models.base import db, get_table
from models.enums import RunOutcome, TransferState
from models.transfers import LEASE_DURATION

CHUNK_SIZE: Final = 100  # rows in one transaction
ACTIVE_STATES: Final = (TransferState.QUEUED, TransferState.RUNNING)
ROW_GONE: Final = "No longer exists, or you no longer have access to it"
_MAX_MESSAGE_LENGTH: Final = 500
_RUNS: Final = get_table(OperationRun)
_ROWS: Final = get_table(OperationRunRow)

LEASES: Final = LeaseTable(
    _RUNS,
    until=_RUNS.c.claimed_until,
    token=_RUNS.c.version,
    waiting=_RUNS.c.state == TransferState.QUEUED,
    active=_RUNS.c.state == TransferState.RUNNING,
    duration=LEASE_DURATION,
)


@dataclass(frozen=True)
class RunRequest:
    """What is to be done: the operation of a screen with the fields of its form, and how the result is told."""

    screen: str
    operation: str
    title: str
    noun: str
    past_tense: str
    address: str
    entries: Sequence[tuple[str, str]]
    undone_run_id: int | None = None


@dataclass(frozen=True)
class RowResult:
    """What became of one row. `undo` is what taking it back needs."""

    row_id: int
    label: str
    outcome: RunOutcome
    message: str = ""
    undo: dict[str, Any] | None = None


# Does the operation of a run to some of its rows. Raises HubError where it can be done to none of them any more.
Performer = Callable[[OperationRun, Sequence[OperationRunRow], Actor], list[RowResult]]


def start_run(
    request: RunRequest,
    rows: Select[Any] | Sequence[tuple[int, int]],
    *,
    actor: Actor,
    refused: Sequence[RowResult] = (),
) -> OperationRun:
    """A run of `rows`, (id, version) of each or what selects that, as they are now. It waits for a worker.

    What was `refused` before is told with the rest of the result.
    """
    if actor.id is None:
        raise WrongState("Only users start operations on many rows")
    run = OperationRun(
        organisation_id=actor.organisation_id,
        user_id=actor.id,
        screen=request.screen,
        operation=request.operation,
        title=request.title[:200],
        noun=request.noun,
        past_tense=request.past_tense,
        address=request.address,
        entries=[list(pair) for pair in request.entries],
        undone_run_id=request.undone_run_id,
        done_rows=len(refused),
        refused_rows=len(refused),
        total_rows=len(refused),
    )
    with save_changes():
        db.session.add(run)
    _insert_rows(run.id, rows)
    _insert_refused(run.id, refused)
    run.total_rows = db.session.scalar(select(func.count()).where(OperationRunRow.run_id == run.id)) or 0
    db.session.flush()
    return run


def _insert_refused(run_id: int, refused: Sequence[RowResult]) -> None:
    values = [
        {
            "run_id": run_id,
            "row_id": each.row_id,
            "seen_version": 0,
            "outcome": RunOutcome.REFUSED,
            "label": each.label[:200],
            "message": each.message[:_MAX_MESSAGE_LENGTH],
        }
        for each in refused
    ]
    if values:
        db.session.connection().execute(insert(_ROWS), values)


def _insert_rows(run_id: int, rows: Select[Any] | Sequence[tuple[int, int]]) -> None:
    if isinstance(rows, Select):
        row_id, version = rows.selected_columns
        selected = rows.with_only_columns(literal(run_id), row_id, version, maintain_column_froms=True)
        db.session.execute(insert(OperationRunRow).from_select(["run_id", "row_id", "seen_version"], selected))
    elif rows:
        values = [{"run_id": run_id, "row_id": row_id, "seen_version": version} for row_id, version in rows]
        db.session.connection().execute(insert(_ROWS), values)


def source_of(run: OperationRun) -> str:
    """What the history calls the source of what a run changes."""
    if run.undone_run_id is not None:
        return f"undo of bulk operation {run.undone_run_id}"
    return f"bulk operation {run.id}"


def claim_run(run_id: int) -> Lease | None:
    """Take a run that waits, or whose worker has died, to go on with it. Of two who try only one gets it."""
    now = clock.get_now()
    started_at = func.coalesce(_RUNS.c.started_at, literal(now, _RUNS.c.started_at.type))
    leases = LEASES.claim(_RUNS.c.id == run_id, now=now, state=TransferState.RUNNING, started_at=started_at)
    return leases[0] if leases else None


def perform_chunk(run: OperationRun, perform: Performer, actor: Actor) -> Counter[RunOutcome]:
    """Do the operation to the next rows of `run`; how many came out how, none where no row is left.

    The caller commits, and keeps the counts with `renew` or `finish_run` before.
    """
    query = select(OperationRunRow).where(OperationRunRow.run_id == run.id, OperationRunRow.outcome.is_(None))
    rows = db.session.scalars(query.order_by(OperationRunRow.id).limit(CHUNK_SIZE)).all()
    if not rows:
        return Counter()
    with history.act_as(actor, source_of(run)):
        results = perform(run, rows, actor)
        db.session.flush()
    by_row_id = {result.row_id: result for result in results}
    outcomes = [(row, by_row_id.get(row.row_id)) for row in rows]
    db.session.connection().execute(
        update(_ROWS)
        .where(_ROWS.c.id == bindparam("key"))
        .values({name: bindparam(f"new_{name}") for name in ("outcome", "label", "message", "undo")}),
        [{"key": row.id, **_describe_result(result)} for row, result in outcomes],
    )
    for row in rows:
        db.session.expire(row)
    return Counter(RunOutcome.REFUSED if result is None else result.outcome for _, result in outcomes)


def _describe_result(result: RowResult | None) -> dict[str, Any]:
    if result is None:
        return {"new_outcome": RunOutcome.REFUSED, "new_label": None, "new_message": ROW_GONE, "new_undo": None}
    return {
        "new_outcome": result.outcome,
        "new_label": result.label[:200],
        "new_message": result.message[:_MAX_MESSAGE_LENGTH] or None,
        "new_undo": result.undo,
    }


def renew(lease: Lease, counts: Counter[RunOutcome]) -> None:
    """Keep the run for another while, with what came of a chunk. Raises Superseded where it was cancelled, or another
    worker has it.
    """
    LEASES.renew(lease, now=clock.get_now(), **_add_counts(counts))


def _add_counts(counts: Counter[RunOutcome]) -> dict[str, Any]:
    return {
        "done_rows": _RUNS.c.done_rows + counts.total(),
        "unchanged_rows": _RUNS.c.unchanged_rows + counts[RunOutcome.UNCHANGED],
        "refused_rows": _RUNS.c.refused_rows + counts[RunOutcome.REFUSED],
    }


def finish_run(lease: Lease) -> bool:
    """Every row was done; whether the run was still the worker's."""
    return bool(LEASES.release(lease, state=TransferState.DONE, finished_at=clock.get_now()))


def fail_run(lease: Lease, problem: str) -> None:
    """The run cannot go on. What was done stays done, and the run says how far it came."""
    LEASES.release(lease, state=TransferState.FAILED, finished_at=clock.get_now(), problem=problem[:500])


def perform_at_once(run: OperationRun, perform: Performer, *, actor: Actor) -> None:
    """Do all of a run in the transaction at hand, which nobody else sees before it ends."""
    run.state, run.started_at = TransferState.RUNNING, clock.get_now()
    counts: Counter[RunOutcome] = Counter()
    while chunk := perform_chunk(run, perform, actor):
        counts += chunk
    run.done_rows, run.unchanged_rows = run.done_rows + counts.total(), counts[RunOutcome.UNCHANGED]
    run.refused_rows += counts[RunOutcome.REFUSED]
    run.state, run.finished_at = TransferState.DONE, clock.get_now()
    db.session.flush()


def list_refused(run: OperationRun, *, limit: int) -> Sequence[OperationRunRow]:
    """The first rows that were refused so far."""
    query = select(OperationRunRow).where(
        OperationRunRow.run_id == run.id, OperationRunRow.outcome == RunOutcome.REFUSED
    )
    return db.session.scalars(query.order_by(OperationRunRow.id).limit(limit)).all()


def count_notes(run: OperationRun) -> list[tuple[str, int]]:
    """What is noted about rows that were not refused, and of how many."""
    row = OperationRunRow
    is_noted = row.run_id == run.id, row.outcome != RunOutcome.REFUSED, row.message.is_not(None)
    query = select(row.message, func.count()).where(*is_noted).group_by(row.message).order_by(row.message)
    return [(message, count) for message, count in db.session.execute(query) if message]


def iterate_results(run: OperationRun) -> Iterator[tuple[str, RunOutcome | None, str]]:
    """(label, outcome, message) of every row, in the order of the run."""
    row = OperationRunRow
    query = select(row.label, row.row_id, row.outcome, row.message).where(row.run_id == run.id).order_by(row.id)
    for label, row_id, outcome, message in db.session.execute(query.execution_options(yield_per=1000)):
        yield label or f"#{row_id}", outcome, message or ""


def cancel_run(run_id: int) -> bool:
    """Stop a run that waits or is under way: rows that are done stay done. Whether there was anything to stop."""
    cancelled_id = db.session.scalar(
        update(_RUNS)
        .where(_RUNS.c.id == run_id, _RUNS.c.state.in_(ACTIVE_STATES))
        .values(state=TransferState.CANCELLED, claimed_until=None, finished_at=clock.get_now())
        .returning(_RUNS.c.id)
    )
    return cancelled_id is not None


# --- Taking back -------------------------------------------------------------------------------------------------


def count_undoable_rows(run: OperationRun) -> int:
    """How many rows of `run` have something to take back."""
    if run.state in ACTIVE_STATES or run.undone_run_id is not None:
        return 0
    return db.session.scalar(select(func.count()).where(*_undoable_conditions(run))) or 0


def _undoable_conditions(run: OperationRun) -> tuple[Any, ...]:
    return OperationRunRow.run_id == run.id, OperationRunRow.undo.is_not(None)


def find_undo(run: OperationRun) -> OperationRun | None:
    """The last run that takes back, or took back, what `run` did."""
    query = select(OperationRun).where(OperationRun.undone_run_id == run.id).order_by(OperationRun.id.desc())
    return db.session.scalars(query.limit(1)).first()


def start_undo(run: OperationRun, *, actor: Actor) -> OperationRun:
    """A run that puts back the previous values of all rows that `run` changed; the one under way where there is one.

    Raises WrongState where there is nothing to take back.
    """
    lock = update(_RUNS).where(_RUNS.c.id == run.id).values(version=_RUNS.c.version + 1)
    db.session.connection().execute(lock)  # of two who undo it at once, the second finds what the first has started
    db.session.refresh(run)
    undo = find_undo(run)
    if undo is not None and undo.state in ACTIVE_STATES:
        return undo
    if not count_undoable_rows(run):
        raise WrongState("There is nothing left to undo")
    request = RunRequest(
        screen=run.screen,
        operation=run.operation,
        title=f"Undo: {run.title}",
        noun=run.noun,
        past_tense="restored",
        address=run.address,
        entries=[(name, value) for name, value in run.entries],
        undone_run_id=run.id,
    )
    left_version = OperationRunRow.undo["version"].as_integer()
    rows = select(OperationRunRow.row_id, left_version).where(*_undoable_conditions(run)).order_by(OperationRunRow.id)
    return start_run(request, rows, actor=actor)


def load_undo(run: OperationRun, row_ids: Sequence[int]) -> dict[int, dict[str, list[Any]]]:
    """[before, after] of each field that the run which `run` takes back changed, by the row's id."""
    query = select(OperationRunRow.row_id, OperationRunRow.undo).where(
        OperationRunRow.run_id == run.undone_run_id, OperationRunRow.row_id.in_(row_ids)
    )
    return {row_id: undo["values"] for row_id, undo in db.session.execute(query) if undo is not None}


def forget_undo(run: OperationRun, row_ids: Sequence[int]) -> None:
    """These rows were restored: there is nothing left to take back of them."""
    db.session.connection().execute(
        update(_ROWS).where(_ROWS.c.run_id == run.undone_run_id, _ROWS.c.row_id.in_(row_ids)).values(undo=null())
    )
