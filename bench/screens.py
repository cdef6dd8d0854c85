"""How long the screens take on made-up customers, beside their SQL alone and beside a plain Flask-Admin.

    python -m bench [--quick] [--rounds 41] [--only sqlite] [--data build/bench]

Each figure is the median of many requests through the whole WSGI application in this process, signed in, after a
warm-up. All screens, sizes and the baseline take turns, so that whatever else the machine does falls on all alike.
"""

import argparse
import gc
import random
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bench import plain, report
from bench.cases import CASES, MORE_CASES, Case, CaseData, load_case_data, path_of
from bench.data import KINDS, SIZES, BenchDatabase, Store
from bench.measure import Line, Measurement, Pace, Target, sign_in
from customerhub.users.passwords import DEMO_PASSWORD
from models.base import db
from models.enums import Role
from seed.demo import email_of

WARM_UP = 12  # PostgreSQL prepares a statement at the sixth time and may settle on a plan at the eleventh


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse_arguments(arguments)
    sizes = (SIZES[1],) if options.quick else SIZES
    print(f"Medians of {options.rounds} requests each.")
    with closing(Store(options.data)) as store:
        for kind in options.only or KINDS:
            lines = _lines([store.open(kind, size) for size in sizes])
            pace = _measure(lines, options.rounds)
            report.print_report(kind, lines, [case.name for case in CASES], pace)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20,000 customers only")
    parser.add_argument("--rounds", type=int, default=41, help="measurements of each screen (41)")
    parser.add_argument("--only", action="append", choices=KINDS, help="one kind of database")
    parser.add_argument("--data", type=Path, default=Path("build/bench"), help="folder of the databases")
    return parser.parse_args(arguments)


def _lines(databases: list[BenchDatabase]) -> list[Line]:
    """Every case with what to measure for it: each size, and the baseline on the largest."""
    lines = [Line(case.name, case.is_form) for case in (*CASES, *MORE_CASES)]
    for database in databases:
        case_data, hub = load_case_data(database), _hub_target(database)
        for line, case in zip(lines, (*CASES, *MORE_CASES), strict=True):
            line.by_size[database.size] = Measurement(hub, path_of(case.path, case_data))
    largest = databases[-1]
    _add_baselines(lines, largest, load_case_data(largest))
    return lines


def _hub_target(database: BenchDatabase) -> Target:
    with database.app.app_context():
        engine = db.engine
    return Target(database.app, engine, sign_in(database.app, email_of(Role.ADMIN), DEMO_PASSWORD))


def _add_baselines(lines: list[Line], database: BenchDatabase, case_data: CaseData) -> None:
    app, engine = plain.create_app(database.url, case_data.organisation)
    target = Target(app, engine)
    cases: dict[str, Case] = {case.name: case for case in CASES}
    for line in lines:
        pattern = cases[line.name].plain if line.name in cases else None
        if pattern is not None:
            line.baseline = Measurement(target, path_of(pattern, case_data))


def _measure(lines: list[Line], rounds: int) -> Pace:
    """Warm up everything, then measure in turns; and see how busy the machine is meanwhile."""
    measurements = [measured for line in lines for measured in line.list_measurements()]
    for measured in measurements:
        measured.warm_up(WARM_UP)
    gc.collect()
    dice, pace = random.Random(rounds), Pace()
    for _ in range(rounds):
        dice.shuffle(measurements)  # whoever comes after another's like finds the database warm
        for measured in measurements:
            measured.measure_once()
            pace.measure()
    return pace
