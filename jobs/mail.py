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

from customerhub.core import clock
from customerhub.core.config import Settings
from customerhub.core.errors import HubError
from customerhub.mail import delivery, outages
from customerhub.mail.delivery import ClaimedMessage, DeliveryError
from customerhub.mail.smtp import Connection, server_of
from customerhub.mail.smtp_mail import build_smtp_mail
from jobs.queue import try_enqueue
from models import OutboxMessage
from models.base import db

MAX_SWEEP_SECONDS = 60  # seconds after which no other message is begun, so that no time limit ends one half-way
MAX_REPORTS_SECONDS = 1800  # seconds after which no other report is begun
MIN_BATCH, MAX_BATCH = 10, 200  # messages that are claimed at a time: more of them as the server is quick
QUICK_BATCH_SECONDS = 1.0
TEST_MAIL_SECONDS = 10.0  # how long somebody waits for a test mail
# What the server took is written down however long the database is busy or away meanwhile: else it would go out twice.
RECORD_RETRY_DELAYS = (0.2, 1.0, 3.0, 10.0, 20.0)

log = logging.getLogger(__name__)


def notify_workers(message_ids: list[int]) -> None:
    """Have a worker send messages soon; without a queue server the next sweep does."""
    try_enqueue(send, message_ids[0] if len(message_ids) == 1 else None)


def send(message_id: int | None = None) -> str:
    """Send a message, or all that are due; unless the server was away a moment ago, when the next sweep does."""
    settings = _settings()
    if settings.smtp_url is not None:
        is_in_backoff = outages.in_backoff(server_of(settings.smtp_url), now=clock.get_now())
        db.session.rollback()
        if is_in_backoff:
            return "The mail server was unavailable a moment ago"
    return _deliver(settings, message_id)


def sweep(max_seconds: float = MAX_SWEEP_SECONDS) -> str:
    """Send everything that is due, and tell what came of it. Where the server is away or slow the next one goes on."""
    return _deliver(_settings(), max_seconds=max_seconds)


def send_test_message(message: OutboxMessage) -> None:
    """Make the only attempt to send a message that was just put, while somebody waits for the answer. Commits.

    Nobody else is given the chance to send it, and where it fails it is parked at once.
    """
    settings = _settings()
    if settings.smtp_url is None:
        delivery.hold_due(now=clock.get_now(), message_id=message.id)
        db.session.commit()
        return
    with Connection(settings.smtp_url, timeout=TEST_MAIL_SECONDS / 2, total_timeout=TEST_MAIL_SECONDS) as connection:
        delivery_round = _DeliveryRound(settings, connection, is_test=True)
        messages = delivery.claim(now=clock.get_now(), message_id=message.id)
        db.session.commit()
        delivery_round.send(messages)


def make_reports() -> str:
    """Make the reports that messages wait for, so that these can be sent. Making one takes as long as many mails do, so
    it keeps no other message waiting.
    """
    deadline = time.monotonic() + MAX_REPORTS_SECONDS
    tally = Counter({"made": 0})
    while time.monotonic() < deadline:
        messages = delivery.claim(now=clock.get_now(), lacks_report=True)
        db.session.commit()
        if not messages:
            break
        message = delivery.start_attempt(messages[0], now=clock.get_now())
        db.session.commit()
        if message is None:
            continue
        failure = _attach_report(message)
        if failure is None:
            delivery.release([message], was_started=True)
        else:
            delivery.record_result(message, failure, now=clock.get_now())
        db.session.commit()
        tally["failed" if failure else "made"] += 1
    if tally["made"]:
        try_enqueue(send)
    return ", ".join(f"{count} reports {what}" for what, count in tally.items())


def _attach_report(message: ClaimedMessage) -> DeliveryError | None:
    """Make the report that goes with a message and attach it; None, or why not."""
    from jobs.reports import attach_report  # it needs much that sending does not

    try:
        if attach_report(message.id):
            return None
        failure = DeliveryError("The customer of the report no longer exists", is_final=True)
    except HubError as error:
        failure = DeliveryError(f"The report cannot be sent. {error.message}", is_final=True)
    except OSError as error:
        failure = DeliveryError(f"The report could not be stored: {error.strerror or error}")
    except (BaseTimeoutException, SQLAlchemyError):
        raise
    except Exception:
        log.exception("the report of outgoing message %s could not be made", message.id)
        failure = DeliveryError("The report could not be created. See the log")
    db.session.rollback()
    return failure


