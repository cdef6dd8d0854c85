"""Sending events: a thread that takes what is due from the table, and a short-lived one for each message on its way.

An event that was on its way when the sandbox was killed is sent again; receivers have to bear that from DocuSign too.
"""

import base64
import hashlib
import hmac
import http.client
import json
import logging
import secrets
import sqlite3
import ssl
import threading
import time
from collections import Counter
from typing import Final
from urllib.parse import urlsplit

from sandbox.account import list_hmac_keys
from sandbox.behaviour import EVENT_FAULTS, Behaviour, Rule
from sandbox.envelopes.lifecycle import expire_envelopes, has_anything_due, send_reminders
from sandbox.store import Store

SEND_SECONDS: Final = 15.0  # how long a receiver may take
RETRY_SECONDS: Final = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)  # pauses; then the event is given up
MAX_SENDING: Final = 16  # at a time
MAX_SENDING_TO_ONE: Final = 4  # to one address, so that a slow one does not hold up the others
IDLE_SECONDS: Final = 0.5
log = logging.getLogger(__name__)


class EventSender:
    """Sends until it is stopped; also does what is due by the clock."""

    def __init__(self, store: Store, behaviour: Behaviour) -> None:
        self._store = store
        self._behaviour = behaviour
        self._wake = threading.Event()
        self._stopping = False
        self._lock = threading.Lock()
        self._sending: dict[int, tuple[str, str]] = {}  # events on their way: their envelope and address
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join(5)

    def notify_sender(self) -> None:
        """There is something to send."""
        self._wake.set()

    def flush_events(self, seconds: float) -> int:
        """Send all that waits, whenever it is due; how many are left after `seconds` at most."""
        deadline = time.monotonic() + seconds
        while True:
            with self._store.write() as db:
                _plan_new_events(db, self._behaviour)
                db.execute("UPDATE connect_event SET due_at = 0 WHERE state = 'waiting' AND attempt_count = 0")
            self._wake.set()
            with self._store.read() as db:
                left = int(
                    db.execute(
                        "SELECT count(*) FROM connect_event"
                        " WHERE state = 'new' OR (state = 'waiting' AND attempt_count = 0)"
                    ).fetchone()[0]
                )
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.02)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._do_what_is_due()
            except Exception:  # a full disk, say: it may have room again the next time
                log.exception("the sandbox could not do what is due")
            self._wake.wait(IDLE_SECONDS)
            self._wake.clear()

    def _do_what_is_due(self) -> None:
        with self._store.read() as db:
            is_due = has_anything_due(db)
            has_new = bool(db.execute("SELECT 1 FROM connect_event WHERE state = 'new' LIMIT 1").fetchone())
        if is_due:
            with self._store.write() as db:
                expire_envelopes(db)
                send_reminders(db)
        if is_due or has_new:
            with self._store.write() as db:
                _plan_new_events(db, self._behaviour)
        with self._store.read() as db:
            due = db.execute(
                "SELECT * FROM connect_event WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, id LIMIT 1000",
                (time.time(),),
            ).fetchall()
        for event in due:
            if self._reserve(event):
                threading.Thread(target=self._send, args=(event,), name="event", daemon=True).start()

    def _reserve(self, event: sqlite3.Row) -> bool:
        """Whether this event may be sent now. Those of one envelope go one after the other."""
        with self._lock:
            envelopes = {envelope_id for envelope_id, _ in self._sending.values()}
            addresses = Counter(url for _, url in self._sending.values())
            if (
                event["id"] in self._sending
                or event["envelope_id"] in envelopes
                or len(self._sending) >= MAX_SENDING
                or addresses[event["url"]] >= MAX_SENDING_TO_ONE
            ):
                return False
            self._sending[event["id"]] = (event["envelope_id"], event["url"])
            return True

    def _send(self, event: sqlite3.Row) -> None:
        try:
            with self._store.read() as db:
                current = db.execute("SELECT * FROM connect_event WHERE id = ?", (event["id"],)).fetchone()
                keys = [key["secret"] for key in list_hmac_keys(db)]
            if current["state"] == "waiting" and current["attempt_count"] == event["attempt_count"]:
                is_accepted, answer = _post_event(current, keys)
                with self._store.write() as db:
                    _record_answer(db, current, answer, is_accepted=is_accepted)
        except sqlite3.Error:
            log.exception("the answer to event %s could not be kept: it is sent again", event["id"])
        finally:
            self._store.close()
            with self._lock:
                del self._sending[event["id"]]
            self._wake.set()


