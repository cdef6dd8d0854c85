"""XML parts read in pieces: whole elements come out, and only a few of them are in memory at a time."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from typing import Any, Final
from xml.parsers import expat

from customerhub.customers.importing.zipped import MIB, damaged

# A row of 16,384 short cells takes about 1 MB; what is longer than this is no list of customers.
MOST_PENDING: Final = 4 * MIB  # bytes read without an element coming to its end

# What the two parsers raise for bad XML: AssertionError at an end that comes too early, the last two for encodings.
_BROKEN = (ET.ParseError, expat.ExpatError, AssertionError, ValueError, LookupError)


def local(tag: str) -> str:
    """`tag` without its namespace."""
    return tag.rpartition("}")[2]


def elements(pieces: Iterable[bytes], inside: str | None = None) -> Iterator[list[ET.Element]]:
    """The children of the root, or of the root's child called `inside`, in batches, each complete.

    Reading stops behind `inside`. Raises Unusable where the XML is damaged or declares a document type: a workbook
    has no use for one, and entities that grow or reach out come with it.
    """
    builder = ET.TreeBuilder()
    top = builder.start("top", {})
    parser = ET.XMLParser(target=builder)  # noqa: S314  (a document type is refused by _Prologue)
    prologue = _Prologue()
    pending = 0
    for piece in pieces:
        prologue.feed(piece)
        try:
            parser.feed(piece)
        except _BROKEN as error:
            raise damaged(f"it is no valid XML ({error})") from None
        pending += len(piece)
        box = _box(top, inside)
        if box is not None:
            ended = inside is not None and box is not top[0][-1]
            complete = box[:] if ended else box[:-1]
            if complete:
                yield complete
                del box[: len(complete)]
                pending = 0
            if ended:
                return
        if pending > MOST_PENDING:
            raise damaged(f"one element has more than {MOST_PENDING // MIB} MB")
    yield _rest(parser, top, inside)


def _rest(parser: Any, top: ET.Element, inside: str | None) -> list[ET.Element]:
    try:
        parser.feed(b"")
        parser.close()
    except _BROKEN as error:
        raise damaged(f"it is no valid XML ({error})") from None
    box = _box(top, inside)
    return [] if box is None else box[:]


def _box(top: ET.Element, inside: str | None) -> ET.Element | None:
    """The element whose children are wanted, once it has begun."""
    if not len(top):
        return None
    if inside is None:
        return top[0]
    for child in top[0]:
        if local(child.tag) == inside:
            return child
    return None


class _Prologue:
    """Watches what comes before the first element, and refuses a document type there."""

    def __init__(self) -> None:
        self._parser: Any = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._begun
        self._over = False

    def feed(self, piece: bytes) -> None:
        if self._over:
            return
        try:
            self._parser.Parse(piece)
        except _BROKEN as error:
            raise damaged(f"it is no valid XML ({error})") from None

    def _begun(self, *_: Any) -> None:
        self._over = True

    def _refuse(self, *_: Any) -> None:
        raise damaged("it declares a document type, which a workbook never does")
