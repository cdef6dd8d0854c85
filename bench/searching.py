"""What searching customers costs as they become more: CPU time of whole requests at two sizes, and the ratio.

    python -m bench search [--sizes 200000 1000000] [--rounds 3] [--only sqlite] [--words a,zen] [--data build/bench]

Every word, in every order of the list in both directions, on the first page, on one that few turn to and on the last of
those counted. Both sizes take turns. On PostgreSQL the time of the server's process is added, which works alone.
Databases of 1,000,000 customers take half an hour each to make.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import func, select, text

from bench.cases import LIST
from bench.data import KINDS, BenchDatabase, Store
from bench.measure import Target, sign_in
from bench.report import NAMES, print_table
from customerhub.core.permissions import Actor, select_visible
from customerhub.customers.search import select_matching_ids
from customerhub.users.passwords import DEMO_PASSWORD
from models import Customer, Organisation
from models.base import db
from models.enums import Role
from seed.demo import NAME, email_of
from views.framework.list_page import COUNT_LIMIT, PAGE_SIZES

SIZES = (200_000, 1_000_000)
WORDS = (
    *("a", "z", "s", "r", "2", "am", "ze", "sy", "20", "20 0"),
    *("zen", "ltd", "ics", "000", "123", "nith", "jasp", "mber", "offi", "0000", "1234"),
    *("logistics", "zenith", "office", "example", "amber logistics", "zenith ab"),
)
SORTS = ("name", "reference", "account_number", "start_date")
MAX_RATIO = 3
FLOOR_MS = 30  # what both sizes take less than is not compared: most of it is the page itself


@dataclass
class SearchCase:
    """One search, order and place; milliseconds of CPU time by size."""

    word: str
    order: str
    place: str
    milliseconds: dict[int, list[float]] = field(default_factory=dict)

    def compute_median(self, size: int) -> float:
        return statistics.median(self.milliseconds[size])

    @property
    def ratio(self) -> float:
        return self.compute_median(max(self.milliseconds)) / self.compute_median(min(self.milliseconds))

    @property
    def is_met(self) -> bool:
        return self.ratio <= MAX_RATIO or self.compute_median(max(self.milliseconds)) <= FLOOR_MS


class SearchedDatabase:
    """The hub over one database, with the pages that each word has there."""

    def __init__(self, database: BenchDatabase, words: Sequence[str]) -> None:
        self.size = database.size
        with database.app.app_context():
            engine = db.engine
            self._server_process = _keep_to_one_process() if engine.dialect.name == "postgresql" else None
            self._last_pages = {word: _count_matches(word) // PAGE_SIZES[0] for word in words}
        self._target = Target(database.app, engine, sign_in(database.app, email_of(Role.ADMIN), DEMO_PASSWORD))

    def measure(self, case: SearchCase) -> None:
        """Milliseconds of CPU time of one request are added to the case."""
        last = self._last_pages[case.word]
        page = {"first": 0, "tenth": min(9, last), "last": last}[case.place]
        sort, _, direction = case.order.partition(" ")
        query = {"search": case.word, "sort": sort, "desc": int(direction == "desc"), "page": page}
        started_at = self._read_cpu_seconds()
        self._target.time_request(f"{LIST}?{urlencode(query)}")
        case.milliseconds.setdefault(self.size, []).append((self._read_cpu_seconds() - started_at) * 1000)

    def _read_cpu_seconds(self) -> float:
        if self._server_process is None:
            return time.process_time()
        nanoseconds = Path(f"/proc/{self._server_process}/schedstat").read_text().split()[0]
        return time.process_time() + int(nanoseconds) / 1e9


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse_arguments(arguments)
    with closing(Store(options.data)) as store:
        for kind in options.only or KINDS:
            databases = [SearchedDatabase(store.open(kind, size), options.words) for size in sorted(options.sizes)]
            cases = [
                SearchCase(word, order, place)
                for word in options.words
                for order in (f"{sort} {direction}" for sort in SORTS for direction in ("asc", "desc"))
                for place in ("first", "tenth", "last")
            ]
            for case in cases:
                for _ in range(options.rounds + 1):
                    for database in databases:
                        database.measure(case)
                for milliseconds in case.milliseconds.values():
                    del milliseconds[0]  # the first is the warm-up
            _print_cases(kind, cases)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench search", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs=2, default=SIZES, help="numbers of customers (200000 1000000)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each search (3)")
    parser.add_argument("--only", action="append", choices=KINDS, help="one kind of database")
    parser.add_argument("--words", type=lambda text: text.split(","), default=WORDS, help="what is searched for")
    parser.add_argument("--data", type=Path, default=Path("build/bench"), help="folder of the databases")
    return parser.parse_args(arguments)


def _keep_to_one_process() -> int:
    """The process of the only connection to PostgreSQL, which is not to have others help it."""
    db.session.execute(text("SET max_parallel_workers_per_gather = 0"))
    process = db.session.scalars(text("SELECT pg_backend_pid()")).one()
    db.session.commit()
    return int(process)


def _count_matches(word: str) -> int:
    """How many there are, counted as the list counts; one less, so that the last page has one at least."""
    organisation = db.session.scalars(select(Organisation.id).where(Organisation.name == NAME)).one()
    query = select_visible(Customer, Actor(None, organisation))
    ids = select_matching_ids(query, word).limit(COUNT_LIMIT).subquery()
    return max((db.session.scalar(select(func.count()).select_from(ids)) or 0) - 1, 0)


def _print_cases(kind: str, cases: Sequence[SearchCase]) -> None:
    """A line for each word, with its worst ratio in any order; then what is not met."""
    small, large = sorted(cases[0].milliseconds)
    print(f"\n### {NAMES[kind]}: searching {large:,} customers beside {small:,}\n")
    rows = []
    for word in dict.fromkeys(case.word for case in cases):
        several = [case for case in cases if case.word == word]
        worst = max(several, key=lambda case: (not case.is_met, case.ratio))
        medians = [statistics.median(case.compute_median(size) for case in several) for size in (small, large)]
        slowest = max(case.compute_median(large) for case in several)
        figures = [
            f"{figure:.1f}" for figure in (*medians, slowest, worst.compute_median(small), worst.compute_median(large))
        ]
        rows.append((word, *figures, f"{worst.ratio:.1f}", f"{worst.order}, {worst.place} page"))
    heads = ("search", f"{small:,} ms", f"{large:,} ms", "slowest", f"worst: {small:,}", f"{large:,}", "ratio", "of")
    print_table(heads, rows)
    missed = [case for case in cases if not case.is_met]
    print(f"\n{len(cases) - len(missed)} of {len(cases)} at most {MAX_RATIO} times as much, or within {FLOOR_MS} ms.")
    for case in missed:
        figures_text = f"{case.compute_median(small):.1f} and {case.compute_median(large):.1f} ms"
        print(f"- {case.word}, {case.order}, {case.place} page: {figures_text} ({case.ratio:.1f})")
