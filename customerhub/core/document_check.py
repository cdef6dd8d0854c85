"""Whether a file that somebody sends is the document it says it is, and does nothing when it is opened."""

import io
from collections.abc import Iterator
from typing import Any, Final

from customerhub.core.errors import quote_text
from customerhub.core.storage import INLINE_TYPES

PDF: Final = "application/pdf"
EXTENSIONS: Final = {PDF: (".pdf",), "image/png": (".png",), "image/jpeg": (".jpg", ".jpeg")}
_ACTIVE_ACTIONS: Final = frozenset(
    ("/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/Rendition", "/RichMediaExecute", "/GoToE", "/GoToR")
)
_ACTIVE_KEYS: Final = ("/AA", "/JS", "/RichMediaContent")
MAX_OBJECTS: Final = 200_000
MAX_DEPTH: Final = 100


def describe_problem(name: str, content: bytes) -> str | None:
    """Why the file called `name` cannot be kept as a document, in a sentence for people; None where it can.

    A document is a PDF, or a picture of one. A PDF may neither run scripts or actions nor need a password: whoever
    opens it later trusts that it came from here.
    """
    found = next((kind for beginning, kind in INLINE_TYPES.items() if content.startswith(beginning)), None)
    extension = f".{name.rpartition('.')[2].lower()}"
    quoted = quote_text(name, 60)
    if found is None:
        return f"{quoted} is not a document. Attach a PDF, or a picture as PNG or JPEG"
    if extension not in EXTENSIONS[found] and extension in (each for many in EXTENSIONS.values() for each in many):
        kind = found.partition("/")[2].upper()
        return f"{quoted} is not what its name says: it is a {kind} file. Rename it or attach another"
    return _describe_pdf_problem(quoted, content) if found == PDF else None


def _describe_pdf_problem(quoted: str, content: bytes) -> str | None:
    import pikepdf  # it takes 20 MB, and few requests need it

    try:
        with pikepdf.open(io.BytesIO(content)) as document:
            if document.is_encrypted:
                return f"{quoted} is encrypted. Save it without a password and attach it again"
            if len(document.objects) > MAX_OBJECTS:
                return f"{quoted} has more parts than a document needs. Print it as PDF and attach that"
            if not len(document.pages):
                return f"{quoted} has no pages"
            if _has_actions(document):
                return f"{quoted} has scripts or actions that run when it is opened. Print it as PDF and attach that"
    except pikepdf.PasswordError:
        return f"{quoted} is encrypted. Save it without a password and attach it again"
    except (pikepdf.PdfError, ValueError, RecursionError):
        return f"{quoted} cannot be read as PDF: it is damaged. Save it anew and attach it again"
    return None


def _has_actions(document: Any) -> bool:
    """Whether anything in a PDF acts by itself: the document as it is opened, a page, a field or a link."""
    names = document.Root.get("/Names")
    if names is not None and ("/JavaScript" in names or "/EmbeddedFiles" in names):
        return True
    return any(_is_active(part) for each in document.objects for part in _list_parts(each))


def _list_parts(value: Any, depth: int = 0) -> Iterator[Any]:
    """An object and the dictionaries within it, as far as they are no objects of their own."""
    import pikepdf

    if depth > MAX_DEPTH or not isinstance(value, pikepdf.Dictionary | pikepdf.Stream | pikepdf.Array):
        return
    children = value if isinstance(value, pikepdf.Array) else (each for _, each in value.items())
    if not isinstance(value, pikepdf.Array):
        yield value
    for child in children:
        if isinstance(child, pikepdf.Object) and not child.is_indirect:
            yield from _list_parts(child, depth + 1)


def _is_active(part: Any) -> bool:
    """Whether a dictionary is an action that does more than turn to a page of the document or open a web page."""
    return any(key in part for key in _ACTIVE_KEYS) or str(part.get("/S", "")) in _ACTIVE_ACTIONS
