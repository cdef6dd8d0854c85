"""The one sheet of a workbook that holds the table wanted, found by its header.

The file is read as a stream, in pieces, because a library that loads a sheet needs memory for all of it, and because
what was typed, what a formula gave and what went wrong in a cell has to be told apart.
"""

import gc
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final
from xml.etree.ElementTree import Element

from customerhub.customers.importing.elements import elements, local
from customerhub.customers.importing.shared_strings import SharedStrings
from customerhub.customers.importing.sheet import BadCell, Cell, Sheet, as_text
from customerhub.customers.importing.zipped import MIB, TELL_HOW, Package, Unusable

MOST_SHEETS: Final = 100
SHOWN_COLUMNS: Final = 50  # how many unknown columns are told by name
BYTES_A_ROW: Final = 8 * 1024  # of the unpacked file, beside SPARE
SPARE: Final = 64 * MIB

_DATE_IDS = {*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)}  # Excel's own date formats
_NOT_IN_FORMAT = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_END_OF_ROW = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?row>")


def header_key(text: str) -> str:
    """What makes two column names the same: neither case nor spaces."""
    return "".join(text.split()).casefold()


@dataclass(frozen=True)
class _Tab:
    name: str
    part: str


class Table:
    """The sheet with the table. `ignored` are the names of its columns that nobody asked for."""

    def __init__(
        self,
        book: "_Book",
        tab: _Tab,
        header: Mapping[int, Cell],
        *,
        names: Sequence[str],
        untold: Collection[str],
    ) -> None:
        self._book = book
        self._part = tab.part
        self._width = len(names)
        self.sheet_name = tab.name
        self.from_1904 = book.from_1904
        self.columns, self.ignored = _placed(header, names, untold)

    def rows(self) -> Iterator[tuple[int, list[Cell]]]:
        """Each row below the header that is not blank: its number in Excel, and a cell for each name."""
        sheet = self._book.sheet(self._part)
        sheet.first_row()
        yield from sheet.rows(self.columns, self._width)

    def count_rows(self, most: int) -> int:
        """How many rows there are below the header, blank ones that Excel wrote down included.

        Raises Unusable where more than `most` are not blank, or none is.
        """
        count = self._book.count_row_ends(self._part) - 1
        if count > most:
            for exact, _ in enumerate(self.rows(), 1):
                if exact > most:
                    raise Unusable(
                        f"The file has more than {most:,} rows, which is the most for one import. "
                        "Split it into several files"
                    )
        if next(self.rows(), None) is None:
            raise Unusable(f"The sheet “{self.sheet_name}” has no rows below its header")
        return max(count, 1)


@contextmanager
def open_table(
    file: BinaryIO, *, names: Sequence[str], needed: str, max_rows: int, untold: Collection[str] = ()
) -> Iterator[Table]:
    """The table of the workbook `file` whose header has the column `needed` and others of `names`.

    Columns called as in `untold` are ignored without a word, and hidden sheets altogether. Raises Unusable, here or
    while the rows are read, where the file cannot be used; one that unpacks to more than so many rows can need is
    refused before.
    """
    package = Package(file, most_bytes=SPARE + max_rows * BYTES_A_ROW)
    # Reading makes many small objects. Each of them would let the collector walk through the whole program again
    # and again, which takes longer than the reading; what is frozen it leaves alone.
    gc.freeze()
    try:
        book = _Book(package)
        with closing(book.strings):
            tab, header = _choose(book, names, needed)
            yield Table(book, tab, header, names=names, untold=untold)
    finally:
        gc.unfreeze()
        package.close()


class _Book:
    """What the workbook says about itself."""

    def __init__(self, package: Package) -> None:
        self._package = package
        part = _workbook_part(package)
        self._folder = posixpath.dirname(part)
        kinds = self._relations(part)
        self.tabs: list[_Tab] = []
        self.from_1904 = False
        for batch in elements(package.stream(part)):
            for element in batch:
                self._take(element, kinds)
        self._date_styles = _date_styles(self._stream_of(kinds, "styles") or [b"<styleSheet/>"])
        self.strings = SharedStrings(self._stream_of(kinds, "sharedStrings") or [b"<sst/>"])

    def sheet(self, part: str) -> Sheet:
        return Sheet(self._package.stream(part), self.strings, date_styles=self._date_styles, from_1904=self.from_1904)

    def count_row_ends(self, part: str) -> int:
        """How often a row ends in a part. Much faster than reading it."""
        count, tail = 0, b""
        for piece in self._package.stream(part):
            data = tail + piece
            found = list(_END_OF_ROW.finditer(data))
            count += len(found)
            tail = data[max(found[-1].end() if found else 0, len(data) - 64) :]
        return count

    def _take(self, element: Element, kinds: Mapping[str, tuple[str, str]]) -> None:
        name = local(element.tag)
        if name == "workbookPr":
            self.from_1904 = element.get("date1904", "0") in ("1", "true")
        elif name == "sheets":
            for sheet in element:
                kind, part = kinds.get(_relation_id(sheet), ("", ""))
                if kind == "worksheet" and sheet.get("state", "visible") == "visible":
                    self.tabs.append(_Tab(sheet.get("name", ""), part))

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """What the workbook refers to: id → (kind, name of the part)."""
        folder, name = posixpath.split(part)
        found = {}
        for batch in elements(self._package.stream(f"{folder}/_rels/{name}.rels".lstrip("/"))):
            for element in batch:
                if element.get("TargetMode") != "External":
                    target = posixpath.normpath(posixpath.join("/", folder, element.get("Target", "")))
                    found[element.get("Id", "")] = (
                        element.get("Type", "").rpartition("/")[2],
                        target.lstrip("/"),
                    )
        return found

    def _stream_of(self, kinds: Mapping[str, tuple[str, str]], wanted: str) -> Iterator[bytes] | None:
        for kind, part in kinds.values():
            if kind == wanted and part in self._package:
                return self._package.stream(part)
        return None


