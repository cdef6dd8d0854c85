"""Texts of CSV files, masked so that no spreadsheet takes a part of them for a formula, and read back as they were.

A spreadsheet that expects another list separator than the one of our file divides a line elsewhere, whatever is
quoted: "a;=1+1" has two cells where semicolons separate, and the second is a formula. So not only what begins a cell
counts, but what follows any comma, semicolon, tab or line break as well. An apostrophe goes in front of it. All of that
is masked whatever the file is separated by, so that a text is read back without knowing where it stood.
"""

import re
from collections.abc import Sequence
from typing import Final

_SIGNS: Final = "=+-@|%＝＋－＠"  # what begins a formula, in Excel with Japanese settings too
_FORMULA: Final = f"[{re.escape(_SIGNS)}]"
_HARMLESS: Final = re.compile(r"-?[0-9][0-9,.]*")  # a plain amount, such as -1,234.50
_SKIPPED: Final = r"[\"'\t\r\n]*"  # what a spreadsheet may leave out in front of a formula
_PLACE: Final = r"(?:\A|(?<=[,;\t\n])|(?<=\r)(?!\n))"  # where a cell can begin

# A masked text matches the same at the place where its apostrophe was set: apostrophes are among what is skipped.
_MASKED: Final = re.compile(rf"\A(?=[\"']*[\t\r\n])|{_PLACE}(?={_SKIPPED}{_FORMULA})")
_UNMASKED: Final = re.compile(rf"\A'(?=[\"']*[\t\r\n])|{_PLACE}'(?={_SKIPPED}{_FORMULA})")

# Whether a column has anything to mask, found in one go: its cells joined with a character that none of them has.
_JOINT: Final = "\0"
_SUSPECT: Final = re.compile(rf"\0[\"']*[\t\r\n]|[\0,;\t\r\n]{_SKIPPED}{_FORMULA}")
_FIRST: Final = frozenset(_SIGNS)
_DIVIDING: Final = ";\t\r\n\"'"  # without any of these only what begins a cell or follows a comma counts


def mask_formulas(text: str) -> str:
    """`text` with an apostrophe in front of each part that could become a formula: +49 89 123 gets one, -1.50 not."""
    return text if _HARMLESS.fullmatch(text) else _MASKED.sub("'", text)


def mask_beginning(masked: str) -> str:
    """A masked text as the first cell of a line, where an amount below nothing is masked too: where something else
    separates cells, those behind it go on from it, and -1 and 5+A1 become -1,5+A1.
    """
    return f"'{masked}" if masked.startswith("-") else masked


def unmask_formulas(text: str) -> str:
    """What `mask_formulas` made this of; any other text as it is."""
    return _UNMASKED.sub("", text) if "'" in text else text


def mask_column(texts: Sequence[str]) -> Sequence[str]:
    """`texts`, each masked. Many times as fast as one after the other where there is nothing to mask."""
    joined = _JOINT + _JOINT.join(texts)
    if any(sign in joined for sign in _DIVIDING):
        return [mask_formulas(text) for text in texts] if _SUSPECT.search(joined) else texts
    # One character is looked for many times as fast as two.
    signs = [sign for sign in _SIGNS if sign in joined]
    if "," in joined and any(f",{sign}" in joined for sign in signs):
        return [mask_formulas(text) for text in texts]
    if any(_JOINT + sign in joined for sign in signs):
        return [f"'{text}" if text[:1] in _FIRST and not _HARMLESS.fullmatch(text) else text for text in texts]
    return texts
