"""Asking the rules of alerts for all customers: a document expires while nobody saves anything.

Every hour, because the days of organisations begin at different hours.
"""

import logging

from rq.timeouts import BaseTimeoutException
from sqlalchemy import select

from customerhub import history
from customerhub.customers import alerts
from customerhub.periodic import Unfinished
from customerhub.permissions import Actor
from models import Organisation
from models.base import db

log = logging.getLogger(__name__)


def review() -> str:
    """Raise and close the alerts of every active organisation, as of its own day. One that fails stops no other.

    Raises Unfinished at the end where one failed.
    """
    ids = list(db.session.scalars(select(Organisation.id).where(Organisation.active).order_by(Organisation.id)))
    db.session.rollback()
    raised, closed, failed = 0, 0, 0
    for organisation_id in ids:
        try:
            more, fewer = _review(organisation_id)
        except BaseTimeoutException:
            raise
        except Exception:
            db.session.rollback()
            failed += 1
            log.exception("the alerts of organisation %s could not be reviewed", organisation_id)
        else:
            raised, closed = raised + more, closed + fewer
    if failed:
        raise Unfinished(f"The alerts of {failed} of {len(ids)} organisations could not be reviewed")
    return f"{raised} raised, {closed} closed"


def _review(organisation_id: int) -> tuple[int, int]:
    today = alerts.today(organisation_id)
    with history.acting(Actor(None, organisation_id), "daily rules"):
        raised, closed = alerts.review_all(organisation_id, as_of=today)
        db.session.commit()
    if raised or closed:
        log.info("organisation %s: %s alerts raised, %s closed", organisation_id, raised, closed)
    return raised, closed
