"""The daily reminders of reviews and compliance documents.

Every hour, because the days of organisations begin at different hours; what was planned is planned once.
"""

import logging
from collections.abc import Callable
from datetime import date

from customerhub import clock, history
from customerhub.customers.alerts import today
from customerhub.notifications import reminders
from customerhub.notifications.due import find_due
from customerhub.notifications.reminders import Outcome
from customerhub.periodic import Unfinished
from customerhub.permissions import Actor
from jobs.organisations import for_each
from models import Organisation
from models.base import db
from models.sqlite import reading

CHUNK = 200  # reminders that are planned in one transaction

log = logging.getLogger(__name__)


def remind() -> str:
    """Plan the reminders of every active organisation, as of its own day. One that fails stops no other.

    Raises Unfinished at the end where one failed.
    """
    each, failed = for_each(
        lambda key: remind_organisation(key, as_of=today(key)).planned,
        failure="the reminders of organisation %s could not be planned",
    )
    planned = sum(each)
    if failed:
        raise Unfinished(f"{planned} reminders planned; of {failed} organisations they could not be")
    return f"{planned} reminders planned"


def remind_organisation(
    organisation_id: int,
    *,
    as_of: date,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Plan the reminders of an organisation for a day; with `dry_run` only tell how many there would be.

    What is due is found by a transaction that keeps nobody from writing, and planned in chunks, each committed: whoever
    is interrupted has lost nothing, the next run goes on.
    """
    with history.acting(Actor(None, organisation_id), "daily reminders"):
        db.session.rollback()
        with reading():
            dues = list(find_due(db.session.get_one(Organisation, organisation_id), as_of=as_of))
            db.session.rollback()
        outcome = reminders.count_due(dues)
        if dry_run:
            return outcome
        outcome.planned = 0
        wanted = [due for due in dues if due.obstacle is None]
        for start in range(0, len(wanted), CHUNK):
            organisation = db.session.get_one(Organisation, organisation_id)
            outcome.planned += reminders.plan(organisation, wanted[start : start + CHUNK], as_of=as_of)
            db.session.commit()
            if progress is not None:
                progress(start + CHUNK, len(wanted))
    withdrawn = reminders.withdraw(organisation_id, now=clock.now())
    db.session.commit()
    if outcome.planned or withdrawn:
        log.info(
            "organisation %s: %s reminders planned as of %s, %s withdrawn",
            organisation_id, outcome.planned, as_of, withdrawn,
        )  # fmt: skip
    return outcome
