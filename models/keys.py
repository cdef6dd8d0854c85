"""Keys by which texts are compared: the same name, number or search word."""

import re
import unicodedata

# Letters that Unicode does not take apart, as people type them who have no such key.
_UNDECOMPOSED_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"}
)
# Greek and Cyrillic capitals that nobody tells from Latin ones.
_LOOKALIKES = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺАВЕЅІЈКМНОРСТУХҮҺԌԚԜӀ", "ABEZHIKMNOPTYXCMABESIJKMHOPCTYXYHGQWI")
# What nobody sees: Unicode's default ignorable characters, and the blank of braille.
_INVISIBLE_RANGES = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F)),
    *((0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    (0xE0000, 0xE0FFF),
)
_INVISIBLE = {code: None for first, last in _INVISIBLE_RANGES for code in range(first, last + 1)}
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


def remove_invisible(text: str) -> str:
    """`text` without the characters that nobody sees, such as zero width spaces, soft hyphens and direction marks.

    For comparing alone: emoji and many scripts need some of them, so names keep what they have.
    """
    return text if text.isascii() else text.translate(_INVISIBLE)


def fold_text(text: str) -> str:
    """`text` without case, accents, doubled spaces and what nobody sees: "Königlich  ESSEN" is "koniglich essen"."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", remove_invisible(text)).casefold())
    base_letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(unicodedata.normalize("NFC", base_letters.casefold().translate(_UNDECOMPOSED_LETTERS)).split())


def exact_key(text: str | None) -> str | None:
    """What makes two references the same: case, outer spaces and what nobody sees do not, every digit does ("7" is not
    "007").
    """
    if not text:
        return None
    return unicodedata.normalize("NFC", " ".join(remove_invisible(text).split()).casefold()) or None


def number_key(text: str | None) -> str | None:
    """What makes two identity, registration or VAT numbers the same: letters and digits only, in capitals.

    In whatever script a digit is written it is that digit, and letters are the same that look the same.
    """
    if not text:
        return None
    capitals = text.upper() if text.isascii() else "".join(map(_digit, fold_text(text).upper())).translate(_LOOKALIKES)
    return _NOT_ALPHANUMERIC.sub("", remove_invisible(capitals)) or None


def list_spellings(number: str | None) -> tuple[str, ...]:
    """A number as it was typed and, where it has blanks or points, without them: people search for either."""
    key = number_key(number)
    if not number or not key or fold_text(key) == fold_text(number):
        return (number,) if number else ()
    return number, key


def _digit(character: str) -> str:
    return str(unicodedata.digit(character, character))


def phone_key(text: str | None) -> str | None:
    """What makes two phone numbers alike: their last nine digits, so that +49 30 40485210 is 030/40485210."""
    digits = "".join(character for character in unicodedata.normalize("NFKC", text or "") if character.isdecimal())
    return digits[-9:] if len(digits) >= 6 else None
