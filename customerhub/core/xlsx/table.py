"""The sheet of a workbook that holds the expected table, found by its header.

The file is read as a stream, in pieces, because a library that loads a sheet needs memory for all of it, and because
typed values, results of formulas and errors in cells have to be distinguished.
"""

import gc
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final
from xml.etree.ElementTree import Element

from customerhub.core.xlsx.hidden_columns import find_hidden_columns
from customerhub.core.xlsx.package import MIB, SAVE_AS_XLSX, Package, UnusableFile
from customerhub.core.xlsx.shared_strings import SharedStrings
from customerhub.core.xlsx.sheet import TRUE_VALUES, BadCell, Cell, Sheet, format_cell
from customerhub.core.xlsx.styles import load_styles
from customerhub.core.xlsx.xml_stream import iterate_elements, local_name
from models.keys import remove_invisible

MAX_SHEETS: Final = 100
MAX_LISTED_COLUMNS: Final = 50  # how many unknown columns are told by name
BYTES_PER_ROW: Final = 8 * 1024  # of the unpacked file, beside SPARE
BASE_BYTES: Final = 64 * MIB

_END_OF_ROW = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?row>")


def normalise_header(text: str) -> str:
    """What makes two column names the same: neither case nor spaces nor what nobody sees."""
    return "".join(remove_invisible(text).split()).casefold()


@dataclass(frozen=True)
class _SheetPart:
    name: str
    part: str


@dataclass(frozen=True)
class TableNames:
    """What the columns of a table are called: see `open_table`."""

    columns: Sequence[str]
    key_column: str
    silent: Collection[str]
    others: Mapping[str, str]


class Table:
    """The sheet with the table. `ignored_columns` are the names of its columns that nobody asked for, `hidden_columns`
    those of `names` that Excel does not show; `hidden_rows` are the numbers of such rows among those read last.
    """

    def __init__(
        self,
        workbook: "_Workbook",
        sheet_part: _SheetPart,
        header: Mapping[int, Cell],
        *,
        names: "TableNames",
    ) -> None:
        self._workbook = workbook
        self._sheet_part = sheet_part
        self._part = sheet_part.part
        self._width = len(names.columns)
        self.sheet_name = sheet_part.name
        self.from_1904 = workbook.from_1904
        self.columns, self.ignored_columns = _map_columns(header, names)
        self._hidden_ranges = find_hidden_columns(workbook.stream(sheet_part.part))
        self.hidden_columns = [
            names.columns[place] for index, place in sorted(self.columns.items()) if self._is_hidden(index)
        ]
        self.hidden_rows: list[int] = []

    def read_rows(self) -> Iterator[tuple[int, list[Cell]]]:
        """Each row below the header that is not blank: its number in Excel, and a cell for each name."""
        sheet = self._workbook.open_sheet(self._part)
        sheet.read_first_row()
        self.hidden_rows = sheet.hidden_rows
        yield from sheet.read_rows(self.columns, self._width)

    def _is_hidden(self, index: int) -> bool:
        return any(first <= index <= last for first, last in self._hidden_ranges)

    def find_sheet(self, name: str, names: "TableNames") -> "Table | None":
        """The visible sheet called `name`, whatever its case, as a table with these columns; None where there is none,
        or it is blank, or it is this one. Raises UnusableFile where it has other columns.
        """
        for sheet_part in self._workbook.sheet_parts:
            if sheet_part is self._sheet_part or normalise_header(sheet_part.name) != normalise_header(name):
                continue
            _, header = self._workbook.open_sheet(sheet_part.part).read_first_row()
            if not header:
                return None
            if not _is_header(header, names):
                raise UnusableFile(_describe_wrong_header(sheet_part, names))
            return Table(self._workbook, sheet_part, header, names=names)
        return None

    def count_rows(self, max_rows: int, *, may_be_blank: bool = False) -> int:
        """How many rows there are below the header, blank ones that Excel wrote down included.

        Raises UnusableFile where more than `max_rows` are not blank, or none is, unless it `may_be_blank`.
        """
        count = self._workbook.count_row_ends(self._part) - 1
        if count > max_rows:
            for exact_count, _ in enumerate(self.read_rows(), 1):
                if exact_count > max_rows:
                    raise UnusableFile(
                        f"The file has more than {max_rows:,} rows, the maximum for one import. Split it into several "
                        "files"
                    )
        if next(self.read_rows(), None) is None:
            if may_be_blank:
                return 0
            raise UnusableFile(f"The sheet “{self.sheet_name}” has no rows below its header")
        return max(count, 1)


