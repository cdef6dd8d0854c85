"""The addresses of this hub's pages, for links in mails."""

from typing import Final

from customerhub.core import services

CUSTOMER_PATH: Final = "/admin/customers/details/?id={}"


def build_url(path: str) -> str:
    """The whole address of the page at `path`."""
    return f"{services.get_current().public_url}{path}"


def build_customer_url(customer_id: int, tab: str | None = None) -> str:
    """The address of a customer's record, opened at `tab`."""
    return build_url(CUSTOMER_PATH.format(customer_id)) + (f"&tab={tab}" if tab else "")
