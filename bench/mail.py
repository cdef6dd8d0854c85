"""How fast reminders are planned and the outbox is delivered.

    python -m bench mail [--quick] [--only sqlite] [--data build/bench]

Planned are the yearly reviews of made-up customers of which each has one due. Beside it stands a bare bulk insert of
the very rows that this wrote: the messages, and what keeps each from being planned twice.

Delivery stands beside bare smtplib that sends the same mails over one connection. Both talk to one aiosmtpd on the
loopback interface, in a process of its own that keeps nothing but how often it was given each Message-ID. The baseline
has every mail ready as bytes and does nothing but `sendmail`. The outbox claims, composes, sends, and commits each
message by itself. They take turns, so that whatever else the machine does falls on both alike.
"""

import argparse
import asyncio
import multiprocessing
import smtplib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP
from sqlalchemy import delete, insert, select

from bench.data import KINDS, Store
from bench.report import NAMES, table
from customerhub import clock, delivery, history, outbox
from customerhub.delivery import Envelope
from customerhub.notifications import mailing
from customerhub.notifications.letterhead import Brand
from customerhub.notifications.wording import literally
from customerhub.permissions import Actor
from jobs import mail
from jobs.reminders import remind_organisation
from models import Organisation, OutboxMessage, Reminder
from models.base import db
from seed.reference import seed_reference
from seed.synthesize import synthesize

LEAST = 1 / 3  # of the baseline's rate
MESSAGES, QUICK = 10_000, 2_000
ROUNDS = 10
WARM_UP = 200


def main(arguments: Sequence[str] | None = None) -> None:
    asked = _asked(arguments)
    count = QUICK if asked.quick else MESSAGES
    rows, planned = [], []
    with closing(Store(asked.data)) as store, server() as (port, received):
        for kind in asked.only or KINDS:
            with store.empty(kind, "hub_reminders").app_context():
                number, took, least = planning(count)
            planned.append([NAMES[kind], f"{number:,}", f"{took:.2f}", f"{least:.2f}", f"{took / least:.1f}"])
            app = store.empty(kind, "hub_mail", SMTP_URL=f"smtp://127.0.0.1:{port}")
            with app.app_context():
                bare, ours = measure(count, port)
            times = received()
            if set(times.values()) != {2} or len(times) != count + WARM_UP:
                raise RuntimeError(f"{len(times)} mails came, each {sorted(set(times.values()))} times")
            ratio = bare / ours
            rows.append([NAMES[kind], f"{count / bare:,.0f}", f"{count / ours:,.0f}", f"{ratio:.2f}", f"{LEAST:.2f}",
                         "yes" if ratio >= LEAST else "NO"])  # fmt: skip
    print("\n## Planning reminders\n")
    table(["database", "reminders", "seconds", "bare insert of the rows", "ratio"], planned)
    print(f"\n## Delivery of {count:,} messages, per second\n")
    table(["database", "bare smtplib", "outbox", "ratio", "bound", "met"], rows)


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench mail", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} messages only")
    parser.add_argument("--only", action="append", choices=KINDS, help="one kind of database")
    parser.add_argument("--data", type=Path, default=Path("build/bench"), help="where the databases are kept")
    return parser.parse_args(arguments)


def planning(count: int) -> tuple[int, float, float]:
    """How many reminders come of so many customers, the seconds that it takes to plan them, and those of a bare insert
    of the rows.
    """
    with history.acting(Actor(None, 0), "bench"):
        organisation = Organisation(name="Bench Telecom")
        db.session.add(organisation)
        db.session.flush()
        seed_reference(organisation)
        db.session.commit()
        synthesize(organisation, count, lambda _done: None)
    as_of = clock.today() + timedelta(days=366)
    began = time.perf_counter()
    planned = remind_organisation(organisation.id, as_of=as_of).planned
    took = time.perf_counter() - began
    db.session.rollback()
    tables = [each.__table__ for each in (OutboxMessage, Reminder)]
    with db.engine.connect() as connection:
        written = [[dict(row) for row in connection.execute(select(each)).mappings()] for each in tables]
        for each in reversed(tables):
            connection.execute(delete(each))
        connection.commit()
        began = time.perf_counter()
        for each, rows in zip(tables, written, strict=True):
            connection.execute(insert(each), rows)
        connection.commit()
    return planned, took, time.perf_counter() - began


