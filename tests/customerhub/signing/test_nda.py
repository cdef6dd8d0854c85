"""The NDA as PDF: its template, and the places of the signatures."""

import io

import pytest
from pypdf import PdfReader

from customerhub.core import pdf
from customerhub.core.errors import Invalid
from customerhub.mail import markup
from customerhub.mail.nda_template import PLACEHOLDERS, STARTING_TEXT, list_template_problems
from customerhub.signing import nda
from customerhub.signing.nda import check_anchors
from tests.support.pdfs import build_plain_pdf

NAMES = (
    "Donaudampfschifffahrtsgesellschaft und Söhne Verwaltungs- und Beteiligungs GmbH & Co. KG",
    "شركة الاتصالات المتحدة",
    "Компания «Связь»",
    "Ετ. <b>#set</b> \\ $x$ [*] /0123456789abcdef/x",
)
ANCHORS = ("/0123456789abcdef/", "/fedcba9876543210/")


def test_the_starting_text_has_no_fault_and_every_placeholder_is_explained():
    assert list_template_problems(STARTING_TEXT) == []
    assert list_template_problems(" ".join(f"{{{{{name}}}}}" for name in PLACEHOLDERS)) == []


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("Hello {{cleint}}", "Did you mean {{client}}?"),
        ("Hello {{client", "two braces"),
        ("{% if x %}", "Loops and conditions"),
        ("x" * 100_001, "the maximum is 100,000"),
    ],
)
def test_what_is_wrong_with_a_template_is_told(source, part):
    assert part in " ".join(list_template_problems(source))


def test_the_runs_say_what_the_text_says():
    source = "**A {{client}}** & <b>b</b>\nsecond\n\n- one **two**\n- three https://x.example/{{client}}"
    values = {"client": "C&A"}
    blocks = markup.render_runs(source, values)
    lines = ["".join(run["text"] for run in line) for block in blocks for item in block["items"] for line in item]
    assert lines == ["A C&A & <b>b</b>", "second", "one two", "three https://x.example/C&A"]
    bold = [
        run["text"] for block in blocks for item in block["items"] for line in item for run in line if run["is_bold"]
    ]
    assert "".join(bold) == "A C&Atwo"


@pytest.mark.slow
def test_any_name_fits_and_each_anchor_is_there_once():
    """In a process of its own, as one that has typeset must not fork."""
    values = dict.fromkeys(PLACEHOLDERS, NAMES[3]) | {"client": NAMES[0], "customer": NAMES[1], "signatory": NAMES[2]}
    fields = [{"party": name, "name": name, "anchor": anchor} for name, anchor in zip(NAMES, ANCHORS, strict=False)]
    data = {
        "title": nda.TITLE,
        "brand": NAMES[0],
        "accent": "#2f5fd0",
        "foot": list(NAMES),
        "blocks": markup.render_runs(STARTING_TEXT * 3, values),
        "fields": fields,
        "parties": " · ".join(NAMES),
    }
    content = pdf.typeset_in_subprocess(pdf.Document(nda.TEMPLATE, data))
    check_anchors(content, [f"{ANCHORS[1]}"])
    reader = PdfReader(io.BytesIO(content))
    assert len(reader.pages) >= 2
    assert "/MarkInfo" in reader.trailer["/Root"], "it can be read aloud"
    with pytest.raises(Invalid):
        check_anchors(content, ["/0000000000000000/"])


def test_an_anchor_that_is_there_twice_is_refused():
    with pytest.raises(Invalid, match="places of the signatures"):
        check_anchors(build_plain_pdf(ANCHORS[0], ANCHORS[0]), [ANCHORS[0]])
    check_anchors(build_plain_pdf(*ANCHORS), list(ANCHORS))
