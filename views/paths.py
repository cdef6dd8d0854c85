"""Addresses of screens. The same ones are asked for dozens of times a page, so each is made once."""

from flask import current_app, request, url_for


def path_of(endpoint: str) -> str:
    """`url_for` of an endpoint that takes no parameters."""
    kept: dict[tuple[str, str], str] = current_app.extensions.setdefault("hub_paths", {})
    key = (request.script_root, endpoint)
    if key not in kept:
        kept[key] = url_for(endpoint)
    return kept[key]


def path_to(endpoint: str, row_id: int) -> str:
    """The address of the page `endpoint` of one row."""
    return f"{path_of(endpoint)}?id={row_id}"
