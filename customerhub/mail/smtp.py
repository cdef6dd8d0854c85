"""Talking to a mail server: one conversation for many mails, in which nothing takes longer than it may."""

import io
import select
import smtplib
import ssl
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import SplitResult, unquote, urlsplit

from customerhub.core.config import is_loopback
from customerhub.mail.delivery import DeliveryError
from customerhub.mail.smtp_mail import SmtpMail

DATA_TIMEOUT_FACTOR = 5  # the answer to a whole mail may take so many times as long as any other
TOTAL_TIMEOUT_FACTOR = DATA_TIMEOUT_FACTOR + 3
QUIT_SECONDS = 1.0


def server_of(smtp_url: str) -> str:
    """The server of smtp://user:password@host:port as people and the outbox call it: host:port."""
    parts = urlsplit(smtp_url)
    return f"{parts.hostname}:{_port_of(parts)}"


def _port_of(parts: SplitResult) -> int:
    if parts.port:
        return parts.port
    if parts.scheme == "smtps":
        return 465
    return 587 if parts.username else 25


def _build_tls_context(is_local: bool) -> ssl.SSLContext:
    """Reads all certificates that the machine trusts, which takes a while; nobody is asked to prove a local server."""
    if not is_local:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Connection:
    """A conversation with the server at smtp://user:password@host:port, or smtps:// for TLS from the first byte.

    It begins with the first mail, and again where it broke. TLS is begun where the server offers it. An answer may take
    `timeout` seconds, and all of one mail the seconds `total_timeout`, TOTAL_TIMEOUT_FACTOR times as long where none
    are given.
    """

    def __init__(self, smtp_url: str, *, timeout: float, total_timeout: float | None = None) -> None:
        self._parts = urlsplit(smtp_url)
        self._timeout = timeout
        self._total_timeout = total_timeout or TOTAL_TIMEOUT_FACTOR * timeout
        self._session: _Session | None = None
        self._failures = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._close_session(with_quit=error is None)

    def send(self, mail: SmtpMail) -> str:
        """Hand over a mail; what the server said when it took it. Raises DeliveryError.

        A conversation that the server had ended before this mail was in its hands is begun once more. One that breaks
        in the middle is the mail's failure; where that happens twice running, the server's.
        """
        deadline = _Deadline(self._timeout, self._total_timeout)
        is_used = self._is_usable()
        try:
            try:
                answer = self._transmit(mail, deadline)
            except _ConnectionLost as error:
                if not is_used or error.was_transmitted:
                    raise
                answer = self._transmit(mail, deadline)
        except _ConnectionLost as error:
            self._failures += 1
            raise DeliveryError(self._with_host(str(error)), is_server_unavailable=self._failures > 1) from error
        except DeliveryError:
            self._failures = 0
            raise
        self._failures = 0
        return answer

    def _is_usable(self) -> bool:
        """Whether the conversation at hand can go on. A server that speaks unasked is about to end it."""
        if self._session is not None and not self._session.is_idle():
            self._close_session()
        return self._session is not None

    def _transmit(self, mail: SmtpMail, deadline: "_Deadline") -> str:
        session = self._session = self._session or self._open_session(deadline)
        session.prepare(deadline)
        options = ("SMTPUTF8", "BODY=8BITMIME") if mail.is_international else ()
        try:
            session.sendmail(mail.sender, [mail.recipient], mail.content, options)
        except smtplib.SMTPRecipientsRefused as error:
            raise self._answer_error(*next(iter(error.recipients.values()))) from error
        except smtplib.SMTPSenderRefused as error:
            raise self._answer_error(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPDataError as error:
            if not session.answer:
                self._close_session()  # it wants no content now, and the next mail would be the second in one
            if not session.was_accepted:
                raise self._answer_error(
                    error.smtp_code, error.smtp_error, was_transmitted=session.was_transmitted
                ) from error
        except (smtplib.SMTPNotSupportedError, ValueError) as error:
            raise DeliveryError(f"The mail server does not accept this address: {error}", is_final=True) from error
        except (smtplib.SMTPException, OSError) as error:
            self._close_session()
            raise _ConnectionLost(_error_message(error), was_transmitted=session.was_transmitted) from error
        return session.answer

    def _answer_error(self, code: int, answer: bytes | str, *, was_transmitted: bool = False) -> Exception:
        """What an answer means that is no yes."""
        is_refused = 400 <= code < 600
        if code == 421 or not is_refused:
            self._close_session()
        if not is_refused:
            return _ConnectionLost(_format_answer(code, answer), was_transmitted=was_transmitted)
        if code == 421:
            return DeliveryError(self._with_host(_format_answer(code, answer)), is_server_unavailable=True)
        return DeliveryError(_format_answer(code, answer), is_final=code >= 500)

    def _open_session(self, deadline: "_Deadline") -> "_Session":
        """A conversation ready for a mail. What goes wrong here is the server's fault or ours, never the mail's."""
        host = self._parts.hostname or "localhost"
        is_local = is_loopback(host)
        session: _Session | None = None
        try:
            if self._parts.scheme == "smtps":
                session = _TlsSession(
                    deadline,
                    host,
                    _port_of(self._parts),
                    context=_build_tls_context(is_local),
                    timeout=deadline.remaining_seconds(),
                )
            else:
                session = _Session(deadline, host, _port_of(self._parts), timeout=deadline.remaining_seconds())
            session.ehlo_or_helo_if_needed()
            is_private = self._parts.scheme == "smtps" or is_local
            if self._parts.scheme == "smtp" and session.has_extn("starttls"):
                session.starttls(context=_build_tls_context(is_local))
                session.ehlo_or_helo_if_needed()
                is_private = True
            if self._parts.username:
                self._log_in(session, is_private)
        except BaseException as error:
            if session is not None:
                session.close()
            if isinstance(error, smtplib.SMTPException | OSError):
                raise DeliveryError(self._with_host(_error_message(error)), is_server_unavailable=True) from error
            raise
        return session

    def _log_in(self, session: smtplib.SMTP, is_private: bool) -> None:
        if not is_private:
            reason = "TLS is not offered, and the password of SMTP_URL is not sent unencrypted"
            raise DeliveryError(self._with_host(reason), is_server_unavailable=True)
        try:
            session.login(unquote(self._parts.username or ""), unquote(self._parts.password or ""))
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError(
                self._with_host("user and password are not supported, see SMTP_URL"), is_server_unavailable=True
            ) from error

    def _with_host(self, reason: str) -> str:
        return f"{self._parts.hostname}: {reason}"

    def _close_session(self, *, with_quit: bool = False) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        if with_quit and session.sock is not None:
            session.prepare(_Deadline(QUIT_SECONDS, QUIT_SECONDS))
            with suppress(smtplib.SMTPException, OSError):
                session.quit()
        session.close()


class _ConnectionLost(Exception):
    """The conversation broke. `was_transmitted`: perhaps when the server had all of the mail, and nobody knows."""

    def __init__(self, reason: str, *, was_transmitted: bool) -> None:
        super().__init__(reason)
        self.was_transmitted = was_transmitted


class _Deadline:
    """How long an answer may be waited for: each for a while, all of them together until a certain time."""

    def __init__(self, timeout: float, total_timeout: float) -> None:
        self._timeout = timeout
        self._ends_at = time.monotonic() + total_timeout

    def remaining_seconds(self, factor: int = 1) -> float:
        """The seconds that are left for an answer. Raises TimeoutError where there are none."""
        seconds = min(factor * self._timeout, self._ends_at - time.monotonic())
        if seconds <= 0:
            raise TimeoutError
        return seconds


class _Session(smtplib.SMTP):
    """What smtplib does, by the clock. It keeps how far a mail came: whether it `was_transmitted`, and the `answer` to
    it.
    """

    def __init__(self, deadline: _Deadline, *args: Any, **options: Any) -> None:
        self.is_listening = True
        self.prepare(deadline)
        super().__init__(*args, **options)

    def prepare(self, deadline: _Deadline) -> None:
        """Begin with another mail, by another clock."""
        self.deadline, self.timeout_factor = deadline, 1
        self.was_transmitted = self.was_accepted = False
        self.answer = ""

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.timeout_factor = DATA_TIMEOUT_FACTOR
        code, answer_text = super().data(msg)
        self.answer, self.timeout_factor = _format_answer(code, answer_text), 1
        self.was_accepted = 200 <= code < 300
        return code, answer_text

    def send(self, s: Any) -> None:
        try:
            timeout = self.deadline.remaining_seconds(self.timeout_factor)
        except TimeoutError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected from error
        if self.sock is not None:
            self.sock.settimeout(timeout)
        self.was_transmitted = self.was_transmitted or isinstance(s, bytes)  # commands are text
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_ReplyStream(self))
        return super().getreply()

    def is_idle(self) -> bool:
        """Whether the conversation is open and the server has said nothing that nobody asked for."""
        if self.sock is None or self.file is None:
            return False
        self.is_listening = False
        has_input = bool(self.file.peek(1))
        self.is_listening = True
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not has_input and not poll.poll(0)


class _ReplyStream(io.RawIOBase):
    """The bytes that the server sends, waited for by the clock; none while the session does not listen."""

    def __init__(self, session: _Session) -> None:
        super().__init__()
        self._session = session

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        session = self._session
        if not session.is_listening:
            return None
        assert session.sock is not None
        session.sock.settimeout(session.deadline.remaining_seconds(session.timeout_factor))
        return session.sock.recv_into(buffer)


class _TlsSession(_Session, smtplib.SMTP_SSL):
    """With TLS from the first byte."""


def _format_answer(code: int, answer: bytes | str) -> str:
    """An answer of the server as people read it."""
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return f"{code} {text}" if code > 0 else f"not an SMTP server: {text}"


def _error_message(error: Exception) -> str:
    """What went wrong, as people read it."""
    cause = error.__context__ if isinstance(error, smtplib.SMTPServerDisconnected) else error
    if isinstance(cause, TimeoutError):
        return "no response in time"
    if isinstance(cause, smtplib.SMTPResponseException):
        return _format_answer(cause.smtp_code, cause.smtp_error)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(error) or type(error).__name__
