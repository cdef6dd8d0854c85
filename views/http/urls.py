"""Addresses of screens. The same ones are used dozens of times a page, so each is built once."""

from flask import current_app, request, url_for

MAX_ID_DIGITS = 18  # as many as fit into the key of a row


def parse_id(text: str) -> int | None:
    """The key of a row that an address or a form names; None where the text is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS else None


def path_of(endpoint: str) -> str:
    """`url_for` of an endpoint that takes no parameters."""
    cached_paths: dict[tuple[str, str], str] = current_app.extensions.setdefault("hub_paths", {})
    key = (request.script_root, endpoint)
    if key not in cached_paths:
        cached_paths[key] = url_for(endpoint)
    return cached_paths[key]


def path_to(endpoint: str, row_id: int) -> str:
    """The address of the page `endpoint` of one row."""
    return f"{path_of(endpoint)}?id={row_id}"