def _workbook_part(package: Package) -> str:
    """The name of the part that lists the sheets. Raises Unusable where the zip file is no workbook."""
    if "_rels/.rels" in package:
        for batch in elements(package.stream("_rels/.rels")):
            for element in batch:
                if element.get("Type", "").endswith("/officeDocument"):
                    part = posixpath.normpath(element.get("Target", "")).lstrip("/")
                    if part.endswith(".bin"):
                        raise Unusable(f"This is a binary workbook (.xlsb). {TELL_HOW}")
                    if part in package and "workbook" in part.lower():
                        return part
    if "xl/workbook.xml" in package:
        return "xl/workbook.xml"
    raise Unusable(f"This is not an Excel file. {TELL_HOW}")


def _relation_id(sheet: Element) -> str:
    for name, value in sheet.items():
        if local(name) == "id" and name != "id":
            return value
    return ""


def _date_styles(pieces: Iterator[bytes] | list[bytes]) -> frozenset[str]:
    """The numbers of the cell styles that show a date or a time."""
    formats, styles = set(_DATE_IDS), set()
    for batch in elements(pieces):
        for element in batch:
            if local(element.tag) == "numFmts":
                for entry in element:
                    number = entry.get("numFmtId", "")
                    if number.isdigit():
                        shows_date = _shows_date(entry.get("formatCode", ""))
                        (formats.add if shows_date else formats.discard)(int(number))
            elif local(element.tag) == "cellXfs":
                for style, entry in enumerate(element):
                    used = entry.get("numFmtId", "")
                    if used.isdigit() and int(used) in formats:
                        styles.add(str(style))
    return frozenset(styles)


def _shows_date(code: str) -> bool:
    """Whether a number format shows days or hours: dd/mm/yyyy does, 0.00 and "day" 0 do not."""
    first = _NOT_IN_FORMAT.sub("", code).split(";")[0].lower()
    return any(letter in first for letter in "dmyhs") and "general" not in first


def _choose(book: _Book, names: Sequence[str], needed: str) -> tuple[_Tab, dict[int, Cell]]:
    """The one sheet with the table, and the cells of its header.

    Raises Unusable where there is none, or more than one.
    """
    if len(book.tabs) > MOST_SHEETS:
        raise Unusable(f"The file has more than {MOST_SHEETS} sheets. Keep only the one with the rows to import")
    found, seen = [], []
    for tab in book.tabs:
        _, header = book.sheet(tab.part).first_row()
        if header:
            seen.append(tab)
        if _is_header(header, names, needed):
            found.append((tab, header))
    if len(found) > 1:
        first, second = found[0][0].name, found[1][0].name
        raise Unusable(f"Both “{first}” and “{second}” hold rows to import. Keep one such sheet in a file")
    if found:
        return found[0]
    if not seen:
        raise Unusable("The file has no visible sheet with anything in it")
    raise Unusable(
        f"The first row of the sheet “{seen[0].name}” does not name the columns: “{needed}” and at least one more are "
        "needed. Download the template to see them all"
    )


def _is_header(header: Mapping[int, Cell], names: Collection[str], needed: str) -> bool:
    keys = {_header_key(cell) for cell in header.values()}
    wanted = {header_key(name) for name in names}
    return header_key(needed) in keys and len(keys & wanted) > 1


def _header_key(cell: Cell) -> str:
    return "" if cell is None or isinstance(cell, BadCell) else header_key(as_text(cell))


def _placed(
    header: Mapping[int, Cell], names: Sequence[str], untold: Collection[str]
) -> tuple[dict[int, int], list[str]]:
    """(column → place in `names`; the names of other columns). Raises Unusable where a column is there twice."""
    places = {header_key(name): place for place, name in enumerate(names)}
    columns: dict[int, int] = {}
    ignored: list[str] = []
    for index, cell in sorted(header.items()):
        place = places.get(_header_key(cell))
        if _header_key(cell) in untold:
            continue
        if place is None:
            told = cell.reason if isinstance(cell, BadCell) else as_text(cell).strip() if cell is not None else ""
            ignored.append(" ".join(told.split())[:60])
        elif place in columns.values():
            raise Unusable(f"The column “{names[place]}” is there twice. Remove one of the two")
        else:
            columns[index] = place
    if len(ignored) > SHOWN_COLUMNS:
        ignored[SHOWN_COLUMNS:] = [f"and {len(ignored) - SHOWN_COLUMNS:,} more"]
    return columns, ignored
