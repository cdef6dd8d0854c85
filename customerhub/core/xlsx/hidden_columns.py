"""Which columns of a sheet Excel does not show. It is written before the rows, which are not read for it."""

import re
from collections.abc import Iterator
from typing import Final

from customerhub.core.xlsx.package import MIB

MAX_HEAD_BYTES: Final = MIB  # of a sheet before its rows

_ROWS = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?sheetData[\s/>]")
_COLUMN = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?col\s([^<>]*)>")
_ATTRIBUTE = re.compile(rb"([A-Za-z]+)\s*=\s*[\"']([^\"']*)[\"']")


def find_hidden_columns(pieces: Iterator[bytes]) -> list[tuple[int, int]]:
    """(first, last) of each range of hidden columns, from 0, in the sheet whose XML these pieces are."""
    ranges = []
    for match in _COLUMN.finditer(_read_head(pieces)):
        attributes = dict(_ATTRIBUTE.findall(match[1]))
        is_hidden = attributes.get(b"hidden") in (b"1", b"true") or attributes.get(b"width") == b"0"
        first, last = attributes.get(b"min", b""), attributes.get(b"max", b"")
        if is_hidden and first.isdigit() and last.isdigit():
            ranges.append((int(first) - 1, int(last) - 1))
    return ranges


def _read_head(pieces: Iterator[bytes]) -> bytes:
    """What stands before the rows."""
    head = b""
    for piece in pieces:
        head += piece
        rows = _ROWS.search(head)
        if rows is not None:
            return head[: rows.start()]
        if len(head) > MAX_HEAD_BYTES:
            break
    return b""
