"""What number formats show beside the digits of a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.core.xlsx.styles import is_date_format, load_styles, parse_number_format


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ("00000", 42, "00042"),
        ("00000", 123456, "123456"),
        ("00000;-00000", 42, "00042"),
        ('"K-"00000', 43, "K-00043"),
        ("\\K\\-000", 7, "K-007"),
        ("000-000", 42, "000-042"),
        ("000-000", 1234567, "1234-567"),
        ("##-##", 1234, "12-34"),
        ("[$-407]00000", 42, "00042"),
        ('0" days"', 3, "3 days"),
        ("00", 0, "00"),
        ("[Red]000", 7, "007"),
    ],
)
def test_fixed_characters_and_noughts_are_shown(code, number, shown):
    number_format = parse_number_format(code)
    assert number_format is not None
    assert number_format(number) == shown


@pytest.mark.parametrize(
    "code",
    [
        "",
        "General",
        "@",
        "0",
        "#",
        "##",
        "0.00",
        "#,##0",
        "0%",
        "0.00E+00",
        "_-* #,##0_-",
        "[<=999]000;0",
        '"x',
        "dd/mm",
    ],
)
def test_other_formats_change_how_a_number_is_written_not_what_it_is(code):
    assert parse_number_format(code) is None


@given(st.integers(1, 12), st.integers(0, 10**15))
def test_noughts_come_before_the_number_and_nothing_is_lost(places, number):
    number_format = parse_number_format("0" * places)
    shown = number_format(number) if number_format else str(number)
    assert shown == str(number).rjust(places, "0")


@given(st.text(alphabet='0#?"-\\;[]$ KK@.,%E_*dm', max_size=12), st.integers(0, 10**9))
def test_any_format_is_read_and_keeps_the_digits(code, number):
    is_date_format(code)
    number_format = parse_number_format(code)
    if number_format is not None and '"' not in code and "\\" not in code:
        digits = "".join(character for character in number_format(number) if character.isdigit())
        assert digits.lstrip("0") == str(number or "").lstrip("0")


def test_styles_are_told_by_their_place():
    xml = (
        b'<styleSheet><numFmts count="4"><numFmt numFmtId="164" formatCode="00000"/>'
        b'<numFmt numFmtId="166" formatCode="0.00##%"/><numFmt numFmtId="167" formatCode="0&quot;%&quot;"/>'
        b'<numFmt numFmtId="165" formatCode="dd/mm/yyyy"/></numFmts><fonts><font/></fonts>'
        b'<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        b'<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="14"/><xf/>'
        b'<xf numFmtId="166"/><xf numFmtId="167"/><xf numFmtId="9"/></cellXfs>'
        b"<cellStyles><cellStyle/></cellStyles></styleSheet>"
    )
    for size in (1, 7, 1000):
        pieces = [xml[start : start + size] for start in range(0, len(xml), size)]
        styles = load_styles(lambda pieces=pieces: iter(pieces))
        assert (styles.dates, styles.percents) == ({"2", "3"}, {"5", "7"})
        assert {style: number_format(42) for style, number_format in styles.number_formats.items()} == {
            "1": "00042",
            "6": "42%",
        }
