"""Where on a form a custom field can stand."""

from collections.abc import Sequence
from typing import Final

from models.enums import CustomFieldOwner

MORE_TAB: Final = ("more", "More")  # of customers, where no other was chosen

# The tabs of the form of a customer that hold single fields, as the form has them; the others have no tabs.
CUSTOMER_TABS: Final = (
    ("identity", "Identity"),
    ("financial", "Financial"),
    ("review", "Review"),
    ("billing", "Billing"),
    ("people", "Account team"),
    ("marketing", "Marketing"),
    MORE_TAB,
)


def list_tabs(owner: CustomFieldOwner) -> Sequence[tuple[str, str]]:
    """(name, label) of each tab in which a field of this owner can stand."""
    return CUSTOMER_TABS if owner is CustomFieldOwner.CUSTOMER else ()
