"""Downloading the signed PDFs of several documents at once."""

from collections.abc import Sequence

from flask import url_for

from customerhub.core.permissions import Actor, Permission
from customerhub.core.transaction import after_commit
from customerhub.signing import downloads
from jobs import exports
from jobs.queue import try_enqueue
from models import Envelope, ListExport
from views.framework.operation import Operation, refusal_check


def _request_archive(envelopes: Sequence[Envelope], *, actor: Actor) -> ListExport:
    export = downloads.request_archive(envelopes, actor=actor)
    export_id = export.id
    after_commit(lambda: try_enqueue(exports.write, export_id))
    return export


DOWNLOAD = Operation(
    name="download-signed",
    label="Download signed PDFs",
    past_tense="downloaded",
    permission=Permission.CUSTOMERS_EXPORT,
    run=_request_archive,
    unavailable_reason=refusal_check(downloads.check_downloadable),
    explanation="The signed PDFs are put into a ZIP file. It is created in the background and saved under Exports.",
    row_version=lambda row: str(row.signed_file_id),
    icon="download",
    all_or_none=True,
    on_record=False,
    result_url=lambda export: url_for("exports.details_view", id=export.id),
)
