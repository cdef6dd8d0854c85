"""What the PDF of a performance report says, and that it can be made of whatever people wrote."""

import io
import re
from base64 import b64encode
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from customerhub.core import pdf
from customerhub.reports import performance_report
from customerhub.reports.report_facts import (
    DocumentFact,
    LineFact,
)
from customerhub.reports.report_layout import build_document
from models.enums import Severity
from tests.support.pictures import build_blank_png
from tests.support.report_data import (
    DAY,
    EMPTY,
    FULL,
    PNG,
    SVG,
    D,
    list_strings,
    pages_of,
    remove_blanks,
    render_report,
    text_of,
)


@pytest.fixture(scope="module")
def full_report() -> bytes:
    return render_report(FULL)


def test_every_fact_is_printed(full_report: bytes) -> None:
    printed_text = remove_blanks(text_of(full_report))
    for text in list_strings(build_document(FULL).data):
        if not text.startswith("#") and text not in INTERNAL_WORDS:
            assert remove_blanks(text) in printed_text, text


# What the data of a document says to the template, not to people.
INTERNAL_WORDS = {
    "table",
    "pairs",
    "text",
    "empty",
    "heading",
    "chart",
    "meter",
    "green",
    "amber",
    "red",
    "blue",
    "grey",
    "costs.svg",
    "Cost by month and commodity",
}


def test_amounts_and_dates_are_printed_where_they_belong(full_report: bytes) -> None:
    printed_text = text_of(full_report)
    for line in (
        "K-1 Network Live Low 31.01.2025 – 12 1,234.50",
        "K-2 Old lines Ended High 01.01.2020 01.01.2024 3 –",
        "2 contracts 15 1,234.50",
        "Jan 2026 450.00 312.50 762.50",
        "12 months 5,400.00 937.50 6,337.50",
        "Power – from 20.01.2026 312.50 0.3125 / kWh",
        "ISO 27001 01.03.2026 Expired 14 days ago reviewer@hub.example On file",
        "Insurance 14.04.2026 Expires in 30 days – No file",
        "Licence 15.04.2026 Valid – On file",
        "30.12.2025 31.12.2025 Dana Reyes High Pays later than last year",
        "02.01.2026 Review is due reviewer@hub.example Sent",
        "No invoices yet. No payments yet.",
        "All amounts are in CHF. Made on 15.03.2026 by Example Telecom.",
    ):
        assert line in printed_text, line


def test_every_page_is_numbered_and_says_whose_it_is(full_report: bytes) -> None:
    pages = pages_of(full_report)
    assert len(pages) == 3
    for number, page in enumerate(pages, 1):
        assert page.endswith(f"Page {number} of 3")
        assert "Example Telecom Ltd" in page
        assert "Königlich Essen" in page
    assert all(page.startswith("Königlich Essen Customer performance report, as of 15.03.2026") for page in pages[1:])


def test_it_can_be_kept_for_years_and_read_aloud(full_report: bytes) -> None:
    reader = PdfReader(io.BytesIO(full_report))
    assert reader.metadata is not None
    assert reader.metadata.title == "Customer performance report: Königlich Essen"
    about = reader.xmp_metadata
    assert about is not None
    metadata = about.stream.get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in metadata
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    box = reader.pages[0].mediabox
    assert (round(box.width), round(box.height)) == (595, 842)
    assert reader.attachments == {}


def test_sections_without_anything_say_so() -> None:
    printed_text = text_of(render_report(EMPTY))
    for sentence in (
        "What needs attention Nothing does.",
        "No accounts yet.",
        "No contracts yet.",
        "No orders yet.",
        "No invoices yet.",
        "No payments yet.",
        "No usage recorded, and no billing line cost anything in these 12",
        "No compliance documents on record.",
        "No reviews planned.",
        "No reviews recorded yet.",
        "No messages were sent.",
    ):
        assert sentence in printed_text


HOSTILE = [
    '#image("/etc/passwd")',
    "$ x^2 / y $",
    "*bold* _it_ ~ `raw`",
    "@reference <label>",
    "[brackets] {braces}",
    r"back\slash \u{41} \ ",
    "// comment /* more */",
    "= Heading",
    "- list",
    "#let x = 1; #x",
    "#sys.inputs",
    "\"quotes\" 'single'",
    "<b>&amp;</b>",
    "%d %s {0} {{x}}",
    "-- --- ... ~",
    "#panic(1)",
    "fi ffi fl",
    "\\#{",
]


