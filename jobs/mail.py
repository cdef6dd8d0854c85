"""Sending what is in the outbox, by SMTP."""

import ipaddress
import logging
import time
from collections import Counter
from urllib.parse import urlsplit

from flask import current_app
from rq.timeouts import BaseTimeoutException
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from customerhub import clock, delivery
from customerhub.config import Settings
from customerhub.delivery import Letter, Undelivered
from customerhub.errors import HubError
from jobs.queue import nudge
from jobs.smtp import Connection, server_of
from models import OutboxMessage
from models.base import db

LONGEST_SWEEP = 60  # seconds after which no other message is begun, so that no time limit ends one half-way
LONGEST_REPORTS = 1800  # seconds after which no other report is begun
FEWEST, MOST = 10, 200  # messages that are claimed at a time: more of them as the server is quick
QUICK_SECONDS = 1.0
TRIAL_SECONDS = 10.0  # how long somebody waits for a test mail
# What the server took is written down however long the database is busy or away meanwhile: else it would go out twice.
WRITING_PAUSES = (0.2, 1.0, 3.0, 10.0, 20.0)

log = logging.getLogger(__name__)


def announce(message_ids: list[int]) -> None:
    """Have a worker send messages soon; without a queue server the next sweep does."""
    nudge(send, message_ids[0] if len(message_ids) == 1 else None)


def send(message_id: int | None = None) -> str:
    """Send a message, or all that are due; unless the server was away a moment ago, when the next sweep does."""
    settings = _settings()
    if settings.smtp_url is not None:
        is_resting = delivery.rests(server_of(settings.smtp_url), now=clock.now())
        db.session.rollback()
        if is_resting:
            return "The mail server was away a moment ago"
    return _deliver(settings, message_id)


def sweep(longest: float = LONGEST_SWEEP) -> str:
    """Send everything that is due, and tell what came of it. Where the server is away or slow the next one goes on."""
    return _deliver(_settings(), longest=longest)


def try_out(message: OutboxMessage) -> None:
    """Make the only attempt to send a message that was just put, while somebody waits for the answer. Commits.

    Nobody else is given the chance to send it, and where it fails it is parked at once.
    """
    settings = _settings()
    if settings.smtp_url is None:
        delivery.hold(now=clock.now(), message_id=message.id)
        db.session.commit()
        return
    with Connection(settings.smtp_url, timeout=TRIAL_SECONDS / 2, within=TRIAL_SECONDS) as connection:
        current = _Round(settings, connection, is_trial=True)
        letters = delivery.claim(now=clock.now(), message_id=message.id)
        db.session.commit()
        current.send(letters)


def make_reports() -> str:
    """Make the reports that messages wait for, so that these can be sent. Making one takes as long as many mails do, so
    it keeps no other message waiting.
    """
    until = time.monotonic() + LONGEST_REPORTS
    tally = Counter({"made": 0})
    while time.monotonic() < until:
        letters = delivery.claim(now=clock.now(), lacks_report=True)
        db.session.commit()
        if not letters:
            break
        letter = delivery.begin(letters[0], now=clock.now())
        db.session.commit()
        if letter is None:
            continue
        failure = _report(letter)
        if failure is None:
            delivery.give_back([letter], was_begun=True)
        else:
            delivery.settle(letter, failure, now=clock.now())
        db.session.commit()
        tally["failed" if failure else "made"] += 1
    if tally["made"]:
        nudge(send)
    return ", ".join(f"{count} reports {what}" for what, count in tally.items())


def _report(letter: Letter) -> Undelivered | None:
    """Make the report that goes with a message and attach it; None, or why not."""
    from jobs.reports import attach_report  # it needs much that sending does not

    try:
        if attach_report(letter.id):
            return None
        failure = Undelivered("There is no longer anything to report on", is_final=True)
    except HubError as error:
        failure = Undelivered(f"The report cannot be sent. {error.message}", is_final=True)
    except OSError as error:
        failure = Undelivered(f"The report could not be stored: {error.strerror or error}")
    except (BaseTimeoutException, SQLAlchemyError):
        raise
    except Exception:
        log.exception("the report of outgoing message %s could not be made", letter.id)
        failure = Undelivered("The report could not be made; the log tells why")
    db.session.rollback()
    return failure


