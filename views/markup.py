"""The smallest pieces of HTML: icons, chips, links, cells, attributes.

A page has hundreds of them, and a function makes one several times as fast as a macro does. Templates reach them
as `ui.icon(…)` and so on: templates/parts.html passes them on. Text is escaped; Markup is shown as it is.
"""

# ruff: noqa: S704  (every part that goes into Markup here is escaped)
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from views.static_files import static_file

NOTHING = Markup("")
LONG, SHORT = 32, 16  # characters that always fit into a cell, and into one of a column that folds
NONE = Markup('<span class="none"><span aria-hidden="true">–</span><span class="sr">not set</span></span>')


def icon(name: str, label: str = "") -> Markup:
    """An icon of views/static/icons.svg. It is hidden from screen readers unless it has a label of its own."""
    return _icon(static_file("icons.svg"), name, label)


@lru_cache(maxsize=2048)
def _icon(source: str, name: str, label: str) -> Markup:
    says = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return Markup(f'<svg class="icon" {says}><use href="{source}#{escape(name)}"></use></svg>')


@lru_cache(maxsize=1024)
def tone_of(colour: str | None) -> str:
    """The readable text tone nearest to a colour that an administrator chose."""
    digits = (colour or "").replace("#", "")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    try:
        red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
    except ValueError:
        return "plain"
    if len(digits) != 6:
        return "plain"
    top = max(red, green, blue)
    span = top - min(red, green, blue)
    if span < 36:
        return "grey"
    if top == green:
        return "amber" if red > green - span // 4 else "green"
    if top == blue:
        return "violet" if red > green + span // 4 else "blue"
    return "amber" if green > blue + span // 4 else "red"


@lru_cache(maxsize=1024)
def dot(colour: str | None = None, tone: str = "grey") -> Markup:
    """A small disc in a colour, or in a tone where there is none."""
    fill = f' fill="{escape(colour)}"' if colour else ""
    kind = "dot" if colour else f"dot fill-{escape(tone)}"
    return Markup(f'<svg class="{kind}" viewBox="0 0 8 8" aria-hidden="true"><circle cx="4" cy="4" r="4"{fill}/></svg>')


def chip(label: Any, tone: str | None = "neutral", colour: str | None = None) -> Markup:
    """A word in a coloured box."""
    kind = "neutral" if colour else tone or "neutral"
    return Markup(f'<span class="chip chip-{escape(kind)}">{dot(colour) if colour else ""}{escape(label)}</span>')


def status_link(label: Any, url: str, colour: str | None = None, peek: str | None = None, status: str = "") -> Markup:
    """A link that wears a status colour; `peek` is an address that answers {title, sub, items: [[label, value]]}."""
    ink = f" ink-{tone_of(colour)}" if colour else ""
    more = f' data-peek="{escape(peek)}"' if peek else ""
    said = f'<span class="sr">, {escape(status)}</span>' if status else ""
    return Markup(
        f'<a class="status-link{ink}" href="{escape(url)}"{more}>{dot(colour) if colour else ""}'
        f"<span>{escape(label)}</span>{said}</a>"
    )


def value(shown: Any) -> Markup:
    """A value as views.columns.Cell describes it; a dash where there is none."""
    if shown is None or shown == "":
        return NONE
    if isinstance(shown, str) or not hasattr(shown, "__iter__"):
        return escape(shown)
    if isinstance(shown, Mapping):
        return _told(shown)
    return Markup("".join(f'<span class="part">{value(part)}</span>' for part in shown))


def _told(shown: Mapping[str, Any]) -> Markup:
    get = shown.get
    url = get("url")
    if "chip" in shown:
        made = chip(shown["chip"], get("tone"), get("colour"))
    elif url and (get("colour") or get("peek")):
        made = status_link(get("text", ""), url, get("colour"), get("peek"), get("status") or "")
    elif url:
        made = Markup(f'<a href="{escape(url)}">{escape(get("text", ""))}</a>')
    else:
        made = escape(get("text", ""))
    return Markup(f'{made}<span class="sub">{escape(shown["sub"])}</span>') if get("sub") else made


def cell(shown: Any) -> Markup:
    """As `value`, in a table: nothing where there is none."""
    return NOTHING if shown is None or shown == "" else value(shown)


def cells(row: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> Markup:
    """The cells of a list's row. The first one leads to the row's page, unless it is a link of its own, and holds what
    is `folded` into it where the list is narrow.
    """
    made: list[str] = []
    url = row.get("url")
    for shown, column in zip(row["cells"], columns, strict=True):
        kind = _kind(column)
        inner = cell(shown)
        if not made and url and "<a " not in inner:
            inner = Markup(f'<a class="row-link" href="{escape(url)}">{inner or escape(row["id"])}</a>')
        if not made and row.get("folded"):
            inner = Markup(f'{inner}<span class="sub folded">{_folded(row["folded"])}</span>')
        title = _title(shown, SHORT if column.get("folds") else LONG)
        made.append(f'<td{kind} data-label="{escape(column["label"])}"{title}>{inner}</td>')
    return Markup("".join(made))


def _folded(parts: Sequence[tuple[str, Any]]) -> str:
    """What is folded into one line: what folds early, then the other texts, and chips in the end."""
    several = sorted(parts, key=lambda part: (part[0] != "early", isinstance(part[1], Mapping)))
    return "".join(f'<span class="{width}">{value(part)}</span>' for width, part in several)


def _kind(column: Mapping[str, Any]) -> str:
    kinds = [*(["num"] if column.get("align") == "right" else []), *filter(None, [column.get("folds")])]
    kinds += ["whole"] if column.get("whole") else []
    return f' class="{" ".join(kinds)}"' if kinds else ""


def _title(shown: Any, most: int) -> str:
    """What a cell tells on hovering where it may be cut short."""
    text = shown.get("text") if isinstance(shown, Mapping) else shown
    return f' title="{escape(text)}"' if isinstance(text, str) and len(text) > most else ""


def attributes(given: Mapping[str, Any]) -> str:
    """HTML attributes in the order of their names. True stands for a bare one, False leaves it out."""
    made = []
    for key in sorted(given):
        content = given[key]
        name = _spelled(key) if "_" in key else key
        if content is True:
            made.append(name)
        elif content is not False:
            made.append(f'{name}="{escape(content)}"')
    return " ".join(made)


def _spelled(name: str) -> str:
    """class_ is class, data_url is data-url."""
    bare = name.rstrip("_")
    return bare.replace("_", "-") if bare.startswith(("data_", "aria_")) else bare
