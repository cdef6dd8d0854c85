"""How many statements saving and approving send, and how long that takes beside the bare SQL of the same rows.

    python -m bench saving [--rounds 41] [--only sqlite] [--show] [--data build/bench]

The cases are those of bench/saving_cases.py, each begun with a new session and rolled back after its last flush, so
that every round finds the same rows. The baseline writes the very rows that the act wrote: inserts of many at once,
table by table, and the same updates, on a bare connection of the driver. Both take turns; figures are medians.
`--show` prints every statement of each case.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Table, func, select

from bench.data import KINDS, Store
from bench.report import NAMES, print_table
from bench.saving_cases import CASES, SavingCase, SavingData, fill_organisation
from bench.statements import StatementLog, recorded_statements
from customerhub.core import history
from customerhub.core.permissions import Actor
from models import User
from models.base import Base, db

WARM_UP = 7  # PostgreSQL prepares a statement at the sixth time
SHOWN_LENGTH = 180


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse_arguments(arguments)
    with closing(Store(options.data)) as store:
        for kind in options.only or KINDS:
            app = store.create_empty(kind, "hub_saving")
            with app.app_context():
                data = fill_organisation()
            print(f"\n### {NAMES[kind]}\n")
            measurements = [_measure(app, case, data, options.rounds) for case in CASES]
            if options.show:
                for measurement in measurements:
                    _print_statements(measurement)
            _print_figures(measurements)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench saving", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=41, help="measurements of each case (41)")
    parser.add_argument("--only", action="append", choices=KINDS, help="one kind of database")
    parser.add_argument("--show", action="store_true", help="print every statement")
    parser.add_argument("--data", type=Path, default=Path("build/bench"), help="folder of the databases")
    return parser.parse_args(arguments)


@dataclass
class SavingMeasurement:
    """The figures of one case."""

    name: str
    log: StatementLog
    seconds: list[float] = field(default_factory=list)
    bare_seconds: list[float] = field(default_factory=list)


def _measure(app: Flask, case: SavingCase, data: SavingData, rounds: int) -> SavingMeasurement:
    for _ in range(WARM_UP):
        run_case(app, case, data)
    bare_statements = _build_bare_statements(app, case, data)
    measurement = SavingMeasurement(case.name, record_case(app, case, data))
    for number in range(-WARM_UP, rounds):
        gc.collect()
        bare = _time_bare(app, bare_statements)
        seconds = run_case(app, case, data)
        if number >= 0:
            measurement.seconds.append(seconds)
            measurement.bare_seconds.append(bare)
    return measurement


@contextmanager
def _begun_case(app: Flask, case: SavingCase, data: SavingData) -> Iterator[tuple[Any, Actor]]:
    """What the case saves and who does so, in a new session, and all that is done within the block taken back."""
    with app.app_context():
        try:
            actor = Actor.from_user(db.session.get_one(User, data.manager))
            with history.act_as(actor, "bench"):
                yield case.begin(data), actor
        finally:
            db.session.rollback()


def run_case(app: Flask, case: SavingCase, data: SavingData) -> float:
    """Do it once; the seconds that it took."""
    with _begun_case(app, case, data) as (subject, actor):
        started_at = time.perf_counter()
        case.save(subject, actor)
        db.session.flush()
        return time.perf_counter() - started_at


def record_case(app: Flask, case: SavingCase, data: SavingData) -> StatementLog:
    """Do it once; what it sent."""
    with _begun_case(app, case, data) as (subject, actor), recorded_statements(db.engine) as log:
        case.save(subject, actor)
        db.session.flush()
    return log


def _build_bare_statements(app: Flask, case: SavingCase, data: SavingData) -> list[tuple[str, Any]]:
    """The least that writes the same rows as the case."""
    with _begun_case(app, case, data) as (subject, actor):
        marks = {table: db.session.scalar(select(func.max(table.c.id))) or 0 for table in _list_numbered_tables()}
        with recorded_statements(db.engine) as log:
            case.save(subject, actor)
            db.session.flush()
        updates = [each for each in log.statements if each[0].startswith(("UPDATE", "DELETE"))]
        return _build_inserts(marks) + updates


def _list_numbered_tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if "id" in table.c]


def _build_inserts(marks: dict[Table, int]) -> list[tuple[str, Any]]:
    """One INSERT for each table that has got rows beyond its mark, with these rows, as the driver takes it."""
    dialect = db.engine.dialect
    inserts = []
    customer = Base.metadata.tables["customer"]  # it refers to rows of before only, and new ones refer to it
    for table in [customer, *(each for each in Base.metadata.sorted_tables if each is not customer)]:
        key = table.c.id if "id" in table.c else table.c.get("customer_id")
        mark = marks.get(table, marks[customer])
        if key is None or not (rows := db.session.execute(select(table).where(key > mark)).mappings().all()):
            continue
        compiled = table.insert().compile(dialect=dialect)
        parameters = [_bind(compiled, dict(row)) for row in rows]
        inserts.append((str(compiled), parameters))
    return inserts


def _bind(compiled: Any, values: dict[str, Any]) -> Any:
    """The values of a row as the driver takes them."""
    processors = compiled._bind_processors
    bound = {name: processors[name](value) if name in processors else value for name, value in values.items()}
    return tuple(bound[name] for name in compiled.positiontup) if compiled.positional else bound


def _time_bare(app: Flask, statements: Sequence[tuple[str, Any]]) -> float:
    """Seconds that the driver alone takes for `statements` in one transaction, taken back."""
    with app.app_context():
        is_sqlite = db.engine.dialect.name == "sqlite"
        connection = db.engine.raw_connection()
    try:
        cursor = connection.cursor()
        started_at = time.perf_counter()
        if is_sqlite:
            cursor.execute("BEGIN IMMEDIATE")
        for text, parameters in statements:
            if isinstance(parameters, list):
                cursor.executemany(text, parameters)
            else:
                cursor.execute(text, parameters)
        return time.perf_counter() - started_at
    finally:
        connection.rollback()
        connection.close()


def _print_statements(measurement: SavingMeasurement) -> None:
    print(f"\n{measurement.name}:")
    for text, parameters in measurement.log.statements:
        print("  ", " ".join(text.split())[:SHOWN_LENGTH], "|", repr(parameters)[:SHOWN_LENGTH])
    print("  repeated:")
    for text, parameters in measurement.log.list_repeated():
        print("  ", " ".join(text.split())[:SHOWN_LENGTH], "|", parameters[:SHOWN_LENGTH])


def _print_figures(measurements: Sequence[SavingMeasurement]) -> None:
    rows = []
    for each in measurements:
        kinds = each.log.count_by_kind()
        savepoints = sum(kinds[name] for name in ("savepoint", "release", "rollback"))
        milliseconds, bare = (statistics.median(several) * 1000 for several in (each.seconds, each.bare_seconds))
        counts = [len(each.log), kinds["select"], kinds["insert"], kinds["update"] + kinds["delete"], savepoints]
        counts.append(len(each.log.list_repeated()))
        rows.append([each.name, *map(str, counts), f"{milliseconds:.1f}", f"{bare:.2f}", f"{milliseconds / bare:.1f}"])
    heads = ("case", "statements", "select", "insert", "update", "savepoint", "repeated", "ms", "bare ms", "ratio")
    print_table(heads, rows)


if __name__ == "__main__":
    main()