def _deliver(settings: Settings, message_id: int | None = None, *, longest: float = LONGEST_SWEEP) -> str:
    """Send what is due, or this message if it is, over one connection; what came of it, in words."""
    if settings.smtp_url is None:
        held = delivery.hold(now=clock.now(), message_id=message_id)
        db.session.commit()
        return f"{held} kept here: there is no mail server"
    with Connection(settings.smtp_url, timeout=settings.smtp_timeout) as connection:
        current = _Round(settings, connection, longest=longest)
        limit = FEWEST
        while not current.is_over:
            began = time.monotonic()
            letters = delivery.claim(now=clock.now(), limit=limit, message_id=message_id)
            db.session.commit()
            if not letters:
                break
            current.send(letters)
            is_quick = time.monotonic() - began < QUICK_SECONDS
            limit = min(MOST, limit * 2) if is_quick else max(FEWEST, limit // 2)
    return current.told


class _Round:
    """Sending messages one after the other. It `is_over` where the server is away, or when it has taken too long."""

    def __init__(
        self, settings: Settings, connection: Connection, *, longest: float = LONGEST_SWEEP, is_trial: bool = False
    ) -> None:
        assert settings.smtp_url is not None
        self._connection = connection
        self._server = server_of(settings.smtp_url)
        self._fallback_sender = _fallback_sender(settings)
        self._is_trial = is_trial
        self._until = time.monotonic() + longest
        self._was_away = delivery.find_outage(self._server) is not None
        self._away: Undelivered | None = None
        self._tally: Counter[str] = Counter()

    @property
    def is_over(self) -> bool:
        return self._away is not None or time.monotonic() >= self._until

    @property
    def told(self) -> str:
        counts = [f"{count} {what}" for what, count in self._tally.items()] or ["Nothing was due"]
        return ", ".join([*counts, *([f"the mail server is away: {self._away.reason}"] if self._away else [])])

    def send(self, letters: list[Letter]) -> None:
        """Send claimed messages. Those that are left when the round is over are anybody's again."""
        left = list(letters)
        try:
            with _quick_connection() as database:
                letter = self._turn(database, left)
                while letter is not None:
                    came = self._attempt(letter)
                    letter = self._turn(database, left, letter, came)
        finally:
            if left:
                _give_back(left)

    def _attempt(self, letter: Letter) -> Undelivered | str:
        """The server's answer, or what went wrong. No transaction is open meanwhile."""
        try:
            return self._connection.send(delivery.compose(letter, fallback_sender=self._fallback_sender))
        except Undelivered as error:
            if error.is_away:
                log.warning("the mail server is away: %s", error.reason)
                self._away = error
            return error

    def _turn(
        self, database: DatabaseConnection, left: list[Letter], done: Letter | None = None, came: Undelivered | str = ""
    ) -> Letter | None:
        """Write down what came of a message and begin the next of `left` that is still ours."""
        for pause in (*WRITING_PAUSES, None):
            following, passed = None, 0
            try:
                with database.begin():
                    outcome = self._noted(database, came)
                    if done is not None and left and not self.is_over:
                        following = delivery.settle_and_begin(done, outcome, left[0], now=clock.now(), on=database)
                        passed = 1
                    elif done is not None:
                        delivery.settle(done, outcome, now=clock.now(), on=database)
                    while following is None and passed < len(left) and not self.is_over:
                        following = delivery.begin(left[passed], now=clock.now(), on=database)
                        passed += 1
                break
            except (OperationalError, InterfaceError):
                if done is None or pause is None:
                    raise
                log.warning("what came of outgoing message %s is not written down yet", done.id, exc_info=True)
                time.sleep(pause)
        del left[:passed]
        if done is not None:
            self._tally[_word_for(came)] += 1
            self._was_away = self._away is not None
        return following

    def _noted(self, database: DatabaseConnection, came: Undelivered | str) -> Undelivered | str:
        """What came of a message, for the message itself. It is kept first what it tells of the server."""
        if isinstance(came, str):
            if came and self._was_away:
                delivery.forget_outage(self._server, on=database)
            return came
        if came.is_away:
            delivery.note_outage(self._server, came.reason, now=clock.now(), on=database)
        return Undelivered(came.reason, is_final=True) if self._is_trial else came


def _quick_connection() -> DatabaseConnection:
    """A connection whose statements are transactions of their own where that saves waiting for the database, which is
    not so on SQLite.
    """
    connection = db.engine.connect()
    is_waited_for = connection.dialect.name != "sqlite"
    return connection.execution_options(isolation_level="AUTOCOMMIT") if is_waited_for else connection


def _word_for(came: Undelivered | str) -> str:
    if isinstance(came, str):
        return "sent"
    return "refused" if came.is_final else "to be tried again"


def _give_back(letters: list[Letter]) -> None:
    """Leave messages to others at once. Where that fails they are so when the claim lapses."""
    try:
        db.session.rollback()
        delivery.give_back(letters)
        db.session.commit()
    except SQLAlchemyError:
        log.warning("claimed messages could not be given back", exc_info=True)
        db.session.rollback()


def _settings() -> Settings:
    settings: Settings = current_app.config["HUB"]
    return settings


def _fallback_sender(settings: Settings) -> str:
    host = urlsplit(settings.public_url).hostname or "localhost"
    return "no-reply@localhost" if _is_address(host) else f"no-reply@{host}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
