"""What somebody may do with a job: have it tried again, discard it, take it out of its queue.

Whoever takes a job out of its registry has it: of two at once the other one is told that it is there no longer. What
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

from customerhub.errors import WrongState
from customerhub.permissions import Actor, Permission, require
from jobs.queue import reaching
from jobs.registries import NO_JOB, Place, fetched, registry_of, sealed_queue

ALL_SECONDS = 10.0  # how long all failed jobs of a queue are worked through at a time

log = logging.getLogger(__name__)
Act = Callable[..., None]


def retry(name: str, job_id: str, *, actor: Actor) -> None:
    """Put a job of the queue `name` that failed, or is to be tried again later, at the end of its queue.

    Raises WrongState where it is neither, or cannot be read, NotAllowed, QueueAway.
    """
    require(actor, Permission.JOBS)
    with reaching():
        queue = sealed_queue(name)
        for place in (Place.FAILED, Place.LATER):
            try:
                registry_of(queue, place).requeue(job_id)
            except InvalidJobOperation:
                continue  # it is not there
            except NoSuchJobError:
                break
            except NO_JOB:
                raise WrongState("This is no job that could be tried. Discard it.") from None
            log.info("user %s has job %s tried again", actor.id, job_id)
            return
    raise WrongState("This job neither failed nor waits to be tried again. Somebody may have been faster.")


def discard(name: str, job_id: str, *, actor: Actor) -> None:
    """Forget a failed job of the queue `name`, and how it failed.

    Raises WrongState where it is not among the failed ones, NotAllowed, QueueAway.
    """
    require(actor, Permission.JOBS)
    with reaching():
        queue = sealed_queue(name)
        if not registry_of(queue, Place.FAILED).remove(job_id):
            raise WrongState("This job is not among the failed ones. Somebody may have been faster.")
        _forget(job_id, queue)
    log.info("user %s discards job %s", actor.id, job_id)


def cancel(name: str, job_id: str, *, actor: Actor) -> None:
    """Take a job that waits, or is to be tried again later, out of the queue `name`.

    Raises WrongState where it has begun, NotAllowed, QueueAway.
    """
    require(actor, Permission.JOBS)
    with reaching():
        queue = sealed_queue(name)
        if not queue.remove(job_id) and not registry_of(queue, Place.LATER).remove(job_id):
            raise WrongState("This job does not wait any more: it has begun, or is over.")
        _forget(job_id, queue)
    log.info("user %s cancels job %s", actor.id, job_id)


def all_failed(act: Act, name: str, *, actor: Actor) -> tuple[int, int]:
    """Do `act` to every job of the queue `name` that is among the failed ones now, for ALL_SECONDS at most.

    Returns to how many it was done and how many are left to be done. Raises NotAllowed, QueueAway.
    """
    require(actor, Permission.JOBS)
    until = time.monotonic() + ALL_SECONDS
    with reaching():
        ids = registry_of(sealed_queue(name), Place.FAILED).get_job_ids(cleanup=False)
    done = 0
    for position, job_id in enumerate(ids):
        if time.monotonic() >= until:
            return done, len(ids) - position
        with suppress(WrongState):
            act(name, job_id, actor=actor)
            done += 1
    return done, 0


def _forget(job_id: str, queue: Queue) -> None:
    """Remove what is left of a job that was just taken out of its registry."""
    [job] = fetched([job_id], queue)
    if job is None:
        queue.connection.delete(Job.key_for(job_id), Result.get_key(job_id))
    else:
        job.delete(remove_from_queue=False)
