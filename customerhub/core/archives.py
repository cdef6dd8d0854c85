"""Names of files within an archive, which others unpack on whatever system they have."""

from collections.abc import Iterable, Iterator
from typing import Final

from customerhub.core.storage import clean_name
from models.keys import fold_text

ARCHIVE_TYPE: Final = "application/zip"
MAX_NAME_BYTES: Final = 200  # of a name with its number and ending; file systems take 255


def name_members(titles: Iterable[str], extension: str) -> Iterator[str]:
    """For each title the name of its file: without path parts, and no two alike, upper and lower case apart."""
    taken: set[str] = set()
    for title in titles:
        stem = clean_name(title.replace("/", "-").replace("\\", "-")).rstrip(". ")
        number = 1
        while fold_text(name := _build_name(stem, number, extension)) in taken:
            number += 1
        taken.add(fold_text(name))
        yield name


def _build_name(stem: str, number: int, extension: str) -> str:
    ending = f" ({number}).{extension}" if number > 1 else f".{extension}"
    room = MAX_NAME_BYTES - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + ending
