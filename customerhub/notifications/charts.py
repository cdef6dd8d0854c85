"""Charts as SVG, for print: no script, no picture or font from elsewhere, colours that stand out from white paper."""

import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from xml.etree import ElementTree

from customerhub.notifications.letterhead import READABLE, contrast

INK: Final = "#333a45"
GRID: Final = "#d5dae1"
WHITE: Final = "#ffffff"
SIZE: Final = (900, 255)
# Beside the brand's own colour. Each stands out from white, and from its neighbours by how dark it is.
COLOURS: Final = ("#c9750f", "#1f7a6d", "#a3457a", "#5b6bc0", "#7a7f87", "#b5532a")


def on_paper(colour: str, wanted: float = READABLE) -> str:
    """`colour`, darkened until it can be read on white paper."""
    shares = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    while contrast(WHITE, _hex(shares)) < wanted:
        shares = [int(share * 0.94) for share in shares]
    return _hex(shares)


def _hex(shares: Sequence[int]) -> str:
    return "#" + "".join(f"{share:02x}" for share in shares)


def palette(brand: str, how_many: int) -> list[str]:
    """So many colours, the brand's own first."""
    first = on_paper(brand)
    others = sorted(COLOURS, key=lambda colour: _distance(colour, first) < 90)  # what looks like it comes last
    return [first, *others][:how_many]


def _distance(one: str, other: str) -> float:
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


def stacked_bars(labels: Sequence[str], series: Sequence[Sequence[Decimal]], colours: Sequence[str]) -> bytes:
    """One bar for each label, with a part for each of `series` in its colour. The legend is the page's own."""
    return _drawn(_library().StackedBar, labels, series, colours)


def bars(labels: Sequence[str], series: Sequence[Sequence[Decimal]], colours: Sequence[str]) -> bytes:
    """For each label a bar of each of `series`, side by side."""
    return _drawn(_library().Bar, labels, series, colours)


def _library() -> Any:
    """pygal, without the import hook that it installs for maps: of a kind that newer Pythons warn of or do not know."""
    import pygal

    sys.meta_path[:] = [hook for hook in sys.meta_path if not isinstance(hook, pygal.PluginImportFixer)]
    return pygal


def _drawn(kind: Any, labels: Sequence[str], series: Sequence[Sequence[Decimal]], colours: Sequence[str]) -> bytes:
    from pygal.style import Style

    style = Style(
        background="transparent", plot_background="transparent", foreground=INK, foreground_strong=INK,
        foreground_subtle=GRID, colors=tuple(colours), opacity="1", opacity_hover="1", transition="0",
        guide_stroke_color=GRID, major_guide_stroke_color=GRID, guide_stroke_dasharray="none",
        major_guide_stroke_dasharray="none", font_family="Noto Sans", label_font_size=15, major_label_font_size=15,
        stroke_width=0,
    )  # fmt: skip
    width, height = SIZE
    chart = kind(
        style=style, width=width, height=height, explicit_size=True, js=(), show_legend=False, print_values=False,
        value_formatter=lambda value: f"{value:,.0f}", margin=4, margin_bottom=8, spacing=12, include_x_axis=True,
        show_y_guides=True, rounded_bars=0, max_scale=6, min_scale=3,
        truncate_label=-1,
    )  # fmt: skip
    chart.x_labels = list(labels)
    for number, values in enumerate(series):
        chart.add(str(number), [float(value) for value in values])  # a picture needs no cents
    return _bare(chart.render_tree())


def _bare(tree: ElementTree.Element) -> bytes:
    """The picture without scripts and without what is for a mouse."""
    for parent in list(tree.iter()):
        for child in list(parent):
            tag = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else None
            if tag in (None, "script", "desc", "title") or "tooltip" in child.get("class", "").split():
                parent.remove(child)
    return ElementTree.tostring(tree)
