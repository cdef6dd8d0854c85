"""Signatures while everything fails at random: the sandbox, the events, and the workers, which are killed.

What is made to happen: each client signs or declines and the signatory signs, in threads, in any order; each event
arrives up to five times or never, from eight threads; workers are killed and others take their place; the sandbox
answers late, refuses, breaks off before and after it has done what it was asked.
"""

import base64
import hashlib
import hmac
import json
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text

from customerhub.core import clock
from customerhub.core.config import Settings
from customerhub.signing.requests import LEASES, retry_requests
from jobs import signing
from models import Contract, Envelope, History, InvoiceProfile, OutboxMessage
from models.base import db
from models.enums import ContractStatus, ProfileStatus
from models.signing_enums import EnvelopeStatus
from tests.support.forked_processes import ForkedProcess, start_program
from tests.support.signing_sandbox import Refusal, SigningSandbox

WORKER = "tests.processes.signing_worker"
WORKERS, DELIVERERS, MOST_DELIVERIES = 3, 8, 5
CALL_DURATION = timedelta(seconds=2)  # of one that is slow
DECLINING = 5  # of so many clients one declines
FAULTS = (
    {"fault": "error_after", "probability": 0.08},
    {"fault": "close_after", "probability": 0.05},
    {"fault": "error_before", "probability": 0.08},
    {"fault": "close_before", "probability": 0.05},
    {"fault": "slow", "probability": 0.05, "seconds": 0.2},
)


@dataclass
class Chaos:
    """One run. `remote_ids` are those that were signed or declined, by profile."""

    app: Any
    settings: Settings
    sandbox: SigningSandbox
    profile_ids: list[int]
    dice: random.Random
    end_by: float
    kills: int = 0
    _workers: list[ForkedProcess] = field(default_factory=list)

    def run(self) -> None:
        """Let it all happen, then let everything come to rest."""
        self.sandbox.misbehave(*FAULTS, seed=self.dice.randrange(1000))
        self._workers = [start_program(self.settings, WORKER) for _ in range(WORKERS)]
        signer = threading.Thread(target=self._sign_everything)
        signer.start()
        try:
            while signer.is_alive() or not self._is_quiet():
                assert time.monotonic() < self.end_by, "it does not come to rest"
                self._kill_one()
                self._let_time_pass()
                self._deliver_events()
            signer.join()
        finally:
            for worker in self._workers:
                worker.end()
        self.sandbox.misbehave()
        self._settle()

    def _sign_everything(self) -> None:
        """As soon as an envelope is there its signers act."""
        open_ids = set(self.profile_ids)
        dice = random.Random(1)
        while open_ids and time.monotonic() < self.end_by:
            for remote in self.sandbox.list_envelopes():
                profile_id = self._find_profile(remote["transactionId"])
                if profile_id in open_ids and remote["status"] in ("sent", "delivered"):
                    open_ids.discard(profile_id)
                    self._act(remote, profile_id, dice)
            time.sleep(0.1)

    def _act(self, remote: dict[str, Any], profile_id: int, dice: random.Random) -> None:
        signers = [each["email"] for each in remote["recipients"]["signers"]]
        dice.shuffle(signers)
        with suppress(Refusal):  # who comes after the other has declined finds it ended
            for address in signers:
                if self.is_declining(profile_id) and address.startswith("client"):
                    self.sandbox.decline(remote["envelopeId"], address, "No")
                else:
                    self.sandbox.sign(remote["envelopeId"], address)

    def _find_profile(self, transaction_id: str) -> int | None:
        with self.app.app_context():
            query = select(Envelope.invoice_profile_id).where(Envelope.transaction_id == transaction_id)
            return db.session.scalar(query)

    def is_declining(self, profile_id: int) -> bool:
        return self.profile_ids.index(profile_id) % DECLINING == DECLINING - 1

    def _kill_one(self) -> None:
        """Kill a worker in the middle of whatever it does, and start another."""
        time.sleep(self.dice.uniform(0.2, 0.8))
        victim = self.dice.randrange(WORKERS)
        self._workers[victim].send_signal(signal.SIGKILL)
        self._workers[victim].end()
        self._workers[victim] = start_program(self.settings, WORKER)
        self.kills += 1

    def _let_time_pass(self) -> None:
        """What is to be tried again later is so now. What was given up somebody has tried again: each kill costs an
        attempt. Now and then leases end, also of the living, but never before a call could have ended: the service may
        still do what a killed worker asked of it.
        """
        requests = db.metadata.tables["signing_request"]
        now, long_ago = clock.get_now(), clock.get_now() - timedelta(hours=1)
        is_idle = requests.c.claimed_until.is_(None)
        is_old = requests.c.claimed_until < now + LEASES.duration - CALL_DURATION
        with self.app.app_context():
            db.session.execute(requests.update().where(is_idle).values(next_attempt_at=long_ago))
            if self.dice.random() < 0.5:
                db.session.execute(requests.update().where(is_old).values(claimed_until=long_ago))
            given_up_ids = db.session.scalars(select(requests.c.id).where(requests.c.state == "failed")).all()
            retry_requests(given_up_ids, now=long_ago)
            db.session.commit()

    def _deliver_events(self) -> None:
        """Events of some envelopes, up to five times each, in any order, from eight threads."""
        bodies = []
        for remote in self.sandbox.list_envelopes():
            body = self._build_event(remote)
            bodies += [body] * self.dice.choice((0, 0, 1, MOST_DELIVERIES))
        self.dice.shuffle(bodies)
        with ThreadPoolExecutor(DELIVERERS) as pool:
            for status in pool.map(self._post, bodies):
                assert status in (204, 503), status

    def _build_event(self, remote: dict[str, Any]) -> bytes:
        data = {"accountId": self.sandbox.credentials["account_id"], "envelopeId": remote["envelopeId"]}
        return json.dumps({"event": f"envelope-{remote['status']}", "data": data}).encode()

    def _post(self, body: bytes) -> int:
        secret = self.sandbox.credentials["hmac_keys"][0].encode()
        signature = base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()
        answer = self.app.test_client().post(
            "/webhooks/docusign", data=body, headers={"X-DocuSign-Signature-1": signature}
        )
        return int(answer.status_code)

    def _is_quiet(self) -> bool:
        """Whether every profile has its end and nothing is to be asked any more."""
        with self.app.app_context():
            pending = select(InvoiceProfile.id).where(
                InvoiceProfile.id.in_(self.profile_ids), InvoiceProfile.status == ProfileStatus.NDA_PENDING
            )
            open_count = db.session.scalar(
                text("SELECT count(*) FROM signing_request WHERE state IN ('waiting', 'working')")
            )
            return db.session.scalars(pending).first() is None and not open_count

    def _settle(self) -> None:
        """The comparison makes up for all events that never came."""
        with self.app.app_context():
            signing.compare_envelopes()
        for _ in range(20):
            self._let_time_pass()
            with self.app.app_context():
                signing.perform_requests()
            if self._is_quiet():
                return
        raise AssertionError("requests are left")