def test_what_people_wrote_is_printed_as_they_wrote_it() -> None:
    everywhere = " ".join(HOSTILE)[:190]
    data = replace(
        FULL,
        customer=replace(FULL.customer, name=everywhere, reference=HOSTILE[0], address=HOSTILE[5], region=HOSTILE[4]),
        brand=replace(FULL.brand, name=HOSTILE[0], foot=(HOSTILE[3], HOSTILE[11])),
        contracts=[replace(FULL.contracts[0], number=f"K-{n}", name=text) for n, text in enumerate(HOSTILE)],
        lines=[replace(FULL.lines[0], key=n, commodity=text) for n, text in enumerate(HOSTILE)],
        documents=[replace(FULL.documents[0], certificate=text) for text in HOSTILE],
        alerts=[(Severity.INFO, text) for text in HOSTILE],
        messages=[replace(FULL.messages[0], subject=text) for text in HOSTILE],
    )
    printed = render_report(data)
    printed_text = remove_blanks(text_of(printed))
    for n, text in enumerate(HOSTILE):
        assert remove_blanks(f"K-{n} {text} Live") in printed_text, text
        assert printed_text.count(remove_blanks(text)) >= 5, text
    assert remove_blanks(everywhere) in printed_text
    assert "root:" not in printed_text
    assert [image.name for page in PdfReader(io.BytesIO(printed)).pages for image in page.images] == []


printable = st.text(
    st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S", "Zs"], max_codepoint=0x24F),
    min_size=1,
    max_size=60,
)


@settings(max_examples=20, deadline=None)
@given(st.lists(printable, min_size=1, max_size=30))
@pytest.mark.slow
def test_no_text_keeps_a_report_from_being_made(texts: list[str]) -> None:
    data = replace(EMPTY, contracts=[replace(FULL.contracts[0], name=text) for text in texts])
    assert "No compliance documents on record." in text_of(render_report(data))


@pytest.mark.parametrize(
    "name", ["شركة الاتصالات", "חברת תקשורת", "Ελληνικά", "Россия", "ไทยคอม", "Հայաստան", "ქართული", "አማርኛ"]
)
def test_names_in_other_scripts_have_their_letters(name: str) -> None:
    pdf = render_report(replace(EMPTY, customer=replace(EMPTY.customer, name=name)))
    assert "An empty box stands" not in text_of(pdf)
    assert "<pdfuaid:part>1</pdfuaid:part>" in PdfReader(io.BytesIO(pdf)).xmp_metadata.stream.get_data().decode()


def test_it_is_said_which_characters_no_font_has() -> None:
    """Planes for private use have no letters anywhere."""
    name = "Odd \U000f0123\U0010fffd and \U000f0123 Ltd"
    printed_text = text_of(render_report(replace(EMPTY, customer=replace(EMPTY.customer, name=name))))
    assert "no font has on the server that made this report: U+F0123, U+10FFFD." in printed_text
    many = "".join(chr(0xF0000 + n) for n in range(40))
    printed_text = text_of(render_report(replace(EMPTY, customer=replace(EMPTY.customer, name=many))))
    assert "U+F0000, " in printed_text
    assert "and 28 more." in printed_text


def test_a_large_customer_is_printed_whole() -> None:
    contracts = [replace(FULL.contracts[0], number=f"K{n:04}", name=f"Site {n} of many") for n in range(60)]
    documents = [DocumentFact(f"Paper {n:03}", DAY + timedelta(days=n - 50), "a@hub.example", True) for n in range(200)]
    pages = pages_of(render_report(replace(FULL, contracts=contracts, documents=documents)))
    printed_text = " ".join(pages)
    assert all(f"K{n:04} Site {n} of many Live" in printed_text for n in range(60))
    assert all(
        printed_text.count(f"Paper {n:03} ") == (2 if n < 5 else 1) for n in range(200)
    )  # five need attention too
    assert "60 contracts 720 74,070.00" in printed_text
    with_contracts = [page for page in pages if "of many Live" in page]
    with_documents = [page for page in pages if "Paper " in page and "On file" in page]
    assert len(with_contracts) >= 2
    assert len(with_documents) >= 4
    assert all("Number Contract Status Risk" in page for page in with_contracts)
    assert all("Document Expires State Reviewer File" in page for page in with_documents)
    assert pages[-1].endswith(f"Page {len(pages)} of {len(pages)}")


