"""The addresses of this hub's pages, as mails lead to them."""

from typing import Final

CUSTOMER_PATH: Final = "/admin/customers/details/?id={}"

_public_url = ""


def configure(*, public_url: str) -> None:
    """Addresses begin with this, without a slash at its end. Called once, at start."""
    global _public_url
    _public_url = public_url


def address_of(path: str) -> str:
    """The whole address of the page at `path`."""
    return f"{_public_url}{path}"


def customer_page(customer_id: int, tab: str | None = None) -> str:
    """The address of a customer's record, opened at `tab`."""
    return address_of(CUSTOMER_PATH.format(customer_id)) + (f"&tab={tab}" if tab else "")