def _deliver(settings: Settings, message_id: int | None = None, *, max_seconds: float = MAX_SWEEP_SECONDS) -> str:
    """Send what is due, or this message if it is, over one connection; what came of it, in words."""
    if settings.smtp_url is None:
        held_count = delivery.hold_due(now=clock.get_now(), message_id=message_id)
        db.session.commit()
        return f"{held_count} held: no mail server configured"
    with Connection(settings.smtp_url, timeout=settings.smtp_timeout) as connection:
        delivery_round = _DeliveryRound(settings, connection, max_seconds=max_seconds)
        limit = MIN_BATCH
        while not delivery_round.is_over:
            started_at = time.monotonic()
            messages = delivery.claim(now=clock.get_now(), limit=limit, message_id=message_id)
            db.session.commit()
            if not messages:
                break
            delivery_round.send(messages)
            is_quick = time.monotonic() - started_at < QUICK_BATCH_SECONDS
            limit = min(MAX_BATCH, limit * 2) if is_quick else max(MIN_BATCH, limit // 2)
    return delivery_round.summary


class _DeliveryRound:
    """Sending messages one after the other. It `is_over` where the server is away, or when it has taken too long."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        *,
        max_seconds: float = MAX_SWEEP_SECONDS,
        is_test: bool = False,
    ) -> None:
        assert settings.smtp_url is not None
        self._connection = connection
        self._server = server_of(settings.smtp_url)
        self._fallback_sender = _fallback_sender(settings)
        self._is_test = is_test
        self._deadline = time.monotonic() + max_seconds
        self._had_outage = outages.find_outage(self._server) is not None
        self._outage_error: DeliveryError | None = None
        self._tally: Counter[str] = Counter()

    @property
    def is_over(self) -> bool:
        return self._outage_error is not None or time.monotonic() >= self._deadline

    @property
    def summary(self) -> str:
        counts = [f"{count} {what}" for what, count in self._tally.items()] or ["Nothing was due"]
        return ", ".join(
            [*counts, *([f"the mail server is unavailable: {self._outage_error.reason}"] if self._outage_error else [])]
        )

    def send(self, messages: list[ClaimedMessage]) -> None:
        """Send claimed messages. Those that are left when the round is over are anybody's again."""
        remaining = list(messages)
        try:
            with _autocommit_connection() as database:
                message = self._record_and_begin_next(database, remaining)
                while message is not None:
                    result = self._attempt(message)
                    message = self._record_and_begin_next(database, remaining, message, result)
        finally:
            if remaining:
                _release(remaining)

    def _attempt(self, message: ClaimedMessage) -> DeliveryError | str:
        """The server's answer, or what went wrong. No transaction is open meanwhile."""
        try:
            return self._connection.send(build_smtp_mail(message, fallback_sender=self._fallback_sender))
        except DeliveryError as error:
            if error.is_server_unavailable:
                log.warning("the mail server is unavailable: %s", error.reason)
                self._outage_error = error
            return error

    def _record_and_begin_next(
        self,
        database: DatabaseConnection,
        remaining: list[ClaimedMessage],
        finished_message: ClaimedMessage | None = None,
        result: DeliveryError | str = "",
    ) -> ClaimedMessage | None:
        """Write down what came of a message and begin the next of `remaining` that is still ours."""
        for retry_delay in (*RECORD_RETRY_DELAYS, None):
            next_message, taken_count = None, 0
            try:
                with database.begin():
                    outcome = self._record_outage(database, result)
                    if finished_message is not None and remaining and not self.is_over:
                        next_message = delivery.record_result_and_start(
                            finished_message, outcome, remaining[0], now=clock.get_now(), connection=database
                        )
                        taken_count = 1
                    elif finished_message is not None:
                        delivery.record_result(finished_message, outcome, now=clock.get_now(), connection=database)
                    while next_message is None and taken_count < len(remaining) and not self.is_over:
                        next_message = delivery.start_attempt(
                            remaining[taken_count], now=clock.get_now(), connection=database
                        )
                        taken_count += 1
                break
            except (OperationalError, InterfaceError):
                if finished_message is None or retry_delay is None:
                    raise
                log.warning(
                    "what came of outgoing message %s is not written down yet", finished_message.id, exc_info=True
                )
                time.sleep(retry_delay)
        del remaining[:taken_count]
        if finished_message is not None:
            self._tally[_describe_result(result)] += 1
            self._had_outage = self._outage_error is not None
        return next_message

    def _record_outage(self, database: DatabaseConnection, result: DeliveryError | str) -> DeliveryError | str:
        """What came of a message, for the message itself. It is kept first what it tells of the server."""
        if isinstance(result, str):
            if result and self._had_outage:
                outages.clear_outage(self._server, connection=database)
            return result
        if result.is_server_unavailable:
            outages.record_outage(self._server, result.reason, now=clock.get_now(), connection=database)
        return DeliveryError(result.reason, is_final=True) if self._is_test else result


def _autocommit_connection() -> DatabaseConnection:
    """A connection whose statements are transactions of their own where that saves waiting for the database, which is
    not so on SQLite.
    """
    connection = db.engine.connect()
    supports_autocommit = connection.dialect.name != "sqlite"
    return connection.execution_options(isolation_level="AUTOCOMMIT") if supports_autocommit else connection


def _describe_result(result: DeliveryError | str) -> str:
    if isinstance(result, str):
        return "sent"
    return "refused" if result.is_final else "to be retried"


def _release(messages: list[ClaimedMessage]) -> None:
    """Leave messages to others at once. Where that fails they are so when the claim lapses."""
    try:
        db.session.rollback()
        delivery.release(messages)
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
