"""How long a signed-in request takes beside its SQL alone, and how both grow with the number of customers.

    python -m bench [--quick] [--only sqlite|postgresql] [--runs 15] [--data build/bench]

Each case is requested through the whole application (session, permissions, template) by Flask's test client in this
process, after a warm-up; the statements that one request ran are then run again on a bare connection, with their rows
fetched. Requests, bare SQL and the baseline (bench/plain.py) take turns, so that all see the same machine; what is
printed are medians. A request may take three times its SQL plus ten milliseconds; the form with fifty rows no more than
the baseline's.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, session
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from bench import plain
from bench.data import BUSY, KINDS, SIZES, Filled, Store
from models import Customer, User
from models.base import db
from views.sign_in import begin_session

FACTOR, ALLOWANCE = 3, 10.0  # a request: at most FACTOR times its SQL plus ALLOWANCE milliseconds
QUICK = (20_000,)
ADMIN = "admin@demo.example"


@dataclass
class Case:
    """One page that is measured. Times are milliseconds, one for each run."""

    name: str
    address: str
    plain_address: str = ""
    requests: list[float] = field(default_factory=list)
    sql: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    statements: list[tuple[str, Any]] = field(default_factory=list)


def cases(size: int, busy: int, other: int) -> list[Case]:
    """The pages, for a database of `size` customers of which `busy` has fifty rows and `other` none."""
    last = min(4_999, size // 20 - 1)
    home, flask_admin = "/admin/customers/", "/admin/customer/"
    return [
        Case("list, first page", home, flask_admin),
        Case(f"list, page {last + 1:,}", f"{home}?page={last}", f"{flask_admin}?page={last}"),
        Case("search, a fragment of many names", f"{home}?search=jord", f"{flask_admin}?search=jord"),
        Case("search, a fragment of few names", f"{home}?search=ord%20ana%2017"),
        Case("search, a reference", f"{home}?search=SY-0001234", f"{flask_admin}?search=SY-0001234"),
        Case("search, two letters", f"{home}?search=fj"),
        Case("search, nothing found", f"{home}?search=qqqxyz"),
        Case("filter by status", f"{home}?f=status:is:2"),
        Case("sort by name, descending", f"{home}?sort=name&desc=1", f"{flask_admin}?sort=0&desc=1"),
        Case("customer page", f"{home}details/?id={other}", f"{flask_admin}details/?id={other}"),
        Case("form, 50 rows", f"{home}edit/?id={busy}", f"{flask_admin}edit/?id={busy}"),
    ]


class Recorder:
    """The statements that run while it listens."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, Any]] | None = None
        event.listen(Engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if self.statements is not None and not statement.startswith("BEGIN"):
            self.statements.append((statement, parameters))

    def during(self, act: Callable[[], Any]) -> list[tuple[str, Any]]:
        self.statements = []
        act()
        found, self.statements = self.statements, None
        return found


def signed_in(app: Flask) -> FlaskClient:
    """A browser in which the demo's administrator is signed in."""
    with app.test_request_context():
        begin_session(db.session.scalars(select(User).where(User.email_key == ADMIN)).one())
        kept = dict(session)
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie.update(kept)
    return client


def milliseconds(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def get(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")


def run_bare(cursor: Any, statements: list[tuple[str, Any]]) -> None:
    for statement, parameters in statements:
        cursor.execute(statement, parameters)
        cursor.fetchall()


def measure(filled: Filled, recorder: Recorder, runs: int) -> list[Case]:
    """Every case `runs` times, in turns."""
    client = signed_in(filled.app)
    baseline = plain.create_app(filled.url).test_client()
    with filled.app.app_context():
        busy = db.session.scalars(select(Customer.id).where(Customer.name == BUSY)).one()
        other = db.session.scalars(select(Customer.id).where(Customer.reference == "SY-0001234")).one()
        found = cases(filled.size, busy, other)
        raw = db.engine.raw_connection()
    cursor = raw.cursor()
    for case in found:
        get(client, case.address)
        case.statements = recorder.during(lambda case=case: get(client, case.address))  # type: ignore[misc]
        run_bare(cursor, case.statements)
        if case.plain_address:
            get(baseline, case.plain_address)
    for _ in range(runs):
        for case in found:
            case.requests.append(milliseconds(lambda case=case: get(client, case.address)))  # type: ignore[misc]
            case.sql.append(milliseconds(lambda case=case: run_bare(cursor, case.statements)))  # type: ignore[misc]
            if case.plain_address:
                case.plain.append(milliseconds(lambda case=case: get(baseline, case.plain_address)))  # type: ignore[misc]
    raw.close()
    return found


def line(case: Case) -> str:
    request, sql = statistics.median(case.requests), statistics.median(case.sql)
    bound = FACTOR * sql + ALLOWANCE
    beside = f"{statistics.median(case.plain):8.1f}" if case.plain else "       –"
    if case.name.startswith("form"):
        bound = statistics.median(case.plain)
    verdict = "yes" if request <= bound else "NO"
    return (
        f"| {case.name:<34} | {request:8.1f} | {len(case.statements):7} | {sql:8.1f} | {bound:8.1f} | {verdict:>6} "
        f"| {beside} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="20,000 customers only")
    parser.add_argument("--only", choices=KINDS, help="one database only")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--data", type=Path, default=Path("build/bench"), help="where the databases are kept")
    given = parser.parse_args()
    store, recorder = Store(given.data), Recorder()
    try:
        for kind in [given.only] if given.only else KINDS:
            for size in QUICK if given.quick else SIZES:
                print(f"\n{kind}, {size:,} customers\n")
                print("| case | request ms | queries | SQL ms | bound ms | within | plain Flask-Admin ms |")
                print("|---|---:|---:|---:|---:|---:|---:|")
                for case in measure(store.open(kind, size), recorder, given.runs):
                    print(line(case), flush=True)
    finally:
        store.close()
