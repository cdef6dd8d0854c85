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
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP
from sqlalchemy import delete, insert, select

from bench.data import KINDS, Store
from bench.report import NAMES, print_table
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from customerhub.mail import composition, delivery, outbox
from customerhub.mail.letterhead import Brand
from customerhub.mail.markup import render_literal
from customerhub.mail.smtp_mail import SmtpMail, build_smtp_mail
from jobs import mail
from jobs.reminders import remind_organisation
from models import Organisation, OutboxMessage, Reminder
from models.base import db
from seed.reference import seed_reference
from seed.synthesize import synthesize

MIN_RATIO = 1 / 3  # of the baseline's rate
MESSAGES, QUICK = 10_000, 2_000
ROUNDS = 10
WARM_UP = 200


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse_arguments(arguments)
    count = QUICK if options.quick else MESSAGES
    rows, planning_rows = [], []
    with closing(Store(options.data)) as store, mail_server() as (port, take_counts):
        for kind in options.only or KINDS:
            with store.create_empty(kind, "hub_reminders").app_context():
                number, planning_seconds, insert_seconds = measure_planning(count)
            planning_rows.append(
                [
                    NAMES[kind],
                    f"{number:,}",
                    f"{planning_seconds:.2f}",
                    f"{insert_seconds:.2f}",
                    f"{planning_seconds / insert_seconds:.1f}",
                ]
            )
            app = store.create_empty(kind, "hub_mail", SMTP_URL=f"smtp://127.0.0.1:{port}")
            with app.app_context():
                smtplib_seconds, outbox_seconds = measure_delivery(count, port)
            mail_counts = take_counts()
            if set(mail_counts.values()) != {2} or len(mail_counts) != count + WARM_UP:
                raise RuntimeError(f"{len(mail_counts)} mails received, each {sorted(set(mail_counts.values()))} times")
            ratio = smtplib_seconds / outbox_seconds
            rows.append(
                [
                    NAMES[kind],
                    f"{count / smtplib_seconds:,.0f}",
                    f"{count / outbox_seconds:,.0f}",
                    f"{ratio:.2f}",
                    f"{MIN_RATIO:.2f}",
                    "yes" if ratio >= MIN_RATIO else "NO",
                ]
            )
    print("\n## Planning reminders\n")
    print_table(["database", "reminders", "seconds", "bare insert of the rows", "ratio"], planning_rows)
    print(f"\n## Delivery of {count:,} messages, per second\n")
    print_table(["database", "bare smtplib", "outbox", "ratio", "bound", "met"], rows)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench mail", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} messages only")
    parser.add_argument("--only", action="append", choices=KINDS, help="one kind of database")
    parser.add_argument("--data", type=Path, default=Path("build/bench"), help="folder of the databases")
    return parser.parse_args(arguments)


def measure_planning(count: int) -> tuple[int, float, float]:
    """How many reminders come of so many customers, the seconds that it takes to plan them, and those of a bare insert
    of the rows.
    """
    with history.act_as(Actor(None, 0), "bench"):
        organisation = Organisation(name="Bench Telecom")
        db.session.add(organisation)
        db.session.flush()
        seed_reference(organisation)
        db.session.commit()
        synthesize(organisation, count, lambda _done: None)
    as_of = clock.get_today() + timedelta(days=366)
    started_at = time.perf_counter()
    planned_count = remind_organisation(organisation.id, as_of=as_of).planned
    planning_seconds = time.perf_counter() - started_at
    db.session.rollback()
    tables = [each.__table__ for each in (OutboxMessage, Reminder)]
    with db.engine.connect() as connection:
        rows_by_table = [[dict(row) for row in connection.execute(select(each)).mappings()] for each in tables]
        for each in reversed(tables):
            connection.execute(delete(each))
        connection.commit()
        started_at = time.perf_counter()
        for each, rows in zip(tables, rows_by_table, strict=True):
            connection.execute(insert(each), rows)
        connection.commit()
    return planned_count, planning_seconds, time.perf_counter() - started_at


def measure_delivery(count: int, port: int) -> tuple[float, float]:
    """The seconds that the baseline and the outbox take for as many messages."""
    with history.act_as(Actor(None, 0), "bench"):
        organisation = Organisation(name="Bench Telecom")
        db.session.add(organisation)
        db.session.commit()
    key = organisation.id
    seconds = [0.0, 0.0]
    batch_size = count // ROUNDS
    for number in range(-1, ROUNDS):
        envelopes = enqueue_messages(key, number, batch_size if number >= 0 else WARM_UP)
        senders = [partial(send_with_smtplib, port, envelopes), send_with_outbox]
        for sender in (0, 1) if number % 2 else (1, 0):
            started_at = time.perf_counter()
            senders[sender]()
            seconds[sender] += time.perf_counter() - started_at if number >= 0 else 0
    return seconds[0], seconds[1]


def enqueue_messages(organisation_id: int, number: int, count: int) -> list[SmtpMail]:
    """Put as many reminders into the outbox; the mails that are to come of them."""
    drafts = []
    for place in range(count):
        mail = composition.compose(
            subject=f"Königlich Handel {place}: a review is due",
            body=render_literal(
                "Hello,",
                f"the review of Königlich Handel {place} (KH-{place}) was due 9 days ago, on 14 September 2026.",
                "Please open the customer's page, check its risk and its credit limit, check that its documents are "
                "still valid, and record the review with your findings.",
            ),
            brand=Brand("Bench Telecom", foot=("Bench Telecom GmbH", "Musterstrasse 1, 10115 Berlin")),
            button=("Open the customer", f"https://hub.example.com/admin/customers/details/?id={place}"),
        )
        drafts.append(
            outbox.Draft(
                organisation_id=organisation_id,
                reason_key=f"review {number}.{place}",
                purpose="review due",
                recipient=f"reviewer{place}@hub.example",
                subject=mail.subject,
                text_body=mail.text,
                html_body=mail.html,
                why="A review is due",
            )
        )
    with outbox.without_dispatch():
        outbox.enqueue_many(drafts)
        db.session.commit()
    messages = delivery.claim(now=clock.get_now(), limit=count)
    envelopes = [build_smtp_mail(letter, fallback_sender="no-reply@localhost") for letter in messages]
    db.session.rollback()
    return envelopes


def send_with_smtplib(port: int, envelopes: Sequence[SmtpMail]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as connection:
        for envelope in envelopes:
            connection.sendmail(envelope.sender, [envelope.recipient], envelope.content)


def send_with_outbox() -> None:
    while "sent" in mail.sweep():
        pass


# --- The mail server ---------------------------------------------------------------------------------------


class CountingHandler:
    """Takes every mail and keeps its Message-ID."""

    def __init__(self) -> None:
        self.counts: Counter[bytes] = Counter()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        at = envelope.content.index(b"\nMessage-ID: ")
        self.counts[envelope.content[at + 13 : envelope.content.index(b"\r", at + 13)]] += 1
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[tuple[int, Callable[[], Counter[bytes]]]]:
    """Its port, and what tells how often each mail came since it was last asked."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(there,), daemon=True)
    process.start()

    def take_counts() -> Counter[bytes]:
        here.send("received")
        counts: Counter[bytes] = here.recv()
        return counts

    try:
        yield here.recv(), take_counts
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection) -> None:
    handler = CountingHandler()

    def send_counts() -> None:
        pipe.recv()
        pipe.send(handler.counts)
        handler.counts = Counter()

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=True), "127.0.0.1", 0)
        loop.add_reader(pipe.fileno(), send_counts)
        pipe.send(listening.sockets[0].getsockname()[1])
        await listening.serve_forever()

    asyncio.run(serve())
