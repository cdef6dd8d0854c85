"""Whether mail can be sent to an address."""

from customerhub.core.errors import Invalid
from customerhub.core.validation import clean_email


def is_mailable(address: str) -> bool:
    """Whether mail can be sent to `address`: one that it cannot be sent to keeps nobody from working."""
    try:
        return clean_email(address) is not None
    except Invalid:
        return False
