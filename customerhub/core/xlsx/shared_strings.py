"""The texts of a workbook, which its cells refer to by number.

A workbook of many customers has hundreds of thousands of them. The first ones, among them those that every row
repeats, stay in memory; the rest lie in a temporary file, so that memory does not grow with the workbook.
"""

import os
import re
import tempfile
from array import array
from collections.abc import Iterable
from typing import Final
from xml.etree.ElementTree import Element

from customerhub.core.xlsx.package import build_damaged_error
from customerhub.core.xlsx.xml_stream import iterate_elements, local_name

MAX_CHARACTERS_IN_MEMORY: Final = 2_000_000  # about as many as 10,000 rows have
MAX_CELL_LENGTH: Final = 32_767  # what Excel allows in a cell

_ESCAPE_SEQUENCE = re.compile("_x([0-9A-Fa-f]{4})_")


class SharedStrings:
    """Texts by number. To be closed after use."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._texts: list[str] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close)
        self._ends = array("Q", [0])
        try:
            self._read_texts(pieces)
        except BaseException:
            self.close()
            raise

    def _read_texts(self, pieces: Iterable[bytes]) -> None:
        characters = 0
        for batch in iterate_elements(pieces):
            for element in batch:
                text = text_of(element)
                if characters < MAX_CHARACTERS_IN_MEMORY:
                    self._texts.append(text)
                    characters += len(text)
                else:
                    data = text.encode()
                    self._file.write(data)
                    self._ends.append(self._ends[-1] + len(data))
        self._file.flush()

    def __getitem__(self, number: int) -> str:
        """Raises IndexError where there is no such text."""
        if number < 0:
            raise IndexError(number)
        if number < len(self._texts):
            return self._texts[number]
        index = number - len(self._texts)
        start, end = self._ends[index], self._ends[index + 1]
        return os.pread(self._file.fileno(), end - start, start).decode()

    def __len__(self) -> int:
        return len(self._texts) + len(self._ends) - 1

    def close(self) -> None:
        self._file.close()


def text_of(element: Element) -> str:
    """The text of a shared or inline string: its runs joined, without the reading aids of Asian scripts."""
    if len(element) == 1 and local_name(element[0].tag) == "t":
        text = element[0].text or ""
    else:
        text = "".join(run.text or "" for run in _iterate_runs(element))
    if len(text) > MAX_CELL_LENGTH:
        raise build_damaged_error(f"a text has more than {MAX_CELL_LENGTH:,} characters")
    return unescape_text(text) if "_x" in text else text


def _iterate_runs(element: Element) -> Iterable[Element]:
    for child in element:
        name = local_name(child.tag)
        if name == "t":
            yield child
        elif name == "r":
            yield from (part for part in child if local_name(part.tag) == "t")


def unescape_text(text: str) -> str:
    """`text` with Excel's escapes of characters that XML cannot hold, such as _x000D_, undone."""
    decoded_text = _ESCAPE_SEQUENCE.sub(lambda found: chr(int(found[1], 16)), text)
    return decoded_text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
