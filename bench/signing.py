"""What a worker's first envelope costs beside a bare call of the SDK, and how long the webhook takes to answer.

    python -m bench signing [--rounds 9]

Both send the same PDF to one signing sandbox, in a process of its own each time, by turns: import of the SDK, token,
user, envelope. The hub does it as a job does: it claims the request, reads the document, records what came of it. The
start of the app comes before the clock, as workers are started long before. The third way has to typeset the NDA too.
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select

from app import create_app
from bench.report import print_table
from bench.signing_programs import Seconds
from customerhub.core import history
from customerhub.core.config import load_settings
from customerhub.core.permissions import Actor
from customerhub.customers.invoice_profiles import add_profile
from customerhub.customers.signature_requests import find_current_envelope
from models import Customer, User
from models.base import db
from models.enums import Role
from seed.demo import email_of, seed_demo
from tests.support.pdfs import build_plain_pdf
from tests.support.signing_events import build_body, post, sign
from tests.support.signing_sandbox import SigningSandbox, keep_plain_document, running_sandbox, set_up_signing

MAX_RATIO = 1.5
EVENTS = 200
BARE, HUB, TYPESETTING = "bare SDK", "first envelope of a worker", "the same, NDA typeset too"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench signing", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name, running_sandbox(Path(name) / "sandbox") as sandbox:
        folder = Path(name)
        environment = {
            "HUB_DATA_DIR": str(folder / "hub"),
            "HUB_SECRET_KEY": "bench",
            "HUB_SANDBOX_PORT": sandbox.host.rpartition(":")[2],
        }
        (folder / "hub").mkdir()
        app = create_app(load_settings(environment))
        with app.app_context():
            upgrade()
            actor = prepare_hub(folder, sandbox)
            figures = measure_sending(options.rounds, folder, sandbox, actor, environment)
            webhook_ms = measure_webhook(app, sandbox, actor)
    print_figures(figures, webhook_ms)


def prepare_hub(folder: Path, sandbox: SigningSandbox) -> Actor:
    """An organisation whose NDAs are signed in the sandbox; its administrator."""
    with history.act_as(Actor(None, 0), "bench"):
        organisation = seed_demo(folder)
        db.session.commit()
    actor = Actor.from_user(db.session.scalars(select(User).where(User.email == email_of(Role.ADMIN))).one())
    with history.act_as(actor, "bench"):
        set_up_signing(organisation, sandbox, actor=actor)
        db.session.commit()
    return actor


def add_waiting_profile(actor: Actor, *, number: int, has_document: bool) -> None:
    """A profile whose NDA is to be sent."""
    query = select(Customer).where(Customer.organisation_id == actor.organisation_id).order_by(Customer.id).limit(1)
    with history.act_as(actor, "bench"):
        customer = db.session.scalars(query).one()
        profile = add_profile(
            customer, name=f"Profile {number} {has_document}", email=f"client{number}@bench.example", actor=actor
        )
        envelope = find_current_envelope(profile)
        if envelope is None:
            raise RuntimeError("the profile needs no signature")
        if has_document:
            keep_plain_document(envelope)
        db.session.commit()


def measure_sending(
    rounds: int, folder: Path, sandbox: SigningSandbox, actor: Actor, environment: dict[str, str]
) -> dict[str, list[Seconds]]:
    """The seconds of each round, by the way in which it was sent."""
    task = folder / "task.json"
    content = base64.b64encode(build_plain_pdf("ours", "theirs")).decode()
    task.write_text(json.dumps({**sandbox.credentials, "content": content, "anchors": ["ours", "theirs"]}))
    figures: dict[str, list[Seconds]] = {BARE: [], HUB: [], TYPESETTING: []}
    for number in range(-1, rounds):  # the first round warms the disk up
        for way, words in ((BARE, ["sdk", str(task)]), (HUB, ["hub"]), (TYPESETTING, ["hub"])):
            if way != BARE:
                add_waiting_profile(actor, number=number + 1, has_document=way == HUB)
            seconds = _run_program(words, environment)
            if number >= 0:
                figures[way].append(seconds)
    expected = len(figures) * (rounds + 1)
    if len(sandbox.list_envelopes()) != expected:
        raise RuntimeError(f"{len(sandbox.list_envelopes())} envelopes instead of {expected}")
    return figures


def _run_program(words: list[str], environment: dict[str, str]) -> Seconds:
    command = [sys.executable, "-m", "bench.signing_programs", *words]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    wall, cpu = map(float, done.stdout.split()[-2:])
    return wall, cpu


def measure_webhook(app: Flask, sandbox: SigningSandbox, actor: Actor) -> list[float]:
    """The milliseconds in which each of many events of one envelope is answered, through the whole WSGI application."""
    from models import Envelope

    query = select(Envelope).where(Envelope.organisation_id == actor.organisation_id, Envelope.remote_id.is_not(None))
    envelope = db.session.scalars(query.limit(1)).one()
    client, secret, figures = app.test_client(), sandbox.credentials["hmac_keys"][0], []
    bodies = [build_body(envelope, sandbox, number=number) for number in range(EVENTS)]
    db.session.rollback()
    for body in bodies:
        began = time.perf_counter()
        answer = post(client, body, sign(body, secret))
        figures.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 204:
            raise RuntimeError(f"the webhook answered {answer.status_code}")
    return figures


def print_figures(figures: dict[str, list[Seconds]], webhook_ms: list[float]) -> None:
    medians = {way: [statistics.median(column) for column in zip(*rows, strict=True)] for way, rows in figures.items()}
    rows = []
    for way, (wall, cpu) in medians.items():
        bare_wall, bare_cpu = medians[BARE]
        met = "yes" if wall / bare_wall <= MAX_RATIO else "NO"
        rows.append(
            [
                way,
                f"{wall:.2f}",
                f"{wall / bare_wall:.2f}",
                f"{cpu:.2f}",
                f"{cpu / bare_cpu:.2f}",
                "–" if way == BARE else met,
            ]
        )
    print_table(["sending", "median s", "times the SDK", "CPU s", "times", f"at most {MAX_RATIO}"], rows)
    middle, most = statistics.median(webhook_ms), max(webhook_ms)
    print(f"\nThe webhook answers in {middle:.1f} ms, at most in {most:.1f} ms ({EVENTS} events).")


if __name__ == "__main__":
    main()
