"""Secrets that are kept in the database: encrypted by keys of the installation, which the database does not have.

The first key encrypts and any of them reads, so a key is replaced by putting a new one before it, encrypting everything
anew, and taking the old one away.
"""

from typing import TYPE_CHECKING, Final

from customerhub.core import services
from customerhub.core.errors import WrongState

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

UNREADABLE: Final = (
    "A stored secret cannot be read: the key that encrypted it is missing from HUB_ENCRYPTION_KEYS. Enter it again"
)


def encrypt_secret(secret: str) -> str:
    """`secret` as it may be kept."""
    return _load_keys().encrypt(secret.encode()).decode()


def decrypt_secret(token: str) -> str:
    """The secret that was encrypted as `token`. Raises WrongState where no key reads it."""
    from cryptography.fernet import InvalidToken

    try:
        return _load_keys().decrypt(token.encode()).decode()
    except InvalidToken:
        raise WrongState(UNREADABLE) from None


def rotate_secret(token: str) -> str:
    """The same secret, encrypted by the first key. Raises WrongState where no key reads it."""
    from cryptography.fernet import InvalidToken

    try:
        return _load_keys().rotate(token.encode()).decode()
    except InvalidToken:
        raise WrongState(UNREADABLE) from None


def _load_keys() -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet  # only where a secret is at hand: it takes 20 MB

    return MultiFernet([Fernet(key) for key in services.get_current().encryption_keys])
