"""Keeping passwords: only as argon2id hashes, and only such as are hard to guess."""

import re
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from customerhub.errors import Invalid
from models.keys import folded

SHORTEST, LONGEST = 12, 128
RULE = f"At least {SHORTEST} characters. Several words in a row are easy to remember and hard to guess"

_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
# What is checked where there is no account, so that the answer takes as long as with one.
_NOBODY = _hasher.hash("nobody has this password")

# The commonest passwords that are long enough, by what is left without digits and punctuation.
_COMMON = {
    "administrator", "changeme", "changemenow", "charliebrown", "correcthorsebatterystaple",
    "defaultpassword", "iloveyou", "iloveyouforever", "iloveyousomuch", "jonathan", "letmein",
    "letmeinnow", "letmeinplease", "mypassword", "mysecretpassword", "newpassword", "passphrase",
    "password", "passwort", "princess", "qwertyuiop", "qwertyuiopasdfghjkl", "secretpassword",
    "spongebob", "starwars", "sunshine", "superman", "temporary", "temppassword", "thisismypassword",
    "unknownpassword", "welcome", "welcomehome", "welcometo", "whatever", "yourpassword",
}  # fmt: skip
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik",
    "1q2w3e4r5t6y7u8i9o0p",
)
_LETTERS_ONLY = re.compile(r"[\W\d_]+")
_LOOKALIKES = str.maketrans("013457@$!", "oieastasi")
_EDGES = re.compile(r"^[\W\d_]+|[\W\d_]+$")
LONGEST_WORD_IGNORED = 3  # a name of so few letters may be part of a password


def hash_password(password: str) -> str:
    """The hash to keep of `password`."""
    return _hasher.hash(_plain(password))


def verify(password: str, kept: str | None) -> bool:
    """Whether `password` belongs to the hash `kept`. Without one the work is the same and the answer no."""
    try:
        _hasher.verify(kept or _NOBODY, _plain(password))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Whether `kept` was made with other parameters than today's and should be made anew."""
    return _hasher.check_needs_rehash(kept)


def _plain(password: str) -> str:
    """One spelling of what can be typed in several ways. What is too long is cut, yet stays too long."""
    return unicodedata.normalize("NFKC", password[: LONGEST + 1])


def check_strength(password: str, *, email: str, name: str, field: str = "password") -> None:
    """Raises Invalid where `password` is too short or long, common, a pattern, or tells whose it is."""
    length = len(_plain(password))
    if length < SHORTEST:
        raise Invalid(f"A password has at least {SHORTEST} characters; this one has {length}", field)
    if length > LONGEST:
        raise Invalid(f"A password has at most {LONGEST} characters", field)
    lower = _in_our_digits(folded(_plain(password)))
    if _is_common(lower) or _is_pattern(lower):
        raise Invalid(
            "This password is one of the first that are tried. "
            "Several words that do not belong together make a good one",
            field,
        )
    if any(word in _joined(lower) for word in _own_words(email, name)):
        raise Invalid("Leave your name and your email address out of the password", field)


def _in_our_digits(text: str) -> str:
    """`text` with the digits of other scripts as 0 to 9, for keys in a row are that in every script."""
    return "".join(str(unicodedata.digit(character, character)) for character in text)


def _is_common(lower: str) -> bool:
    core = _EDGES.sub("", lower)
    return any(_LETTERS_ONLY.sub("", spelling) in _COMMON for spelling in (core, core.translate(_LOOKALIKES)))


def _is_pattern(lower: str) -> bool:
    """A few characters, a repeated piece, or keys in a row, forwards or backwards."""
    if len(set(lower)) < 5:
        return True
    bare = lower.replace(" ", "")
    if any(bare == (bare[:size] * len(bare))[: len(bare)] for size in range(1, len(bare) // 2 + 1)):
        return True
    return any(bare in row * 2 or bare[::-1] in row * 2 for row in _ROWS)


def _joined(lower: str) -> str:
    return re.sub(r"[\W_]+", "", lower)


def _own_words(email: str, name: str) -> set[str]:
    words = {_joined(folded(part)) for part in (email, email.partition("@")[0], name, *name.split())}
    return {word for word in words if len(word) > LONGEST_WORD_IGNORED}
