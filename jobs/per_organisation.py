"""Work that is done separately for every organisation."""

import logging
from collections.abc import Callable
from typing import TypeVar

from rq.timeouts import BaseTimeoutException
from sqlalchemy import select

from models import Organisation
from models.base import db

T = TypeVar("T")
log = logging.getLogger(__name__)


def organisation_ids() -> list[int]:
    """The active organisations."""
    ids = list(db.session.scalars(select(Organisation.id).where(Organisation.active).order_by(Organisation.id)))
    db.session.rollback()
    return ids


def run_for_each_organisation(action: Callable[[int], T], *, failure: str) -> tuple[list[T], int]:
    """What `action` returned for the active organisations, and for how many it failed.

    One that fails stops no other: `failure` goes to the log, with its id for %s. A job whose time is up ends at once.
    """
    results, failed_count = [], 0
    for organisation_id in organisation_ids():
        try:
            results.append(action(organisation_id))
        except BaseTimeoutException:
            raise
        except Exception:
            db.session.rollback()
            failed_count += 1
            log.exception(failure, organisation_id)
    return results, failed_count
