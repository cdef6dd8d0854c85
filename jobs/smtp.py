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

from customerhub.config import is_loopback
from customerhub.delivery import Envelope, Undelivered

TAKING = 5  # the answer to a whole mail may take so many times as long as any other
MOST_STEPS = TAKING + 3
GOODBYE_SECONDS = 1.0


def server_of(smtp_url: str) -> str:
    """The server of smtp://user:password@host:port as people and the outbox call it: host:port."""
    parts = urlsplit(smtp_url)
    return f"{parts.hostname}:{_port(parts)}"


def _port(parts: SplitResult) -> int:
    return parts.port or (465 if parts.scheme == "smtps" else 587 if parts.username else 25)


class Connection:
    """A conversation with the server at smtp://user:password@host:port, or smtps:// for TLS from the first byte.

    It begins with the first mail, and again where it broke. TLS is begun where the server offers it. An answer may take
    `timeout` seconds, and all of one mail the seconds `within`, MOST_STEPS times as long where none are given.
    """

    def __init__(self, smtp_url: str, *, timeout: float, within: float | None = None) -> None:
        self._parts = urlsplit(smtp_url)
        self._timeout = timeout
        self._within = within or MOST_STEPS * timeout
        self._session: _Session | None = None
        self._failures = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._end(politely=error is None)

    def send(self, mail: Envelope) -> str:
        """Hand over a mail; what the server said when it took it. Raises Undelivered.

        A conversation that the server had ended before this mail was in its hands is begun once more. One that breaks
        in the middle is the mail's failure; where that happens twice running, the server's.
        """
        clock = _Clock(self._timeout, self._within)
        is_used = self._is_usable()
        try:
            try:
                answer = self._hand_over(mail, clock)
            except _Broken as error:
                if not is_used or error.was_given:
                    raise
                answer = self._hand_over(mail, clock)
        except _Broken as error:
            self._failures += 1
            raise Undelivered(self._named(str(error)), is_away=self._failures > 1) from error
        except Undelivered:
            self._failures = 0
            raise
        self._failures = 0
        return answer

    def _is_usable(self) -> bool:
        """Whether the conversation at hand can go on. A server that speaks unasked is about to end it."""
        if self._session is not None and not self._session.is_quiet():
            self._end()
        return self._session is not None

    def _hand_over(self, mail: Envelope, clock: "_Clock") -> str:
        session = self._session = self._session or self._begin(clock)
        session.prepare(clock)
        options = ("SMTPUTF8", "BODY=8BITMIME") if mail.is_international else ()
        try:
            session.sendmail(mail.sender, [mail.recipient], mail.content, options)
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refusal(*next(iter(error.recipients.values()))) from error
        except smtplib.SMTPSenderRefused as error:
            raise self._refusal(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPDataError as error:
            if not session.answer:
                self._end()  # it wants no content now, and the next mail would be the second in one
            if not session.was_taken:
                raise self._refusal(error.smtp_code, error.smtp_error, was_given=session.was_given) from error
        except (smtplib.SMTPNotSupportedError, ValueError) as error:
            raise Undelivered(f"The mail server cannot take this address: {error}", is_final=True) from error
        except (smtplib.SMTPException, OSError) as error:
            self._end()
            raise _Broken(_told(error), was_given=session.was_given) from error
        return session.answer

    def _refusal(self, code: int, told: bytes | str, *, was_given: bool = False) -> Exception:
        """What an answer means that is no yes."""
        is_refused = 400 <= code < 600
        if code == 421 or not is_refused:
            self._end()
        if not is_refused:
            return _Broken(_shown(code, told), was_given=was_given)
        if code == 421:
            return Undelivered(self._named(_shown(code, told)), is_away=True)
        return Undelivered(_shown(code, told), is_final=code >= 500)

    def _begin(self, clock: "_Clock") -> "_Session":
        """A conversation ready for a mail. What goes wrong here is the server's fault or ours, never the mail's."""
        host = self._parts.hostname or "localhost"
        is_local = is_loopback(host)
        context = ssl.create_default_context()
        if is_local:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        session: _Session | None = None
        try:
            if self._parts.scheme == "smtps":
                session = _TlsSession(clock, host, _port(self._parts), context=context, timeout=clock.left())
            else:
                session = _Session(clock, host, _port(self._parts), timeout=clock.left())
            session.ehlo_or_helo_if_needed()
            is_private = self._parts.scheme == "smtps" or is_local
            if self._parts.scheme == "smtp" and session.has_extn("starttls"):
                session.starttls(context=context)
                session.ehlo_or_helo_if_needed()
                is_private = True
            if self._parts.username:
                self._log_in(session, is_private)
        except BaseException as error:
            if session is not None:
                session.close()
            if isinstance(error, smtplib.SMTPException | OSError):
                raise Undelivered(self._named(_told(error)), is_away=True) from error
            raise
        return session

    def _log_in(self, session: smtplib.SMTP, is_private: bool) -> None:
        if not is_private:
            reason = "it offers no TLS, and the password of SMTP_URL is not sent in the clear"
            raise Undelivered(self._named(reason), is_away=True)
        try:
            session.login(unquote(self._parts.username or ""), unquote(self._parts.password or ""))
        except smtplib.SMTPNotSupportedError as error:
            raise Undelivered(self._named("it takes no user and password, see SMTP_URL"), is_away=True) from error

    def _named(self, reason: str) -> str:
        return f"{self._parts.hostname}: {reason}"

    def _end(self, *, politely: bool = False) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        if politely and session.sock is not None:
            session.prepare(_Clock(GOODBYE_SECONDS, GOODBYE_SECONDS))
            with suppress(smtplib.SMTPException, OSError):
                session.quit()
        session.close()


class _Broken(Exception):
    """The conversation broke. `was_given`: perhaps when the server had all of the mail, and nobody knows."""

    def __init__(self, reason: str, *, was_given: bool) -> None:
        super().__init__(reason)
        self.was_given = was_given


class _Clock:
    """How long an answer may be waited for: each for a while, all of them together until a certain time."""

    def __init__(self, timeout: float, within: float) -> None:
        self._timeout = timeout
        self._until = time.monotonic() + within

    def left(self, times: int = 1) -> float:
        """The seconds that are left for an answer. Raises TimeoutError where there are none."""
        left = min(times * self._timeout, self._until - time.monotonic())
        if left <= 0:
            raise TimeoutError
        return left


class _Session(smtplib.SMTP):
    """What smtplib does, by the clock. It keeps how far a mail came: whether it `was_given`, and the `answer` to it."""

    def __init__(self, clock: _Clock, *args: Any, **options: Any) -> None:
        self.listens = True
        self.prepare(clock)
        super().__init__(*args, **options)

    def prepare(self, clock: _Clock) -> None:
        """Begin with another mail, by another clock."""
        self.clock, self.times = clock, 1
        self.was_given = self.was_taken = False
        self.answer = ""

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.times = TAKING
        code, told = super().data(msg)
        self.answer, self.times = _shown(code, told), 1
        self.was_taken = 200 <= code < 300
        return code, told

    def send(self, s: Any) -> None:
        try:
            timeout = self.clock.left(self.times)
        except TimeoutError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected from error
        if self.sock is not None:
            self.sock.settimeout(timeout)
        self.was_given = self.was_given or isinstance(s, bytes)  # commands are text
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Replies(self))
        return super().getreply()

    def is_quiet(self) -> bool:
        """Whether the conversation is open and the server has said nothing that nobody asked for."""
        if self.sock is None or self.file is None:
            return False
        self.listens = False
        is_heard = bool(self.file.peek(1))
        self.listens = True
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not is_heard and not poll.poll(0)


class _Replies(io.RawIOBase):
    """The bytes that the server sends, waited for by the clock; none while the session does not listen."""

    def __init__(self, session: _Session) -> None:
        super().__init__()
        self._session = session

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        session = self._session
        if not session.listens:
            return None
        assert session.sock is not None
        session.sock.settimeout(session.clock.left(session.times))
        return session.sock.recv_into(buffer)


class _TlsSession(_Session, smtplib.SMTP_SSL):
    """With TLS from the first byte."""


def _shown(code: int, told: bytes | str) -> str:
    """An answer of the server as people read it."""
    text = told.decode(errors="replace") if isinstance(told, bytes) else told
    return f"{code} {text}" if code > 0 else f"it does not speak SMTP: {text}"


def _told(error: Exception) -> str:
    """What went wrong, as people read it."""
    cause = error.__context__ if isinstance(error, smtplib.SMTPServerDisconnected) else error
    if isinstance(cause, TimeoutError):
        return "it did not answer in time"
    if isinstance(cause, smtplib.SMTPResponseException):
        return _shown(cause.smtp_code, cause.smtp_error)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(error) or type(error).__name__