def measure(count: int, port: int) -> tuple[float, float]:
    """The seconds that the baseline and the outbox take for as many messages."""
    with history.acting(Actor(None, 0), "bench"):
        organisation = Organisation(name="Bench Telecom")
        db.session.add(organisation)
        db.session.commit()
    key = organisation.id
    seconds = [0.0, 0.0]
    each = count // ROUNDS
    for number in range(-1, ROUNDS):
        envelopes = put(key, number, each if number >= 0 else WARM_UP)
        ways: list[Callable[[], None]] = [lambda ready=envelopes: by_smtplib(port, ready), by_outbox]  # type: ignore[misc]
        for way in (0, 1) if number % 2 else (1, 0):
            began = time.perf_counter()
            ways[way]()
            seconds[way] += time.perf_counter() - began if number >= 0 else 0
    return seconds[0], seconds[1]


def put(organisation_id: int, number: int, count: int) -> list[Envelope]:
    """Put as many reminders into the outbox; the mails that are to come of them."""
    drafts = []
    for place in range(count):
        mail = mailing.compose(
            subject=f"Königlich Handel {place}: a review is due",
            body=literally(
                "Hello,",
                f"the review of Königlich Handel {place} (KH-{place}) was due 9 days ago, on 14 September 2026.",
                "Please open the customer's page and look at its risk and its credit limit, see whether its documents "
                "are still valid, and record the review there, with what you found.",
            ),
            brand=Brand("Bench Telecom", foot=("Bench Telecom GmbH", "Musterstrasse 1, 10115 Berlin")),
            button=("Open the customer", f"https://hub.example.com/admin/customers/details/?id={place}"),
        )
        drafts.append(
            outbox.Draft(
                organisation_id=organisation_id, reason_key=f"review {number}.{place}", purpose="review due",
                recipient=f"reviewer{place}@hub.example", subject=mail.subject, text_body=mail.text,
                html_body=mail.html, why="A review is due",
            )
        )  # fmt: skip
    with outbox.unannounced():
        outbox.put_many(drafts)
        db.session.commit()
    letters = delivery.claim(now=clock.now(), limit=count)
    envelopes = [delivery.compose(letter, fallback_sender="no-reply@localhost") for letter in letters]
    db.session.rollback()
    return envelopes


def by_smtplib(port: int, envelopes: Sequence[Envelope]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as connection:
        for envelope in envelopes:
            connection.sendmail(envelope.sender, [envelope.recipient], envelope.content)


def by_outbox() -> None:
    while "sent" in mail.sweep():
        pass


# --- The mail server ---------------------------------------------------------------------------------------


class Counting:
    """Takes every mail and keeps its Message-ID."""

    def __init__(self) -> None:
        self.times: Counter[bytes] = Counter()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        at = envelope.content.index(b"\nMessage-ID: ")
        self.times[envelope.content[at + 13 : envelope.content.index(b"\r", at + 13)]] += 1
        return "250 OK"


@contextmanager
def server() -> Iterator[tuple[int, Callable[[], Counter[bytes]]]]:
    """Its port, and what tells how often each mail came since it was last asked."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(there,), daemon=True)
    process.start()

    def received() -> Counter[bytes]:
        here.send("received")
        times: Counter[bytes] = here.recv()
        return times

    try:
        yield here.recv(), received
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection) -> None:
    handler = Counting()

    def tell() -> None:
        pipe.recv()
        pipe.send(handler.times)
        handler.times = Counter()

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=True), "127.0.0.1", 0)
        loop.add_reader(pipe.fileno(), tell)
        pipe.send(listening.sockets[0].getsockname()[1])
        await listening.serve_forever()

    asyncio.run(serve())
