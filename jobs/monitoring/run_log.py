"""Recording in the database the result of each run of a scheduled job.

A failure to record is logged and stops no job: sending mail matters more than recording that it was sent.
"""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rq.job import Job
from rq.timeouts import JobTimeoutException
from sqlalchemy.exc import SQLAlchemyError

from customerhub.core import clock, job_runs
from models.base import db

log = logging.getLogger(__name__)


class HubJob(Job):
    """A job as workers perform it."""

    def perform(self) -> Any:
        if not self.meta.get("periodic"):
            return super().perform()
        return record_run(self.func_name or "", super().perform)


def record_run(name: str, run: Callable[[], Any]) -> Any:
    """Call `run`, and keep when it began and ended and what it says that came of it. Raises what `run` raises."""
    started_at = clock.get_now()
    _commit_change(lambda: job_runs.start_run(name, now=started_at))
    try:
        result = run()
        _record_end(name, started_at, succeeded=True, message=job_runs.describe_result(result))
    except BaseException as error:
        reference = secrets.token_hex(4).upper()
        log.error("reference %s: %s failed: %s", reference, name, type(error).__name__)  # noqa: TRY400  # RQ logs the rest
        _record_end(name, started_at, succeeded=False, message=_failure_message(error, reference))
        raise
    return result


def _record_end(name: str, started_at: datetime, *, succeeded: bool, message: str) -> None:
    _commit_change(
        lambda: job_runs.finish_run(
            name, started_at=started_at, now=clock.get_now(), succeeded=succeeded, message=message
        )
    )


def _commit_change(change: Callable[[], object]) -> None:
    """Make a change of its own: what the job has left uncommitted goes, as it does at the end of any job."""
    try:
        db.session.rollback()
        change()
        db.session.commit()
    except SQLAlchemyError:
        log.exception("the run could not be recorded")
        db.session.rollback()


def _failure_message(error: BaseException, reference: str) -> str:
    if isinstance(error, JobTimeoutException):
        return f"Time limit exceeded, stopped. See the log, reference {reference}"
    return job_runs.describe_failure(error, reference)
