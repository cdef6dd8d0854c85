"""What all jobs with a lease have in common: how their work ends, and how lost jobs are resumed."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.exc import OperationalError

from customerhub.core.leases import Lease, LeaseTable, Superseded
from jobs import queue
from models.base import db


@contextmanager
def leased_work(
    leases: LeaseTable, lease: Lease, *, waiting_state: Any, fail: Callable[[Exception], object]
) -> Iterator[None]:
    """Work that holds `lease`, in transactions that it commits itself.

    Where the lease is lost the work stops. Where the database is away the row goes back to `waiting_state`, and the
    queue retries the job; where even that cannot be written, the row is resumed once the lease expires. After any other
    error `fail` records the failure.
    """
    try:
        yield
    except Superseded:
        db.session.rollback()
    except OperationalError:
        db.session.rollback()
        with suppress(OperationalError):
            leases.release(lease, state=waiting_state)
            db.session.commit()
        raise
    except Exception as error:
        db.session.rollback()
        fail(error)
        db.session.commit()


def resume_lost(jobs: Iterable[tuple[Callable[[int], object], int]]) -> str:
    """Queue these jobs again, each with the id of its row. Returns a summary in words."""
    lost_jobs = list(jobs)
    db.session.rollback()
    for function, row_id in lost_jobs:
        queue.try_enqueue(function, row_id, queue=queue.BULK)
    return f"{len(lost_jobs)} resumed" if lost_jobs else "Nothing to resume"
