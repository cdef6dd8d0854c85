"""What a list shows."""

import re

from tests.support.browser_client import Browser


def list_row_ids(browser: Browser, endpoint: str, query: str = "") -> list[int]:
    """The ids of the rows on a page of a list."""
    answer = browser.get(f"/admin/{endpoint}/?page_size=100&{query}")
    assert answer.status_code == 200, query
    return [int(key) for key in re.findall(r'data-href="/admin/[a-z-]+/details/\?id=(\d+)"', answer.text)]
