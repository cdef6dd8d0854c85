"""Whether the disk that the hub writes to is about to be full: then it is told while there is still time."""

import shutil
from pathlib import Path

from sqlalchemy import make_url

from customerhub.core.config import MIB, Settings


def find_free_bytes(settings: Settings) -> int | None:
    """How much is free where the hub writes, on the fuller disk if there are two; None where nobody can tell."""
    folders = [settings.data_dir]
    database = make_url(settings.database_url).database if settings.uses_sqlite else None
    if database and Path(database).is_absolute():
        folders.append(Path(database).parent)
    try:
        return min(shutil.disk_usage(folder).free for folder in folders)
    except OSError:
        return None


def is_disk_low(settings: Settings) -> bool:
    """Whether less is free than HUB_MIN_FREE_MB."""
    free_bytes = find_free_bytes(settings)
    return free_bytes is not None and free_bytes < settings.min_free_bytes


def describe_shortage(settings: Settings) -> str | None:
    """One sentence for people where the disk is about to be full, else None."""
    free_bytes = find_free_bytes(settings)
    if free_bytes is None or free_bytes >= settings.min_free_bytes:
        return None
    return (
        f"The disk is almost full: {free_bytes // MIB:,} MB are free for the database, files and queue. "
        "Make room before nothing can be saved any more."
    )
