"""Putting away what interrupted work left behind."""

import logging
from datetime import timedelta

from customerhub import clock, storage

UNFINISHED_AFTER = timedelta(days=1)

log = logging.getLogger(__name__)


def tidy() -> None:
    """Remove the beginnings of files whose upload ended more than a day ago without an end."""
    removed = storage.tidy(older_than=clock.now() - UNFINISHED_AFTER)
    if removed:
        log.info("removed %s unfinished files", removed)
