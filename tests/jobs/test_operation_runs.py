"""Operations on many rows in the background: each row once, whatever happens to the worker."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

import models
from customerhub.core import clock, operation_runs, retention
from customerhub.core.config import Settings
from customerhub.core.errors import WrongState
from customerhub.core.leases import Lease, Superseded
from customerhub.core.operation_runs import RunRequest, start_run, start_undo
from customerhub.core.permissions import Actor
from jobs import operations
from jobs.queue import BULK, get_queue, try_enqueue
from models import History, OperationRun, OperationRunRow
from models.base import db
from models.enums import Risk, Role, RunOutcome, TransferState
from models.sqlite import read_only_transaction
from tests.jobs.conftest import StartCommand
from tests.support.bulk_edit import change, make_customers, outcomes_of, read
from tests.support.running_processes import RunningCommand
from tests.support.servers import wait_until
from tests.support.two_organisations import TwoOrganisations

State = TransferState


def request_run(
    organisations: TwoOrganisations, keys: Sequence[int], *, role: Role = Role.AGENT, risk: str = "High"
) -> int:
    """A run that waits to make these customers a high risk."""
    actor = Actor.from_user(db.session.get_one(models.User, organisations.own.users[role]))
    entries = [("chosen_field", "risk"), ("risk", risk)]
    request = RunRequest("customers", "edit-fields", "Edit fields", "customer", "changed", "?", entries)
    customer = models.Customer
    rows = select(customer.id, customer.version).where(customer.id.in_(keys)).order_by(customer.id)
    run_id = start_run(request, rows, actor=actor).id
    db.session.commit()
    db.session.remove()
    return run_id


def run_facts(run_id: int) -> tuple[State, int, int, int]:
    """State, rows done, unchanged and refused, asked without keeping anybody from writing."""
    run = OperationRun
    with read_only_transaction():
        query = select(run.state, run.done_rows, run.unchanged_rows, run.refused_rows).where(run.id == run_id)
        found = db.session.execute(query).one()
        db.session.rollback()
    return found.state, found.done_rows, found.unchanged_rows, found.refused_rows


def let_lease_lapse(run_id: int) -> None:
    past = clock.get_now() - timedelta(minutes=1)
    db.session.execute(update(OperationRun).where(OperationRun.id == run_id).values(claimed_until=past))
    db.session.commit()


def count_changes(keys: Sequence[int]) -> Counter[int]:
    """How often each of these customers became a high risk."""
    query = select(History.row_id, History.changes).where(History.row_id.in_(keys), History.table_name == "customer")
    return Counter(row_id for row_id, changes in db.session.execute(query) if changes.get("risk", [0])[-1] == "High")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation_runs, "CHUNK_SIZE", 3)


@pytest.mark.usefixtures("small_chunks")
def test_a_run_is_done_chunk_by_chunk(organisations: TwoOrganisations):
    keys = make_customers(organisations, 7, risk=Risk.LOW)
    change(organisations, keys[2], risk=Risk.HIGH)
    run_id = request_run(organisations, keys)
    operations.perform(run_id)
    assert run_facts(run_id) == (State.DONE, 7, 1, 0)
    assert read(keys, "risk") == [Risk.HIGH] * 7
    operations.perform(run_id)
    assert count_changes(keys) == dict.fromkeys(keys, 1)


@pytest.mark.usefixtures("small_chunks")
def test_what_is_gone_or_somebody_elses_is_told(organisations: TwoOrganisations):
    keys = make_customers(organisations, 2, risk=Risk.LOW)
    foreign = organisations.foreign.customers[0]
    run_id = request_run(organisations, [*keys, foreign])
    operations.perform(run_id)
    assert outcomes_of(db.session.get_one(OperationRun, run_id))[foreign] == (
        RunOutcome.REFUSED,
        operation_runs.ROW_GONE,
    )
    assert db.session.get_one(models.Customer, foreign).risk is not Risk.HIGH


@pytest.mark.usefixtures("small_chunks")
def test_a_run_that_is_cancelled_keeps_whole_chunks(organisations: TwoOrganisations):
    keys = make_customers(organisations, 9, risk=Risk.LOW)
    run_id = request_run(organisations, keys)
    lease = operation_runs.claim_run(run_id)
    assert lease is not None
    do_chunk(run_id, lease)
    db.session.commit()
    assert operations.cancel(run_id)
    with pytest.raises(Superseded):
        do_chunk(run_id, lease)
    db.session.rollback()
    assert run_facts(run_id) == (State.CANCELLED, 3, 0, 0)
    assert count_changes(keys) == dict.fromkeys(keys[:3], 1)
    operations.perform(run_id)
    assert not operations.cancel(run_id)
    assert count_changes(keys) == dict.fromkeys(keys[:3], 1)


def do_chunk(run_id: int, lease: Lease) -> None:
    """The next rows of a run, as a worker does them; the caller commits."""
    run = db.session.get_one(OperationRun, run_id)
    actor = Actor.from_user(db.session.get_one(models.User, run.user_id))
    operation_runs.renew(lease, operation_runs.perform_chunk(run, operations.get_performers()[run.screen], actor))


@pytest.mark.usefixtures("small_chunks")
def test_who_lost_the_lease_keeps_nothing(organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch):
    """A worker that was taken for dead is still at work: what it does then is done by the other."""
    keys = make_customers(organisations, 3, risk=Risk.LOW)
    run_id = request_run(organisations, keys)
    lease = operation_runs.claim_run(run_id)
    assert lease is not None
    db.session.commit()
    let_lease_lapse(run_id)
    operations.perform(run_id)
    run = db.session.get_one(OperationRun, run_id)
    assert run.state is State.DONE
    with pytest.raises(Superseded):
        operation_runs.renew(lease, Counter({RunOutcome.DONE: 3}))
    db.session.rollback()
    assert run_facts(run_id) == (State.DONE, 3, 0, 0)


def test_two_runs_at_once_change_a_row_once(organisations: TwoOrganisations):
    keys = make_customers(organisations, 3, risk=Risk.LOW)
    first, second = request_run(organisations, keys), request_run(organisations, keys, risk="Medium")
    operations.perform(second)
    operations.perform(first)
    assert read(keys, "risk") == [Risk.MEDIUM] * 3
    assert run_facts(first) == (State.DONE, 3, 0, 3)


@pytest.mark.usefixtures("small_chunks")
def test_a_long_run_lets_others_have_their_turn(organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch):
    """A job may take an hour, a run of all customers longer."""
    monkeypatch.setattr(operations, "TURN_SECONDS", 0)
    keys = make_customers(organisations, 5, risk=Risk.LOW)
    run_id = request_run(organisations, keys)
    operations.perform(run_id)
    assert run_facts(run_id) == (State.QUEUED, 3, 0, 0)
    assert get_queue(BULK).count == 1
    operations.perform(run_id)
    operations.perform(run_id)
    assert run_facts(run_id) == (State.DONE, 5, 0, 0)
    assert count_changes(keys) == dict.fromkeys(keys, 1)


def test_what_was_entered_is_checked_again(organisations: TwoOrganisations):
    keys = make_customers(organisations, 1, risk=Risk.LOW)
    run_id = request_run(organisations, keys, risk="Enormous")
    operations.perform(run_id)
    run = db.session.get_one(OperationRun, run_id)
    assert (run.state, run.problem) == (State.FAILED, "Risk: Choose one from the list")


def test_nothing_is_undone_while_it_is_done(organisations: TwoOrganisations):
    keys = make_customers(organisations, 1, risk=Risk.LOW)
    run = db.session.get_one(OperationRun, request_run(organisations, keys))
    actor = Actor.from_user(db.session.get_one(models.User, organisations.own.users[Role.AGENT]))
    with pytest.raises(WrongState):
        start_undo(run, actor=actor)


def test_old_runs_go_with_their_rows(organisations: TwoOrganisations):
    run_id = request_run(organisations, make_customers(organisations, 2, risk=Risk.LOW))
    retention.remove_transfers(older_than=clock.get_now() + timedelta(days=1))
    assert db.session.get(OperationRun, run_id) is not None  # it waits
    operations.perform(run_id)
    assert retention.remove_transfers(older_than=clock.get_now() + timedelta(days=1)) >= 1
    db.session.expire_all()
    assert db.session.get(OperationRun, run_id) is None
    assert db.session.scalar(select(func.count()).where(OperationRunRow.run_id == run_id)) == 0


# --- Processes -------------------------------------------------------------------------------------------------


@pytest.fixture
def notes_file(tmp_path: Path) -> Path:
    return tmp_path / "notes_file"


@pytest.fixture
def start_slow_worker(start: StartCommand, settings: Settings, notes_file: Path) -> Callable[[float], RunningCommand]:
    """Starts a worker over the database of the test. A chunk takes it so many seconds."""

    def start_slow_worker(seconds: float) -> RunningCommand:
        surroundings = {
            "DATABASE_URL": settings.database_url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "REDIS_URL": settings.redis_url or "",
        }
        return start("-m", "tests.processes.slow_worker", str(notes_file), str(seconds), **surroundings)

    return start_slow_worker


def test_a_run_whose_worker_was_killed_is_ended_by_another(
    organisations: TwoOrganisations, start_slow_worker: Callable[[float], RunningCommand], notes_file: Path
):
    """Each row is done exactly once: chunks that were committed, and the one that was lost, which is done again."""
    keys = make_customers(organisations, 50, risk=Risk.LOW)
    run_id = request_run(organisations, keys)
    assert try_enqueue(operations.perform, run_id, queue=BULK)
    first = start_slow_worker(0.5)
    wait_until(lambda: notes_file.exists() and len(notes_file.read_text().splitlines()) == 3)
    os.kill(first.process.pid, signal.SIGKILL)
    wait_until(lambda: not first.list_processes())
    assert run_facts(run_id) == (State.RUNNING, 20, 0, 0)
    db.session.rollback()
    let_lease_lapse(run_id)
    operations.resume()
    assert get_queue(BULK).count == 1
    start_slow_worker(0)
    wait_until(lambda: run_facts(run_id)[0] is State.DONE)
    assert run_facts(run_id) == (State.DONE, 50, 0, 0)
    assert count_changes(keys) == dict.fromkeys(keys, 1)
