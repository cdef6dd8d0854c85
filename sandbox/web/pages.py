"""The pages."""

import io

from flask import Blueprint, abort, send_file
from flask.typing import ResponseReturnValue

from sandbox.envelopes.rows import find_recipient_by_link
from sandbox.papers.downloads import COMBINED, get_paper
from sandbox.service import get_service

pages = Blueprint("pages", __name__)


@pages.get("/sign/<link>/document.pdf")
def document(link: str) -> ResponseReturnValue:
    with get_service().store.read() as db:
        recipient = find_recipient_by_link(db, link) or abort(404)
    paper = get_paper(get_service().store, recipient["envelope_id"], COMBINED)
    return send_file(io.BytesIO(paper.content), "application/pdf", download_name=paper.name)
