"""Writing onto a document what its signers wrote, where their tabs are."""

import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pikepdf import Pdf, Rectangle

from sandbox.envelopes.rows import Row
from sandbox.moments import parse_moment
from sandbox.papers.typesetting import typeset

SIGNATURE_SIZE: Final = 15
TEXT_SIZE: Final = 10


def stamp_document(document: Row, recipients: Sequence[Row]) -> bytes:
    """The document with each signature, name and date at its place."""
    marks = defaultdict(list)
    for recipient in recipients:
        for page, mark in _build_marks(document["document_id"], recipient):
            marks[page].append(mark)
    if not marks:
        return bytes(document["content"])
    with Pdf.open(io.BytesIO(document["content"])) as pdf:
        boxes = [[float(each) for each in page.cropbox] for page in pdf.pages]
        sheets = [
            {"width": right - left, "height": top - bottom, "marks": marks.get(number, [])}
            for number, (left, bottom, right, top) in enumerate(boxes, 1)
        ]
        with Pdf.open(io.BytesIO(typeset("marks.typ", {"pages": sheets}))) as overlay:
            for number, box in enumerate(boxes, 1):
                if number in marks:
                    pdf.pages[number - 1].add_overlay(overlay.pages[number - 1], Rectangle(*box))
            target = io.BytesIO()
            pdf.save(target)
    return target.getvalue()


def _build_marks(document_id: str, recipient: Row) -> Iterator[tuple[int, dict[str, Any]]]:
    """The recipient's marks in a document, each with its page."""
    signed_at = parse_moment(recipient["signed_at"])
    for place in json.loads(recipient["places"]):
        if place["document_id"] != document_id:
            continue
        mark = {"x": place["x"], "y": place["y"], "size": TEXT_SIZE, "style": "normal", "note": ""}
        if place["kind"] == "signHereTabs":
            note = f"Signed in the sandbox {signed_at:%Y-%m-%d %H:%M} UTC, {recipient['guid'][:8]}"
            mark |= {"text": recipient["signature_name"], "size": SIGNATURE_SIZE, "style": "italic", "note": note}
        elif place["kind"] == "fullNameTabs":
            mark["text"] = recipient["name"]
        else:
            mark["text"] = f"{signed_at:%d %b %Y}"
        yield place["page"], mark
