"""From what was posted to the row, and from a refusal back to the form."""

from collections.abc import Sequence
from typing import Any

from flask import request
from wtforms import Field, Form

from customerhub.database import saving
from customerhub.errors import HubError, Invalid
from models.base import db
from views.fields import UploadField
from views.inline_list import InlineList

HIDDEN = ("version", "original")


def submitted(form_classes: Sequence[type[Form]]) -> Any:
    """What was posted, with the files of the fields that take one; None on GET."""
    if request.method != "POST":
        return None
    takes = {name for kind in form_classes for name, _ in fields_of(kind, UploadField)}
    posted: Any = request.form.copy()
    for key, upload in request.files.items(multi=True):
        if key.rpartition("-")[2] in takes:
            posted.add(key, upload)
    return posted


def fields_of(form_class: type[Form], kind: type[Field]) -> list[tuple[str, Any]]:
    """(name, declaration) of the fields of a form class that are of this kind."""
    found = ((name, getattr(form_class, name, None)) for name in dir(form_class))
    return [(name, unbound) for name, unbound in found if getattr(unbound, "field_class", None) is kind]


def fill(form: Form, row: Any, *, files: bool = True) -> list[int]:
    """Fill `row` from the sound fields of `form`, files only where `files` says so.

    Returns the ids of the files that it no longer holds.

    Files are stored and removed rows deleted first: both reach the database before anything half-filled could.
    """
    uploads = _uploads(form, removed=False)
    if files:
        _store(uploads)
    with saving():
        for inline in _lists(form):
            inline.drop_removed(row, inline.short_name)
    for name, entry in form._fields.items():
        if name not in HIDDEN and (isinstance(entry, InlineList) or not entry.errors):
            entry.populate_obj(row, name)
    before = {upload.stored for upload in (*uploads, *_uploads(form, removed=True))}
    return sorted(key for key in before - {upload.holds for upload in uploads} if key is not None)


def _lists(form: Form) -> list[InlineList]:
    return [entry for entry in form if isinstance(entry, InlineList)]


def _uploads(form: Form, *, removed: bool) -> list[UploadField]:
    """The file fields of a form and its inline rows, or those of the rows that are removed."""
    rows = [entry.form for inline in _lists(form) for entry in inline.entries if entry.removed is removed]
    forms = rows if removed else [form, *rows]
    return [entry for each in forms for entry in each if isinstance(entry, UploadField)]


def _store(uploads: Sequence[UploadField]) -> None:
    """Put what was uploaded into the store. Raises Invalid with every file that cannot be."""
    problems = []
    for upload in uploads:
        try:
            upload.store()
        except Invalid as error:
            problems.append((upload.name, error.message))
    if problems:
        raise Invalid(problems[0][1], problems[0][0], problems)


def hold_files(form: Form) -> None:
    """Keep what was uploaded with a form that is refused, and nothing else."""
    db.session.rollback()
    for upload in _uploads(form, removed=False):
        upload.hold()


def tell(form: Form, error: HubError, *, beside: bool = False) -> list[str]:
    """Put the refusal beside the fields at fault; what belongs to none is returned.

    `beside` others that were told before: a field that has something to correct is left as it is.
    """
    problems: list[Any] = error.problems if isinstance(error, Invalid) else [(error.field, error.message)]
    told = problems or [(None, error.message)]
    return [message for name, message in told if not _told(form, name or "", message, beside)]


def _told(form: Form, name: str, message: str, beside: bool) -> bool:
    """Put `message` beside a field, the cell "contacts.0.email" or a file field; whether there is one."""
    if name in form._fields:
        _mark(form[name], message, beside)
        return True
    several, _, cell = name.partition(".")
    position, _, column = cell.partition(".")
    if column and isinstance(form._fields.get(several), InlineList):
        inline: Any = form[several]
        cells: Any = inline.placed.get(int(position))
        if cells is None or column not in cells.form._fields:
            return False
        _mark(cells[column], message, beside)
        inline.gather_errors()
        return True
    for upload in _uploads(form, removed=False):
        if upload.name == name:
            _mark(upload, message, beside)
            return True
    return False


def _mark(entry: Field, message: str, beside: bool) -> None:
    if not (beside and entry.errors):
        entry.errors = [*entry.errors, message]


def errors_in(form: Form, names: Sequence[str]) -> int:
    """How many of these fields, and how many rows of these lists, have something to correct."""
    return sum(
        len(form[name].errors) if isinstance(form[name], InlineList) else bool(form[name].errors) for name in names
    )
