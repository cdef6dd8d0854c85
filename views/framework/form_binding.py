"""Binding forms to rows: posted values to the row, and errors back to the form."""

from collections.abc import Sequence
from typing import Any

from flask import request
from wtforms import Field, Form

from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid
from models.base import db
from views.framework.fields import UploadField
from views.framework.inline_rows import InlineList
from views.framework.refusals import name_problem

METADATA_FIELDS = ("version", "original")


def submitted_data(form_classes: Sequence[type[Form]]) -> Any:
    """What was posted, with the files of the fields that take one; None on GET."""
    if request.method != "POST":
        return None
    upload_names = {name for kind in form_classes for name, _ in fields_of(kind, UploadField)}
    posted: Any = request.form.copy()
    for key, upload in request.files.items(multi=True):
        if key.rpartition("-")[2] in upload_names:
            posted.add(key, upload)
    return posted


def fields_of(form_class: type[Form], kind: type[Field]) -> list[tuple[str, Any]]:
    """(name, declaration) of the fields of a form class that are of this kind."""
    attributes = ((name, getattr(form_class, name, None)) for name in dir(form_class))
    return [(name, unbound) for name, unbound in attributes if getattr(unbound, "field_class", None) is kind]


def fill_row(form: Form, row: Any, *, store_files: bool = True) -> list[int]:
    """Fill `row` from the sound fields of `form`, files only where `store_files` says so.

    Returns the ids of the files that it no longer holds.

    Files are stored and removed rows deleted first: both reach the database before anything half-filled could.
    """
    uploads = _uploads(form, removed=False)
    if store_files:
        _store_uploads(uploads)
    with save_changes():
        for inline in _inline_lists(form):
            inline.drop_removed(row, inline.short_name)
    for name, entry in form._fields.items():
        if name not in METADATA_FIELDS and (isinstance(entry, InlineList) or not entry.errors):
            entry.populate_obj(row, name)
    before = {upload.stored for upload in (*uploads, *_uploads(form, removed=True))}
    return sorted(key for key in before - {upload.resulting_file_id for upload in uploads} if key is not None)


def _inline_lists(form: Form) -> list[InlineList]:
    return [entry for entry in form if isinstance(entry, InlineList)]


def _uploads(form: Form, *, removed: bool) -> list[UploadField]:
    """The file fields of a form and its inline rows, or those of the rows that are removed."""
    rows = [entry.form for inline in _inline_lists(form) for entry in inline.entries if entry.removed is removed]
    forms = rows if removed else [form, *rows]
    return [entry for each in forms for entry in each if isinstance(entry, UploadField)]


def _store_uploads(uploads: Sequence[UploadField]) -> None:
    """Put what was uploaded into the store. Raises Invalid with every file that cannot be."""
    problems = []
    for upload in uploads:
        try:
            upload.store()
        except Invalid as error:
            problems.append((upload.name, error.message))
    if problems:
        raise Invalid.from_problems(problems)


def keep_pending_files(form: Form) -> None:
    """Keep what was uploaded with a form that is refused, and nothing else."""
    db.session.rollback()
    for upload in _uploads(form, removed=False):
        upload.keep_pending()


def attach_errors(form: Form, error: HubError, model: Any = None, *, keep_existing: bool = False) -> list[str]:
    """Put the refusal beside the fields at fault; what belongs to none is returned, with the name of its field of
    `model` where it needs one.

    `keep_existing` others that were told before: a field that has something to correct is left as it is.
    """
    problems: list[Any] = error.problems if isinstance(error, Invalid) else [(error.field, error.message)]
    field_messages = problems or [(None, error.message)]
    return [
        message if model is None else name_problem(model, name, message)
        for name, message in field_messages
        if not _attach_error(form, name or "", message, keep_existing)
    ]


def _attach_error(form: Form, name: str, message: str, keep_existing: bool) -> bool:
    """Put `message` beside a field, the cell "contacts.0.email" or a file field; whether there is one."""
    if name in form._fields:
        _add_error(form[name], message, keep_existing)
        return True
    list_name, _, cell = name.partition(".")
    position, _, column = cell.partition(".")
    if column and isinstance(form._fields.get(list_name), InlineList):
        inline: Any = form[list_name]
        cells: Any = inline.entries_by_position.get(int(position))
        if cells is None or column not in cells.form._fields:
            return False
        _add_error(cells[column], message, keep_existing)
        inline.collect_errors()
        return True
    for upload in _uploads(form, removed=False):
        if upload.name == name:
            _add_error(upload, message, keep_existing)
            return True
    return False


def _add_error(entry: Field, message: str, keep_existing: bool) -> None:
    if not (keep_existing and entry.errors):
        entry.errors = [*entry.errors, message]


def count_errors(form: Form, names: Sequence[str]) -> int:
    """How many of these fields, and how many rows of these lists, have something to correct."""
    return sum(
        len(form[name].errors) if isinstance(form[name], InlineList) else bool(form[name].errors) for name in names
    )
