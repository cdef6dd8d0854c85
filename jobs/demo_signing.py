"""The job that lets the demo's first documents be signed, once the hub and the sandbox beside it run."""

import time

from sqlalchemy import select

from customerhub.core import services
from customerhub.core.job_runs import IncompleteRun
from jobs.signing import perform_requests
from models import Envelope
from models.base import db
from seed.demo_signing import request_demo_signatures, sign_demo_documents

WAIT_SECONDS = 60.0  # for the sandbox to start, and for another worker that sends one of the documents


def show_signatures() -> str:
    """Set up signing in the demo, send its first documents and have them signed; what came of it, in words."""
    _wait_for_sandbox()
    envelope_ids = request_demo_signatures()
    db.session.commit()
    if not envelope_ids:
        return "Signing is set up already"
    envelopes = _send(envelope_ids)
    sign_demo_documents(envelopes, f"http://{services.get_current().signing_sandbox}")
    db.session.rollback()
    perform_requests()
    return f"{len(envelopes)} documents were sent"


def _wait_for_sandbox() -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not services.get_current().sandbox_credentials.exists() and time.monotonic() < deadline:
        time.sleep(0.2)


def _send(envelope_ids: list[int]) -> list[Envelope]:
    """The envelopes, sent. Raises IncompleteRun where one of them cannot be."""
    query = select(Envelope).where(Envelope.id.in_(envelope_ids)).order_by(Envelope.id)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        perform_requests()
        envelopes = list(db.session.scalars(query.execution_options(populate_existing=True)))
        if all(each.remote_id for each in envelopes):
            return envelopes
        db.session.rollback()
        if time.monotonic() > deadline:
            raise IncompleteRun("The documents of the demo could not be sent")
        time.sleep(0.5)
