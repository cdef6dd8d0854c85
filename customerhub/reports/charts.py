"""Charts as SVG, for print and for pages: no script, no picture or font from elsewhere.

In print their colours stand out from white paper; on a page the style sheet gives them.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from xml.etree import ElementTree

from customerhub.mail.letterhead import MIN_CONTRAST, calculate_contrast

INK: Final = "#333a45"
GRID: Final = "#d5dae1"
WHITE: Final = "#ffffff"
PRINT_SIZE: Final = (900, 255)
PRINT_FONT_SIZE: Final = 15
# Beside the brand's own colour. Each stands out from white, and from its neighbours by how dark it is.
COLOURS: Final = ("#c9750f", "#1f7a6d", "#a3457a", "#5b6bc0", "#7a7f87", "#b5532a")


def darken_for_print(colour: str, min_contrast: float = MIN_CONTRAST) -> str:
    """`colour`, darkened until it can be read on white paper."""
    channels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    while calculate_contrast(WHITE, _format_colour(channels)) < min_contrast:
        channels = [int(share * 0.94) for share in channels]
    return _format_colour(channels)


def _format_colour(channels: Sequence[int]) -> str:
    return "#" + "".join(f"{share:02x}" for share in channels)


def build_palette(brand: str, count: int) -> list[str]:
    """So many colours, the brand's own first."""
    first = darken_for_print(brand)
    others = sorted(COLOURS, key=lambda colour: _colour_distance(colour, first) < 90)  # what looks like it comes last
    return [first, *others][:count]


def _colour_distance(one: str, other: str) -> float:
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


@dataclass(frozen=True)
class BarChart:
    """Bars for labels: of each of `series` one beside the other, or one on top of the other. The legend is the page's
    own.

    With `colours` the picture is for print. Without, the style sheet of its page gives it colours and letters, and with
    a `title` it says so, and what each bar stands for, to screen readers and the mouse.
    """

    labels: tuple[str, ...]
    series: tuple[tuple[Decimal, ...], ...]
    is_stacked: bool = False
    colours: tuple[str, ...] = ()
    title: str | None = None
    size: tuple[int, int] = PRINT_SIZE
    font_size: int = PRINT_FONT_SIZE


@lru_cache(maxsize=64)
def draw_chart(chart: BarChart) -> bytes:
    """The picture of a chart, kept because drawing takes 10 ms and the figures of a page seldom change."""
    pygal = _load_pygal()
    width, height = chart.size
    drawing = (pygal.StackedBar if chart.is_stacked else pygal.Bar)(
        style=_build_style(chart),
        width=width,
        height=height,
        explicit_size=bool(chart.colours),
        js=(),
        show_legend=False,
        print_values=False,
        value_formatter=_format_whole,
        margin=4,
        margin_bottom=8,
        spacing=12,
        include_x_axis=True,
        show_y_guides=True,
        rounded_bars=0,
        max_scale=6,
        min_scale=3,
        truncate_label=-1,
    )
    drawing.x_labels = list(chart.labels)
    for number, values in enumerate(chart.series):
        drawing.add(str(number), [_build_value(chart, place, value) for place, value in enumerate(values)])
    tree = drawing.render_tree()
    _strip_interactive_parts(tree, with_style=bool(chart.colours))
    if chart.title:
        tree.set("role", "img")
        title = ElementTree.Element("title")
        title.text = chart.title
        tree.insert(0, title)
    return ElementTree.tostring(tree)


def _format_whole(value: float) -> str:
    """A label of the scale; none where a scale of few goes by parts of one."""
    return f"{value:,.0f}" if value == int(value) else ""


def _build_value(chart: BarChart, place: int, value: Decimal) -> Any:
    """A value as pygal takes it; a picture needs no cents."""
    return {"value": float(value), "label": f"{chart.labels[place]}: {value:,f}"} if chart.title else float(value)


def _load_pygal() -> Any:
    """pygal, without the import hook that it installs for maps: of a kind that newer Pythons warn of or do not know. It
    draws with the standard library's trees, whether or not lxml is there.
    """
    import pygal
    from pygal.etree import etree

    etree.to_etree()
    sys.meta_path[:] = [hook for hook in sys.meta_path if not isinstance(hook, pygal.PluginImportFixer)]
    return pygal


def _build_style(chart: BarChart) -> Any:
    from pygal.style import Style

    return Style(
        background="transparent",
        plot_background="transparent",
        foreground=INK,
        foreground_strong=INK,
        foreground_subtle=GRID,
        colors=chart.colours or (INK,),
        opacity="1",
        opacity_hover="1",
        transition="0",
        guide_stroke_color=GRID,
        major_guide_stroke_color=GRID,
        guide_stroke_dasharray="none",
        major_guide_stroke_dasharray="none",
        font_family="Noto Sans",
        label_font_size=chart.font_size,
        major_label_font_size=chart.font_size,
        stroke_width=0,
    )


def _strip_interactive_parts(tree: ElementTree.Element, *, with_style: bool) -> None:
    """Take out scripts and what is for a mouse, and the styles, which no page may have within. What a bar stands for
    becomes its title.
    """
    unwanted_tags = {None, "script", "desc", "title"} | (set() if with_style else {"style"})
    for parent in list(tree.iter()):
        for child in list(parent):
            tag = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else None
            if tag == "desc" and child.get("class") == "label":
                child.tag = "title"
                child.attrib.clear()
            elif tag in unwanted_tags or "tooltip" in child.get("class", "").split():
                parent.remove(child)
