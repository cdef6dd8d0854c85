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
from bench.cases import CASES, MORE, Case, Known, known, path_of
from bench.data import KINDS, SIZES, Filled, Store
from bench.measure import Line, Measured, Pace, Target, sign_in
from models.base import db
from models.enums import Role
from seed.demo import PASSWORD, email_of

WARM_UP = 12  # PostgreSQL prepares a statement at the sixth time and may settle on a plan at the eleventh


def main(arguments: Sequence[str] | None = None) -> None:
    asked = _asked(arguments)
    sizes = (SIZES[1],) if asked.quick else SIZES
    print(f"Medians of {asked.rounds} requests each.")
    with closing(Store(asked.data)) as store:
        for kind in asked.only or KINDS:
            lines = _lines([store.open(kind, size) for size in sizes])
            pace = _measure(lines, asked.rounds)
            report.show(kind, lines, [case.name for case in CASES], pace)


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20,000 customers only")
    parser.add_argument("--rounds", type=int, default=41, help="how many times each is measured (41)")
    parser.add_argument("--only", action="append", choices=KINDS, help="one kind of database")
    parser.add_argument("--data", type=Path, default=Path("build/bench"), help="where the databases are kept")
    return parser.parse_args(arguments)


def _lines(databases: list[Filled]) -> list[Line]:
    """Every case with what to measure for it: each size, and the baseline on the largest."""
    lines = [Line(case.name, case.is_form) for case in (*CASES, *MORE)]
    for filled in databases:
        facts, hub = known(filled), _hub(filled)
        for line, case in zip(lines, (*CASES, *MORE), strict=True):
            line.by_size[filled.size] = Measured(hub, path_of(case.path, facts))
    largest = databases[-1]
    _add_baselines(lines, largest, known(largest))
    return lines


def _hub(filled: Filled) -> Target:
    with filled.app.app_context():
        engine = db.engine
    return Target(filled.app, engine, sign_in(filled.app, email_of(Role.ADMIN), PASSWORD))


def _add_baselines(lines: list[Line], filled: Filled, facts: Known) -> None:
    app, engine = plain.create_app(filled.url, facts.organisation)
    target = Target(app, engine)
    cases: dict[str, Case] = {case.name: case for case in CASES}
    for line in lines:
        pattern = cases[line.name].plain if line.name in cases else None
        if pattern is not None:
            line.baseline = Measured(target, path_of(pattern, facts))


def _measure(lines: list[Line], rounds: int) -> Pace:
    """Warm up everything, then measure in turns; and see how busy the machine is meanwhile."""
    each = [measured for line in lines for measured in line.all()]
    for measured in each:
        measured.warm_up(WARM_UP)
    gc.collect()
    dice, pace = random.Random(rounds), Pace()
    for _ in range(rounds):
        dice.shuffle(each)  # whoever comes after another's like finds the database warm
        for measured in each:
            measured.once()
            pace.take()
    return pace
