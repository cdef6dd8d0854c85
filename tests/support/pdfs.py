"""PDFs as plain as they can be, and as real."""

import io

import pikepdf

from customerhub.core import storage
from customerhub.core.permissions import Actor
from models import StoredFile


def store_plain_pdf(organisation_id: int, *lines: str) -> StoredFile:
    """A stored PDF of an organisation with these lines on its page."""
    content, actor = io.BytesIO(build_plain_pdf(*lines)), Actor(None, organisation_id)
    return storage.store_file(content, "nda.pdf", None, organisation_id=organisation_id, actor=actor)


def build_plain_pdf(*lines: str) -> bytes:
    """A page with these lines on it."""
    pdf = pikepdf.new()
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    page = pdf.add_blank_page(page_size=(595, 842))
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    shown = " ".join(f"1 0 0 1 60 {700 - 120 * number} Tm ({line}) Tj" for number, line in enumerate(lines))
    page.Contents = pdf.make_stream(f"BT /F1 10 Tf {shown} ET".encode("ascii"))
    target = io.BytesIO()
    pdf.save(target)
    return target.getvalue()
