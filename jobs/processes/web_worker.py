"""The web server's process: Waitress's reading and writing inside gunicorn's processes.

One thread reads requests off all clients and writes answers to them; the app's threads get whole requests and leave
whole answers behind, so that a slow client never holds one. Gunicorn starts, watches and stops the processes.
"""

import logging
import os
import resource
import time
from typing import Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from customerhub.core.config import load_settings
from jobs.processes.web_channel import MAX_HEADER_BYTES, Channel

MAX_CONNECTIONS = 500  # of one process; beyond them, the client that has been waited for the longest is let go
MAX_OPEN_FILES = 4096  # each client may have a temporary file for its request and one for its answer
MAX_WAITING_BYTES = 256 * 1024 * 1024  # of one answer, from 1 MB on in a file; the app waits before it makes more
CHECK_SECONDS = 1.0  # between two looks at how long clients take


class BufferingServer(TcpWSGIServer):  # type: ignore[misc]
    """One listening socket, and the clients that came by it."""

    channel_class = Channel

    def readable(self) -> bool:
        return bool(self.accepting)

    def handle_accept(self) -> None:
        super().handle_accept()
        if len(self.active_channels) > MAX_CONNECTIONS:
            channels = list(self.active_channels.values())
            waiting = [channel for channel in channels if not channel.is_owed_answer]
            min(waiting or channels[-1:], key=lambda channel: channel.waiting_since).drop()

    def close_slow(self, now: float) -> None:
        """Let go of the clients that take longer than they may."""
        for channel in list(self.active_channels.values()):
            if channel.is_too_slow(now):
                channel.drop()

    def close_idle(self) -> bool:
        """Let go of the clients that are owed nothing; True where none is left."""
        for channel in list(self.active_channels.values()):
            if not channel.is_busy:
                channel.drop()
        return not self.active_channels


class BufferingWorker(Worker):  # type: ignore[misc]
    """A gunicorn worker that serves its sockets by Waitress."""

    def init_process(self) -> None:
        self._map: dict[int, Any] = {}
        self._servers: list[BufferingServer] = []
        self._next_check = 0.0
        super().init_process()

    def handle_exit(self, sig: int, frame: object) -> None:
        super().handle_exit(sig, frame)
        for server in self._servers:
            server.pull_trigger()

    def run(self) -> None:
        """Serve until told to stop, and finish what has been begun."""
        _allow_open_files()
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that a request waits for a thread is no news
        self._open_servers()
        while self.alive:
            self._process_events()
        for server in self._servers:
            server.accepting = False
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while not all(server.close_idle() for server in self._servers) and time.monotonic() < deadline:
            self._process_events()

    def _open_servers(self) -> None:
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(self.cfg.threads)
        adjustments = _adjustments()
        for listener in self.sockets:
            sock = listener.sock
            server = BufferingServer(
                self.wsgi,
                map=self._map,
                _sock=sock,
                dispatcher=dispatcher,
                adj=adjustments,
                sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
                bind_socket=False,
            )
            self._servers.append(server)

    def _process_events(self) -> None:
        self.notify()
        wasyncore.loop(timeout=CHECK_SECONDS, use_poll=True, map=self._map, count=1)
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + CHECK_SECONDS
            for server in self._servers:
                server.close_slow(now)


def _allow_open_files() -> None:
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_OPEN_FILES if hard_limit == resource.RLIM_INFINITY else min(MAX_OPEN_FILES, hard_limit)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard_limit))


def _adjustments() -> Adjustments:
    settings = load_settings(os.environ)
    return Adjustments(
        ident="customer-hub",
        server_name=settings.host,
        connection_limit=MAX_CONNECTIONS * 2,  # unused: BufferingServer keeps the number
        channel_timeout=24 * 3600,  # unused: BufferingServer lets the slow ones go
        max_request_header_size=MAX_HEADER_BYTES,
        max_request_body_size=settings.max_upload_bytes + 1,
        outbuf_high_watermark=MAX_WAITING_BYTES,
        clear_untrusted_proxy_headers=False,  # the app counts the proxies: HUB_TRUSTED_PROXIES
        log_socket_errors=False,
    )
