"""The light markup of templates, and what becomes of it: HTML and plain text, from one source.

A blank line begins a paragraph, a line break stays one, **two asterisks** on either side make words bold, lines that
begin with "- " are a list, and a bare address is a link. All else is shown as it is written, HTML included. A text is
read once and kept; filling in the values of its placeholders then costs little.
"""

import re
from collections.abc import Container, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, list_block
from markdown_it.token import Token
from markupsafe import Markup, escape

Values = Mapping[str, object]

PLACEHOLDER: Final = re.compile(r"(?<!\{)\{\{([^{}]*)\}\}(?!\})")
LINE: Final = 72  # characters

_FIRST_SIGN: Final = 0xF0000  # stands for the first placeholder while a text is read: Unicode leaves it to private use
_SIGN: Final = re.compile("([\U000f0000-\U000ffffd])")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ADDRESS: Final = re.compile(r"(https?://[^\s<>\"]+)")
_AFTER_ADDRESS: Final = ".,;:!?)]}'*_"  # ends a sentence or a bracket, not an address
_PARAGRAPH: Final = '<p style="margin:0 0 14px;">{}</p>'
_LIST: Final = '<ul style="margin:0 0 14px;padding-left:22px;">{}</ul>'
_ITEM: Final = '<li style="margin:0 0 4px;">{}</li>'
_LINK: Final = '<a href="{0}" style="color:inherit;text-decoration:underline;word-break:break-word;">{0}</a>'
_LINK_PARTS: Final = _LINK.split("{0}")


class Written(NamedTuple):
    """A text in its two forms."""

    html: Markup
    text: str


class Slot(NamedTuple):
    """Where a placeholder stands. `source` is how it was written, `in_address` whether within an address."""

    name: str
    source: str
    in_address: bool = False


class Line(NamedTuple):
    """One line of a paragraph or of an item of a list. `is_open`: it is left out where its values leave it blank."""

    html: tuple[str | Slot, ...]
    text: tuple[str | Slot, ...]
    is_open: bool


class Block(NamedTuple):
    """A paragraph, which is one item, or a list."""

    is_list: bool
    items: tuple[tuple[Line, ...], ...]


class Reading(NamedTuple):
    """A template that was read: what it is made of, and the names of its placeholders."""

    blocks: tuple[Block, ...]
    names: frozenset[str]


def render(source: str, values: Values, *, links: Container[str] = ()) -> Written:
    """`source` with its placeholders filled in once. A placeholder that `values` does not know stays as it is.

    The values of `links` are addresses, and become links to them.
    """
    blocks, names = _read(source)
    texts = {name: one_line(values[name]) for name in names if name in values}
    htmls = {name: str(escape(text)) for name, text in texts.items()}
    htmls |= {name: _LINK.format(htmls[name]) for name in htmls if name in links and _ADDRESS.fullmatch(texts[name])}
    html: list[str] = []
    text: list[str] = []
    for block in blocks:
        items = [lines for item in block.items if (lines := _filled(item, texts, htmls))]
        if items:
            html.append(_html_of(block, items))
            text.append(_text_of(block, items))
    return Written(Markup("\n".join(html)), "\n\n".join(text))  # noqa: S704  (every part is escaped)


def render_line(source: str, values: Values) -> str:
    """`source` as plain text on one line. A placeholder that `values` does not know stays as it is."""

    def value_of(match: re.Match[str]) -> str:
        name = match[1].strip()
        return str(values[name]) if name in values else match[0]

    return one_line(PLACEHOLDER.sub(value_of, source))


def literally(*paragraphs: str) -> Written:
    """Paragraphs of our own words and of what they quote: nothing in them is markup."""
    html = [_PARAGRAPH.format("<br>\n".join(str(escape(line)) for line in part.splitlines())) for part in paragraphs]
    text = ["\n".join(map(wrapped, part.splitlines())) for part in paragraphs]
    return Written(Markup("\n".join(html)), "\n\n".join(text))  # noqa: S704  (every part is escaped)


def one_line(value: object) -> str:
    """A value as it stands in a text: on one line, without control characters."""
    return " ".join(_CONTROL.sub(" ", str(value)).split())


def wrapped(line: str, first: str = "", others: str = "") -> str:
    """`line` in lines of LINE characters, the first one after `first`, the others after `others`.

    No word is broken, or an address could not be followed.
    """
    if len(first) + len(line) <= LINE:
        return first + line
    words = iter(line.split(" "))
    lines = [first + next(words)]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > LINE:
            lines.append(others + word)
        else:
            lines[-1] += f" {word}"
    return "\n".join(lines)


# --- Filling in ------------------------------------------------------------------------------------------------

Filled = list[tuple[str, str]]  # the lines of one item, as HTML and as text


def _filled(item: tuple[Line, ...], texts: dict[str, str], htmls: dict[str, str]) -> Filled:
    filled = ((line, _joined(line.text, texts, texts)) for line in item)
    return [(_joined(line.html, htmls, texts), text) for line, text in filled if text or not line.is_open]


