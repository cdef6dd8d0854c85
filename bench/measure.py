"""Timing: a request through the whole WSGI application, and its SQL alone."""

import re
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from sqlalchemy import Engine, event
from werkzeug.test import EnvironBuilder

FACTOR, EXTRA_MS = 3, 10  # a request may take so many times its SQL alone, and so much more
Statement = tuple[str, Any]  # as handed to the driver, with its parameters


class Target:
    """An application and its database, as somebody uses it who is signed in (where `cookie` says so)."""

    def __init__(self, app: Flask, engine: Engine, cookie: str = "") -> None:
        self.app = app
        self.engine = engine
        self.headers = [("Cookie", cookie)] if cookie else []

    def time_request(self, path: str) -> tuple[float, int]:
        """Seconds until the last byte of the answer to GET `path`, and how many bytes it had. Refuses any but 200."""
        environ = EnvironBuilder(
            path=path.partition("?")[0],
            query_string=path.partition("?")[2],
            headers=self.headers,
            environ_base={"REMOTE_ADDR": "127.0.0.1"},  # the demo's passwords count nowhere else
        ).get_environ()
        statuses: list[str] = []

        def start(status: str, _headers: Any, _error: Any = None) -> Any:
            statuses.append(status)

        started_at = time.perf_counter()
        response = self.app(environ, start)
        size = sum(map(len, response))
        response.close()
        seconds = time.perf_counter() - started_at
        if statuses != ["200 OK"]:
            raise RuntimeError(f"{path} answered {statuses}")
        return seconds, size

    def record_statements(self, path: str) -> list[Statement]:
        """What a request for `path` sends to the database."""
        recorded: list[Statement] = []

        def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
            if not statement.startswith("BEGIN"):
                recorded.append((statement, parameters))

        event.listen(self.engine, "before_cursor_execute", record)
        try:
            self.time_request(path)
        finally:
            event.remove(self.engine, "before_cursor_execute", record)
        return recorded

    def time_sql(self, statements: list[Statement]) -> float:
        """Seconds that the database driver alone takes for `statements` in one transaction, all rows fetched."""
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            started_at = time.perf_counter()
            if self.engine.dialect.name == "sqlite":
                cursor.execute("BEGIN")
            for statement, parameters in statements:
                cursor.execute(statement, parameters)
                cursor.fetchall()
            seconds = time.perf_counter() - started_at
            connection.rollback()
            return seconds
        finally:
            connection.close()


@dataclass
class Measurement:
    """The figures of one address."""

    target: Target
    path: str
    statements: list[Statement] = field(default_factory=list)
    size: int = 0
    request_seconds: list[float] = field(default_factory=list)
    sql_seconds: list[float] = field(default_factory=list)

    def warm_up(self, times: int) -> None:
        """Until caches are full and PostgreSQL has settled on its plans."""
        for _ in range(times):
            self.size = self.target.time_request(self.path)[1]
        self.statements = self.target.record_statements(self.path)
        for _ in range(times):
            self.target.time_sql(self.statements)

    def measure_once(self) -> None:
        """One request and once its SQL; they take turns in going first, which is slower."""
        sql_first = len(self.sql_seconds) % 2 == 0
        if sql_first:
            self.sql_seconds.append(self.target.time_sql(self.statements))
        self.request_seconds.append(self.target.time_request(self.path)[0])
        if not sql_first:
            self.sql_seconds.append(self.target.time_sql(self.statements))

    @property
    def request_ms(self) -> float:
        return statistics.median(self.request_seconds) * 1000

    @property
    def sql_ms(self) -> float:
        return statistics.median(self.sql_seconds) * 1000


class Pace:
    """How much slower than it can the machine is, by a loop that always does the same."""

    def __init__(self) -> None:
        self._seconds: list[float] = []

    def measure(self) -> None:
        started_at = time.perf_counter()
        sum(number * number % 7 for number in range(20_000))
        self._seconds.append(time.perf_counter() - started_at)

    @property
    def slowness(self) -> float:
        """The median of all beside the quickest: 1 on a quiet machine."""
        return statistics.median(self._seconds) / min(self._seconds)


@dataclass
class Line:
    """A screen on one kind of database: its figures by size, and those of the baseline on the largest."""

    name: str
    is_form: bool = False
    by_size: dict[int, Measurement] = field(default_factory=dict)
    baseline: Measurement | None = None

    def list_measurements(self) -> list[Measurement]:
        return [*self.by_size.values(), *([self.baseline] if self.baseline else [])]

    @property
    def largest(self) -> Measurement:
        return self.by_size[max(self.by_size)]

    @property
    def bound_ms(self) -> float:
        """What the request may take: as the baseline for the form, by its SQL for every other screen."""
        if self.is_form and self.baseline is not None:
            return self.baseline.request_ms
        return FACTOR * self.largest.sql_ms + EXTRA_MS


def sign_in(app: Flask, email: str, password: str) -> str:
    """Sign in as a browser does; the session cookie to send from then on."""
    client = app.test_client()
    page = client.get("/sign-in").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    if token is None:
        raise RuntimeError("the sign-in page has no token")
    answer = client.post("/sign-in", data={"email": email, "password": password, "csrf_token": token[1]})
    cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
    if answer.status_code != 303 or cookie is None:
        raise RuntimeError(f"signing in answered {answer.status}")
    return f"{cookie.key}={cookie.value}"
