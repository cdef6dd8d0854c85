"""Nobody but the hub's own user can read what it keeps.

New files are private by the mask of the process. What an older version or a copy left readable is corrected at start:
only what the hub itself puts there and its user owns, and never anything that a symbolic link leads to.
"""

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from customerhub.core.config import Settings

UMASK: Final = 0o077
# What the hub puts into its data folder, as patterns of names. Whatever else lies there is somebody else's.
OWN_NAMES: Final = (
    *("hub.sqlite3*", "hub.lock", "secret_key", "encryption_key", "demo_logins.json"),
    *("files", "queue", "static", "signing-sandbox"),
)
_SQLITE_SUFFIXES: Final = ("", "-wal", "-shm", "-journal")
log = logging.getLogger(__name__)


def protect_data(settings: Settings) -> None:
    """Make all files of this process private, and those that are there already. Changes the umask of the process."""
    os.umask(UMASK)
    corrected_count = sum(_make_private(path) for path in _list_own_paths(settings))
    if not _is_shared_place(settings.data_dir):
        corrected_count += _close_to_others(settings.data_dir, os.O_DIRECTORY)
    if corrected_count:
        log.warning(
            "%s: files and folders that others could read, now closed to them: %s", settings.data_dir, corrected_count
        )


def _list_own_paths(settings: Settings) -> Iterator[Path]:
    for pattern in OWN_NAMES:
        yield from settings.data_dir.glob(pattern)
    database = make_url(settings.database_url).database if settings.uses_sqlite else None
    if database and Path(database).is_absolute():
        yield from (Path(database + suffix) for suffix in _SQLITE_SUFFIXES)


def _is_shared_place(folder: Path) -> bool:
    """Whether other things than the hub's may lie in `folder`: it is, or is above, somebody's home or working folder,
    or everybody may write there, as to /tmp.
    """
    if folder.stat().st_mode & stat.S_ISVTX:
        return True
    for find_place in (Path.home, Path.cwd):
        with suppress(RuntimeError, OSError):  # a user without a home, a folder that is gone
            if find_place().is_relative_to(folder):
                return True
    return False


def _make_private(path: Path) -> int:
    """Close `path` to others, a folder with all that is in it; how many were open.

    A folder comes after its content, so that a correction that was interrupted is made again. One that is closed
    already is not looked into: nobody gets to its content.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:  # gone meanwhile
        return 0
    if stat.S_ISREG(mode):
        return _close_to_others(path)
    if not stat.S_ISDIR(mode) or not mode & UMASK:
        return 0
    count = 0
    for folder, _folders, names, descriptor in os.fwalk(path, topdown=False, follow_symlinks=False):
        count += sum(_close_to_others(Path(folder, name), inside=descriptor) for name in names)
        count += _close_to_others(Path(folder), os.O_DIRECTORY)
    return count


def _close_to_others(path: Path, flags: int = 0, *, inside: int | None = None) -> bool:
    """Take from everybody else what they may do with a file or folder of ours; whether there was anything.

    `inside` is the descriptor of the folder it lies in. It is opened first and changed through the descriptor, so that
    a link put in its place meanwhile is never followed.
    """
    try:
        name = path if inside is None else path.name
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | flags, dir_fd=inside)
    except OSError:  # a link, a socket, gone meanwhile, or somebody else's
        return False
    try:
        status = os.fstat(descriptor)
        is_kept = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        if not is_kept or status.st_uid != os.geteuid() or not status.st_mode & UMASK:
            return False
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & ~UMASK)
    except OSError as error:
        log.warning("%s stays readable for others: %s", path, error)
        return False
    finally:
        os.close(descriptor)
    return True
