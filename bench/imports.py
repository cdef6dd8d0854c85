"""How long an import takes beside the least it could take, and how much memory it needs.

    python -m bench.imports [--rows 10000] [--runs 5] [--memory]

The least is reading the file with calamine plus a bare bulk insert: Core executemany of the very rows that the import
writes, into the same seven tables, without a check. Beside it stands what the same customers take without their portal
users and the mails to them. All are timed in turn, each on a fresh copy of an empty, migrated
database; what is printed are medians and their ratio, for new rows and for an update of all rows. SQLite always, and
PostgreSQL where DATABASE_URL names a server on which databases may be made. `--memory` prints the peak of processes of
their own for growing files.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter
from flask import Flask
from flask_migrate import upgrade
from python_calamine import CalamineWorkbook
from sqlalchemy import create_engine, insert, make_url, select, text

from app import create_app
from customerhub.core import history
from customerhub.core.config import load_settings
from customerhub.core.permissions import Actor
from customerhub.customers.importing.columns import HEADERS
from customerhub.customers.importing.import_file import import_open_file
from customerhub.customers.importing.saving import (
    ACCOUNT_TABLE,
    ADDRESS_TABLE,
    CUSTOMER_TABLE,
    DERIVED_COLUMNS,
    UPDATED_COLUMNS,
)
from models import History, Organisation, OutboxMessage, User, customer_department
from models.base import db
from seed.reference import seed_reference

HISTORY: Any = History.__table__
CUSTOMER_COLUMNS = {
    CUSTOMER_TABLE: ("id", "organisation_id", "account_number", "status_id", *UPDATED_COLUMNS, *DERIVED_COLUMNS),
    ACCOUNT_TABLE: ("organisation_id", "customer_id", "number"),
    ADDRESS_TABLE: ("organisation_id", "customer_id", "kind", "lines"),
    customer_department: ("organisation_id", "customer_id", "department_id"),
    HISTORY: tuple(column.name for column in HISTORY.columns if column.name != "id"),
}
PORTAL_COLUMNS = {
    each.__table__: tuple(column.name for column in each.__table__.columns if column.name != "id")
    for each in (User, OutboxMessage)
}
WRITTEN_COLUMNS = CUSTOMER_COLUMNS | PORTAL_COLUMNS
TEMPLATE, COPY = "hub_bench_imports_template", "hub_bench_imports"
MEMORY_ROWS = (10_000, 50_000, 100_000)


def build_row(number: int, changed: bool) -> list[Any]:
    """A made-up customer in the order of HEADERS; `changed` has other values in five of its cells."""
    shift = number + changed
    return [
        f"Königlich Handel {number}{' & Co' if changed else ''}",
        f"C{number:06d}",
        f"{number} {'Low' if changed else 'High'} Street, Town {number % 97}, AB{number % 10} {number % 9}CD",
        f"+44 20 7{number:06d}",
        f"accounts{number}@customer{number}.example",
        date(2026, 1, 1) + timedelta(number % 300),
        f"{number % 12 + 1} Months",
        "reviewer@hub.example",
        "Customer review",
        ("Experian", "Creditsafe", "Dun & Bradstreet")[number % 3],
        ("Low", "Medium", "High")[shift % 3],
        number % 28 + 1,
        number % 12 + 1,
        f"Existing customer since {1990 + number % 30}",
        date(1996, 1, 1) + timedelta(number % 9000),
        ("Europe", "North America", "South America")[shift % 3],
        ("Sales", "Operations", "Sales, Finance")[shift % 3],
    ]


def write_workbook(path: Path, rows: int, *, changed: bool = False) -> Path:
    book = xlsxwriter.Workbook(path, {"constant_memory": rows > 1_000_000})
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    sheet = book.add_worksheet("customers")
    sheet.write_row(0, 0, HEADERS)
    for line in range(1, rows + 1):
        for place, cell in enumerate(build_row(line, changed)):
            if isinstance(cell, date):
                sheet.write_datetime(line, place, cell, day)
            else:
                sheet.write(line, place, cell)
    book.close()
    return path


class Database:
    """An empty hub at the newest migration, of which fresh copies can be made."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.is_sqlite = url is None
        self._folder = folder
        self._server = make_url(url) if url else None
        self.name = "SQLite" if self.is_sqlite else "PostgreSQL"
        if self._server is not None:
            self._execute(f"DROP DATABASE IF EXISTS {TEMPLATE}", f"CREATE DATABASE {TEMPLATE}")
        app = self._app(TEMPLATE)
        with app.app_context():
            upgrade()
            with history.act_as(Actor(None, 0), "bench"):
                organisation = Organisation(name="Bench")
                db.session.add(organisation)
                db.session.flush()
                seed_reference(organisation)
                db.session.commit()
            self.organisation_id = organisation.id
            db.session.remove()
            db.engine.dispose()

    @contextmanager
    def fresh_copy(self) -> Iterator[Flask]:
        """Inside the context of an app over a new copy."""
        if self._server is not None:
            self._execute(f"DROP DATABASE IF EXISTS {COPY}", f"CREATE DATABASE {COPY} TEMPLATE {TEMPLATE}")
        else:
            for suffix in ("", "-wal", "-shm"):
                (self._folder / f"{COPY}{suffix}").unlink(missing_ok=True)
            shutil.copyfile(self._folder / TEMPLATE, self._folder / COPY)
        app = self._app(COPY)
        with app.app_context():
            yield app
            db.session.remove()
            db.engine.dispose()

    def drop(self) -> None:
        if self._server is not None:
            self._execute(f"DROP DATABASE IF EXISTS {COPY}", f"DROP DATABASE IF EXISTS {TEMPLATE}")

    def _app(self, name: str) -> Flask:
        if self._server is not None:
            url = self._server.set(database=name).render_as_string(hide_password=False)
        else:
            url = f"sqlite:///{self._folder / name}"
        environment = {"DATABASE_URL": url, "HUB_DATA_DIR": str(self._folder), "HUB_SECRET_KEY": "bench"}
        return create_app(load_settings(environment))

    def _execute(self, *statements: str) -> None:
        assert self._server is not None
        server = self._server.set(drivername="postgresql+psycopg", database="postgres")
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


