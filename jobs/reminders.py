"""The daily reminders of reviews and compliance documents.

Every hour, because the days of organisations begin at different hours; what was planned is planned once.
"""

import logging
from collections.abc import Callable
from datetime import date

from customerhub.core import clock, history
from customerhub.core.job_runs import IncompleteRun
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from customerhub.core.table_statistics import update_statistics
from customerhub.notifications import reminders
from customerhub.notifications.due import list_due_reminders
from customerhub.notifications.reminders import PlanResult
from jobs.per_organisation import run_for_each_organisation
from models import Organisation, OutboxMessage, Reminder
from models.base import db
from models.sqlite import read_only_transaction

CHUNK = 200  # reminders that are planned in one transaction

log = logging.getLogger(__name__)


def remind() -> str:
    """Plan the reminders of every active organisation, as of its own day. One that fails stops no other.

    Raises Unfinished at the end where one failed.
    """
    planned_counts, failed_count = run_for_each_organisation(
        lambda key: remind_organisation(key, as_of=organisation_today(key)).planned,
        failure="the reminders of organisation %s could not be planned",
    )
    planned = sum(planned_counts)
    if failed_count:
        raise IncompleteRun(f"{planned} reminders planned; failed for {failed_count} organisations")
    return f"{planned} reminders planned"


def remind_organisation(
    organisation_id: int,
    *,
    as_of: date,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PlanResult:
    """Plan the reminders of an organisation for a day; with `dry_run` only count them.

    What is due is found by a transaction that blocks no writer, and planned in chunks, each committed: after an
    interruption the next run goes on.
    """
    with history.act_as(Actor(None, organisation_id), "daily reminders"):
        db.session.rollback()
        with read_only_transaction():
            due_reminders = list(list_due_reminders(db.session.get_one(Organisation, organisation_id), as_of=as_of))
            db.session.rollback()
        outcome = reminders.count_due_reminders(due_reminders)
        if dry_run:
            return outcome
        outcome.planned = 0
        sendable_reminders = [due for due in due_reminders if due.obstacle is None]
        for start in range(0, len(sendable_reminders), CHUNK):
            organisation = db.session.get_one(Organisation, organisation_id)
            outcome.planned += reminders.plan_reminders(
                organisation, sendable_reminders[start : start + CHUNK], as_of=as_of
            )
            update_statistics(OutboxMessage, Reminder)
            db.session.commit()
            if progress is not None:
                progress(start + CHUNK, len(sendable_reminders))
    withdrawn_count = _withdraw_obsolete(organisation_id)
    if outcome.planned or withdrawn_count:
        _log_outcome(organisation_id, outcome.planned, as_of, withdrawn_count)
    return outcome


def _withdraw_obsolete(organisation_id: int) -> int:
    """Cancel what nobody needs any more, in chunks, each committed; how many there were."""
    count = 0
    for withdrawn in reminders.withdraw_obsolete_reminders(organisation_id, now=clock.get_now()):
        count += withdrawn
        db.session.commit()
    db.session.rollback()
    return count


def _log_outcome(organisation_id: int, planned_count: int, as_of: date, withdrawn_count: int) -> None:
    log.info(
        "organisation %s: %s reminders planned as of %s, %s withdrawn",
        organisation_id,
        planned_count,
        as_of,
        withdrawn_count,
    )
