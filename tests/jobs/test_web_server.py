"""The group's web server: slow clients keep nobody out, and what it takes and answers has limits."""

import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.processes import web_worker
from tests.jobs.conftest import StartCommand
from tests.processes.impatient_server import ANSWER_SECONDS, BODY_SECONDS, HEADER_SECONDS
from tests.processes.slow_pages import LARGE_PIECES, PIECE
from tests.support.running_processes import RunningCommand
from tests.support.servers import free_port, wait_until

SLOW_CLIENTS = 200
SLOW_READERS = 9
SMALL_UPLOAD_MB = 2
HEAD = b"POST /told HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n"


@dataclass
class Pages:
    """The pages of tests/processes/slow_pages.py by `program`, with the settings of the hub, in one process."""

    folder: Path
    program: str = "gunicorn"

    def __post_init__(self) -> None:
        self.port = free_port()
        words = ["-m", self.program, "--config", "python:jobs.processes.gunicorn_conf"]
        environment = {"PORT": str(self.port), "HUB_WEB_WORKERS": "1", "HUB_MAX_UPLOAD_MB": str(SMALL_UPLOAD_MB)}
        self.run = RunningCommand(
            [*words, "tests.processes.slow_pages:app"],
            self.folder / "log",
            {"HUB_DATA_DIR": str(self.folder), "HUB_SECRET_KEY": "tests", **environment},
            loads_everything=True,  # which is little here
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        with suppress(OSError):
            return get(self.port, "/quick")[0] == 200
        return False


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    pages = Pages(tmp_path_factory.mktemp("web"))
    yield pages
    pages.run.end()


@pytest.fixture
def ending_web(tmp_path: Path) -> Iterator[Pages]:
    """One that the test may end."""
    pages = Pages(tmp_path)
    yield pages
    pages.run.end()


@pytest.fixture(scope="module")
def impatient_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """One that waits for clients for seconds."""
    pages = Pages(tmp_path_factory.mktemp("impatient"), "tests.processes.impatient_server")
    yield pages
    pages.run.end()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def get(port: int, path: str = "/healthz") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def exchange(port: int, request: bytes) -> bytes:
    """Everything that is answered to `request` until the server closes the connection."""
    with connect(port) as client:
        client.sendall(request)
        pieces = []
        with suppress(ConnectionResetError):
            while piece := client.recv(65536):
                pieces.append(piece)
        return b"".join(pieces)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


BEGINNINGS = {
    "nothing": b"",
    "one byte": b"G",
    "headers": b"GET / HTTP/1.1\r\nHost: hub\r\nX-Slow: ",
    "body": b"POST /sign-in HTTP/1.1\r\nHost: hub\r\nContent-Length: 100000\r\n\r\nx",
}


def test_two_hundred_slow_clients_of_a_hub_keep_nobody_out(start: StartCommand) -> None:
    port = free_port()
    hub = start("-m", "flask", "--app", "app", "up", "--no-demo", PORT=str(port), HUB_WEB_WORKERS="1")
    hub.wait_for(f"http://127.0.0.1:{port}", seconds=90)
    with ExitStack() as stack:
        slow = {stack.enter_context(connect(port)): number for number in range(SLOW_CLIENTS)}
        beginnings = list(BEGINNINGS.values())
        for place in range(4):
            for client, number in slow.items():
                client.sendall(b"y" if place else beginnings[number % len(beginnings)])
            began = time.monotonic()
            assert get(port)[0] == 200
            assert get(port, "/sign-in")[0] == 200
            assert time.monotonic() - began < 5
    assert hub.process.poll() is None


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_slow_clients_of_each_kind_keep_nobody_out(web: Pages, beginning: str) -> None:
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            stack.enter_context(connect(web.port)).sendall(BEGINNINGS[beginning])
        assert get(web.port, "/quick")[0] == 200


def test_more_slow_clients_than_there_is_room_for_keep_nobody_out(web: Pages) -> None:
    with ExitStack() as stack:
        for _ in range(web_worker.MAX_CONNECTIONS + 50):
            stack.enter_context(connect(web.port)).sendall(BEGINNINGS["body"])
        assert get(web.port, "/quick")[0] == 200


def test_clients_that_read_slowly_keep_nobody_out(web: Pages) -> None:
    """Their answers wait in files, and no thread waits with them."""
    with ExitStack() as stack:
        for _ in range(SLOW_READERS):
            client = stack.enter_context(connect(web.port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /large HTTP/1.1\r\nHost: hub\r\n\r\n")
        time.sleep(1)
        assert get(web.port, "/quick")[0] == 200
        memory = sum(resident_megabytes(process) for process in web.run.find("gunicorn"))
        assert memory < 200, "their answers of 26 MB each are not held in memory"


def resident_megabytes(process: int) -> float:
    fields = Path(f"/proc/{process}/statm").read_text().split()
    return int(fields[1]) * 4096 / 1024**2


def seconds_until_closed(port: int, beginning: bytes, more: bytes, pause: float) -> tuple[float, bytes]:
    """How long a client is served that sends `more` every `pause` seconds, and what it was answered."""
    began = time.monotonic()
    answer = b""
    with connect(port) as client:
        client.sendall(beginning)
        client.settimeout(pause)
        while time.monotonic() - began < 60:
            try:
                piece = client.recv(4096)
                answer += piece
                if not piece:
                    break
            except TimeoutError:
                with suppress(OSError):
                    client.sendall(more)
            except ConnectionError:
                break
    return time.monotonic() - began, answer


@pytest.mark.parametrize(
    ("beginning", "more", "limit", "status"),
    [
        ("nothing", b"", HEADER_SECONDS, None),
        ("nothing", b"\r\n", HEADER_SECONDS, None),
        ("headers", b"y", HEADER_SECONDS, 408),
        ("body", b"y", BODY_SECONDS, 408),
    ],
)
def test_headers_and_bodies_may_take_so_long(
    impatient_web: Pages, beginning: str, more: bytes, limit: float, status: int | None
) -> None:
    seconds, answer = seconds_until_closed(impatient_web.port, BEGINNINGS[beginning], more, 0.3)
    assert limit - 0.5 <= seconds < limit + 6
    assert answer == b"" if status is None else status_of(answer) == status


def test_an_answer_that_is_not_read_is_given_up(impatient_web: Pages) -> None:
    with connect(impatient_web.port) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: hub\r\n\r\n")
        time.sleep(2 * ANSWER_SECONDS + 4)
        size = 0
        with suppress(ConnectionError):
            while piece := client.recv(65536):
                size += len(piece)
    assert 0 < size < LARGE_PIECES * len(PIECE), "what the kernel held already"


def test_a_body_that_began_fast_has_no_more_time(impatient_web: Pages) -> None:
    beginning = b"POST /told HTTP/1.1\r\nHost: hub\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 1_000_000
    seconds, answer = seconds_until_closed(impatient_web.port, beginning, b"y", 0.3)
    assert BODY_SECONDS - 0.5 <= seconds < 2 * BODY_SECONDS + 6
    assert status_of(answer) == 408


def test_a_slow_but_steady_upload_is_taken(web: Pages) -> None:
    body = b"x" * 500_000
    with connect(web.port) as client:
        client.sendall(
            b"POST /told HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        for place in range(0, len(body), 50_000):
            client.sendall(body[place : place + 50_000])
            time.sleep(0.2)
        answer = client.makefile("rb").read()
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["body"] == len(body)


def test_requests_in_flight_are_finished_when_the_server_stops(ending_web: Pages) -> None:
    seconds = 4.0
    answers: list[tuple[int, bytes]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(get(ending_web.port, f"/slow/{seconds}"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    with connect(ending_web.port) as idle, connect(ending_web.port) as slow:
        slow.sendall(BEGINNINGS["headers"])
        time.sleep(1)
        began = time.monotonic()
        ending_web.run.send(signal.SIGTERM)
        assert ending_web.run.wait() == 0
        assert time.monotonic() - began < seconds + 3, "nobody waits for those who have not asked for anything"
        assert idle.recv(10) == b""
    for thread in threads:
        thread.join()
    assert answers == [(200, b"slow")] * 4


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_that_is_too_large_is_answered_by_the_app(web: Pages, is_announced: bool) -> None:
    """At once, though the client sends all of it before it reads."""
    size = SMALL_UPLOAD_MB * 1024 * 1024 + 1
    head = b"POST /told HTTP/1.1\r\nHost: hub\r\n"
    if is_announced:
        answer = exchange(web.port, head + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        assert b"the app's own page" in answer
        assert b"Connection: close" in answer
    else:
        head += b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size
        answer = exchange(web.port, head + b"x" * size + b"\r\n0\r\n\r\n")
    assert status_of(answer) == 413
    assert answer.count(b"HTTP/1.1 ") == 1


def test_what_follows_a_refused_body_is_no_request(web: Pages) -> None:
    size = SMALL_UPLOAD_MB * 1024 * 1024 + 1
    smuggled = b"GET /quick HTTP/1.1\r\nHost: hub\r\n\r\n"
    answer = exchange(web.port, b"POST /told HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n\r\n" % size + smuggled * 3)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /told HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n", 200),
        (b"GET /told?" + b"x" * 8000 + b" HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n", 200),
        (b"GET /told?" + b"x" * 8190 + b" HTTP/1.1\r\nHost: hub\r\n\r\n", 414),
        (b"GET /told HTTP/1.1\r\nHost: hub\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (HEAD + b"Content-Length: 3\r\n\r\nabc", 200),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200),
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (HEAD + b"Content-Length: +3\r\n\r\nabc", 400),
        (HEAD + b"Content-Length : 3\r\n\r\nabc", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400),
        (HEAD + b"X: a\r\n folded\r\n\r\n", 400),
        (HEAD + b"Host: other\r\n\r\n", 400),
        (HEAD + b"X: a\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /told HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET /told HTTP/2.0\r\nHost: hub\r\n\r\n", 400),
        (b"GET /told\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(web: Pages, request_bytes: bytes, status: int) -> None:
    answer = exchange(web.port, request_bytes)
    assert status_of(answer) == status, answer
    assert answer.count(b"\r\nServer: ") == 1
    assert b"\r\nDate: " in answer
    assert b"\r\nServer: customer-hub\r\n" in answer
    assert b"waitress" not in answer.lower()


def test_the_app_is_told_the_address_that_the_proxy_tells(web: Pages) -> None:
    answer = exchange(web.port, HEAD + b"X-Forwarded-For: 198.51.100.7\r\nContent-Length: 0\r\n\r\n")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["address"] == "198.51.100.7"


def test_a_connection_serves_several_requests(web: Pages) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    for _ in range(3):
        connection.request("GET", "/quick")
        assert connection.getresponse().read() == b"quick"
        client = connection.sock
        assert client is not None, "it is kept open"
    connection.close()
