"""The light markup of templates, rendered as HTML and plain text from one source.

A blank line begins a paragraph, a line break stays one, **two asterisks** on either side make words bold, lines that
begin with "- " are a list, and a bare address is a link. All else is shown as it is written, HTML included. A text is
read once and kept; filling in the values of its placeholders then costs little.
"""

import re
from collections.abc import Container, Iterator, Mapping
from functools import lru_cache
from html import unescape
from typing import Final, NamedTuple
from urllib.parse import quote

from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, list_block
from markdown_it.token import Token
from markupsafe import Markup, escape

Values = Mapping[str, object]

PLACEHOLDER: Final = re.compile(r"(?<!\{)\{\{([^{}]*)\}\}(?!\})")
LINE_LENGTH: Final = 72  # characters

_FIRST_MARKER: Final = (
    0xF0000  # stands for the first placeholder while a text is read: Unicode leaves it to private use
)
_MARKER: Final = re.compile("([\U000f0000-\U000ffffd])")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_OWN_URL: Final = re.compile(r"https?://[^\s<>\"]+")
_URL_TRAILING_CHARACTERS: Final = ".,;:!?'*_"  # ends a sentence or what is bold, not an address
# Whole addresses of the web only, not "example.com" and not "ftp:".
_linkify: Final = LinkifyIt(
    {"ftp:": None, "//": None, "mailto:": None}, {"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False}
)
_PARAGRAPH: Final = '<p style="margin:0 0 14px;">{}</p>'
_LIST: Final = '<ul style="margin:0 0 14px;padding-left:22px;">{}</ul>'
_ITEM: Final = '<li style="margin:0 0 4px;">{}</li>'
_LINK: Final = '<a href="{0}" style="color:inherit;text-decoration:underline;word-break:break-word;">{0}</a>'
_LINK_PARTS: Final = _LINK.split("{0}")
_BOLD: Final = "<strong>"
_BOLD_END: Final = "</strong>"


class RenderedText(NamedTuple):
    """A text in its two forms."""

    html: Markup
    text: str


class Slot(NamedTuple):
    """Where a placeholder stands. `source` is how it was written, `in_url` whether within an address."""

    name: str
    source: str
    in_url: bool = False


class Line(NamedTuple):
    """One line of a paragraph or of a list item. `is_optional`: it is left out where its values leave it blank."""

    html: tuple[str | Slot, ...]
    text: tuple[str | Slot, ...]
    is_optional: bool


class Block(NamedTuple):
    """A paragraph, which is one item, or a list."""

    is_list: bool
    items: tuple[tuple[Line, ...], ...]


class ParsedTemplate(NamedTuple):
    """A template that was read: what it is made of, and the names of its placeholders."""

    blocks: tuple[Block, ...]
    names: frozenset[str]


def render(source: str, values: Values, *, link_names: Container[str] = ()) -> RenderedText:
    """`source` with its placeholders filled in once. A placeholder that `values` does not know stays as it is.

    The values of `link_names` are addresses, and become links to them.
    """
    blocks, names = _parse_template(source)
    texts = {name: collapse_whitespace(values[name]) for name in names if name in values}
    htmls = {name: str(escape(text)) for name, text in texts.items()}
    htmls |= {
        name: _LINK.format(htmls[name]) for name in htmls if name in link_names and _OWN_URL.fullmatch(texts[name])
    }
    html: list[str] = []
    text: list[str] = []
    for block in blocks:
        items = [lines for item in block.items if (lines := _fill_lines(item, texts, htmls))]
        if items:
            html.append(_format_html(block, items))
            text.append(_format_text(block, items))
    return RenderedText(Markup("\n".join(html)), "\n\n".join(text))  # noqa: S704  (every part is escaped)


def render_runs(source: str, values: Values) -> list[dict[str, object]]:
    """`source` with its placeholders filled in, as data for a document: paragraphs and lists of lines of runs.

    [{"is_list": bool, "items": [[[{"text": str, "is_bold": bool}, ...], ...], ...]}, ...]
    """
    blocks, names = _parse_template(source)
    texts = {name: collapse_whitespace(values[name]) for name in names if name in values}
    filled_blocks = []
    for block in blocks:
        items = [[_fill_runs(line, texts) for line in item if _is_filled(line, texts)] for item in block.items]
        if any(items):
            filled_blocks.append({"is_list": block.is_list, "items": [item for item in items if item]})
    return filled_blocks


def render_line(source: str, values: Values) -> str:
    """`source` as plain text on one line. A placeholder that `values` does not know stays as it is."""

    def value_of(match: re.Match[str]) -> str:
        name = match[1].strip()
        return str(values[name]) if name in values else match[0]

    return collapse_whitespace(PLACEHOLDER.sub(value_of, source))


def render_literal(*paragraphs: str) -> RenderedText:
    """Paragraphs of our own words and of what they quote: nothing in them is markup."""
    html = [_PARAGRAPH.format("<br>\n".join(str(escape(line)) for line in part.splitlines())) for part in paragraphs]
    text = ["\n".join(map(wrap_line, part.splitlines())) for part in paragraphs]
    return RenderedText(Markup("\n".join(html)), "\n\n".join(text))  # noqa: S704  (every part is escaped)


def collapse_whitespace(value: object) -> str:
    """A value as it stands in a text: on one line, without control characters."""
    return " ".join(_CONTROL.sub(" ", str(value)).split())


def wrap_line(line: str, first: str = "", others: str = "") -> str:
    """`line` in lines of LINE characters, the first one after `first`, the others after `others`.

    No word is broken, or an address could not be followed.
    """
    if len(first) + len(line) <= LINE_LENGTH:
        return first + line
    words = iter(line.split(" "))
    lines = [first + next(words)]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > LINE_LENGTH:
            lines.append(others + word)
        else:
            lines[-1] += f" {word}"
    return "\n".join(lines)


# --- Filling in ------------------------------------------------------------------------------------------------


def _is_filled(line: Line, texts: dict[str, str]) -> bool:
    return not line.is_optional or bool(_join_parts(line.text, texts, texts))


def _fill_runs(line: Line, texts: dict[str, str]) -> list[dict[str, object]]:
    """The words of a line, each run of them bold or not."""
    runs: list[dict[str, object]] = []
    is_bold = is_in_tag = False
    for part in line.html:
        if part in (_BOLD, _BOLD_END):
            is_bold = part == _BOLD
        elif part in _LINK_PARTS:  # the address stands in the tag of a link and once more as its words
            is_in_tag = part == _LINK_PARTS[0]
        elif not is_in_tag:
            text = unescape(part) if isinstance(part, str) else texts.get(part.name, unescape(part.source))
            runs.append({"text": text, "is_bold": is_bold})
    return runs


FilledLines = list[tuple[str, str]]  # the lines of one item, as HTML and as text


def _fill_lines(item: tuple[Line, ...], texts: dict[str, str], htmls: dict[str, str]) -> FilledLines:
    filled_texts = ((line, _join_parts(line.text, texts, texts)) for line in item)
    return [(_join_parts(line.html, htmls, texts), text) for line, text in filled_texts if text or not line.is_optional]


def _join_parts(parts: tuple[str | Slot, ...], values: dict[str, str], texts: dict[str, str]) -> str:
    """`parts` with the values in their places; within an address they are spelt as addresses are."""
    pieces = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(part)
        elif part.name not in texts:
            pieces.append(part.source)
        else:
            pieces.append(quote(texts[part.name], safe="") if part.in_url else values[part.name])
    return "".join(pieces).strip()


def _format_html(block: Block, items: list[FilledLines]) -> str:
    item_htmls = ["<br>\n".join(html for html, _ in lines) for lines in items]
    return _LIST.format("\n".join(map(_ITEM.format, item_htmls))) if block.is_list else _PARAGRAPH.format(item_htmls[0])


def _format_text(block: Block, items: list[FilledLines]) -> str:
    if not block.is_list:
        return "\n".join(wrap_line(text) for _, text in items[0])
    return "\n".join(
        wrap_line(text, "  " if number else "- ", "  ") for lines in items for number, (_, text) in enumerate(lines)
    )


# --- Reading ---------------------------------------------------------------------------------------------------


def _parse_flat_list(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Lists of "- " only, and none within another."""
    is_within = state.level > 0 and state.sCount[start] >= state.blkIndent
    is_dash = state.src[state.bMarks[start] + state.tShift[start] :].startswith("- ")
    return is_dash and not is_within and list_block(state, start, end, silent)


def _build_parser() -> MarkdownIt:
    """A reader of the few rules that templates have. HTML, links with other words and all else stay text."""
    parser = MarkdownIt("zero").enable(["list", "emphasis", "newline"])
    parser.block.ruler.at("list", _parse_flat_list, {"alt": ["paragraph"]})
    return parser


_parser = _build_parser()


@lru_cache(maxsize=512)
def _parse_template(source: str) -> ParsedTemplate:
    """What `source` is made of. While it is read, one sign stands for each placeholder, as if it were a letter."""
    markers: dict[str, str] = {}
    marked_source = PLACEHOLDER.sub(
        lambda match: markers.setdefault(match[0], chr(_FIRST_MARKER + len(markers))), _MARKER.sub("�", source)
    )
    slots = {sign: Slot(source[2:-2].strip(), source) for source, sign in markers.items()}
    blocks = tuple(_parse_blocks(_parser.parse(marked_source), slots))
    return ParsedTemplate(blocks, frozenset(slot.name for slot in slots.values()))


def _parse_blocks(tokens: list[Token], slots: dict[str, Slot]) -> Iterator[Block]:
    items: list[list[Line]] | None = None  # of the list that is being read
    for token in tokens:
        if token.type == "bullet_list_open":
            items = []
        elif token.type == "list_item_open" and items is not None:
            items.append([])
        elif token.type == "inline":
            lines = _parse_lines(token.children or [], slots)
            if items is None:
                yield Block(False, (tuple(lines),))
            else:
                items[-1] += lines
        elif token.type == "bullet_list_close" and items is not None:
            yield Block(True, tuple(map(tuple, items)))
            items = None


def _parse_lines(tokens: list[Token], slots: dict[str, Slot]) -> list[Line]:
    lines: list[Line] = []
    html: list[str | Slot] = []
    text: list[str | Slot] = []
    bold = 0  # how many ** are open

    def end_line() -> None:
        html.extend([_BOLD_END] * bold)
        is_optional = any(isinstance(part, Slot) for part in text)
        lines.append(Line(tuple(html), tuple(text), is_optional))
        html[:], text[:] = [_BOLD] * bold, []

    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            end_line()
        elif token.type in ("strong_open", "strong_close") and token.markup == "**":
            bold += token.nesting
            html.append(_BOLD if token.nesting > 0 else _BOLD_END)
        else:  # text, or the mark of an emphasis that templates do not have
            _add_text(token.content or token.markup, slots, html, text)
    end_line()
    return lines


def _add_text(content: str, slots: dict[str, Slot], html: list[str | Slot], text: list[str | Slot]) -> None:
    """Put `content` at the end of a line in its two forms, its addresses as links."""
    end = 0
    for url_start, url_end in _find_urls(content):
        _add_parts(_split_parts(content[end:url_start], slots), html, text)
        url_parts = [
            part._replace(in_url=True) if isinstance(part, Slot) else part
            for part in _split_parts(content[url_start:url_end], slots)
        ]
        escaped_parts = list(map(_escape_part, url_parts))
        text += url_parts
        html += [_LINK_PARTS[0], *escaped_parts, _LINK_PARTS[1], *escaped_parts, _LINK_PARTS[2]]
        end = url_end
    _add_parts(_split_parts(content[end:], slots), html, text)


def _find_urls(content: str) -> Iterator[tuple[int, int]]:
    """Where the addresses in `content` begin and end."""
    for match in _linkify.match(content) or ():
        yield match.index, match.index + len(match.raw.rstrip(_URL_TRAILING_CHARACTERS))


def _add_parts(parts: list[str | Slot], html: list[str | Slot], text: list[str | Slot]) -> None:
    text += parts
    html += map(_escape_part, parts)


def _split_parts(content: str, slots: dict[str, Slot]) -> list[str | Slot]:
    return [slots.get(piece, piece) for piece in _MARKER.split(content) if piece]


def _escape_part(part: str | Slot) -> str | Slot:
    return part._replace(source=str(escape(part.source))) if isinstance(part, Slot) else str(escape(part))
