"""Passwords: stored as argon2id hashes only, and only those that are hard to guess."""

import re
import threading
import unicodedata
from typing import Final, TypedDict, cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from customerhub.core.errors import Invalid
from models.keys import fold_text

DEMO_PASSWORD = "customer-hub-demo"  # noqa: S105  (of every account of the demo; everybody knows it)
MIN_LENGTH, MAX_LENGTH = 12, 128
PASSWORD_HINT = f"At least {MIN_LENGTH} characters. Several words are easy to remember and hard to guess"

EASY_TO_GUESS = "This password is too easy to guess."

HASH_ROUNDS: Final = 3
HASH_KIB: Final = 32 * 1024
_hasher = PasswordHasher(time_cost=HASH_ROUNDS, memory_cost=HASH_KIB, parallelism=1)
# What is checked where there is no account, so that the answer takes as long as with one.
_DUMMY_HASH = _hasher.hash("nobody has this password")

MIN_SCORE: Final = 3  # of zxcvbn's 0 to 4: from 10^8 guesses on
# Characters that zxcvbn judges. It tries all readings of signs that may stand for letters (4 or @ for a): 32 of them
# take 0.4 s at worst, 72 take 2.4 s. The rest is not needed: 32 good ones are enough, and 32 bad ones are a pattern.
MAX_SCORED_LENGTH: Final = 32
# Beside those that zxcvbn knows and those of the account.
_OWN_WORDS: Final = ("customer", "hub", "customerhub", "kennwort", "changeme", "correcthorsebatterystaple")
_PUNCTUATION: Final = re.compile(r"[\W_]+")
_EDGES: Final = re.compile(r"^[\W_]+|[\W_]+$")
_zxcvbn_lock = threading.Lock()  # it keeps the words of the account in a table of its module
MAX_IGNORED_WORD_LENGTH = 3  # a name of so few letters may be part of a password


class _Feedback(TypedDict):
    warning: str


class _Rating(TypedDict):
    """What is needed of zxcvbn's answer."""

    score: int
    feedback: _Feedback


def hash_password(password: str) -> str:
    """The hash to keep of `password`."""
    return _hasher.hash(_normalize(password))


def verify(password: str, password_hash: str | None) -> bool:
    """Whether `password` belongs to `password_hash`. Without one the work is the same and the answer no."""
    try:
        _hasher.verify(password_hash or _DUMMY_HASH, _normalize(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether `password_hash` was made with other parameters than today's and should be made anew."""
    return _hasher.check_needs_rehash(password_hash)


def is_demo_password(password: str) -> bool:
    """Whether `password` is the one that everybody knows, however it is spelt."""
    return _normalize(password) == DEMO_PASSWORD


def _normalize(password: str) -> str:
    """One spelling of what can be typed in several ways. What is too long is cut, yet stays too long."""
    return unicodedata.normalize("NFKC", password[: MAX_LENGTH + 1])


def check_strength(password: str, *, email: str, name: str, organisation: str, field: str = "password") -> None:
    """Raises Invalid where `password` is too short or long, easy to guess, or tells whose it is.

    How hard it is to guess is zxcvbn's estimate, which counts the words of the account and of the product as known.
    """
    length = len(_normalize(password))
    if length < MIN_LENGTH:
        raise Invalid(f"The password must have at least {MIN_LENGTH} characters; this one has {length}", field)
    if length > MAX_LENGTH:
        raise Invalid(f"The password must have at most {MAX_LENGTH} characters", field)
    if is_demo_password(password):
        raise Invalid(f"{EASY_TO_GUESS} Everybody knows it from the demo", field)
    lower = _to_ascii_digits(fold_text(_normalize(password)))
    personal_words = _split_words(email, email.partition("@")[0], name)
    if any(word in _PUNCTUATION.sub("", lower) for word in personal_words if len(word) > MAX_IGNORED_WORD_LENGTH):
        raise Invalid("The password must not contain your name or email address", field)
    rating = _rate(lower, [*_OWN_WORDS, *personal_words, *_split_words(organisation)])
    if rating["score"] < MIN_SCORE:
        reason = rating["feedback"]["warning"]
        raise Invalid(" ".join(filter(None, (EASY_TO_GUESS, reason, "Use several unrelated words"))), field)


def _rate(lower: str, words: list[str]) -> _Rating:
    """What zxcvbn thinks of a password: of the words in it, for spaces and signs around them hold up nobody."""
    spaceless = lower.replace(" ", "")
    bare = _EDGES.sub("", spaceless) or spaceless or "0"  # it breaks on an empty text
    with _zxcvbn_lock:
        return cast(_Rating, zxcvbn(bare[:MAX_SCORED_LENGTH], words))


def _to_ascii_digits(text: str) -> str:
    """`text` with the digits of other scripts as 0 to 9, for keys in a row are that in every script."""
    return "".join(str(unicodedata.digit(character, character)) for character in text)


def _split_words(*texts: str) -> list[str]:
    """Texts and their words as they may stand in a password: folded, without punctuation."""
    parts = (part for text in texts for part in (text, *text.split()))
    return list(filter(None, (_PUNCTUATION.sub("", fold_text(part)) for part in parts)))
