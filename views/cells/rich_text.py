"""Texts that people write to each other, as HTML: escaped, with addresses of the web as links and mentions marked."""

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

from customerhub.activity.mentions import Colleague, split_text

_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_TRAILING_CHARACTERS = ".,;:!?'*_)]}"  # ends a sentence or brackets, not an address
_LINK = Markup('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>')
_MENTION = Markup('<span class="mention">{}</span>')


def render_text(text: str, mentioned: Iterable[Colleague] = ()) -> Markup:
    """`text` as it was typed. Nothing in it is markup but whole addresses of the web, and the names of `mentioned`."""
    pieces = (
        _link_addresses(piece.text) if piece.user_id is None else _MENTION.format(piece.text)
        for piece in split_text(text, mentioned)
    )
    return Markup("").join(pieces)


def _link_addresses(text: str) -> Markup:
    html, end = Markup(""), 0
    for match in _URL.finditer(text):
        address = match[0].rstrip(_TRAILING_CHARACTERS)
        html += escape(text[end : match.start()]) + _LINK.format(address)
        end = match.start() + len(address)
    return html + escape(text[end:])
