"""Small pieces of HTML: icons, chips, links, cells, attributes.

A page has hundreds of them, and a function makes one several times as fast as a macro does. Templates reach them
as `icon(…)`, `chip(…)`, `value(…)`, `cell(…)`. Text is escaped; Markup is shown as it is.
"""

# ruff: noqa: S704  (every part that goes into Markup here is escaped)
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from flask import Flask
from markupsafe import Markup, escape

from views.http.static_files import static_file

EMPTY = Markup("")
FULL_CELL_LENGTH, NARROW_CELL_LENGTH = (
    32,
    16,
)  # characters that always fit into a cell, and into one of a column that folds
NO_VALUE = Markup('<span class="none"><span aria-hidden="true">–</span><span class="sr">not set</span></span>')


def render_icon(name: str, label: str = "") -> Markup:
    """An icon of views/static/icons.svg. It is hidden from screen readers unless it has a label of its own."""
    return _render_icon(static_file("icons.svg"), name, label)


def bind_icons(app: Flask) -> Callable[..., Markup]:
    """`render_icon` for the templates of `app`, which show more than a hundred icons on a page: it asks for the address
    of their file once.
    """
    if app.debug:  # where the file may be edited
        return render_icon
    with app.app_context():
        return partial(_render_icon, static_file("icons.svg"))


@lru_cache(maxsize=2048)
def _render_icon(source: str, name: str, label: str = "") -> Markup:
    accessibility = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return Markup(f'<svg class="icon" {accessibility}><use href="{source}#{escape(name)}"></use></svg>')


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


MAX_CHIP_LENGTH = 24  # characters; what is longer takes several lines where there is no room for it on one


@lru_cache(maxsize=1024)
def render_dot(colour: str) -> Markup:
    """A small disc."""
    fill = f' fill="{escape(colour)}"'
    return Markup(f'<svg class="dot" viewBox="0 0 8 8" aria-hidden="true"><circle cx="4" cy="4" r="4"{fill}/></svg>')


def render_chip(label: Any, tone: str | None = "neutral", colour: str | None = None) -> Markup:
    """A word in a coloured box."""
    kind = "neutral" if colour else tone or "neutral"
    more = " chip-long" if len(str(label)) > MAX_CHIP_LENGTH else ""
    return Markup(
        f'<span class="chip chip-{escape(kind)}{more}">{render_dot(colour) if colour else ""}{escape(label)}</span>'
    )


def render_status_link(
    label: Any,
    url: str,
    colour: str | None = None,
    peek: str | None = None,
    status: str = "",
    is_usual_status: bool = True,
) -> Markup:
    """A link that wears a status colour, with the status in words: the usual one for screen readers alone. `peek` is an
    address that answers {title, sub, items: [[label, value]]}.
    """
    ink = f" ink-{tone_of(colour)}" if colour else ""
    more = f' data-peek="{escape(peek)}"' if peek else ""
    kind = "sr" if is_usual_status else "status-word"
    status_text = f'<span class="{kind}"><span class="sr">, </span>{escape(status)}</span>' if status else ""
    return Markup(
        f'<a class="status-link{ink}" href="{escape(url)}"{more}>{render_dot(colour) if colour else ""}'
        f"<bdi>{escape(label)}</bdi>{status_text}</a>"
    )


def render_value(content: Any) -> Markup:
    """A value as views.framework.columns.Cell describes it; a dash where there is none."""
    if content is None or content == "":
        return NO_VALUE
    if isinstance(content, str) or not hasattr(content, "__iter__"):
        return escape(content)
    if isinstance(content, Mapping):
        return _cell_html(content)
    return Markup("".join(f'<span class="part">{render_value(part)}</span>' for part in content))


def _cell_html(content: Mapping[str, Any]) -> Markup:
    get = content.get
    url = get("url")
    if "chip" in content:
        html = render_chip(content["chip"], get("tone"), get("colour"))
    elif url and (get("colour") or get("peek")):
        html = render_status_link(
            get("text", ""), url, get("colour"), get("peek"), get("status") or "", get("is_usual_status", True)
        )
    elif url:
        html = Markup(f'<a href="{escape(url)}">{escape(get("text", ""))}</a>')
    else:
        html = escape(get("text", ""))
    return Markup(f'{html}<span class="sub">{escape(content["sub"])}</span>') if get("sub") else html


def render_cell(content: Any) -> Markup:
    """As `render_value`, in a table: nothing where there is none."""
    return EMPTY if content is None or content == "" else render_value(content)


def render_cells(row: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> Markup:
    """The cells of a list's row. The first one leads to the row's page, unless it is a link of its own, and holds what
    is `folded` into it where the list is narrow.
    """
    html: list[str] = []
    url = row.get("url")
    for content, column in zip(row["cells"], columns, strict=True):
        kind = _class_attribute(column)
        inner = render_cell(content)
        if not html and url and "<a " not in inner:
            inner = Markup(f'<a class="row-link" href="{escape(url)}"><bdi>{inner or escape(row["id"])}</bdi></a>')
        if not html and row.get("folded"):
            inner = Markup(f'{inner}<span class="sub folded">{_collapsed_html(row["folded"])}</span>')
        title = _title_attribute(content, NARROW_CELL_LENGTH if column.get("folds") else FULL_CELL_LENGTH)
        html.append(f'<td{kind} data-label="{escape(column["label"])}"{title}>{inner}</td>')
    return Markup("".join(html))


def _collapsed_html(parts: Sequence[tuple[str, Any]]) -> str:
    """What is folded into one line: what folds early, then the other texts, and chips in the end."""
    ordered = sorted(parts, key=lambda part: (part[0] != "early", isinstance(part[1], Mapping)))
    return "".join(f'<span class="{width}">{render_value(part)}</span>' for width, part in ordered)


def _class_attribute(column: Mapping[str, Any]) -> str:
    kinds = [*(["num"] if column.get("align") == "right" else []), *filter(None, [column.get("folds")])]
    kinds += ["whole"] if column.get("whole") else []
    return f' class="{" ".join(kinds)}"' if kinds else ""


def _title_attribute(content: Any, max_length: int) -> str:
    """The title of a cell that may be truncated."""
    text = content.get("text") if isinstance(content, Mapping) else content
    return f' title="{escape(text)}"' if isinstance(text, str) and len(text) > max_length else ""


def render_attributes(values: Mapping[str, Any]) -> str:
    """HTML attributes in the order of their names. True stands for a bare one, False leaves it out."""
    parts = []
    for key in sorted(values):
        content = values[key]
        name = _attribute_name(key) if "_" in key else key
        if content is True:
            parts.append(name)
        elif content is not False:
            parts.append(f'{name}="{escape(content)}"')
    return " ".join(parts)


def _attribute_name(name: str) -> str:
    """class_ is class, data_url is data-url."""
    bare = name.rstrip("_")
    return bare.replace("_", "-") if bare.startswith(("data_", "aria_")) else bare
