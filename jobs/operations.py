"""Operations on many rows, done in the background.

Whoever does a run holds a lease of it, and asks for it in each transaction. A chunk of rows is done, with what became
of each, in one transaction: a run that was interrupted goes on behind the last whole chunk.
"""

import logging
import time
from collections.abc import Mapping

from flask import Flask, current_app

from customerhub.core import clock, operation_runs
from customerhub.core.errors import HubError
from customerhub.core.leases import Lease, Superseded
from customerhub.core.operation_runs import LEASES, Performer
from customerhub.core.permissions import restore_actor
from jobs.leased_work import leased_work, resume_lost
from jobs.queue import BULK, try_enqueue
from models import OperationRun, User
from models.base import db
from models.enums import TransferState

TURN_SECONDS = 600
_EXTENSION = "hub_operation_performers"
log = logging.getLogger(__name__)


def init_operations(app: Flask, performers: Mapping[str, Performer]) -> None:
    """Give `app` what does operations to rows: screen → what does those of its rows."""
    app.extensions[_EXTENSION] = dict(performers)


def get_performers() -> dict[str, Performer]:
    """What does operations in the current app, by screen."""
    performers: dict[str, Performer] = current_app.extensions[_EXTENSION]
    return performers


def perform(run_id: int) -> None:
    """Do one run that waits, or go on with one whose worker has died. Any other is left alone."""
    lease = operation_runs.claim_run(run_id)
    db.session.commit()
    if lease is None:
        return

    def fail(error: Exception) -> None:
        operation_runs.fail_run(lease, _describe_error(error, run_id))

    turn_ends_at = time.monotonic() + TURN_SECONDS
    with leased_work(LEASES, lease, waiting_state=TransferState.QUEUED, fail=fail):
        while _perform_chunk(lease):
            db.session.commit()
            if time.monotonic() > turn_ends_at:
                _queue_again(lease)
                return
        if not operation_runs.finish_run(lease):
            raise Superseded
        db.session.commit()


def _queue_again(lease: Lease) -> None:
    """Let others of the queue have their turn: a job may not take as long as the longest runs do."""
    if LEASES.release(lease, state=TransferState.QUEUED):
        db.session.commit()
        try_enqueue(perform, lease.row_id, queue=BULK)


def _perform_chunk(lease: Lease) -> bool:
    """Do the next rows, and ask for the lease; whether there were any. The caller commits.

    Raises NotAllowed where who started the run may no longer work there.
    """
    run = db.session.get_one(OperationRun, lease.row_id)
    actor = restore_actor(db.session.get_one(User, run.user_id), run.organisation_id)
    counts = operation_runs.perform_chunk(run, get_performers()[run.screen], actor)
    if counts:
        operation_runs.renew(lease, counts)
    return bool(counts)


def _describe_error(error: Exception, run_id: int) -> str:
    """What people read of `error`."""
    if isinstance(error, HubError):
        return error.message
    log.error("operation run %s failed", run_id, exc_info=error)
    return "The operation failed. What was done so far is kept"


def cancel(run_id: int) -> bool:
    """Stop a run: what is done stays done. Whether there was anything to stop. Commits."""
    is_cancelled = operation_runs.cancel_run(run_id)
    db.session.commit()
    return is_cancelled


def resume() -> str:
    """Queue again what lost its job, as when the queue server was away or a worker was killed for good."""
    return resume_lost((perform, run_id) for run_id in LEASES.list_lost(now=clock.get_now()))
