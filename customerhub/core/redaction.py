"""Texts from elsewhere made fit to be kept and shown: on one line, without one-time links."""

import re
from typing import Final

PATH: Final = "/set-password/"


_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\s]+")
_LINK = re.compile(re.escape(PATH) + r"[\w.%~-]+")


def hide_links(text: str) -> str:
    """`text` with every one-time link in it made useless."""
    return _LINK.sub(f"{PATH}used-up", text)


def format_one_line(text: str, *, max_length: int) -> str:
    """`text` on one line, without control characters, cut to so many characters."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= max_length else line[: max_length - 1].rstrip() + "…"
