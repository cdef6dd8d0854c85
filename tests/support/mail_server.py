"""A real mail server on the loopback interface, which answers as the test wants."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.support.certificates import write_certificate
from tests.support.servers import free_port

USER, PASSWORD = "hub@example.com", "p@ss word/:"


class Mailbox:
    """What arrived, and what to answer. `drop` ends the connection in the middle of the mail, `on_mail` is called when
    a mail has come and is not answered yet.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.received: list[EmailMessage] = []
        self.was_encrypted: list[bool] = []
        self.recipient_answer = "250 OK"
        self.data_answer = "250 OK"
        self.drops_connection = False
        self.on_mail: Callable[[], object] = lambda: None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.recipient_answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.drops_connection:
            server.transport.abort()
            return "451 gone"
        await asyncio.to_thread(self.on_mail)
        if self.data_answer.startswith("2"):
            self.received.append(message_from_bytes(envelope.content, policy=SMTP_POLICY))
            self.was_encrypted.append(session.ssl is not None)
        return self.data_answer


@contextmanager
def run_mail_server(mailbox: Mailbox, **options: Any) -> Iterator[Mailbox]:
    """The server, for as long as the block lasts."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def check_password(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


def tls_context(folder: Path) -> ssl.SSLContext:
    """With a certificate that nobody has signed but itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(folder, "mail.example.com"))
    return context
