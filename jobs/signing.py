"""Asking the signing service for what is to be asked, and comparing what it knows with what is known here.

The SDK is imported by the first envelope that a process works on, and never by the web.
"""

import logging
import time
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from rq.timeouts import BaseTimeoutException
from sqlalchemy.exc import OperationalError

from customerhub.core import clock
from customerhub.core.errors import HubError
from customerhub.core.leases import Lease
from customerhub.signing import requests, steps
from customerhub.signing.access import load_access, remember_base_url
from customerhub.signing.service import SigningServiceError
from customerhub.signing.steps import Task
from jobs.queue import try_enqueue
from models.base import db

if TYPE_CHECKING:
    from customerhub.signing.docusign import SigningService

MAX_SECONDS = 120  # after which no other request is begun
BATCH = 20

log = logging.getLogger(__name__)


def notify_workers() -> None:
    """Have a worker ask soon; without a queue server the schedule does."""
    try_enqueue(work)


def work(max_seconds: float = MAX_SECONDS) -> str:
    """Ask everything that is due; what came of it, in words."""
    work_round = _Round()
    deadline = time.monotonic() + max_seconds
    while time.monotonic() < deadline:
        due_ids = requests.list_due(
            clock.get_now(), limit=BATCH, organisation_ids_left_out=list(work_round.limited_until)
        )
        db.session.rollback()
        if not due_ids:
            break
        for request_id in due_ids:
            if time.monotonic() < deadline:
                work_round.perform(request_id)
    return work_round.summary


class _Round:
    """Working through requests, one after the other. An organisation whose service takes no calls is left alone."""

    def __init__(self) -> None:
        self.limited_until: dict[int, datetime] = {}
        self._services: dict[int, SigningService] = {}
        self._tally: Counter[str] = Counter()

    @property
    def summary(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self._tally.items()) or "Nothing was due"

    def perform(self, request_id: int) -> None:
        """Do one request, if nobody else does."""
        lease = requests.claim(request_id, now=clock.get_now())
        db.session.commit()
        if lease is None:
            return
        task = steps.load_task(lease)
        db.session.rollback()
        try:
            self._do(task, lease)
        except SigningServiceError as error:
            self._record_failure(task, lease, error)
        except HubError as error:  # what the organisation lacks, or a text that cannot be set
            self._record_failure(task, lease, SigningServiceError(error.message, is_final=True))
        except (BaseTimeoutException, OperationalError):
            raise
        except Exception as error:
            log.exception("signing request %s failed", request_id)
            reason = f"{type(error).__name__}. See the log"
            self._record_failure(task, lease, SigningServiceError(reason))

    def _do(self, task: Task, lease: Lease) -> None:
        service = self._find_service(task.organisation_id)
        with steps.acting_for(task):
            draft = steps.prepare_draft(task)
            db.session.commit()
            answer = steps.ask(task, service, draft)
            steps.apply_answer(task, answer, account_id=service.account_id)
            remember_base_url(task.organisation_id, service.base_url)
            requests.finish(lease, now=clock.get_now())
            db.session.commit()
        self._tally["done"] += 1

    def _find_service(self, organisation_id: int) -> "SigningService":
        if organisation_id not in self._services:
            from customerhub.signing.docusign import SigningService

            self._services[organisation_id] = SigningService(load_access(organisation_id))
            db.session.rollback()
        return self._services[organisation_id]

    def _record_failure(self, task: Task, lease: Lease, error: SigningServiceError) -> None:
        db.session.rollback()
        now = clock.get_now()
        if error.try_at is not None:
            self.limited_until[task.organisation_id] = error.try_at
        if error.is_final:
            requests.fail(lease, error.reason, now=now)
            self._tally["refused"] += 1
        elif requests.postpone(lease, error.reason, now=now, attempts=task.attempts, try_at=error.try_at):
            self._tally["to be retried"] += 1
        else:
            self._tally["given up"] += 1
        db.session.commit()
