"""Static files under addresses that change with their content."""

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import current_app


@lru_cache(maxsize=256)
def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def static_file(path: str) -> str:
    """The address of a static file, which changes with its content, so that browsers may keep it for ever."""
    kept: dict[str, str] = current_app.extensions.setdefault("hub_static", {})
    if path not in kept or current_app.debug:
        folder = Path(current_app.static_folder or "")
        kept[path] = f"{current_app.static_url_path}/{path}?v={_digest(str(folder / path))}"
    return kept[path]
