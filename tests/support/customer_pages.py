"""The form of a new customer."""

from typing import Any

from tests.support.browser_client import Browser

NEW = "/admin/customers/new/"


def add_customer(browser: Browser, values: dict[str, Any], **more: Any) -> Any:
    return browser.post(NEW, browser.read_form(NEW) | values | more)
