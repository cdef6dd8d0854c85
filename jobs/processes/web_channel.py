"""A client of the web server: how much and how slowly it may send, and how slowly it may read."""

import socket
import time
from contextlib import suppress
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest

MAX_REQUEST_LINE = 8190  # bytes: an operation has the ids of up to 500 rows in its address
MAX_HEADER_BYTES = 65536  # of the request line and all headers
HEADER_SECONDS = 15.0  # from the connection or the last answer to the end of the headers
BODY_SECONDS = 30.0  # in each of which a body moves on by MIN_BYTES_A_SECOND on average, or ends
ANSWER_SECONDS = 60.0  # likewise for an answer
MIN_BYTES_A_SECOND = 8192
LINGER_SECONDS = 15.0  # for what a client still sends after the last answer: unread, it would destroy the answer
TIMEOUT_ANSWER = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class UriTooLong(BadRequest):  # type: ignore[misc]
    code = 414
    reason = "URI Too Long"


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses what two servers could read differently, and lets the app answer for a body that is too large."""

    content_length: int
    is_body_left_out = False  # the app gets the headers only, and the connection ends with its answer

    @property
    def is_last(self) -> bool:
        """Whether nothing that follows on the connection can be read as a request."""
        return bool(self.error or self.is_body_left_out)

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        return len(data) if self.is_last else consumed

    def parse_header(self, header_plus: bytes) -> None:
        first_line, _, rest = header_plus.partition(b"\r\n")
        if len(first_line) + 2 > MAX_REQUEST_LINE:
            super().parse_header(b"GET / HTTP/1.0\r\n")
            self.error = UriTooLong(f"The address is longer than {MAX_REQUEST_LINE} bytes")
            return
        _refuse_ambiguity(rest)
        super().parse_header(header_plus)
        if self.version not in ("1.0", "1.1"):
            raise ParsingError("Not a version of HTTP that is served here")
        if self.version == "1.0" and "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("Transfer-Encoding with HTTP/1.0")
        if self.content_length >= self.adj.max_request_body_size:
            self.body_rcv, self.content_length, self.expect_continue = None, 0, False
            self.is_body_left_out = True
            self.headers["CONNECTION"] = "close"


def _refuse_ambiguity(header: bytes) -> None:
    """Raise ParsingError where `header` leaves open how long the body is or whom it is for (RFC 9112, 3.2 and 6.3)."""
    names = [line.partition(b":")[0].lower() for line in header.split(b"\r\n") if line]
    if any(name[:1] in (b" ", b"\t") for name in names):
        raise ParsingError("A header of several lines")
    for name in (b"host", b"content-length", b"transfer-encoding"):
        if names.count(name) > 1:
            raise ParsingError("A header that may be there only once is there twice")
    if b"content-length" in names and b"transfer-encoding" in names:
        raise ParsingError("Both Content-Length and Transfer-Encoding")


class Channel(HTTPChannel):  # type: ignore[misc]
    """A client's connection. Its methods run in the reading thread, but for `service` and `write_soon`."""

    parser_class = Parser

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.waiting_since = time.monotonic()
        self._is_reading_body = False
        self._sent_bytes = 0  # of the answer
        self._mark = (0.0, 0)  # when the body's or the answer's progress was last looked at, and how far it was
        self._is_ending = False  # what else comes is thrown away
        self._is_lingering = False
        super().__init__(*arguments, **options)

    @property
    def is_owed_answer(self) -> bool:
        return bool(self.requests or self.total_outbufs_len)

    @property
    def is_busy(self) -> bool:
        """Whether a request is being received, apart from its headers, or answered."""
        return self.is_owed_answer or self._is_reading_body

    def is_too_slow(self, now: float) -> bool:
        """Whether the client takes longer than it may; `now` is by time.monotonic()."""
        if self.total_outbufs_len:
            return self._has_stalled(now, self._sent_bytes, ANSWER_SECONDS)
        if self.requests:
            return False
        if self._is_reading_body and self.request is not None and not self._is_lingering:
            return self._has_stalled(now, self.request.body_bytes_received, BODY_SECONDS)
        return now - self.waiting_since > (LINGER_SECONDS if self._is_lingering else HEADER_SECONDS)

    def _has_stalled(self, now: float, byte_count: int, seconds: float) -> bool:
        """Whether the last `seconds` brought too little. What came fast before is no excuse."""
        marked_at, marked_count = self._mark
        if now - marked_at <= seconds:
            return False
        self._mark = now, byte_count
        return byte_count - marked_count < MIN_BYTES_A_SECOND * seconds

    def drop(self) -> None:
        """Let go of the client; one that waits for an answer is told why it gets none."""
        if self.request is not None:
            with suppress(OSError):
                self.socket.send(TIMEOUT_ANSWER)
            self.request.close()
        super().handle_close()

    def received(self, data: bytes) -> bool:
        if self._is_ending:
            return False
        was_accepted: bool = super().received(data)
        self._is_ending = any(request.is_last for request in self.requests)
        is_reading_body = self.request is not None and self.request.headers_finished
        if is_reading_body != self._is_reading_body:
            self._is_reading_body, self.waiting_since = is_reading_body, time.monotonic()
            self._mark = self.waiting_since, 0
        return was_accepted

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent: int = super().send(data, do_close)
        self._sent_bytes += sent
        self.waiting_since = time.monotonic()
        return sent

    def write_soon(self, data: Any) -> int:
        if not self.total_outbufs_len:
            self._mark, self._sent_bytes = (time.monotonic(), 0), 0
        written: int = super().write_soon(data)
        return written

    def service(self) -> None:
        super().service()
        self.waiting_since = time.monotonic()

    def readable(self) -> bool:
        return self._is_lingering or bool(super().readable())

    def handle_close(self) -> None:
        """Close the connection; where the client still sends, only once it has ended or had the time to read."""
        if self._is_ending and not self._is_lingering:
            self._is_lingering, self.waiting_since = True, time.monotonic()
            self.will_close = self.close_when_flushed = False
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                return
        super().handle_close()
