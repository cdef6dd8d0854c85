"""The daily reminders of reviews and compliance documents.

Every hour, because the days of organisations begin at different hours; what was planned is planned once.
"""

import logging
from collections.abc import Callable
from datetime import date

from sqlalchemy import select

from customerhub import history
from customerhub.customers.alerts import today
from customerhub.notifications import reminders
from customerhub.notifications.reminders import Outcome
from customerhub.permissions import Actor
from models import Organisation
from models.base import db

log = logging.getLogger(__name__)


def remind() -> str:
    """Plan the reminders of every active organisation, as of its own day. One that fails stops no other."""
    planned, failed = 0, 0
    for organisation_id in organisation_ids():
        try:
            planned += remind_organisation(organisation_id, as_of=today(organisation_id)).planned
        except Exception:
            db.session.rollback()
            failed += 1
            log.exception("the reminders of organisation %s could not be planned", organisation_id)
    if failed:
        raise RuntimeError(f"the reminders of {failed} organisations could not be planned")
    return f"{planned} reminders planned"


def organisation_ids() -> list[int]:
    """The active organisations."""
    ids = list(db.session.scalars(select(Organisation.id).where(Organisation.active).order_by(Organisation.id)))
    db.session.rollback()
    return ids


def remind_organisation(
    organisation_id: int,
    *,
    as_of: date,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Plan the reminders of an organisation for a day; with `dry_run` only tell how many there would be.

    Commits after each chunk, so whoever is interrupted has lost nothing: the next run goes on.
    """
    outcome, looked_at = Outcome(), 0
    with history.acting(Actor(None, organisation_id), "daily reminders"):
        organisation = db.session.get_one(Organisation, organisation_id)
        for chunk in reminders.due_in_chunks(organisation, as_of=as_of):
            if dry_run:
                outcome += reminders.count_due(chunk)
            else:
                outcome += reminders.plan(organisation, chunk, as_of=as_of)
                db.session.commit()
            looked_at += len(chunk)
            if progress is not None:
                progress(looked_at)
        db.session.rollback()
    if outcome.planned and not dry_run:
        log.info("organisation %s: %s reminders planned as of %s", organisation_id, outcome.planned, as_of)
    return outcome