@contextmanager
def open_table(
    file: BinaryIO,
    *,
    names: Sequence[str],
    key_column: str,
    max_rows: int,
    silent_names: Collection[str] = (),
    other_names: Mapping[str, str] | None = None,
) -> Iterator[Table]:
    """The table of the workbook `file` whose header has the column `key_column` and others of `names`.

    A column may have another name, which `other_names` maps to its own; it is ignored where both are there. Columns
    called as in `silent_names` are ignored without a word, and hidden sheets altogether. Raises UnusableFile, here or
    while the rows are read, where the file cannot be used; one that unpacks to more than so many rows can need is
    refused before.
    """
    package = Package(file, max_bytes=BASE_BYTES + max_rows * BYTES_PER_ROW)
    # Reading makes many small objects. Each of them would let the collector walk through the whole program again
    # and again, which takes longer than the reading; what is frozen it leaves alone.
    gc.freeze()
    try:
        workbook = _Workbook(package)
        with closing(workbook.strings):
            known_names = TableNames(names, key_column, silent_names, other_names or {})
            sheet_part, header = _choose_sheet(workbook, known_names)
            yield Table(workbook, sheet_part, header, names=known_names)
    finally:
        gc.unfreeze()
        package.close()


class _Workbook:
    """What the workbook says about itself."""

    def __init__(self, package: Package) -> None:
        self._package = package
        part = _get_workbook_part(package)
        self._folder = posixpath.dirname(part)
        kinds = self._load_relations(part)
        self.sheet_parts: list[_SheetPart] = []
        self.from_1904 = False
        self._read_sheets(kinds, part)
        self._styles = load_styles(lambda: self._stream_of(kinds, "styles") or [b"<styleSheet/>"])
        self.strings = SharedStrings(self._stream_of(kinds, "sharedStrings") or [b"<sst/>"])

    def open_sheet(self, part: str) -> Sheet:
        return Sheet(
            self._package.stream(part),
            self.strings,
            date_styles=self._styles.dates,
            percent_styles=self._styles.percents,
            number_formats=self._styles.number_formats,
            from_1904=self.from_1904,
        )

    def stream(self, part: str) -> Iterator[bytes]:
        """The bytes of a part, in pieces."""
        return self._package.stream(part)

    def count_row_ends(self, part: str) -> int:
        """How often a row ends in a part. Much faster than reading it."""
        count, tail = 0, b""
        for piece in self._package.stream(part):
            data = tail + piece
            found = list(_END_OF_ROW.finditer(data))
            count += len(found)
            tail = data[max(found[-1].end() if found else 0, len(data) - 64) :]
        return count

    def _read_sheets(self, kinds: Mapping[str, tuple[str, str]], workbook_part: str) -> None:
        """Which sheets there are, and where dates begin. What comes behind them, such as names, is left unread."""
        for batch in iterate_elements(self._package.stream(workbook_part)):
            for element in batch:
                name = local_name(element.tag)
                if name == "workbookPr":
                    self.from_1904 = element.get("date1904", "0") in TRUE_VALUES
                elif name == "sheets":
                    self._add_sheets(element, kinds)
                    return

    def _add_sheets(self, sheets: Element, kinds: Mapping[str, tuple[str, str]]) -> None:
        for sheet in sheets:
            kind, part = kinds.get(_relation_id(sheet), ("", ""))
            if kind == "worksheet" and sheet.get("state", "visible") == "visible":
                self.sheet_parts.append(_SheetPart(sheet.get("name", ""), part))

    def _load_relations(self, part: str) -> dict[str, tuple[str, str]]:
        """What the workbook refers to: id → (kind, name of the part)."""
        folder, name = posixpath.split(part)
        relations = {}
        for batch in iterate_elements(self._package.stream(f"{folder}/_rels/{name}.rels".lstrip("/"))):
            for element in batch:
                if element.get("TargetMode") != "External":
                    target = posixpath.normpath(posixpath.join("/", folder, element.get("Target", "")))
                    relations[element.get("Id", "")] = (
                        element.get("Type", "").rpartition("/")[2],
                        target.lstrip("/"),
                    )
        return relations

    def _stream_of(self, kinds: Mapping[str, tuple[str, str]], wanted_kind: str) -> Iterator[bytes] | None:
        for kind, part in kinds.values():
            if kind == wanted_kind and part in self._package:
                return self._package.stream(part)
        return None


