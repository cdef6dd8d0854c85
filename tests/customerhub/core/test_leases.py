"""Leases: one worker at a time, found out by whoever has lost theirs; on rows of both kinds of token."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
import time_machine
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import select, update

from customerhub.core import clock
from customerhub.core.config import Settings
from customerhub.core.leases import LOST_JOB_AFTER, Lease, LeaseTable, Superseded
from customerhub.mail import outbox
from jobs import exports
from models import ListExport, Organisation
from models.base import db
from models.enums import OutboxState, TransferState
from tests.support.forked_processes import ForkedProcess, start_program
from tests.support.people import make_organisation, make_user

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
SECONDS = 60


class Kind:
    """One table of leased rows: how a row of it comes to be, and what a claim and an end set."""

    def __init__(
        self, leases: LeaseTable, make_row: Callable[[Organisation], int], claim_values: dict[str, Any], ended: Any
    ) -> None:
        self.leases, self.make_row, self.claim_values, self.ended = leases, make_row, claim_values, ended

    def claim(self, *row_ids: int, now: datetime = NOW) -> list[Lease]:
        leases = self.leases.claim(self.leases.table.c.id.in_(row_ids), now=now, **self.claim_values)
        db.session.commit()
        return leases

    def read_row(self, row_id: int) -> dict[str, Any]:
        row = db.session.execute(select(self.leases.table).where(self.leases.table.c.id == row_id)).mappings().one()
        db.session.rollback()
        return dict(row)

    def set_values(self, row_id: int, **values: Any) -> None:
        db.session.execute(update(self.leases.table).where(self.leases.table.c.id == row_id).values(**values))
        db.session.commit()


def make_export(organisation: Organisation) -> int:
    user = make_user(organisation)
    export = ListExport(
        organisation_id=organisation.id, user_id=user.id, screen="x", title="x", query={}, format="csv", created_at=NOW
    )
    db.session.add(export)
    db.session.commit()
    return export.id


def make_message(organisation: Organisation) -> int:
    with time_machine.travel(NOW, tick=False):
        message = outbox.enqueue(
            organisation_id=organisation.id,
            reason_key=f"test {next(_numbers)}",
            purpose="review due",
            recipient="kim@example.com",
            subject="Review",
            text_body="Please look.",
            html_body="<p>Please look.</p>",
        )
        db.session.commit()
    return message.id


_numbers = iter(range(10**9))
KINDS = {
    "a version as token": Kind(
        exports.LEASES, make_export, {"state": TransferState.RUNNING, "done_rows": 0}, TransferState.DONE
    ),
    "the time as token": Kind(outbox.LEASES, make_message, {"attempts": 0}, OutboxState.SENT),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def organisation(session: Any) -> Organisation:
    return make_organisation()


def test_a_row_is_taken_by_one_until_its_lease_expires(kind: Kind, organisation: Organisation) -> None:
    row_id, duration = kind.make_row(organisation), kind.leases.duration
    [first] = kind.claim(row_id)
    assert first.row_id == row_id
    assert kind.claim(row_id) == kind.claim(row_id, now=NOW + duration - MOMENT) == []
    [second] = kind.claim(row_id, now=NOW + duration)
    assert second.token != first.token
    assert kind.claim(row_id, now=NOW + duration) == []


def test_who_was_too_slow_learns_it_and_changes_nothing(kind: Kind, organisation: Organisation) -> None:
    row_id = kind.make_row(organisation)
    later = NOW + kind.leases.duration
    [first] = kind.claim(row_id)
    [second] = kind.claim(row_id, now=later)
    before = kind.read_row(row_id)
    with pytest.raises(Superseded):
        kind.leases.renew(first, now=later)
    assert kind.leases.release(first, state=kind.ended) == 0
    db.session.commit()
    assert kind.read_row(row_id) == before
    assert kind.leases.release(second, state=kind.ended) == 1
    db.session.commit()
    assert kind.read_row(row_id)["state"] is kind.ended


def test_a_renewed_lease_lasts_from_then_on(kind: Kind, organisation: Organisation) -> None:
    row_id, duration = kind.make_row(organisation), kind.leases.duration
    [lease] = kind.claim(row_id)
    for minutes in range(1, 4):
        lease = kind.leases.renew(lease, now=NOW + duration * minutes - MOMENT)
        db.session.commit()
        assert kind.claim(row_id, now=NOW + duration * minutes) == []
    assert kind.leases.release(lease) == 1


def test_a_lease_that_expired_and_nobody_took_goes_on(kind: Kind, organisation: Organisation) -> None:
    row_id, duration = kind.make_row(organisation), kind.leases.duration
    [lease] = kind.claim(row_id)
    kind.leases.renew(lease, now=NOW + duration * 9)
    db.session.commit()
    assert kind.claim(row_id, now=NOW + duration * 10 - MOMENT) == []


def test_work_that_was_cancelled_is_found_out(kind: Kind, organisation: Organisation) -> None:
    row_id = kind.make_row(organisation)
    [lease] = kind.claim(row_id)
    kind.set_values(row_id, state=kind.ended)
    with pytest.raises(Superseded):
        kind.leases.renew(lease, now=NOW)
    assert kind.leases.release(lease) == 0
    assert kind.claim(row_id, now=NOW + kind.leases.duration) == []


def test_what_is_given_back_is_anybodys_at_once(kind: Kind, organisation: Organisation) -> None:
    row_ids = [kind.make_row(organisation) for _ in range(3)]
    first, second, third = (kind.claim(row_id, now=NOW + timedelta(seconds=row_id))[0] for row_id in row_ids)
    kind.set_values(row_ids[2], state=kind.ended)
    assert kind.leases.release(first, second, third) == 2
    db.session.commit()
    assert {lease.row_id for lease in kind.claim(*row_ids)} == set(row_ids[:2])
    assert kind.leases.release() == 0


def test_a_token_ends_the_lease_of_its_own_row_only(kind: Kind, organisation: Organisation) -> None:
    row_ids = [kind.make_row(organisation) for _ in range(2)]
    leases = {lease.row_id: lease for lease in kind.claim(*row_ids)}
    assert len({lease.token for lease in leases.values()}) == 1  # both were taken by one statement
    assert kind.leases.release(leases[row_ids[0]]) == 1
    db.session.commit()
    assert [lease.row_id for lease in kind.claim(*row_ids)] == row_ids[:1]


def test_what_is_rolled_back_was_not_taken(kind: Kind, organisation: Organisation) -> None:
    row_id = kind.make_row(organisation)
    assert kind.leases.claim(kind.leases.table.c.id == row_id, now=NOW, **kind.claim_values)
    db.session.rollback()
    assert len(kind.claim(row_id)) == 1


def test_lost_is_what_waits_for_long_or_whose_worker_is_silent(organisation: Organisation) -> None:
    kind = KINDS["a version as token"]
    waiting, running = kind.make_row(organisation), kind.make_row(organisation)
    kind.claim(running)

    def list_lost(now: datetime) -> set[int]:
        return set(kind.leases.list_lost(now=now))

    assert list_lost(NOW + LOST_JOB_AFTER) == set()
    assert list_lost(NOW + LOST_JOB_AFTER + MOMENT) == {waiting}
    assert list_lost(NOW + kind.leases.duration) == {waiting, running}
    kind.set_values(running, state=TransferState.DONE)
    kind.set_values(waiting, state=TransferState.CANCELLED)
    assert list_lost(NOW + kind.leases.duration * 9) == set()


STEPS = st.tuples(st.sampled_from(["claim", "renew", "release", "wait"]), st.integers(0, 2))


@hypothesis.settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=4, max_size=14))
def test_whatever_three_workers_do_one_holds_the_row(
    kind: Kind, organisation: Organisation, steps: list[tuple[str, int]]
) -> None:
    """Against an account of who holds it: the last who claimed, until they release it."""
    row_id, duration, now = kind.make_row(organisation), kind.leases.duration, NOW
    leases: dict[int, Lease] = {}
    holder, until = None, NOW
    for action, worker in steps:
        if action == "wait":
            now += duration * (worker + 1) / 2
        elif action == "claim":
            claimed = kind.claim(row_id, now=now)
            assert bool(claimed) is (holder is None or until <= now)
            if claimed:
                [leases[worker]] = claimed
                holder, until = worker, now + duration
        elif worker in leases and action == "renew":
            if worker == holder:
                leases[worker], until = kind.leases.renew(leases[worker], now=now), now + duration
            else:
                with pytest.raises(Superseded):
                    kind.leases.renew(leases[worker], now=now)
            db.session.commit()
        elif worker in leases:
            assert kind.leases.release(leases.pop(worker)) == (worker == holder)
            db.session.commit()
            holder = None if worker == holder else holder


# --- In processes of their own -----------------------------------------------------------------------------


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[..., ForkedProcess]]:
    """Starts the process that takes leases, over the database of the test."""
    started: list[ForkedProcess] = []

    def start(*words: object) -> ForkedProcess:
        started.append(start_program(settings, "tests.processes.leasing_process", *words))
        return started[-1]

    yield start
    for process in started:
        process.end()


def test_of_processes_that_race_for_rows_one_finishes_each(
    organisation: Organisation, start: Callable[..., ForkedProcess]
) -> None:
    export_ids = [make_export(organisation) for _ in range(12)]
    finishers = start("race", 4, *export_ids).read_answer(SECONDS)
    assert {int(key): len(numbers) for key, numbers in finishers.items()} == dict.fromkeys(export_ids, 1)
    kind = KINDS["a version as token"]
    rows = [kind.read_row(export_id) for export_id in export_ids]
    assert [(row["state"], row["version"], row["done_rows"]) for row in rows] == [(TransferState.DONE, 2, 3)] * 12


def test_what_a_killed_process_held_is_left_alone_and_then_taken_over(
    organisation: Organisation, start: Callable[..., ForkedProcess]
) -> None:
    export_id, kind = make_export(organisation), KINDS["a version as token"]
    process = start("hold", export_id)
    tokens = json.loads(process.read_line())
    os.kill(process.pid, signal.SIGKILL)
    process.wait(SECONDS)
    dead = Lease(export_id, tokens[str(export_id)])
    assert kind.claim(export_id, now=clock.get_now()) == []
    later = clock.get_now() + kind.leases.duration
    [lease] = kind.claim(export_id, now=later)
    assert kind.leases.release(dead, state=TransferState.DONE) == 0
    with pytest.raises(Superseded):
        kind.leases.renew(dead, now=later)
    assert kind.leases.release(lease, state=TransferState.DONE) == 1
