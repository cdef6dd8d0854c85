"""Asking the signing service for what is to be asked, and comparing what it knows with what is known here.

The SDK is imported by the first envelope that a process works on, and never by the web.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rq.timeouts import BaseTimeoutException
from sqlalchemy.exc import OperationalError

from customerhub.core import clock, history, operation_runs
from customerhub.core.errors import HubError
from customerhub.core.job_runs import IncompleteRun
from customerhub.core.leases import Lease
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.signing import comparison, deadlines, doubles, downloads, nda, requests, results, setting_up, steps
from customerhub.signing.access import load_access, remember_base_url
from customerhub.signing.readings import EnvelopeReading
from customerhub.signing.service import SigningServiceError
from customerhub.signing.steps import Task
from jobs import exports
from jobs.per_organisation import run_for_each_organisation
from jobs.queue import try_enqueue
from models import ListExport, OperationRun, OperationRunRow
from models.base import db
from models.enums import RunOutcome

if TYPE_CHECKING:
    from customerhub.signing.docusign import SigningService

MAX_SECONDS = 120  # after which no other request is begun
BATCH = 20
PDF = "application/pdf"

log = logging.getLogger(__name__)


def notify_workers() -> None:
    """Have a worker ask soon; without a queue server the schedule does."""
    try_enqueue(perform_requests)


def perform_requests(max_seconds: float = MAX_SECONDS) -> str:
    """Ask everything that is due; what came of it, in words."""
    work_round = _Round()
    deadline = time.monotonic() + max_seconds
    while time.monotonic() < deadline:
        due_ids = requests.list_due(clock.get_now(), limit=BATCH)
        db.session.rollback()
        if not due_ids:
            break
        for request_id in due_ids:
            if time.monotonic() < deadline:
                work_round.perform(request_id)
    return work_round.summary


def compare_envelopes() -> str:
    """Read what changed at the signing service since the last time, and once a day every open envelope; what of it was
    not known here is applied. One organisation that fails stops no other.
    """
    counts, failed_count = run_for_each_organisation(
        _compare_organisation, failure="the document signatures of organisation %s could not be compared"
    )
    if failed_count:
        raise IncompleteRun(f"{sum(counts)} corrected; failed for {failed_count} organisations")
    return f"{sum(counts)} corrected"


def _compare_organisation(organisation_id: int) -> int:
    """How many envelopes were behind."""
    now = clock.get_now()
    if not comparison.has_sent_envelopes(organisation_id):
        return 0
    service = _open_service(organisation_id)
    since = comparison.get_start(organisation_id, now=now)
    unchecked_ids = comparison.list_unchecked(organisation_id, now=now)
    db.session.rollback()
    readings = [*service.list_changed(since), *service.read_many(unchecked_ids)]
    count = 0
    with history.act_as(Actor(None, organisation_id), "comparison with the signing service"):
        for envelope_id, reading in comparison.select_differing(organisation_id, readings):
            count += results.apply_reading(envelope_id, reading, is_comparison=True)
            db.session.commit()
        _settle_doubles(organisation_id, readings, service)
        comparison.mark_checked(organisation_id, unchecked_ids, now=now)
        comparison.remember_end(organisation_id, until=now)
        db.session.commit()
    return count


def _settle_doubles(organisation_id: int, readings: Sequence[EnvelopeReading], service: "SigningService") -> None:
    """Void what was sent twice. A failure keeps what was read from counting as read."""
    for double in doubles.select_doubles(organisation_id, readings):
        remote_id = doubles.settle_double(double)
        db.session.commit()
        if remote_id is not None:
            service.void_envelope(remote_id, doubles.VOID_REASON)


def request_deadlines() -> str:
    """Ask for the reminders and expiries of every organisation that are due on its own day."""

    def request(organisation_id: int) -> int:
        with history.act_as(Actor(None, organisation_id), "signature reminders"):
            count = deadlines.request_due(organisation_id, today=organisation_today(organisation_id))
            db.session.commit()
            return count

    counts, failed_count = run_for_each_organisation(
        request, failure="the signature reminders of organisation %s could not be planned"
    )
    if failed_count:
        raise IncompleteRun(f"{sum(counts)} asked for; failed for {failed_count} organisations")
    return f"{sum(counts)} asked for"


def check_connection(
    _run: OperationRun, rows: Sequence[OperationRunRow], actor: Actor
) -> list[operation_runs.RowResult]:
    """Ask the signing service for the account of the organisation at work: the account's name, or its refusal.

    No transaction is open while it is asked.
    """
    require_permission(actor, Permission.SETUP_EDIT)
    row_ids = [row.row_id for row in rows]
    try:
        service = _open_service(actor.organisation_id)
        db.session.rollback()
        name, outcome, message = service.describe_account(), RunOutcome.DONE, ""
    except SigningServiceError as error:
        name, outcome, message = "eSignature", RunOutcome.REFUSED, error.reason
    except HubError as error:  # what is missing, or a key that cannot be decrypted
        name, outcome, message = "eSignature", RunOutcome.REFUSED, error.message
    return [operation_runs.RowResult(row_id, name, outcome, message) for row_id in row_ids]


def build_nda_preview(export: ListExport, actor: Actor) -> exports.DocumentExport:
    """The NDA that `export` asks for. Raises NotAllowed, NotFound where the profile is not the actor's to see."""
    require_permission(actor, Permission.CUSTOMERS_VIEW)
    document = setting_up.prepare_preview(export, actor)
    return exports.DocumentExport(f"{export.title}.pdf".replace("/", "-"), PDF, lambda: nda.typeset(document))


