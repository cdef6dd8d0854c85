"""Requests that only read begin their transaction as readers, and a change in one is a bug.

These are GET and HEAD, and a POST that only asks what something would look like.
"""

from typing import Any

from flask import Flask, g, request
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session

from models.sqlite import only_reading

READERS = ("GET", "HEAD", "OPTIONS")
# Endpoints that take a form and change nothing.
READING_POSTS = frozenset({"customers.review_dates", "customers.portal_plan"})


def register(app: Flask) -> None:
    app.before_request(_begin)
    app.teardown_request(_end)


def _begin() -> None:
    g.reading = only_reading.set(request.method in READERS or _is_question())


def _is_question() -> bool:
    """Whether this POST only asks. Nobody should wait, or have others wait, for what they look at while they type."""
    endpoint = request.endpoint or ""
    if endpoint.endswith(".operation_view"):
        return "preview" in request.form
    return endpoint in READING_POSTS or endpoint.endswith(".action_view")  # this one leads on to the operation


def _end(_error: BaseException | None) -> None:
    token = g.pop("reading", None)
    if token is not None:
        only_reading.reset(token)


@event.listens_for(Session, "before_flush")
def _refuse_changes(session: Session, _context: Any, _instances: Any) -> None:
    if only_reading.get():
        changed = (row for row in session.dirty if session.is_modified(row))
        for row in (*session.new, *session.deleted, *changed):
            raise RuntimeError(f"a request that only reads changes {type(row).__name__}: use POST")


@event.listens_for(Session, "do_orm_execute")
def _refuse_statements(state: ORMExecuteState) -> None:
    if only_reading.get() and (state.is_insert or state.is_update or state.is_delete):
        raise RuntimeError("a request that only reads runs a statement that writes: use POST")
