"""XML parts read in pieces: whole elements come out, and only a few of them are in memory at a time."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from typing import Any, Final
from xml.parsers import expat

from customerhub.core.xlsx.package import MIB, build_damaged_error

# A row of 16,384 short cells takes about 1 MB; what is longer than this is no list of customers.
MAX_PENDING_BYTES: Final = 4 * MIB  # bytes read without an element coming to its end

# What the two parsers raise for bad XML: AssertionError at an end that comes too early, the last two for encodings.
_XML_ERRORS = (ET.ParseError, expat.ExpatError, AssertionError, ValueError, LookupError)


def local_name(tag: str) -> str:
    """`tag` without its namespace."""
    return tag.rpartition("}")[2]


def iterate_elements(pieces: Iterable[bytes], container_name: str | None = None) -> Iterator[list[ET.Element]]:
    """The children of the root, or of the root's child called `container_name`, in batches, each complete.

    Reading stops behind `container_name`. Raises UnusableFile where the XML is damaged or declares a document type: a
    workbook has no use for one, and entities that grow or reach out come with it.
    """
    builder = ET.TreeBuilder()
    top = builder.start("top", {})
    parser = ET.XMLParser(target=builder)  # noqa: S314  (a document type is refused by _Prologue)
    prologue = _PrologueChecker()
    pending_bytes = 0
    for piece in pieces:
        prologue.check(piece)
        try:
            parser.feed(piece)
        except _XML_ERRORS as error:
            raise build_damaged_error(f"it is not valid XML ({error})") from None
        pending_bytes += len(piece)
        container = _find_container(top, container_name)
        if container is not None:
            is_complete = container_name is not None and container is not top[0][-1]
            complete_elements = container[:] if is_complete else container[:-1]
            if complete_elements:
                yield complete_elements
                del container[: len(complete_elements)]
                pending_bytes = 0
            if is_complete:
                return
        elif _drop_unwanted(top):
            pending_bytes = 0
        if pending_bytes > MAX_PENDING_BYTES:
            raise build_damaged_error(f"one element has more than {MAX_PENDING_BYTES // MIB} MB")
    yield _finish_parsing(parser, top, container_name)


def _finish_parsing(parser: Any, top: ET.Element, container_name: str | None) -> list[ET.Element]:
    try:
        parser.feed(b"")
        parser.close()
    except _XML_ERRORS as error:
        raise build_damaged_error(f"it is not valid XML ({error})") from None
    container = _find_container(top, container_name)
    return [] if container is None else container[:]


def _find_container(top: ET.Element, container_name: str | None) -> ET.Element | None:
    """The element whose children are wanted, once it has begun."""
    if not len(top):
        return None
    if container_name is None:
        return top[0]
    for child in top[0]:
        if local_name(child.tag) == container_name:
            return child
    return None


def _drop_unwanted(top: ET.Element) -> bool:
    """Let go of what has been read before the container begins. Whether there was anything."""
    if not len(top) or not len(top[0]):
        return False
    root = top[0]
    has_more = len(root) > 1 or len(root[-1]) > 1
    del root[:-1]
    del root[-1][:-1]
    return has_more


class _PrologueChecker:
    """Watches what comes before the first element, and refuses a document type there."""

    def __init__(self) -> None:
        self._parser: Any = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._end_prologue
        self._is_over = False

    def check(self, piece: bytes) -> None:
        if self._is_over:
            return
        try:
            self._parser.Parse(piece)
        except _XML_ERRORS as error:
            raise build_damaged_error(f"it is not valid XML ({error})") from None

    def _end_prologue(self, *_: Any) -> None:
        self._is_over = True

    def _refuse_doctype(self, *_: Any) -> None:
        raise build_damaged_error("it declares a document type, which is not allowed in a workbook")
