"""Many people at once on one hub for minutes, with sound and with hostile input, until something breaks.

    make soak ARGS="[--seconds 120] [--people 6] [--seed N] [--postgresql]"

Each of them is a thread that is signed in as one of the five roles of the demo, opens whatever addresses it finds, and
sends forms as they are, with a few changes or full of nonsense. No answer may be an error of the hub: 5xx other than
503 with Retry-After. Afterwards database and files must be consistent. Ends with 1 where anything broke.
"""

import argparse
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from itertools import cycle, islice
from math import inf
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select

from app import create_app
from customerhub.core import history
from customerhub.core.config import load_settings
from customerhub.core.permissions import Actor
from models import User
from models.base import db
from models.enums import Role
from seed.demo import email_of, seed_demo
from tests.support.browser_client import Browser, parse_form
from tests.support.hostile_input import HOSTILE_TEXTS, is_entered_by_people
from tests.support.invariants import list_broken
from tests.support.servers import PostgreSQL, Valkey, find_postgresql_programs

SOUND_TEXTS = ("1", "12.50", "2027-03-31", "31/03/2027", "Kim Novak", "kim@customer.example", "+49 30 901820")
FORM = re.compile(r"/(new|edit|operation|register|update)\b")
LINK = re.compile(r'(?:href|action|data-[a-z-]+)="(/[^"#]*)"')
LEFT_OUT = ("/sign-out", "/static/", "/profile/", "/admin/users/", "/admin/jobs/", "/admin/portal-users/operation/")
MAX_ADDRESSES = 3_000  # known to one person
WAIT_SECONDS = 60  # for the last answers
MAX_FAILURES = 20
MAX_SHOWN = 100


@dataclass
class Findings:
    """What all of them saw, until there are `max_answers`."""

    max_answers: float
    answers: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def are_enough(self) -> bool:
        return len(self.failures) >= MAX_FAILURES or self.answers.total() >= self.max_answers


class Person(threading.Thread):
    """Somebody who opens addresses and sends forms until `end`."""

    def __init__(self, app: Flask, user_id: int, dice: random.Random, end: float, findings: Findings) -> None:
        super().__init__(daemon=True)
        self.dice, self.end, self.findings = dice, end, findings
        with app.app_context():
            self.browser = Browser(app, user_id)
        self.addresses = ["/"]

    def run(self) -> None:
        while time.monotonic() < self.end and not self.findings.are_enough:
            forms = [address for address in self.addresses if FORM.search(address)]
            self._visit(self.dice.choice(forms if forms and self.dice.random() < 0.6 else self.addresses))

    def _visit(self, address: str) -> None:
        page = self._ask(address)
        if page is None:
            return
        found = {unescape(link) for link in LINK.findall(page) if not link.startswith(LEFT_OUT)}
        self.addresses += islice(sorted(found.difference(self.addresses)), MAX_ADDRESSES - len(self.addresses))
        form = parse_form(page)
        if form and self.dice.random() < 0.7:
            self._ask(address, self._fill(form))

    def _fill(self, form: dict[str, list[Any]]) -> dict[str, Any]:
        """The form as it is, or some of its fields filled in."""
        share = self.dice.choice((0, 0, 0.03, 0.03, 0.3, 1))
        texts = self.dice.choice((("", *HOSTILE_TEXTS.values()), SOUND_TEXTS))
        filled = {
            name: self.dice.choice(texts) for name in form if is_entered_by_people(name) and self.dice.random() < share
        }
        return form | filled

    def _ask(self, address: str, form: dict[str, Any] | None = None) -> str | None:
        """The page at `address`, or the answer to `form`; None where it is no page."""
        try:
            with self.browser.app.app_context():
                answer = self.browser.get(address) if form is None else self.browser.post(address, form)
        except Exception as error:  # what no error page was made for
            self.findings.failures.append(f"{address} {form}: {error!r}")
            return None
        self.findings.answers[answer.status_code] += 1
        is_busy = answer.status_code == 503 and "Retry-After" in answer.headers
        if answer.status_code >= 500 and not is_busy:
            self.findings.failures.append(f"{answer.status_code} for {address} {form}")
        return answer.text if answer.mimetype == "text/html" else None


def run_soak(app: Flask, *, seconds: float, people: int, seed: int, max_answers: float = inf) -> Findings:
    """Let `people` work on the demo of `app` for so many seconds, then look whether all is consistent."""
    findings = Findings(max_answers)
    with app.app_context():
        users = {role: db.session.scalars(select(User.id).where(User.email == email_of(role))).one() for role in Role}
    end = time.monotonic() + seconds
    threads = [
        Person(app, users[role], random.Random(f"{seed} {number}"), end, findings)
        for number, role in enumerate(islice(cycle(Role), people))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + WAIT_SECONDS)
    findings.failures += [f"somebody waits for an answer for {WAIT_SECONDS} s" for each in threads if each.is_alive()]
    with app.app_context():
        findings.failures += list_broken(app.config["HUB"].files_dir)
    return findings


def fill_demo(app: Flask) -> None:
    """Migrate the database of `app` and put the demo into it."""
    with app.app_context():
        upgrade()
        with history.act_as(Actor(None, 0), "soak"):
            seed_demo(app.config["HUB"].data_dir)
            db.session.commit()


@contextmanager
def start_hub(folder: Path, *, uses_postgresql: bool) -> Iterator[Flask]:
    """An app with the demo over servers of its own, which end with it."""
    settings = {"HUB_DATA_DIR": str(folder), "HUB_SECRET_KEY": "soak", "REDIS_URL": Valkey(folder).url}
    programs = find_postgresql_programs()
    if uses_postgresql and programs is None:
        sys.exit("PostgreSQL is not installed")
    server = PostgreSQL(programs) if uses_postgresql and programs is not None else None
    if server is not None:
        server.execute("CREATE DATABASE soak")
        settings["DATABASE_URL"] = server.url("soak")
    app = create_app(load_settings(settings))
    fill_demo(app)
    yield app
    if server is not None:
        server.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--people", type=int, default=6, help="how many work at once (6)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="what the dice begin with")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}")
    with (
        tempfile.TemporaryDirectory(prefix="hub-soak-") as folder,
        start_hub(Path(folder), uses_postgresql=options.postgresql) as app,
    ):
        findings = run_soak(app, seconds=options.seconds, people=options.people, seed=options.seed)
    print(f"{findings.answers.total():,} answers: {dict(sorted(findings.answers.items()))}")
    print("\n".join(findings.failures[:MAX_SHOWN]) or "nothing broke")
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(main())