def _get_workbook_part(package: Package) -> str:
    """The name of the part that lists the sheets. Raises UnusableFile where the zip file is no workbook."""
    if "_rels/.rels" in package:
        for batch in iterate_elements(package.stream("_rels/.rels")):
            for element in batch:
                if element.get("Type", "").endswith("/officeDocument"):
                    part = posixpath.normpath(element.get("Target", "")).lstrip("/")
                    if part.endswith(".bin"):
                        raise UnusableFile(f"This is a binary workbook (.xlsb). {SAVE_AS_XLSX}")
                    if part in package and "workbook" in part.lower():
                        return part
    if "xl/workbook.xml" in package:
        return "xl/workbook.xml"
    raise UnusableFile(f"This is not an Excel file. {SAVE_AS_XLSX}")


def _relation_id(sheet: Element) -> str:
    for name, value in sheet.items():
        if local_name(name) == "id" and name != "id":
            return value
    return ""


def _choose_sheet(workbook: _Workbook, names: TableNames) -> tuple[_SheetPart, dict[int, Cell]]:
    """The one sheet with the table, and the cells of its header.

    Raises UnusableFile where there is none, or more than one.
    """
    if len(workbook.sheet_parts) > MAX_SHEETS:
        raise UnusableFile(f"The file has more than {MAX_SHEETS} sheets. Keep only the one with the rows to import")
    candidates, sheets_with_data = [], []
    for sheet_part in workbook.sheet_parts:
        _, header = workbook.open_sheet(sheet_part.part).read_first_row()
        if header:
            sheets_with_data.append(sheet_part)
        if _is_header(header, names):
            candidates.append((sheet_part, header))
    if len(candidates) > 1:
        first, second = candidates[0][0].name, candidates[1][0].name
        raise UnusableFile(
            f"Both “{first}” and “{second}” contain rows to import. Keep only one such sheet in the file"
        )
    if candidates:
        return candidates[0]
    if not sheets_with_data:
        raise UnusableFile("The file has no visible sheet with data")
    raise UnusableFile(_describe_wrong_header(sheets_with_data[0], names))


def _describe_wrong_header(sheet_part: _SheetPart, names: TableNames) -> str:
    return (
        f"The first row of the sheet “{sheet_part.name}” does not contain the column names: “{names.key_column}” and "
        "at least one more are required. Download the template to see them all"
    )


def _is_header(header: Mapping[int, Cell], names: TableNames) -> bool:
    keys = {_header_key_of(cell) for cell in header.values()}
    known_keys = {normalise_header(name) for name in (*names.columns, *names.others)}
    return normalise_header(names.key_column) in keys and len(keys & known_keys) > 1


def _header_key_of(cell: Cell) -> str:
    return "" if cell is None or isinstance(cell, BadCell) else normalise_header(format_cell(cell))


def _format_heading(cell: Cell) -> str:
    if isinstance(cell, BadCell):
        return cell.reason
    return format_cell(cell) if cell is not None else ""


def _map_columns(header: Mapping[int, Cell], names: TableNames) -> tuple[dict[int, int], list[str]]:
    """(column → place among the names; the names of other columns). Raises UnusableFile where a column is there
    twice.
    """
    positions = {normalise_header(name): position for position, name in enumerate(names.columns)}
    present_keys = {_header_key_of(cell) for cell in header.values()}
    for other_name, name in names.others.items():
        if normalise_header(name) not in present_keys:
            positions[normalise_header(other_name)] = positions[normalise_header(name)]
    silent_keys = {normalise_header(name) for name in names.silent}
    columns: dict[int, int] = {}
    ignored_columns: list[str] = []
    for index, cell in sorted(header.items()):
        key = _header_key_of(cell)
        position = positions.get(key)
        if key in silent_keys:
            continue
        if position is None:
            ignored_columns.append(" ".join(_format_heading(cell).split())[:60])
        elif position in columns.values():
            raise UnusableFile(f"The column “{names.columns[position]}” appears twice. Remove one of the two")
        else:
            columns[index] = position
    if len(ignored_columns) > MAX_LISTED_COLUMNS:
        ignored_columns[MAX_LISTED_COLUMNS:] = [f"and {len(ignored_columns) - MAX_LISTED_COLUMNS:,} more"]
    return columns, ignored_columns
