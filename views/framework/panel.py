"""A part of a page that has a template of its own."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Panel:
    """What `template` shows on a page: it finds `values` as `panel`."""

    template: str
    values: dict[str, Any]
