"""Listening for requests: by waitress, or by werkzeug's server where TLS is wanted."""

import logging
import socket
from pathlib import Path

import waitress
from flask import Flask
from werkzeug.serving import make_server

from sandbox.application import create_app, open_service
from sandbox.web.faults import ConnectionCutter

THREADS = 16


class CannotListen(Exception):
    """The port is taken, say. The message is one line."""


def serve(folder: Path, host: str, port: int, *, public_url: str | None, tls: tuple[Path, Path] | None) -> None:
    """Serve until SIGTERM or Ctrl-C. Prints the address as soon as requests are answered."""
    listener = _open_listener(host, port)
    scheme = "https" if tls else "http"
    name = f"[{host}]" if ":" in host else host
    base_uri = (public_url or f"{scheme}://{name}:{listener.getsockname()[1]}").rstrip("/")
    service = open_service(folder, base_uri)
    app = create_app(service)
    service.sender.start()
    print(f"Signing sandbox at {base_uri}", flush=True)
    try:
        if tls:
            _serve_tls(app, listener, tls)
        else:
            _serve_plain(app, listener)
    finally:
        service.sender.stop()
        service.close()


def _open_listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {host}:{port} ({error.strerror})") from None
    listener.listen(128)
    return listener


def _serve_plain(app: Flask, listener: socket.socket) -> None:
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that a request waits for a thread is no news
    # Errors of sockets are not logged: a connection that is cut on request is one.
    waitress.serve(
        ConnectionCutter(app), sockets=[listener], threads=THREADS, ident=None, log_socket_errors=False, _quiet=True
    )


def _serve_tls(app: Flask, listener: socket.socket, tls: tuple[Path, Path]) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    host, port = listener.getsockname()[:2]
    server = make_server(
        host,
        port,
        ConnectionCutter(app),
        threaded=True,
        ssl_context=(str(tls[0]), str(tls[1])),
        fd=listener.fileno(),
    )
    server.serve_forever()
