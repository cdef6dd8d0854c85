"""Read-only requests: they begin their transaction as readers, and a change in one is a bug.

These are GET and HEAD, and a POST that only asks what something would look like.
"""

from typing import Any

from flask import Flask, g, request
from sqlalchemy.orm import ORMExecuteState, Session

from models.sqlite import is_read_only

READ_METHODS = ("GET", "HEAD", "OPTIONS")
# Endpoints that take a form and change nothing.
READ_ONLY_POSTS = frozenset({"customers.review_dates", "customers.portal_plan"})


def register(app: Flask) -> None:
    app.before_request(_begin_request)
    app.teardown_request(_end_request)


def _begin_request() -> None:
    g.reading = is_read_only.set(request.method in READ_METHODS or _is_read_only_post())


def _is_read_only_post() -> bool:
    """Whether this POST only asks. Nobody should wait, or have others wait, for what they look at while they type."""
    endpoint = request.endpoint or ""
    if endpoint.endswith(".operation_view"):
        return "preview" in request.form
    return endpoint in READ_ONLY_POSTS or endpoint.endswith(".action_view")  # this one leads on to the operation


def _end_request(_error: BaseException | None) -> None:
    token = g.pop("reading", None)
    if token is not None:
        is_read_only.reset(token)


def refuse_changes(session: Session, _context: Any, _instances: Any) -> None:
    """Listener of `before_flush`. Raises RuntimeError for a change in a request that only reads."""
    if is_read_only.get():
        modified_rows = (row for row in session.dirty if session.is_modified(row))
        for row in (*session.new, *session.deleted, *modified_rows):
            raise RuntimeError(f"a request that only reads changes {type(row).__name__}: use POST")


def refuse_write_statements(state: ORMExecuteState) -> None:
    """Listener of `do_orm_execute`. Raises RuntimeError for a statement that writes in a request that only reads."""
    if is_read_only.get() and (state.is_insert or state.is_update or state.is_delete):
        raise RuntimeError("a request that only reads runs a statement that writes: use POST")
