"""Refreshing the alerts of all customers: a document expires without anybody saving anything.

Every hour, because the days of organisations begin at different hours.
"""

import logging

from customerhub.core import history, organisation_dates
from customerhub.core.job_runs import IncompleteRun
from customerhub.core.permissions import Actor
from customerhub.customers import alerts
from jobs.per_organisation import run_for_each_organisation
from models.base import db

log = logging.getLogger(__name__)


def review() -> str:
    """Raise and close the alerts of every active organisation, as of its own day. One that fails stops no other.

    Raises Unfinished at the end where one failed.
    """
    results, failed_count = run_for_each_organisation(
        _review_organisation, failure="the alerts of organisation %s could not be reviewed"
    )
    if failed_count:
        raise IncompleteRun(
            f"The alerts of {failed_count} of {len(results) + failed_count} organisations could not be reviewed"
        )
    return f"{sum(raised for raised, _ in results)} raised, {sum(closed for _, closed in results)} closed"


def _review_organisation(organisation_id: int) -> tuple[int, int]:
    today = organisation_dates.organisation_today(organisation_id)
    with history.act_as(Actor(None, organisation_id), "daily rules"):
        raised, closed = alerts.refresh_all_alerts(organisation_id, as_of=today)
        db.session.commit()
    if raised or closed:
        log.info("organisation %s: %s alerts raised, %s closed", organisation_id, raised, closed)
    return raised, closed
