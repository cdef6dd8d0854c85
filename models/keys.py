"""How texts are compared: what counts as the same name, number or search word."""

import re
import unicodedata

# Letters that Unicode does not take apart, as people type them who have no such key.
_UNSPELLED = str.maketrans(
    {"ß": "ss", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"}
)
# Greek and Cyrillic capitals that nobody tells from Latin ones.
_LOOKALIKES = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺАВЕЅІЈКМНОРСТУХҮҺԌԚԜӀ", "ABEZHIKMNOPTYXCMABESIJKMHOPCTYXYHGQWI")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


def folded(text: str) -> str:
    """`text` without case, accents and doubled spaces: "Königlich  ESSEN" is "koniglich essen"."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(unicodedata.normalize("NFC", bare.casefold().translate(_UNSPELLED)).split())


def exact_key(text: str | None) -> str | None:
    """What makes two references the same: case and outer spaces do not, every digit does ("7" is not "007")."""
    if not text:
        return None
    return unicodedata.normalize("NFC", " ".join(text.split()).casefold()) or None


def number_key(text: str | None) -> str | None:
    """What makes two identity, registration or VAT numbers the same: letters and digits only, in capitals.

    In whatever script a digit is written it is that digit, and letters are the same that look the same.
    """
    if not text:
        return None
    capitals = text.upper() if text.isascii() else "".join(map(_digit, folded(text).upper())).translate(_LOOKALIKES)
    return _NOT_ALPHANUMERIC.sub("", capitals) or None


def _digit(character: str) -> str:
    return str(unicodedata.digit(character, character))


def phone_key(text: str | None) -> str | None:
    """What makes two phone numbers alike: their last nine digits, so that +49 30 40485210 is 030/40485210."""
    digits = "".join(character for character in unicodedata.normalize("NFKC", text or "") if character.isdecimal())
    return digits[-9:] if len(digits) >= 6 else None
