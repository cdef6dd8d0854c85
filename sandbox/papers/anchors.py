"""Where a text stands in a PDF."""

import functools
import io
import logging
from dataclasses import dataclass
from typing import Any

from pypdf import PageObject, PdfReader
from pypdf.errors import PyPdfError

logging.getLogger("pypdf").setLevel(logging.ERROR)  # what it finds odd about a document is no news


class UnreadablePdf(Exception):
    """This is no PDF, or one that cannot be opened."""


@dataclass(frozen=True)
class Place:
    """A point on a page: `page` from 1 on, `x` and `y` in points from the page's left upper corner."""

    page: int
    x: float
    y: float


@dataclass
class _Piece:
    text: str
    x: float
    y: float


def read_pages(content: bytes) -> list[PageObject]:
    """The pages of a PDF, one at least. Raises UnreadablePdf."""
    try:
        reader = PdfReader(io.BytesIO(content))
        pages = [] if reader.is_encrypted else list(reader.pages)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadablePdf(str(error)) from error
    if not pages:
        raise UnreadablePdf("no page that could be read")
    return pages


def find_places(content: bytes, text: str, *, ignore_case: bool) -> list[Place]:
    """Everywhere that `text` begins, in the order of the document."""
    wanted = text.casefold() if ignore_case else text
    places = []
    for number, pieces in enumerate(_read_all_pieces(content), 1):
        for piece, share in _find_in_pieces(pieces, wanted, ignore_case=ignore_case):
            places.append(Place(number, piece.x + share, piece.y))
    return places


@functools.lru_cache(maxsize=4)  # each of a document's many anchors is looked for by itself
def _read_all_pieces(content: bytes) -> list[list[_Piece]]:
    return [_read_pieces(page) for page in read_pages(content)]


def _read_pieces(page: PageObject) -> list[_Piece]:
    """The texts of a page, each with where it begins, from the page's left upper corner."""
    left, top = float(page.cropbox.left), float(page.cropbox.top)
    pieces: list[_Piece] = []

    def collect_piece(text: str, user: list[float], own: list[float], _font: Any, _size: float) -> None:
        if text.strip():
            x = own[4] * user[0] + own[5] * user[2] + user[4]
            y = own[4] * user[1] + own[5] * user[3] + user[5]
            pieces.append(_Piece(text, float(x) - left, top - float(y)))

    page.extract_text(visitor_text=collect_piece)
    return pieces


def _find_in_pieces(pieces: list[_Piece], wanted: str, *, ignore_case: bool) -> list[tuple[_Piece, float]]:
    """The pieces in which an occurrence begins, and how far right of the piece's beginning, roughly."""
    found = []
    texts = [piece.text.casefold() if ignore_case else piece.text for piece in pieces]
    joined = "".join(texts)
    start = joined.find(wanted)
    while start >= 0:
        before = 0
        for piece, text in zip(pieces, texts, strict=True):
            if before + len(text) > start:
                found.append((piece, (start - before) * 5.0))  # the width of a common letter, in points
                break
            before += len(text)
        start = joined.find(wanted, start + len(wanted))
    return found
