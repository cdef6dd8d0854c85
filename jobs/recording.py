"""Keeping in the database what became of each run of a job of the schedule.

What cannot be kept is logged and stops no job: sending mail matters more than telling that it was sent.
"""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rq.job import Job
from rq.timeouts import JobTimeoutException
from sqlalchemy.exc import SQLAlchemyError

from customerhub import clock, periodic
from models.base import db

log = logging.getLogger(__name__)


class HubJob(Job):
    """A job as workers perform it."""

    def perform(self) -> Any:
        if not self.meta.get("periodic"):
            return super().perform()
        return recorded(self.func_name or "", super().perform)


def recorded(name: str, run: Callable[[], Any]) -> Any:
    """Call `run`, and keep when it began and ended and what it says that came of it. Raises what `run` raises."""
    began = clock.now()
    _keep(lambda: periodic.begin(name, now=began))
    try:
        answer = run()
        _end(name, began, succeeded=True, told=periodic.outcome(answer))
    except BaseException as error:
        reference = secrets.token_hex(4).upper()
        log.error("reference %s: %s failed: %s", reference, name, type(error).__name__)  # noqa: TRY400  # RQ logs the rest
        _end(name, began, succeeded=False, told=_failure(error, reference))
        raise
    return answer


def _end(name: str, began: datetime, *, succeeded: bool, told: str) -> None:
    _keep(lambda: periodic.end(name, began=began, now=clock.now(), succeeded=succeeded, told=told))


def _keep(change: Callable[[], object]) -> None:
    """Make a change of its own: what the job has left uncommitted goes, as it does at the end of any job."""
    try:
        db.session.rollback()
        change()
        db.session.commit()
    except SQLAlchemyError:
        log.exception("the run could not be recorded")
        db.session.rollback()


def _failure(error: BaseException, reference: str) -> str:
    if isinstance(error, JobTimeoutException):
        return f"It took longer than it may and was stopped. The log tells more under reference {reference}"
    return periodic.failure(error, reference)
