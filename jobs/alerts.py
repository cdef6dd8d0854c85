"""Asking the rules of alerts for all customers: a document expires while nobody saves anything.

Every hour, because the days of organisations begin at different hours.
"""

import logging

from customerhub import history
from customerhub.customers import alerts
from customerhub.periodic import Unfinished
from customerhub.permissions import Actor
from jobs.organisations import for_each
from models.base import db

log = logging.getLogger(__name__)


def review() -> str:
    """Raise and close the alerts of every active organisation, as of its own day. One that fails stops no other.

    Raises Unfinished at the end where one failed.
    """
    reviewed, failed = for_each(_review, failure="the alerts of organisation %s could not be reviewed")
    if failed:
        raise Unfinished(f"The alerts of {failed} of {len(reviewed) + failed} organisations could not be reviewed")
    return f"{sum(raised for raised, _ in reviewed)} raised, {sum(closed for _, closed in reviewed)} closed"


def _review(organisation_id: int) -> tuple[int, int]:
    today = alerts.today(organisation_id)
    with history.acting(Actor(None, organisation_id), "daily rules"):
        raised, closed = alerts.review_all(organisation_id, as_of=today)
        db.session.commit()
    if raised or closed:
        log.info("organisation %s: %s alerts raised, %s closed", organisation_id, raised, closed)
    return raised, closed
