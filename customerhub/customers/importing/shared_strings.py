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

from customerhub.customers.importing.elements import elements, local
from customerhub.customers.importing.zipped import damaged

KEPT_CHARACTERS: Final = 2_000_000  # about as many as 10,000 rows have
LONGEST: Final = 32_767  # what Excel allows in a cell

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


class SharedStrings:
    """Texts by number. To be closed after use."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._kept: list[str] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close)
        self._ends = array("Q", [0])
        try:
            self._fill(pieces)
        except BaseException:
            self.close()
            raise

    def _fill(self, pieces: Iterable[bytes]) -> None:
        characters = 0
        for batch in elements(pieces):
            for element in batch:
                text = text_of(element)
                if characters < KEPT_CHARACTERS:
                    self._kept.append(text)
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
        if number < len(self._kept):
            return self._kept[number]
        place = number - len(self._kept)
        start, end = self._ends[place], self._ends[place + 1]
        return os.pread(self._file.fileno(), end - start, start).decode()

    def __len__(self) -> int:
        return len(self._kept) + len(self._ends) - 1

    def close(self) -> None:
        self._file.close()


def text_of(element: Element) -> str:
    """The text of a shared or inline string: its runs joined, without the reading aids of Asian scripts."""
    if len(element) == 1 and local(element[0].tag) == "t":
        text = element[0].text or ""
    else:
        text = "".join(run.text or "" for run in _runs(element))
    if len(text) > LONGEST:
        raise damaged(f"a text has more than {LONGEST:,} characters")
    return unescaped(text) if "_x" in text else text


def _runs(element: Element) -> Iterable[Element]:
    for child in element:
        name = local(child.tag)
        if name == "t":
            yield child
        elif name == "r":
            yield from (part for part in child if local(part.tag) == "t")


def unescaped(text: str) -> str:
    """`text` with Excel's escapes of characters that XML cannot hold, such as _x000D_, undone."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
