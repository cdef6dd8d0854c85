"""Whatever is under way is taken up again when its job is lost, in every state that it can be in."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import scoped_session

from customerhub.core import clock
from customerhub.customers.importing import transitions, worker_steps
from jobs import exports, queue
from jobs.schedule import SCHEDULE
from models import CustomerImport, ListExport
from models.base import db
from models.enums import TransferState
from tests.customerhub.customers.conftest import ImportOrg, make_import_org
from tests.support.imports import confirm_import, get_import, import_and_save, upload_and_check, upload_import
from tests.support.workbooks import build_workbook, valid_row

State = TransferState
IDLE_STATES = {
    State.DONE,
    State.FAILED,
    State.CANCELLED,
    State.REVERTED,
    State.READY,
}  # the last one until a person confirms
IMPORT_ONLY_STATES = {State.CHECKING, State.SAVING}


def queued_import(import_org: ImportOrg) -> int:
    return upload_import(build_workbook([valid_row(1)]), import_org)


def half_checked_import(import_org: ImportOrg) -> int:
    import_id = queued_import(import_org)
    assert worker_steps.claim_check(import_id)
    return import_id


def confirmed_import(import_org: ImportOrg) -> int:
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    confirm_import(import_id, import_org)
    return import_id


def reverting_import(import_org: ImportOrg) -> int:
    import_id = import_and_save(build_workbook([valid_row(1)]), import_org)
    transitions.revert_import(get_import(import_id, import_org), actor=import_org.actor)
    return import_id


def queued_export(import_org: ImportOrg) -> int:
    export = ListExport(
        organisation_id=import_org.id,
        user_id=import_org.user.id,
        screen="departments",
        title="Departments",
        format="csv",
        query={"address": "?", "columns": []},
    )
    db.session.add(export)
    db.session.flush()
    return export.id


def half_written_export(import_org: ImportOrg) -> int:
    export_id = queued_export(import_org)
    assert exports._claim(export_id)
    return export_id


# What leads to each state that something is done in, and the state behind it.
CASES: dict[tuple[Any, TransferState], tuple[Callable[[ImportOrg], int], TransferState]] = {
    (CustomerImport, State.QUEUED): (queued_import, State.READY),
    (CustomerImport, State.CHECKING): (half_checked_import, State.READY),
    (CustomerImport, State.SAVING): (confirmed_import, State.DONE),
    (CustomerImport, State.RUNNING): (reverting_import, State.REVERTED),
    (ListExport, State.QUEUED): (queued_export, State.DONE),
    (ListExport, State.RUNNING): (half_written_export, State.DONE),
}


def test_every_state_is_thought_of() -> None:
    under_way = set(State) - IDLE_STATES
    assert {state for kind, state in CASES if kind is CustomerImport} == under_way
    assert {state for kind, state in CASES if kind is ListExport} == under_way - IMPORT_ONLY_STATES


def run_sweeps() -> list[Any]:
    """Do what the schedule does every few minutes; the jobs that this queues."""
    for entry in SCHEDULE:
        if entry.function.__name__ == "resume":
            entry.function()
    return list(queue.get_queue(queue.BULK).jobs)


@pytest.mark.parametrize(("kind", "state"), CASES, ids=lambda part: getattr(part, "__name__", str(part)))
def test_what_lost_its_job_is_taken_up(session: scoped_session[Any], kind: Any, state: TransferState) -> None:
    prepare, behind = CASES[kind, state]
    key = prepare(make_import_org(session))
    db.session.commit()
    assert db.session.get_one(kind, key, populate_existing=True).state is state
    db.session.commit()
    assert run_sweeps() == []  # somebody may be at work on it
    earlier = clock.get_now() - timedelta(hours=1)
    moments = {"created_at": earlier, "started_at": earlier, "claimed_until": earlier}
    db.session.execute(update(kind).values(moments).execution_options(synchronize_session=False))
    db.session.commit()
    [job] = run_sweeps()
    job.func(*job.args)
    assert db.session.get_one(kind, key, populate_existing=True).state is behind
    job.delete()
    assert run_sweeps() == []
