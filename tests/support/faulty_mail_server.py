"""A mail server that goes wrong where a test wants it to, with nothing between the test and the bytes."""

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

STEPS = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "content")
NORMAL_ANSWERS = {
    "greeting": "220 mail.example.com ready",
    "EHLO": "250-mail.example.com\r\n250 SIZE 52428800",
    "HELO": "250 mail.example.com",
    "MAIL": "250 sender OK",
    "RCPT": "250 recipient OK",
    "DATA": "354 go on",
    "content": "250 2.0.0 Ok: queued as {number}",
    "RSET": "250 reset",
    "QUIT": "221 bye",
}


class DropConnection(Exception):
    """Ends the conversation without a word."""


class HangConnection(Exception):
    """Says nothing any more, until the other side is gone."""


class SendSlowly(Exception):
    """Says one byte after the other, and never a whole line."""


class SendEndlessly(Exception):
    """Says one line after the other, and never the last."""


Fault = str | type[Exception] | Callable[["Conversation"], object]


@dataclass
class Conversation:
    """One conversation. `mails` counts the mails that were taken in it."""

    socket: socket.socket
    accepted_mails: int = 0


@dataclass
class FaultyServer:
    """`faults` tells for each step what is said or done instead of what is right, one after the other, `always` what is
    after that.

    A mail is `taken` when all of it has come and the step "content" does not refuse it, whether the answer arrives or
    not. A fault may be an answer, one of the classes above, or a function that returns either, or None for what is
    right.
    """

    faults: dict[str, list[Fault]] = field(default_factory=dict)
    permanent_faults: dict[str, Fault] = field(default_factory=dict)
    accepted_ids: list[str] = field(default_factory=list)
    steps: Counter[str] = field(default_factory=Counter)
    conversations: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def deliveries(self) -> Counter[str]:
        """How often each mail was taken, by its Message-ID."""
        return Counter(self.accepted_ids)

    def has_reached(self, step: str) -> Callable[[], bool]:
        """Whether some client has come to this step."""
        return lambda: self.steps[step] > 0

    def _next_answer(self, step: str, talk: Conversation) -> str:
        self.steps[step] += 1
        waiting = self.faults.get(step)
        fault: object = waiting.pop(0) if waiting else self.permanent_faults.get(step)
        if isinstance(fault, type):
            raise fault
        if callable(fault):
            fault = fault(talk)
            if isinstance(fault, type):
                raise fault
        return (
            str(fault)
            if fault is not None
            else NORMAL_ANSWERS.get(step, "500 what?").format(number=len(self.accepted_ids) + 1)
        )

    def handle_connection(self, connection: socket.socket) -> None:
        self.conversations += 1
        talk = Conversation(connection)
        reader = connection.makefile("rb")
        try:
            _send_line(connection, self._next_answer("greeting", talk))
            while line := reader.readline():
                step = line[:4].decode(errors="replace").upper()
                answer = self._next_answer(step, talk)
                _send_line(connection, answer)
                if step == "QUIT":
                    return
                if step == "DATA" and answer.startswith("354"):
                    self._receive_mail(reader.readline, connection, talk)
        except (DropConnection, OSError):
            pass
        except HangConnection:
            while connection.recv(65536):
                pass
        except SendSlowly:
            while True:
                connection.sendall(b"2")
                time.sleep(0.05)
        except SendEndlessly:
            while True:
                connection.sendall(b"250-and\r\n")
                time.sleep(0.05)
        finally:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            reader.close()
            connection.close()

    def _receive_mail(self, read: Callable[[], bytes], connection: socket.socket, talk: Conversation) -> None:
        content = b""
        while (line := read()) != b".\r\n":
            if not line:
                raise DropConnection
            content += line
        found = re.search(rb"^Message-ID: (\S+)\r$", content, re.MULTILINE)
        assert found is not None
        message_id = found[1].decode()
        try:
            answer = self._next_answer("content", talk)
        except Exception:
            self.accepted_ids.append(message_id)
            raise
        if answer.startswith("2") or not answer[:1].isdigit():
            self.accepted_ids.append(message_id)
            talk.accepted_mails += 1
        _send_line(connection, answer)


def _send_line(connection: socket.socket, text: str) -> None:
    connection.sendall(text.encode("latin-1") + b"\r\n")


@contextmanager
def run_faulty_server(**faults: Fault | list[Fault]) -> Iterator[FaultyServer]:
    """The server, for as long as the block lasts. A fault in a list happens once, any other always."""
    server = FaultyServer()
    for step, fault in faults.items():
        if isinstance(fault, list):
            server.faults[step] = fault
        else:
            server.permanent_faults[step] = fault
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    open_sockets: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_sockets.append(connection)
                threading.Thread(target=_handle_quietly, args=(server, connection), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _handle_quietly(server: FaultyServer, connection: socket.socket) -> None:
    with suppress(OSError):  # the client went away
        server.handle_connection(connection)