def build_signed_archive(export: ListExport, actor: Actor) -> exports.ArchiveExport:
    """The signed PDFs that `export` asks for. Raises NotAllowed, NotFound where none is the actor's to see."""
    today = organisation_today(export.organisation_id)
    return exports.ArchiveExport(f"{export.title}-{today}.zip", downloads.list_signed_files(export, actor))


def _open_service(organisation_id: int) -> "SigningService":
    from customerhub.signing.docusign import SigningService

    return SigningService(load_access(organisation_id))


class _Round:
    """Working through requests, one after the other."""

    def __init__(self) -> None:
        self._services: dict[int, SigningService] = {}
        self._tally: Counter[str] = Counter()

    @property
    def summary(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self._tally.items()) or "Nothing was due"

    def perform(self, request_id: int) -> None:
        """Do one request, if nobody else does."""
        lease = requests.claim_request(request_id, now=clock.get_now())
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
            answer = steps.ask_service(task, service, draft)
            double_id = steps.apply_answer(task, answer, account_id=service.account_id)
            remember_base_url(task.organisation_id, service.base_url)
            requests.finish_request(lease, now=clock.get_now())
            db.session.commit()
        if double_id is not None:
            service.void_envelope(double_id, doubles.VOID_REASON)
        self._tally["done"] += 1

    def _find_service(self, organisation_id: int) -> "SigningService":
        """Raises SigningServiceError where it is not set up, which may be mended before the last attempt."""
        if organisation_id not in self._services:
            try:
                self._services[organisation_id] = _open_service(organisation_id)
            except HubError as error:
                raise SigningServiceError(error.message) from error
            db.session.rollback()
        return self._services[organisation_id]

    def _record_failure(self, task: Task, lease: Lease, error: SigningServiceError) -> None:
        db.session.rollback()
        now = clock.get_now()
        if error.is_final:
            requests.fail_request(lease, error.reason, now=now)
            self._tally["refused"] += 1
        elif requests.postpone_request(lease, error.reason, now=now, attempts=task.attempts, try_at=error.try_at):
            self._tally["to be retried"] += 1
        else:
            self._tally["given up"] += 1
        if error.try_at is not None:
            requests.hold_back_requests(task.organisation_id, until=error.try_at)
        db.session.commit()
