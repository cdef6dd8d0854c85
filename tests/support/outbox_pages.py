"""What the pages of the outbox say."""

import re
from typing import Any


def page_text(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())
