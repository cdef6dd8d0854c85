"""Health checks, for a load balancer, a container platform or a monitor.

`/healthz` says that the process answers, and checks nothing else: it is for what restarts processes. `/readyz` says
whether a request could be served now: it is for what distributes requests. Both answer without sign-in, because a
monitor has none, and show states only: no address, no version, no text of an error.
"""

import logging

from flask import Blueprint, Flask, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from customerhub.core.config import Settings
from customerhub.core.disk_space import is_disk_low
from jobs.queue import QueueRefused, QueueUnavailable, check_queue_server
from models.schema_version import is_schema_current
from models.sqlite import read_only_transaction

DATABASE_SECONDS = 2  # for the connection, and again for the answer
QUEUE_SECONDS = 1.0  # for the connection, and again for the answer

OK = "ok"
UNREACHABLE = "unreachable"
LOW = "low"  # the disk will be full soon: a warning, as requests can be served still
NOT_CURRENT = "not current"  # the database has other migrations than this version of the code
UNKNOWN = "unknown"

# Nothing is written, and nobody is waited for longer than a monitor waits.
_LIMITS = {
    "sqlite": (f"PRAGMA busy_timeout={DATABASE_SECONDS * 1000}",),
    "postgresql": ("SET TRANSACTION READ ONLY", f"SET LOCAL statement_timeout = {DATABASE_SECONDS * 1000}"),
}
_EXTENSION = "hub_health_engine"
bp = Blueprint("health", __name__)
log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Must be registered before all others: its hook ends the request, and so keeps theirs from running."""
    app.extensions[_EXTENSION] = _create_engine(app.config["HUB"])
    app.before_request(_answer_first)
    app.register_blueprint(bp)


def _create_engine(settings: Settings) -> Engine:
    """Connections of its own, each opened anew: one of the pool may hang where the server went away without a word."""
    limits: dict[str, int] = {"timeout": DATABASE_SECONDS}
    if not settings.uses_sqlite:
        limits = {"connect_timeout": DATABASE_SECONDS, "tcp_user_timeout": DATABASE_SECONDS * 1000}
    return create_engine(make_url(settings.database_url), poolclass=NullPool, connect_args=limits)


def _answer_first() -> ResponseReturnValue | None:
    """Answer at once, without sign-in, rate limits and the session's transaction."""
    if request.endpoint is None or request.blueprint != bp.name:
        return None
    return current_app.ensure_sync(current_app.view_functions[request.endpoint])()


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status=OK)


@bp.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Whether everything that a request needs is there: 200 where it is, else 503. A disk that is low is told only."""
    parts = {**_check_database(), "queue": _check_queue()}
    is_ready = set(parts.values()) == {OK}
    parts["disk"] = LOW if is_disk_low(current_app.config["HUB"]) else OK
    return jsonify(status="ready" if is_ready else "not ready", **parts), 200 if is_ready else 503


def _check_database() -> dict[str, str]:
    """The states of the database and of its migrations."""
    engine: Engine = current_app.extensions[_EXTENSION]
    try:
        with read_only_transaction(), engine.connect() as connection:
            for statement in _LIMITS[connection.dialect.name]:
                connection.exec_driver_sql(statement)
            is_current = is_schema_current(connection)
    except SQLAlchemyError as error:
        _log_failure("database", error)
        return {"database": UNREACHABLE, "migrations": UNKNOWN}
    return {"database": OK, "migrations": OK if is_current else NOT_CURRENT}


def _check_queue() -> str:
    settings: Settings = current_app.config["HUB"]
    try:
        check_queue_server(settings, seconds=QUEUE_SECONDS)
    except QueueRefused as error:
        _log_failure("queue", error)
        return _describe_refusal(error)
    except QueueUnavailable as error:
        _log_failure("queue", error)
        return UNREACHABLE
    return OK


def _describe_refusal(error: QueueRefused) -> str:
    """Its message as a state, which begins with a small letter like the others."""
    text = str(error)
    return text[0].lower() + text[1:]


def _log_failure(part: str, error: Exception) -> None:
    """Say why in the log, which only operators read."""
    cause = getattr(error, "orig", None) or error
    log.warning("not ready: %s: %s", part, " ".join(str(cause).split()))