def test_of_very_many_rows_the_first_are_printed_and_counted() -> None:
    contracts = [replace(FULL.contracts[0], number=f"K{n:05}") for n in range(1200)]
    printed_text = text_of(render_report(replace(FULL, contracts=contracts)))
    assert printed_text.count("Network Live") == 500
    assert "The first 500 of 1,200 are listed. Totals include all rows." in printed_text
    assert "1,200 contracts 14,400 1,481,400.00" in printed_text


def test_long_words_break_and_leave_nothing_in_the_text() -> None:
    address = "a.very.long.reviewer.address@subsidiary.of.a.company.example"
    data = replace(
        FULL,
        customer=replace(FULL.customer, name="X" * 200, email="y" * 200, reference="Z" * 40),
        documents=[DocumentFact("W" * 200, date(2027, 1, 1), address, True)],
    )
    pdf = render_report(data)
    printed_text = text_of(pdf)
    assert all(
        remove_blanks(word) in remove_blanks(printed_text)
        for word in ("X" * 200, "y" * 200, "Z" * 40, "W" * 200, address)
    )
    assert "\u200b" not in printed_text
    assert "\ufffc" not in printed_text
    for letter, most in (("W", 24), ("y", 33), ("X", 60)):  # what a line holds: of a column, beside a label, on top
        assert max(map(len, re.findall(f"{letter}+", printed_text))) <= most, letter


def test_the_largest_amounts_fit() -> None:
    most = D("9999999999999.99")
    lines = [LineFact(n, f"C{n}", "u", None, most, D(0), date(2020, 1, 1), None) for n in range(6)]
    printed_text = text_of(
        render_report(replace(FULL, lines=lines, accounts=[replace(FULL.accounts[0], balance=-most)]))
    )
    assert "-9,999,999,999,999.99" in printed_text
    assert f"Apr 2025 {'9,999,999,999,999.99 ' * 6}59,999,999,999,999.94" in printed_text


BOMB = build_blank_png(40_000, 40_000)
BROKEN_LOGOS = {
    "too many pixels": ("logo.png", BOMB),
    "too many pixels inside": (
        "logo.svg",
        SVG.replace(b"<rect", b'<image href="data:image/png;base64,' + b64encode(BOMB) + b'"/><rect'),
    ),
    "cut": ("logo.png", PNG[:20]),
    "no jpeg": ("logo.jpg", b"\xff\xd8\xff\xe0junk"),
    "leads elsewhere": ("logo.svg", SVG.replace(b"<rect", b'<image href="file:///etc/passwd"/><rect')),
    "entities": ("logo.svg", b'<!DOCTYPE s [<!ENTITY a "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>'),
}


@pytest.mark.parametrize("logo", BROKEN_LOGOS.values(), ids=list(BROKEN_LOGOS))
def test_a_logo_that_cannot_be_shown_is_left_out(logo: tuple[str, bytes]) -> None:
    pdf = performance_report.build_report_pdf(replace(FULL, logo=logo))
    assert pages_of(pdf)[0].startswith("Example Customer performance report")


@pytest.mark.parametrize("logo", [("logo.png", PNG), ("logo.svg", SVG)], ids=["raster", "drawn"])
def test_a_logo_takes_the_place_of_the_name(logo: tuple[str, bytes]) -> None:
    pdf = performance_report.build_report_pdf(replace(FULL, logo=logo))
    assert pages_of(pdf)[0].startswith("Customer performance report")
    assert len(PdfReader(io.BytesIO(pdf)).pages[0].images) == (logo[0] == "logo.png")


def test_documents_are_read_by_a_folder_of_their_own(tmp_path: Any) -> None:
    """The template cannot read what lies beside it, nor in the folders above."""
    for place in ("report_pages.py", "../report.typ", "/etc/passwd", "/" + "../" * 12 + "etc/passwd"):
        document = replace(build_document(FULL), data={**build_document(FULL).data, "logo": place})
        with pytest.raises(pdf.TypesettingError, match=r"not found|outside|escape|denied|absolute|access"):
            pdf.typeset_in_subprocess(document)


def test_nothing_is_not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    document = replace(build_document(FULL), data={"share": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        pdf.typeset_in_subprocess(document)