@contextmanager
def record_seconds(seconds: list[float]) -> Iterator[None]:
    started_at = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - started_at)


def run_import(database: Database, path: Path, *, dry_run: bool = False) -> Any:
    """The import as the command does it, with its commit."""
    actor = Actor(None, database.organisation_id)
    with history.act_as(actor, "bench"), path.open("rb") as file:
        result = import_open_file(file, actor=actor, max_rows=1_000_000, dry_run=dry_run)
        db.session.commit()
    assert not result.errors, result.errors[:3]
    return result.counts


def load_written_rows() -> dict[Any, list[dict[str, Any]]]:
    """What the import has just written, by table."""
    rows_by_table = {}
    with db.engine.connect() as connection:
        for table, names in WRITTEN_COLUMNS.items():
            rows = connection.execute(select(*(table.c[name] for name in names)))
            rows_by_table[table] = [dict(line._mapping) for line in rows]
    return rows_by_table


def insert_rows(rows: dict[Any, list[dict[str, Any]]]) -> None:
    with db.engine.begin() as connection:
        for table, lines in rows.items():
            connection.execute(insert(table), lines)


def measure(database: Database, folder: Path, rows: int, runs: int) -> None:
    """Time everything `runs` times in turn and print a table."""
    new = write_workbook(folder / "new.xlsx", rows)
    update = write_workbook(folder / "update.xlsx", rows, changed=True)
    with database.fresh_copy():
        run_import(database, new)
        lines = load_written_rows()
    customer_rows = {table: lines[table] for table in CUSTOMER_COLUMNS}
    customer_rows[HISTORY] = [line for line in lines[HISTORY] if line["table_name"] == "customer"]
    times: dict[str, list[float]] = {"read": [], "bare": [], "alone": [], "new": [], "update": [], "unchanged": []}
    for _ in range(runs):
        with record_seconds(times["read"]):
            CalamineWorkbook.from_path(new).get_sheet_by_index(0).to_python()
        with database.fresh_copy(), record_seconds(times["bare"]):
            insert_rows(lines)
        with database.fresh_copy(), record_seconds(times["alone"]):
            insert_rows(customer_rows)
        with database.fresh_copy():
            with record_seconds(times["new"]):
                assert run_import(database, new).new == rows
            with record_seconds(times["unchanged"]):
                assert run_import(database, new).unchanged == rows
            with record_seconds(times["update"]):
                assert run_import(database, update).changed == rows
    print_medians(database, rows, times)


def print_medians(database: Database, rows: int, times: Mapping[str, list[float]]) -> None:
    """What `measure` timed, each import also as a multiple of the least that reading and inserting take."""
    runs = len(times["read"])
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    least_seconds, least_customer_seconds = (medians["read"] + medians[name] for name in ("bare", "alone"))
    print(f"\n{database.name}: {rows:,} rows of {len(HEADERS)} cells, medians of {runs} runs")
    print(f"  reading with calamine {medians['read']:6.2f} s")
    print(
        f"  bare bulk insert      {medians['bare']:6.2f} s   without portal users and mails {medians['alone']:6.2f} s"
    )
    print(f"  together              {least_seconds:6.2f} s   {least_customer_seconds:6.2f} s")
    for name, title in (
        ("new", "import, all new"),
        ("update", "import, all changed"),
        ("unchanged", "import, unchanged"),
    ):
        seconds = medians[name]
        print(
            f"  {title:<21} {seconds:6.2f} s   {seconds / least_seconds:.2f}   {seconds / least_customer_seconds:.2f}"
        )


def measure_memory(folder: Path, url: str | None) -> None:
    """Print the peak of a process that imports, for growing files."""
    print("\nPeak memory of a process that imports")
    for rows in MEMORY_ROWS:
        path = write_workbook(folder / f"{rows}.xlsx", rows)
        peaks = []
        for kind in ("nothing", "check", "save"):
            words = [sys.executable, "-m", "bench.imports", "--one", kind, str(path), url or ""]
            peaks.append(json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1]))
        idle, check, save = peaks
        size = path.stat().st_size / 2**20
        print(
            f"  {rows:>7,} rows, {size:4.1f} MB   idle {idle:4.0f} MB   checked {check:4.0f} MB   saved {save:4.0f} MB"
        )


def print_peak_memory(kind: str, path: Path, url: str) -> None:
    """In a process of its own: check or save one file, and print the peak of the process in MB."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder), url or None)
        with database.fresh_copy():
            if kind != "nothing":
                run_import(database, path, dry_run=kind == "check")
        database.drop()
    status = Path("/proc/self/status").read_text().splitlines()
    print(next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return print_peak_memory(options.one[0], Path(options.one[1]), options.one[2])
    url = os.environ.get("DATABASE_URL") or None
    for each in (None, url) if url else (None,):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if options.memory:
                measure_memory(folder, each)
                continue
            database = Database(folder, each)
            measure(database, folder, options.rows, options.runs)
            database.drop()
    return None


if __name__ == "__main__":
    main()
