"""Deleting what is no longer needed."""

import logging
from datetime import timedelta
from typing import cast

from flask import current_app

from customerhub.core import clock, retention, storage
from customerhub.core.config import Settings
from customerhub.custom_fields import removal
from customerhub.signing import events
from models import CustomField
from models.base import db
from models.sqlite import write_log_into_database

UNFINISHED_FILE_AGE = timedelta(days=1)
UNUSED_FILE_AGE = timedelta(days=2)  # longer than a refused form holds its files
USED_FORM_AGE = timedelta(days=2)  # longer than a browser or a proxy tries
SIGNING_EVENT_AGE = timedelta(days=events.KEPT_DAYS)
ENDED_SESSION_AGE = timedelta(days=8)  # longer than any session lasts

log = logging.getLogger(__name__)


def clean_up() -> str:
    """Remove the beginnings of files, files that no row took, and imports, exports, forms, sessions and events
    of before.

    On SQLite the database's own file is made whole, so that the night's backup has all in one file.
    """
    now = clock.get_now()
    transfer_age = timedelta(days=cast(Settings, current_app.config["HUB"]).keep_transfers_days)
    removed_counts = {
        "unfinished files": storage.remove_unfinished(older_than=now - UNFINISHED_FILE_AGE),
        "imports, exports and bulk operations": retention.remove_transfers(older_than=now - transfer_age),
        "unused files": retention.remove_unclaimed_files(older_than=now - UNUSED_FILE_AGE),
        "tokens of used forms": retention.delete_used_forms(older_than=now - USED_FORM_AGE),
        "ended sessions": retention.delete_ended_sessions(older_than=now - ENDED_SESSION_AGE),
        "events of the signing service": events.delete_events(older_than=now - SIGNING_EVENT_AGE),
    }
    if not write_log_into_database(db.engine):
        log.warning("the database was busy: some changes are in its -wal file only until the next try")
    for what, count in removed_counts.items():
        if count:
            log.info("removed %s %s", count, what)
    counts = [f"{count} {what}" for what, count in removed_counts.items() if count]
    return f"Removed {', '.join(counts)}" if counts else "Nothing to remove"


def delete_removed_values() -> str:
    """Delete what is left of custom fields that were removed, some values in each transaction."""
    counts = {field.name: _delete_values_of(field.id) for field in removal.list_removed_fields()}
    for name, count in counts.items():
        log.info("deleted %s values of the removed custom field %s", count, name)
    return f"Deleted {sum(counts.values()):,} values of {len(counts)} fields" if counts else "Nothing to delete"


def _delete_values_of(field_id: int) -> int:
    total = 0
    while count := removal.delete_values(db.session.get_one(CustomField, field_id)):
        db.session.commit()
        total += count
    return total
