"""What the business needs of the hub that it works for: its address, its secret, where files lie, who is told of mail.

Several hubs may run in one process, each with its own. Which of them is at work just now is known to whoever runs them:
`configure` is told once how to find out. Nothing here, nor anywhere else in the business, belongs to one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from customerhub.core.file_store import FileStore


@dataclass(frozen=True, kw_only=True)
class Services:
    """The services of one hub. Sizes are in bytes."""

    public_url: str  # without a slash at the end
    link_secret: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)  # the first encrypts, any of them reads
    signing_sandbox: str  # host and port of the sandbox that stands in for the signing service
    sandbox_credentials: Path  # where the sandbox writes how it is reached
    allows_sandbox: bool  # nobody from outside reaches this hub
    file_store: FileStore
    max_upload_bytes: int
    max_attachment_bytes: int  # of all files of one mail
    notify_workers: Callable[[list[int]], object]  # given the ids of messages after the commit that made them
    notify_signing_workers: Callable[[], object]  # after the commit of what is to be asked of the signing service


_find_current: Callable[[], Services] | None = None


def configure(find_current: Callable[[], Services]) -> None:
    """`find_current` returns the services of the hub that is at work; it is the same for all hubs of a process."""
    global _find_current
    _find_current = find_current


def get_current() -> Services:
    """The services of the hub that is at work."""
    if _find_current is None:
        raise RuntimeError("services.configure() was not called")
    return _find_current()
