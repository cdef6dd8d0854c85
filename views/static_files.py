"""Static files under addresses that change with their content."""

import hashlib
from pathlib import Path

from flask import current_app

_known: dict[str, str] = {}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def static_file(path: str) -> str:
    """The address of a static file, which changes with its content, so that browsers may keep it for ever."""
    known = _known.get(path)
    if known is not None:
        return known
    file = Path(current_app.static_folder or "") / path
    address = f"{current_app.static_url_path}/{path}?v={_digest(file)}"
    if not current_app.debug:
        _known[path] = address
    return address
