"""The daily digests of who chose them.

Every hour, because the mornings of organisations begin at different hours; what was planned is planned once.
"""

import logging

from customerhub.core import clock, history
from customerhub.core.job_runs import IncompleteRun
from customerhub.core.permissions import Actor
from customerhub.core.references import pluralize
from customerhub.work import digest
from jobs.per_organisation import run_for_each_organisation
from models import Organisation
from models.base import db

CHUNK = 50  # people whose digests are planned in one transaction

log = logging.getLogger(__name__)


def plan() -> str:
    """Plan the digests of every active organisation in which it is morning. One that fails stops no other.

    Raises IncompleteRun at the end where one failed.
    """
    counts, failed_count = run_for_each_organisation(
        plan_organisation, failure="the digests of organisation %s could not be planned"
    )
    planned = f"{_describe_count(sum(counts), 'digest')} planned"
    if failed_count:
        raise IncompleteRun(f"{planned}; failed for {_describe_count(failed_count, 'organisation')}")
    return planned


def _describe_count(count: int, noun: str) -> str:
    return f"{count} {noun if count == 1 else pluralize(noun)}"


def plan_organisation(organisation_id: int) -> int:
    """Plan the digests of an organisation, in chunks, each committed: after an interruption the next run goes on. How
    many there were.
    """
    now = clock.get_now()
    count = 0
    with history.act_as(Actor(None, organisation_id), "daily digest"):
        organisation = db.session.get_one(Organisation, organisation_id)
        day = digest.find_digest_day(organisation, now)
        if day is None:
            return 0
        digest.withdraw_old_digests(organisation_id, day=day, now=now)
        user_ids = digest.list_recipient_ids(organisation, day=day)
        db.session.commit()
        for start in range(0, len(user_ids), CHUNK):
            organisation = db.session.get_one(Organisation, organisation_id)
            count += digest.plan_digests(organisation, user_ids[start : start + CHUNK], day=day)
            db.session.commit()
    if count:
        log.info("organisation %s: %s planned for %s", organisation_id, _describe_count(count, "digest"), day)
    return count
