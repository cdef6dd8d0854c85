"""Sending what is in the outbox, by SMTP."""

import ipaddress
import logging
import smtplib
import ssl
import time
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

from flask import current_app

from customerhub import clock, outbox
from customerhub.config import Settings, is_loopback
from customerhub.outbox import Undelivered
from jobs.queue import nudge
from models.base import db

TIMEOUT = 20  # seconds for each step of the conversation with the mail server
AT_ONCE = 200  # messages in one sweep
LONGEST_SWEEP = 200  # seconds after which no other message is begun, so that no time limit ends one half-way

log = logging.getLogger(__name__)


def announce(message_ids: list[int]) -> None:
    """Have a worker send messages soon; without a queue server the next sweep does."""
    if len(message_ids) == 1:
        nudge(send, message_ids[0])
    else:
        nudge(sweep)


def send(message_id: int) -> None:
    """Make one attempt to send a message, if it is due."""
    _attempt(message_id)


def sweep() -> None:
    """Send everything that is due. Stops where the mail server is away or slow; the next sweep goes on."""
    until = time.monotonic() + LONGEST_SWEEP
    message_ids = outbox.due(now=clock.now(), limit=AT_ONCE)
    db.session.rollback()
    for message_id in message_ids:
        failure = _attempt(message_id)
        if failure is not None and failure.is_away:
            log.warning("the mail server is away: %s", failure.reason)
            return
        if time.monotonic() >= until:
            log.warning("the mail server is slow: the next sweep sends the rest")
            return


def _attempt(message_id: int) -> Undelivered | None:
    """What went wrong, or None. No transaction is open while the mail server is talked to."""
    settings: Settings = current_app.config["HUB"]
    message = outbox.claim(message_id, now=clock.now())
    if message is None or settings.smtp_url is None:
        if message is not None:
            outbox.hold(message)
        db.session.commit()
        return None
    failure = None
    try:
        mail = outbox.compose(message, fallback_sender=_fallback_sender(settings))
        db.session.commit()
        transmit(mail, settings.smtp_url)
    except Undelivered as error:
        failure = error
    outbox.settle(message_id, failure, now=clock.now())
    db.session.commit()
    return failure


def _fallback_sender(settings: Settings) -> str:
    host = urlsplit(settings.public_url).hostname or "localhost"
    return "no-reply@localhost" if _is_address(host) else f"no-reply@{host}"


def transmit(mail: EmailMessage, smtp_url: str) -> None:
    """Hand `mail` to the server at smtp://user:password@host:port, or smtps:// for TLS from the first byte.

    TLS is begun where the server offers it. Raises Undelivered.
    """
    server = urlsplit(smtp_url)
    try:
        with _connected(server) as connection:
            connection.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code, told = next(iter(error.recipients.values()))
        raise _refused(code, told) from error
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise _refused(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Undelivered(f"The mail server cannot take this address: {error}", is_final=True) from error
    except (smtplib.SMTPException, OSError) as error:
        raise Undelivered(f"{server.hostname}: {_told(error)}", is_away=True) from error


def _connected(server: SplitResult) -> smtplib.SMTP:
    """A connection ready to send. What goes wrong here is the server's fault or ours, never the message's."""
    host = server.hostname or "localhost"
    is_local = is_loopback(host)
    context = ssl.create_default_context()
    if is_local:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connection: smtplib.SMTP
    if server.scheme == "smtps":
        connection = smtplib.SMTP_SSL(host, server.port or 465, timeout=TIMEOUT, context=context)
    else:
        connection = smtplib.SMTP(host, server.port or (587 if server.username else 25), timeout=TIMEOUT)
    try:
        is_private = server.scheme == "smtps" or is_local
        if server.scheme == "smtp" and connection.ehlo()[0] == 250 and connection.has_extn("starttls"):
            connection.starttls(context=context)
            is_private = True
        if server.username:
            _log_in(connection, server, is_private)
    except BaseException:
        connection.close()
        raise
    return connection


def _log_in(connection: smtplib.SMTP, server: SplitResult, is_private: bool) -> None:
    if not is_private:
        raise Undelivered(
            f"{server.hostname} offers no TLS: the password of SMTP_URL is not sent in the clear",
            is_away=True,
        )
    try:
        connection.login(unquote(server.username or ""), unquote(server.password or ""))
    except smtplib.SMTPNotSupportedError as error:
        raise Undelivered(f"{server.hostname} takes no user and password: see SMTP_URL", is_away=True) from error


def _refused(code: int, told: bytes | str) -> Undelivered:
    text = told.decode(errors="replace") if isinstance(told, bytes) else told
    return Undelivered(f"{code} {text}", is_final=500 <= code < 600)


def _told(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return str(_refused(error.smtp_code, error.smtp_error))
    return str(error) or type(error).__name__


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
