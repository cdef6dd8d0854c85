"""How texts are compared: what counts as the same name, number or search word."""

import re
import unicodedata

_UNSPELLED = str.maketrans(
    {"ß": "ss", "ẞ": "ss", "ø": "o", "Ø": "o", "đ": "d", "ł": "l", "Ł": "l", "æ": "ae", "Æ": "ae", "œ": "oe"}
)
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_SPACES = re.compile(r"\s+")


def folded(text: str) -> str:
    """`text` without case, accents and doubled spaces: "Königlich  ESSEN" is "koniglich essen"."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.translate(_UNSPELLED).casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(bare.split())


def exact_key(text: str | None) -> str | None:
    """What makes two references the same: case and outer spaces do not, every digit does ("7" is not "007")."""
    return " ".join(text.split()).casefold() or None if text else None


def number_key(text: str | None) -> str | None:
    """What makes two identity, registration or VAT numbers the same: letters and digits only, in capitals."""
    if not text:
        return None
    return _NOT_ALPHANUMERIC.sub("", unicodedata.normalize("NFKC", text)).upper() or None
