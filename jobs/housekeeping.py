"""Putting away what nobody needs any more."""

import logging
from datetime import timedelta
from typing import cast

from flask import current_app

from customerhub import clock, housekeeping, storage
from customerhub.config import Settings

UNFINISHED_AFTER = timedelta(days=1)
UNCLAIMED_AFTER = timedelta(days=2)  # longer than a refused form holds its files
SENT_AGAIN_WITHIN = timedelta(days=2)  # longer than a browser or a proxy tries
ENDED_AFTER = timedelta(days=8)  # longer than any session lasts

log = logging.getLogger(__name__)


def tidy() -> str:
    """Remove the beginnings of files, files that no row took, and imports, exports, forms and sessions of before."""
    now = clock.now()
    keep = timedelta(days=cast(Settings, current_app.config["HUB"]).keep_transfers_days)
    removed = {
        "unfinished files": storage.tidy(older_than=now - UNFINISHED_AFTER),
        "imports and exports": housekeeping.remove_transfers(older_than=now - keep),
        "unclaimed files": housekeeping.remove_unclaimed_files(older_than=now - UNCLAIMED_AFTER),
        "tokens of used forms": housekeeping.forget_used_forms(older_than=now - SENT_AGAIN_WITHIN),
        "ended sessions": housekeeping.forget_ended_sessions(older_than=now - ENDED_AFTER),
    }
    for what, count in removed.items():
        if count:
            log.info("removed %s %s", count, what)
    told = [f"{count} {what}" for what, count in removed.items() if count]
    return f"Removed {', '.join(told)}" if told else "Nothing to remove"