def _joined(parts: tuple[str | Slot, ...], shown: dict[str, str], texts: dict[str, str]) -> str:
    """`parts` with the values in their places; within an address they are spelt as addresses are."""
    done = []
    for part in parts:
        if isinstance(part, str):
            done.append(part)
        elif part.name not in texts:
            done.append(part.source)
        else:
            done.append(quote(texts[part.name], safe="") if part.in_address else shown[part.name])
    return "".join(done).strip()


def _html_of(block: Block, items: list[Filled]) -> str:
    shown = ["<br>\n".join(html for html, _ in lines) for lines in items]
    return _LIST.format("\n".join(map(_ITEM.format, shown))) if block.is_list else _PARAGRAPH.format(shown[0])


def _text_of(block: Block, items: list[Filled]) -> str:
    if not block.is_list:
        return "\n".join(wrapped(text) for _, text in items[0])
    return "\n".join(
        wrapped(text, "  " if number else "- ", "  ") for lines in items for number, (_, text) in enumerate(lines)
    )


# --- Reading ---------------------------------------------------------------------------------------------------


def _flat_lists(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Lists of "- " only, and none within another."""
    is_within = state.level > 0 and state.sCount[start] >= state.blkIndent
    is_dash = state.src[state.bMarks[start] + state.tShift[start] :].startswith("- ")
    return is_dash and not is_within and list_block(state, start, end, silent)


def _reader() -> MarkdownIt:
    """A reader of the few rules that templates have. HTML, links with other words and all else stay text."""
    reader = MarkdownIt("zero").enable(["list", "emphasis", "newline"])
    reader.block.ruler.at("list", _flat_lists, {"alt": ["paragraph"]})
    return reader


_markdown = _reader()


@lru_cache(maxsize=512)
def _read(source: str) -> Reading:
    """What `source` is made of. While it is read, one sign stands for each placeholder, as if it were a letter."""
    signs: dict[str, str] = {}
    signed = PLACEHOLDER.sub(
        lambda match: signs.setdefault(match[0], chr(_FIRST_SIGN + len(signs))), _SIGN.sub("�", source)
    )
    slots = {sign: Slot(source[2:-2].strip(), source) for source, sign in signs.items()}
    blocks = tuple(_blocks(_markdown.parse(signed), slots))
    return Reading(blocks, frozenset(slot.name for slot in slots.values()))


def _blocks(tokens: list[Token], slots: dict[str, Slot]) -> Iterator[Block]:
    items: list[list[Line]] | None = None  # of the list that is being read
    for token in tokens:
        if token.type == "bullet_list_open":
            items = []
        elif token.type == "list_item_open" and items is not None:
            items.append([])
        elif token.type == "inline":
            lines = _lines(token.children or [], slots)
            if items is None:
                yield Block(False, (tuple(lines),))
            else:
                items[-1] += lines
        elif token.type == "bullet_list_close" and items is not None:
            yield Block(True, tuple(map(tuple, items)))
            items = None


def _lines(tokens: list[Token], slots: dict[str, Slot]) -> list[Line]:
    lines: list[Line] = []
    html: list[str | Slot] = []
    text: list[str | Slot] = []
    bold = 0  # how many ** are open

    def end_line() -> None:
        html.extend(["</strong>"] * bold)
        is_open = any(isinstance(part, Slot) for part in text)
        lines.append(Line(tuple(html), tuple(text), is_open))
        html[:], text[:] = ["<strong>"] * bold, []

    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            end_line()
        elif token.type in ("strong_open", "strong_close") and token.markup == "**":
            bold += token.nesting
            html.append("<strong>" if token.nesting > 0 else "</strong>")
        else:  # text, or the mark of an emphasis that templates do not have
            _add_text(token.content or token.markup, slots, html, text)
    end_line()
    return lines


def _add_text(content: str, slots: dict[str, Slot], html: list[str | Slot], text: list[str | Slot]) -> None:
    """Put `content` at the end of a line in its two forms, its addresses as links."""
    for number, piece in enumerate(_ADDRESS.split(content)):
        address = piece.rstrip(_AFTER_ADDRESS) if number % 2 else ""
        if address:
            parts = [
                part._replace(in_address=True) if isinstance(part, Slot) else part for part in _parts(address, slots)
            ]
            shown = list(map(_escaped, parts))
            text += parts
            html += [_LINK_PARTS[0], *shown, _LINK_PARTS[1], *shown, _LINK_PARTS[2]]
        parts = _parts(piece[len(address) :], slots)
        text += parts
        html += map(_escaped, parts)


def _parts(content: str, slots: dict[str, Slot]) -> list[str | Slot]:
    return [slots.get(piece, piece) for piece in _SIGN.split(content) if piece]


def _escaped(part: str | Slot) -> str | Slot:
    return part._replace(source=str(escape(part.source))) if isinstance(part, Slot) else str(escape(part))