def list_faults(chaos: Chaos) -> list[str]:
    """What is not as it has to be once everything has come to rest."""
    faults = []
    remote_counts = Counter(each["transactionId"] for each in chaos.sandbox.list_envelopes())
    live_moves = count_moves("contract", "Live")
    completions = count_moves("invoice_profile", "Profile Completed")
    for profile_id in chaos.profile_ids:
        profile = db.session.get_one(InvoiceProfile, profile_id)
        envelope = db.session.scalars(select(Envelope).where(Envelope.invoice_profile_id == profile_id)).one()
        contract = db.session.scalars(select(Contract).where(Contract.invoice_profile_id == profile_id)).one()
        is_declined = chaos.is_declining(profile_id)
        expected = (
            (EnvelopeStatus.DECLINED, ProfileStatus.NDA_DECLINED, ContractStatus.DRAFT, 0, 0)
            if is_declined
            else (EnvelopeStatus.COMPLETED, ProfileStatus.COMPLETED, ContractStatus.LIVE, 1, 1)
        )
        found = (
            envelope.status,
            profile.status,
            contract.status,
            live_moves[contract.id],
            completions[profile_id],
        )
        if found != expected:
            faults.append(f"profile {profile_id}: {found} instead of {expected}")
        if remote_counts[envelope.transaction_id] != 1:
            faults.append(f"envelope {envelope.id}: {remote_counts[envelope.transaction_id]} at the sandbox")
        if (envelope.signed_file_id is None or envelope.certificate_file_id is None) is not is_declined:
            faults.append(f"envelope {envelope.id}: its signed document is missing")
    mails = db.session.execute(
        select(OutboxMessage.reason_key).where(OutboxMessage.purpose == "document signature")
    ).scalars()
    mail_count = len(list(mails))
    if mail_count != 3 * len(chaos.profile_ids):
        faults.append(f"{mail_count} mails for {len(chaos.profile_ids)} envelopes")
    return faults


def count_moves(table: str, status: str) -> Counter[int]:
    entries = db.session.scalars(select(History).where(History.table_name == table))
    return Counter(each.row_id for each in entries if each.changes.get("status", [None, None])[1] == status)
