"""Whatever is under way is taken up again when its job is lost, in every state that it can be in."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import scoped_session

from customerhub import clock
from customerhub.customers.importing import runs, steps
from jobs import exports, queue
from jobs.schedule import SCHEDULE
from models import CustomerImport, ListExport
from models.base import db
from models.enums import TransferState
from tests.customers.conftest import House, make_house
from tests.customers.importing import checked, confirm, saved, the_import, upload
from tests.customers.workbooks import good_row, written

S = TransferState
AT_REST = {S.DONE, S.FAILED, S.CANCELLED, S.REVERTED, S.READY}  # the last one until a person confirms
NOT_OF_EXPORTS = {S.CHECKING, S.SAVING}


def queued_import(house: House) -> int:
    return upload(written([good_row(1)]), house)


def half_checked(house: House) -> int:
    import_id = queued_import(house)
    assert steps.claim_check(import_id)
    return import_id


def confirmed(house: House) -> int:
    import_id = checked(written([good_row(1)]), house)
    confirm(import_id, house)
    return import_id


def being_reverted(house: House) -> int:
    import_id = saved(written([good_row(1)]), house)
    runs.revert_import(the_import(import_id, house), actor=house.actor)
    return import_id


def queued_export(house: House) -> int:
    made = ListExport(
        organisation_id=house.id, user_id=house.user.id, screen="departments", title="Departments", format="csv",
        query={"address": "?", "columns": []},
    )  # fmt: skip
    db.session.add(made)
    db.session.flush()
    return made.id


def half_written(house: House) -> int:
    export_id = queued_export(house)
    assert exports._claim(export_id)
    return export_id


# What leads to each state that something is done in, and the state behind it.
CASES: dict[tuple[Any, TransferState], tuple[Callable[[House], int], TransferState]] = {
    (CustomerImport, S.QUEUED): (queued_import, S.READY),
    (CustomerImport, S.CHECKING): (half_checked, S.READY),
    (CustomerImport, S.SAVING): (confirmed, S.DONE),
    (CustomerImport, S.RUNNING): (being_reverted, S.REVERTED),
    (ListExport, S.QUEUED): (queued_export, S.DONE),
    (ListExport, S.RUNNING): (half_written, S.DONE),
}


def test_every_state_is_thought_of() -> None:
    under_way = set(S) - AT_REST
    assert {state for kind, state in CASES if kind is CustomerImport} == under_way
    assert {state for kind, state in CASES if kind is ListExport} == under_way - NOT_OF_EXPORTS


def sweep() -> list[Any]:
    """Do what the schedule does every few minutes; the jobs that this queues."""
    for entry in SCHEDULE:
        if entry.function.__name__ == "resume":
            entry.function()
    return list(queue.get_queue(queue.BULK).jobs)


@pytest.mark.parametrize(("kind", "state"), CASES, ids=lambda part: getattr(part, "__name__", str(part)))
def test_what_lost_its_job_is_taken_up(session: scoped_session[Any], kind: Any, state: TransferState) -> None:
    prepare, behind = CASES[kind, state]
    key = prepare(make_house(session))
    db.session.commit()
    assert db.session.get_one(kind, key, populate_existing=True).state is state
    db.session.commit()
    assert sweep() == []  # somebody may be at work on it
    earlier = clock.now() - timedelta(hours=1)
    moments = {"created_at": earlier, "started_at": earlier, "heard_at": earlier}
    db.session.execute(update(kind).values(moments).execution_options(synchronize_session=False))
    db.session.commit()
    [job] = sweep()
    job.func(*job.args)
    assert db.session.get_one(kind, key, populate_existing=True).state is behind
    job.delete()
    assert sweep() == []
