"""Operations on jobs: retry, discard, cancel.

An operation takes the job out of its registry: of two at once, the other one fails because it is no longer there. What
the hub still has to do the schedule finds again, so discarding a job loses no message and no import.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from rq import Queue
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.results import Result

from customerhub.core.errors import WrongState
from customerhub.core.permissions import Actor, Permission, require_permission
from jobs.monitoring.queue_contents import UNREADABLE_JOB_ERRORS, JobState, fetch_jobs, read_only_queue, registry_of
from jobs.queue import queue_errors

MAX_BULK_SECONDS = 10.0  # how long all failed jobs of a queue are worked through at a time

log = logging.getLogger(__name__)
JobOperation = Callable[..., None]


def retry(name: str, job_id: str, *, actor: Actor) -> None:
    """Put a job of the queue `name` that failed, or is to be tried again later, at the end of its queue.

    Raises WrongState where it is neither, or cannot be read, NotAllowed, QueueUnavailable.
    """
    require_permission(actor, Permission.JOBS)
    with queue_errors():
        queue = read_only_queue(name)
        for state in (JobState.FAILED, JobState.SCHEDULED):
            try:
                registry_of(queue, state).requeue(job_id)
            except InvalidJobOperation:
                continue  # it is not there
            except NoSuchJobError:
                break
            except UNREADABLE_JOB_ERRORS:
                raise WrongState("This entry is not a valid job. Discard it.") from None
            log.info("user %s has job %s tried again", actor.id, job_id)
            return
    raise WrongState("This job is no longer failed or waiting for a retry. Another user may have changed it.")


def discard(name: str, job_id: str, *, actor: Actor) -> None:
    """Forget a failed job of the queue `name`, and how it failed.

    Raises WrongState where it is not among the failed ones, NotAllowed, QueueUnavailable.
    """
    require_permission(actor, Permission.JOBS)
    with queue_errors():
        queue = read_only_queue(name)
        if not registry_of(queue, JobState.FAILED).remove(job_id):
            raise WrongState("This job is no longer among the failed jobs. Another user may have changed it.")
        _delete_job(job_id, queue)
    log.info("user %s discards job %s", actor.id, job_id)


def cancel(name: str, job_id: str, *, actor: Actor) -> None:
    """Take a job that waits, or is to be tried again later, out of the queue `name`.

    Raises WrongState where it has begun, NotAllowed, QueueUnavailable.
    """
    require_permission(actor, Permission.JOBS)
    with queue_errors():
        queue = read_only_queue(name)
        if not queue.remove(job_id) and not registry_of(queue, JobState.SCHEDULED).remove(job_id):
            raise WrongState("This job is no longer waiting: it has started or finished.")
        _delete_job(job_id, queue)
    log.info("user %s cancels job %s", actor.id, job_id)


def apply_to_failed_jobs(operation: JobOperation, name: str, *, actor: Actor) -> tuple[int, int]:
    """Do `operation` to every job of the queue `name` that is among the failed ones now, for MAX_BULK_SECONDS at most.

    Returns to how many it was done and how many are left to be done. Raises NotAllowed, QueueUnavailable.
    """
    require_permission(actor, Permission.JOBS)
    deadline = time.monotonic() + MAX_BULK_SECONDS
    with queue_errors():
        ids = registry_of(read_only_queue(name), JobState.FAILED).get_job_ids(cleanup=False)
    done_count = 0
    for position, job_id in enumerate(ids):
        if time.monotonic() >= deadline:
            return done_count, len(ids) - position
        with suppress(WrongState):
            operation(name, job_id, actor=actor)
            done_count += 1
    return done_count, 0


def _delete_job(job_id: str, queue: Queue) -> None:
    """Remove what is left of a job that was just taken out of its registry."""
    [job] = fetch_jobs([job_id], queue)
    if job is None:
        queue.connection.delete(Job.key_for(job_id), Result.get_key(job_id))
    else:
        job.delete(remove_from_queue=False)
