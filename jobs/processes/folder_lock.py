"""The lock of the data folder: one hub for each."""

import fcntl
import os
import time
from pathlib import Path

LOCK_NAME = "hub.lock"
POLL_SECONDS = 0.05


class FolderInUse(Exception):
    """Another hub runs on the folder. The message is one line that names it."""


def lock_folder(folder: Path, timeout: float = 5.0) -> int:
    """Lock `folder` for this process and all that inherit the returned file descriptor.

    A lock that only leftovers of an ended hub still hold is waited for, `timeout` seconds at most.
    Raises FolderInUse.
    """
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(descriptor)
            if _is_alive(owner) or time.monotonic() > deadline:
                os.close(descriptor)
                raise FolderInUse(
                    f"HUB_DATA_DIR is {str(folder)!r}: already used by a running hub (process {owner}); "
                    "stop it or choose another folder"
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            return descriptor


def _owner(descriptor: int) -> int:
    """The process that took the lock, 0 where it is not written yet."""
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _is_alive(process: int) -> bool:
    return process > 0 and Path(f"/proc/{process}").exists()
