"""One function draws the charts of prints and of pages."""

from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from customerhub.reports.charts import BarChart, draw_chart

PRINTED = BarChart(("Jan", "Feb"), ((Decimal(3), Decimal("4.50")),), colours=("#2f5fd0",))
SHOWN = replace(PRINTED, colours=(), title="New <customers>", size=(340, 140), font_size=10)


def texts(picture: bytes, tag: str) -> list[str | None]:
    return [each.text for each in ElementTree.fromstring(picture).iter(f"{{http://www.w3.org/2000/svg}}{tag}")]


def test_a_page_gets_a_picture_without_styles_that_says_what_it_shows() -> None:
    picture = draw_chart(SHOWN)
    assert texts(picture, "title") == ["New <customers>", "Jan: 3", "Feb: 4.50"]
    assert b"New &lt;customers&gt;" in picture
    assert texts(picture, "style") == texts(picture, "script") == texts(picture, "desc") == []
    assert b"style=" not in picture
    assert b"#" not in picture.replace(b"&#", b""), "a colour that the style sheet does not give"
    root = ElementTree.fromstring(picture)
    assert (root.get("role"), root.get("viewBox"), root.get("width")) == ("img", "0 0 340 140", None)


def test_a_print_gets_its_colours_and_its_size() -> None:
    picture = draw_chart(PRINTED)
    assert texts(picture, "title") == []
    assert b"#2f5fd0" in picture
    assert ElementTree.fromstring(picture).get("width") == "900"


def test_the_same_figures_are_drawn_once() -> None:
    assert draw_chart(SHOWN) is draw_chart(replace(SHOWN))
    assert draw_chart(SHOWN) != draw_chart(replace(SHOWN, series=((Decimal(3), Decimal(5)),)))


@pytest.mark.parametrize("values", [("0", "0"), ("1", "0"), ("-2", "3"), ("1e9", "0.01")])
@pytest.mark.parametrize("is_stacked", [True, False])
def test_any_figures_can_be_drawn(values: tuple[str, str], is_stacked: bool) -> None:
    amounts = tuple(map(Decimal, values))
    picture = draw_chart(BarChart(("Jan", "Feb"), (amounts, amounts), is_stacked=is_stacked, colours=("#2f5fd0",)))
    labels = texts(picture, "text")
    assert {"Jan", "Feb"} <= set(labels)
    scale = [label for label in labels if label not in ("Jan", "Feb", None, "")]
    assert len(scale) == len(set(scale)), "a label of the scale that stands twice"
