"""Files that are attached as documents: what they say they are, and what they would do when they are opened."""

import io

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name

from customerhub.core.document_check import describe_problem
from tests.support.pdfs import build_plain_pdf

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
JPEG = b"\xff\xd8\xff" + bytes(20)


def change_pdf(change, **options):
    with pikepdf.open(io.BytesIO(build_plain_pdf("Signed"))) as pdf:
        change(pdf)
        target = io.BytesIO()
        pdf.save(target, **options)
    return target.getvalue()


def script(pdf):
    return pdf.make_indirect(Dictionary(S=Name.JavaScript, JS="app.alert(1)"))


def set_root(name, make_value):
    def change(pdf):
        pdf.Root[name] = make_value(pdf)

    return change


def add_annotation(make_action):
    def change(pdf):
        link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=make_action(pdf))
        pdf.pages[0].Annots = Array([link])

    return change


def attach_file(pdf):
    pdf.attachments["invoice.exe"] = b"MZ"


ACTIVE = {
    "a script when it is opened": set_root("/OpenAction", script),
    "a program when it is opened": set_root("/OpenAction", lambda _: Dictionary(S=Name.Launch, F="calc.exe")),
    "a script by name": set_root(
        "/Names", lambda pdf: Dictionary(JavaScript=Dictionary(Names=Array(["a", script(pdf)])))
    ),
    "actions of the document": set_root("/AA", lambda pdf: Dictionary(WC=script(pdf))),
    "an action of a page": lambda pdf: pdf.pages[0].obj.__setitem__("/AA", Dictionary(O=script(pdf))),
    "a link that runs a script": add_annotation(script),
    "a link that sends a form": add_annotation(lambda _: Dictionary(S=Name.SubmitForm, F="https://x.example")),
    "a file within": attach_file,
}


@pytest.mark.parametrize("name", ["nda.pdf", "NDA.PDF", "NDA", "Ü нда.pdf"])
def test_a_document_is_taken(name):
    assert describe_problem(name, build_plain_pdf("Signed")) is None


@pytest.mark.parametrize(("name", "content"), [("scan.png", PNG), ("scan.jpeg", JPEG), ("scan.JPG", JPEG)])
def test_so_is_a_picture(name, content):
    assert describe_problem(name, content) is None


def test_a_link_to_the_web_and_a_page_to_open_at_are_harmless():
    web = add_annotation(lambda _: Dictionary(S=Name.URI, URI="https://x.example"))
    page = set_root("/OpenAction", lambda pdf: Array([pdf.pages[0].obj, Name.Fit]))
    for change in (web, page):
        assert describe_problem("nda.pdf", change_pdf(change)) is None


@pytest.mark.parametrize("change", ACTIVE.values(), ids=ACTIVE)
def test_what_acts_by_itself_is_refused(change):
    assert "scripts or actions" in describe_problem("nda.pdf", change_pdf(change))


def test_so_is_one_within_compressed_objects():
    content = change_pdf(set_root("/OpenAction", script), object_stream_mode=pikepdf.ObjectStreamMode.generate)
    assert b"JavaScript" not in content
    assert "scripts or actions" in describe_problem("nda.pdf", content)


@pytest.mark.parametrize("passwords", [{"owner": "x", "user": "y"}, {"owner": "x", "user": ""}])
def test_one_that_is_encrypted_is_refused(passwords):
    content = change_pdf(lambda _: None, encryption=pikepdf.Encryption(**passwords))
    assert "is encrypted" in describe_problem("nda.pdf", content)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("nda.pdf", b"MZ\x90", "is not a document"),
        ("nda.pdf", b"", "is not a document"),
        ("nda.html", b"<html>%PDF-1.4", "is not a document"),
        ("nda.pdf", PNG, "is not what its name says: it is a PNG file"),
        ("scan.png", build_plain_pdf("Signed"), "it is a PDF file"),
        ("nda.pdf", b"%PDF-1.7 and nothing more", "is damaged"),
        ("nda.pdf", change_pdf(lambda pdf: pdf.pages.__delitem__(0)), "has no pages"),
    ],
)
def test_what_is_no_document_is_refused(name, content, sentence):
    problem = describe_problem(name, content)
    assert problem is not None
    assert problem.startswith(f"“{name}”")
    assert sentence in problem


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 600))
def test_damage_is_told_and_never_breaks(junk, at):
    content = build_plain_pdf("Signed")
    damaged = content[: min(at, len(content))] + junk + content[at + len(junk) :]
    problem = describe_problem("nda.pdf", damaged)
    assert problem is None or problem.startswith("“nda.pdf”")
