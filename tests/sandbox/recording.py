"""What goes to and from the sandbox, noted on the way: a stand-in at its public address that passes everything on."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

HOP_HEADERS = {"connection", "transfer-encoding", "keep-alive", "content-length"}
NOTED = ("/oauth/token", "/oauth/userinfo", "/restapi/")


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # by names in small letters
    body: bytes
    status: int
    answer_headers: dict[str, str]
    answer: bytes

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")

    @property
    def kind_of_body(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    @property
    def kind_of_answer(self) -> str:
        return self.answer_headers.get("content-type", "").partition(";")[0]

    def read_body(self) -> Any:
        return json.loads(self.body)

    def read_form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)

    def read_answer(self) -> Any:
        return json.loads(self.answer)


@dataclass
class Recorder:
    """`port` is where it listens, `target` the port of the sandbox. `take_event` is given the body and headers of each
    event, and answers with a status.
    """

    port: int = 0
    target: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    take_event: Callable[[bytes, dict[str, str]], int] = lambda _body, _headers: 204

    def pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        if handler.path.startswith("/webhooks/"):
            self.events.append(json.loads(body))
            handler.send_response(self.take_event(body, headers))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)
        connection.request(str(handler.command), handler.path, body or None, dict(handler.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self._note(handler, headers, body, answer, content)
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_HEADERS:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _note(
        self,
        handler: BaseHTTPRequestHandler,
        headers: dict[str, str],
        body: bytes,
        answer: http.client.HTTPResponse,
        content: bytes,
    ) -> None:
        address = urlsplit(handler.path)
        if address.path.startswith(NOTED):
            query = parse_qs(address.query, keep_blank_values=True)
            answer_headers = {name.lower(): value for name, value in answer.getheaders()}
            self.exchanges.append(
                Exchange(
                    str(handler.command), address.path, query, headers, body, answer.status, answer_headers, content
                )
            )


@contextmanager
def recording() -> Iterator[Recorder]:
    """A recorder that listens for as long as the block lasts; the caller says where it leads."""
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            recorder.pass_on(self)

        do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    recorder.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