# --- Misbehaviour --------------------------------------------------------------------------------------------


def _plan_new_events(db: sqlite3.Connection, behaviour: Behaviour) -> None:
    """Decide once for each new event when and how it is sent."""
    for event in db.execute("SELECT * FROM connect_event WHERE state = 'new' ORDER BY id").fetchall():
        rules = behaviour.select_faults(EVENT_FAULTS, event["event"], db)
        faults = {rule.fault for rule in rules}
        signing = event["signing"]
        if "wrong_signature" in faults:
            signing = "wrong"
        if "no_signature" in faults:
            signing = "none"
        state = "dropped" if "drop" in faults else "waiting"
        due_at = event["due_at"] + sum(_delay_seconds(rule, behaviour) for rule in rules)
        db.execute(
            "UPDATE connect_event SET state = ?, signing = ?, due_at = ? WHERE id = ?",
            (state, signing, due_at, event["id"]),
        )
        if "double" in faults and state == "waiting":
            db.execute(
                "INSERT INTO connect_event (envelope_id, event, url, message, is_acknowledged, signing, state, due_at,"
                " created_at) SELECT envelope_id, event, url, message, is_acknowledged, signing, 'waiting', due_at,"
                " created_at FROM connect_event WHERE id = ?",
                (event["id"],),
            )


def _delay_seconds(rule: Rule, behaviour: Behaviour) -> float:
    if rule.fault == "shuffle":
        return rule.seconds * behaviour.get_random_share()
    return rule.seconds if rule.fault == "delay" else 0.0


# --- One message ---------------------------------------------------------------------------------------------


def sign_message(keys: list[str], body: bytes) -> dict[str, str]:
    """The headers that prove where a message comes from, one for each key."""
    return {
        f"X-DocuSign-Signature-{number}": base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()
        for number, key in enumerate(keys, 1)
    }


def _post_event(event: sqlite3.Row, keys: list[str]) -> tuple[bool, str]:
    """Whether the receiver took the message, and what it answered."""
    message = json.loads(event["message"]) | {"retryCount": event["attempt_count"]}
    body = json.dumps(message, ensure_ascii=False).encode()
    signing_keys = {"right": keys, "wrong": [secrets.token_hex(16) for _ in keys], "none": []}[event["signing"]]
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "docusign-connect (signing sandbox)",
        **sign_message(signing_keys, body),
    }
    address = urlsplit(event["url"])
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection = _open_connection(address.scheme, address.hostname or "", address.port)
        try:
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            answer.read(1000)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        return False, f"{type(error).__name__}: {error}"[:200]
    return 200 <= answer.status < 300, f"{answer.status} {answer.reason}"


def _open_connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=SEND_SECONDS, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=SEND_SECONDS)


def _record_answer(db: sqlite3.Connection, event: sqlite3.Row, answer: str, *, is_accepted: bool) -> None:
    attempt_count = event["attempt_count"] + 1
    state, due_at = "delivered", event["due_at"]
    if not is_accepted:
        may_retry = bool(event["is_acknowledged"]) and attempt_count <= len(RETRY_SECONDS)
        state = "waiting" if may_retry else "given up"
        due_at = time.time() + RETRY_SECONDS[min(attempt_count, len(RETRY_SECONDS)) - 1]
    db.execute(
        "UPDATE connect_event SET state = ?, attempt_count = ?, due_at = ?, answer = ? WHERE id = ?",
        (state, attempt_count, due_at, answer, event["id"]),
    )


def resend_event(db: sqlite3.Connection, event_id: int) -> None:
    """Send an event again, whatever became of it; the message is the same."""
    db.execute(
        "UPDATE connect_event SET state = 'waiting', attempt_count = 0, due_at = ? WHERE id = ?",
        (time.time(), event_id),
    )
