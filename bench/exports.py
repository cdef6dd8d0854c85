"""How long the export of the list of customers takes beside a core select of the same columns.

    python -m bench exports [--size 200000] [--rounds 3] [--only sqlite] [--workbook] [--data build/bench]

The export is the job itself, as a worker runs it: from the request in the database to the stored file, in the 18
columns of the list without those that only imports need. The baseline is one statement over the tables, written here
by hand, that gives the same 18 values of the same rows in the same order, read to its end and thrown away. Both take
turns in one run; figures are medians. Memory is what the process holds at its peak beyond what it held before.
`--workbook` measures the Excel file too.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from bench.data import KINDS, BenchDatabase, Store
from bench.report import NAMES, print_table
from customerhub.core import history
from customerhub.core.permissions import Actor
from jobs import exports
from models import (
    Account,
    CatalogItem,
    Customer,
    CustomerGroup,
    CustomerStatus,
    Dealer,
    Department,
    ListExport,
    User,
    customer_department,
)
from models.base import db
from models.enums import Role, TransferState

COLUMNS = (
    "name",
    "reference",
    "account_number",
    "region",
    "risk",
    "stage",
    "balance",
    "account_manager",
    "start_date",
    "status",
    "kind",
    "email",
    "contact_number",
    "credit_limit",
    "dealer",
    "group",
    "billing_cycle",
    "departments",
)
MIB = 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse_arguments(arguments)
    formats = ("csv", "xlsx") if options.workbook else ("csv",)
    rows = []
    with closing(Store(options.data)) as store:
        for kind in options.only or KINDS:
            for size in options.size or (20_000, 200_000):
                database = store.open(kind, size)
                with database.app.app_context():
                    rows += [_measure(database, name, options.rounds) for name in formats]
    heads = ("export", "rows", "export, s", "core select, s", "times", "file, MB", "memory, MB")
    print_table(heads, rows)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench exports", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, action="append", help="number of customers (20000 and 200000)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each (3)")
    parser.add_argument("--only", action="append", choices=KINDS, help="one kind of database")
    parser.add_argument("--workbook", action="store_true", help="measure the Excel file too")
    parser.add_argument("--data", type=Path, default=Path("build/bench"), help="folder of the databases")
    return parser.parse_args(arguments)


def _measure(database: BenchDatabase, file_format: str, rounds: int) -> list[str]:
    user = db.session.scalars(select(User).where(User.role == Role.ADMIN).order_by(User.id)).first()
    assert user is not None
    organisation_id, user_id = user.organisation_id, user.id
    db.session.rollback()
    export_seconds, select_seconds, peaks = [], [], []
    row_count = file_size = 0
    for _ in range(rounds + 1):
        select_seconds.append(_time_select(organisation_id))
        export_id = _request_export(organisation_id, user_id, file_format)
        gc.collect()
        seconds, peak = _time_export(export_id)
        export_seconds.append(seconds)
        peaks.append(peak)
        export = db.session.get_one(ListExport, export_id)
        if export.state is not TransferState.DONE or export.file is None:
            raise RuntimeError(f"the export ended as {export.state}: {export.problem}")
        row_count, file_size = export.done_rows, export.file.size
        db.session.rollback()
    # The first round fills the caches of the database and of the statements, and is not counted.
    export_median, select_median = statistics.median(export_seconds[1:]), statistics.median(select_seconds[1:])
    return [
        f"{NAMES[database.kind]}, {file_format}",
        f"{row_count:,}",
        f"{export_median:.2f}",
        f"{select_median:.2f}",
        f"{export_median / select_median:.1f}",
        f"{file_size / MIB:.1f}",
        f"{max(peaks) / MIB:.0f}",
    ]


def _request_export(organisation_id: int, user_id: int, file_format: str) -> int:
    """An export of all rows that waits to be written; what it waits for is the call of the job."""
    with history.act_as(Actor(None, organisation_id), "bench"):
        export = ListExport(
            organisation_id=organisation_id,
            user_id=user_id,
            screen="customers",
            title="Customers",
            format=file_format,
            query={"address": "?", "columns": list(COLUMNS)},
        )
        db.session.add(export)
        db.session.commit()
        export_id = export.id
    db.session.remove()
    return export_id


def _time_export(export_id: int) -> tuple[float, int]:
    """(Seconds of the job, bytes at its peak beyond those before)."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
    before = _read_memory("VmRSS")
    started_at = time.perf_counter()
    exports.write(export_id)
    return time.perf_counter() - started_at, _read_memory("VmHWM") - before


def _read_memory(name: str) -> int:
    """Bytes of this process, by the name that Linux has for them."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"the kernel does not tell {name}")


def _time_select(organisation_id: int) -> float:
    """Seconds until the last row of the baseline is read."""
    gc.collect()
    with db.engine.connect().execution_options(yield_per=1000) as connection:
        started_at = time.perf_counter()
        for rows in connection.execute(build_core_select(organisation_id)).partitions():
            for _ in rows:
                pass
        seconds = time.perf_counter() - started_at
        connection.rollback()
    return seconds


def build_core_select(organisation_id: int) -> Select[Any]:
    """The values of COLUMNS of all customers, in the order of their list."""
    region, manager = aliased(CatalogItem), aliased(User)
    balance = select(func.sum(Account.balance)).where(Account.customer_id == Customer.id).scalar_subquery()
    links = customer_department.c
    departments = (
        select(func.aggregate_strings(Department.name, ", "))
        .join(customer_department, links.department_id == Department.id)
        .where(links.customer_id == Customer.id)
        .scalar_subquery()
    )
    return (
        select(
            Customer.name,
            Customer.reference,
            Customer.account_number,
            region.name,
            Customer.risk,
            Customer.stage,
            balance,
            manager.name,
            Customer.start_date,
            CustomerStatus.name,
            Customer.kind,
            Customer.email,
            Customer.contact_number,
            Customer.credit_limit,
            Dealer.code,
            CustomerGroup.name,
            Customer.billing_cycle,
            departments,
        )
        .outerjoin(region, region.id == Customer.region_id)
        .outerjoin(manager, manager.id == Customer.account_manager_id)
        .outerjoin(CustomerStatus, CustomerStatus.id == Customer.status_id)
        .outerjoin(Dealer, Dealer.id == Customer.dealer_id)
        .outerjoin(CustomerGroup, CustomerGroup.id == Customer.group_id)
        .where(Customer.organisation_id == organisation_id)
        .order_by(Customer.sort_name, Customer.id)
    )
