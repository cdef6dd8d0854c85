"""What twenty custom fields cost the pages of customers: the same pages with them and without, in turns.

    python -m bench custom-fields [--size 200000] [--rounds 41] [--only sqlite] [--data build/bench]

Both databases hold the same customers; in the second the custom fields and their values were deleted.
"""

import argparse
import gc
import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from bench.cases import LIST, CaseData, load_case_data, path_of
from bench.data import KINDS, SIZES, BenchDatabase, Store, update_statistics
from bench.measure import Measurement, Pace, Target, sign_in
from bench.report import NAMES, print_table
from bench.screens import WARM_UP
from customerhub.users.passwords import DEMO_PASSWORD
from models.base import db
from models.enums import Role
from seed.demo import email_of

MAX_RATIO = 1.15
TABLES = ("customer_custom_value", "contract_custom_value", "invoice_profile_custom_value")
CASES = (
    ("list, first page", LIST),
    ("list, page in the middle", LIST + "?page={page}"),
    ("filter by status", LIST + "?f=status:is:{status}"),
    ("filter by risk and region", LIST + "?f=risk:is:High&f=region:is:1"),
    ("sort by name, descending", LIST + "?sort=name&desc=1"),
    ("sort by start", LIST + "?sort=start_date&desc=1"),
    ("search, fragment of a name", LIST + "?search=jord"),
    ("customer page", LIST + "details/?id={middle_customer}"),
    ("form with 50 inline rows", LIST + "edit/?id={busy_customer}"),
    ("form of a new customer", LIST + "new/"),
)


@dataclass
class Pair:
    """One page with custom fields and without."""

    name: str
    with_fields: Measurement
    without: Measurement

    @property
    def ratio(self) -> float:
        return self.with_fields.request_ms / self.without.request_ms


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse_arguments(arguments)
    with closing(Store(options.data)) as store:
        for kind in options.only or KINDS:
            database = store.open(kind, options.size)
            case_data = load_case_data(database)
            plain = store.copy(database, f"hub_{options.size}_plain")
            _delete_custom_fields(plain)
            targets = _open_target(database), _open_target(plain)
            pairs = [
                Pair(name, *(Measurement(each, path_of(path, case_data)) for each in targets)) for name, path in CASES
            ]
            pace = _measure(pairs, options.rounds)
            _print_pairs(kind, case_data, pairs, pace)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench custom-fields", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=SIZES[-1], help="number of customers (200000)")
    parser.add_argument("--rounds", type=int, default=41, help="measurements of each page (41)")
    parser.add_argument("--only", action="append", choices=KINDS, help="one kind of database")
    parser.add_argument("--data", type=Path, default=Path("build/bench"), help="folder of the databases")
    return parser.parse_args(arguments)


def _delete_custom_fields(database: BenchDatabase) -> None:
    """Delete all fields and values. A token of its own, because what is known by it holds in the whole process."""
    with database.app.app_context():
        for table in (*TABLES, "custom_field_choice", "custom_field"):
            db.session.execute(text(f"DELETE FROM {table}"))
        db.session.execute(text("UPDATE organisation SET custom_fields_token = 'none'"))
        db.session.commit()
        update_statistics(database.kind)
        for engine in db.engines.values():
            engine.dispose()


def _open_target(database: BenchDatabase) -> Target:
    with database.app.app_context():
        engine = db.engine
    return Target(database.app, engine, sign_in(database.app, email_of(Role.ADMIN), DEMO_PASSWORD))


def _measure(pairs: list[Pair], rounds: int) -> Pace:
    measurements = [each for pair in pairs for each in (pair.with_fields, pair.without)]
    for each in measurements:
        each.warm_up(WARM_UP)
    gc.collect()
    dice, pace = random.Random(rounds), Pace()
    for _ in range(rounds):
        dice.shuffle(measurements)
        for each in measurements:
            each.measure_once()
            pace.measure()
    return pace


def _print_pairs(kind: str, case_data: CaseData, pairs: list[Pair], pace: Pace) -> None:
    print(f"\n### {NAMES[kind]}: twenty custom fields on {case_data.size:,} customers\n")
    print(f"Meanwhile the same loop took {pace.slowness:.2f} times as long as at its quickest.\n")
    rows = [
        (
            pair.name,
            f"{pair.without.request_ms:.1f}",
            f"{pair.with_fields.request_ms:.1f}",
            f"{pair.ratio:.2f}",
            str(len(pair.without.statements)),
            str(len(pair.with_fields.statements)),
            "yes" if pair.ratio <= MAX_RATIO else "NO",
        )
        for pair in pairs
    ]
    print_table(("page", "without ms", "with ms", "ratio", "queries without", "with", "met"), rows)
    print(f"\nThe bound is {MAX_RATIO} times the page without custom fields.")
