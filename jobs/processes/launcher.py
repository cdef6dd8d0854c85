"""The whole hub on one machine: queue server, web server, workers and scheduler as one supervised group."""

import gc
import select
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from flask import Flask
from sqlalchemy import inspect
from sqlalchemy.exc import DatabaseError

from customerhub.core.config import Settings
from jobs import valkey
from jobs.processes import scheduler, signing_sandbox, web_server, worker
from jobs.processes.folder_lock import FolderInUse, lock_folder
from jobs.processes.forking import build_execution
from jobs.processes.startup_checks import CannotStart, check_database, check_queue_server, listen
from jobs.processes.supervisor import Program, Supervisor
from jobs.queue import BULK, DEFAULT
from models.base import db

DATABASE_MISMATCH = (
    "the database does not match this version of Customer Hub: {}. Start the version that created it, or set "
    "HUB_DATA_DIR or DATABASE_URL to a database of this version"
)


def run(
    app: Flask,
    settings: Settings,
    prepare: Callable[[], object],
    describe_start: Callable[[], Sequence[str]],
    *,
    has_sandbox: bool = False,
    when_ready: Callable[[], object] = lambda: None,
) -> int:
    """Run the hub until Ctrl-C, a signal or a failure ends it; returns the exit code.

    `prepare` is called once the folder, the port and the servers are known to be usable: it brings the database
    up to date. What `describe_start` returns then is printed when the web answers, a line each; `when_ready` is called
    after it, and leaves no connection open.
    """
    try:
        lock = lock_folder(settings.data_dir)
        listener = listen(settings)
        check_database(settings)
        check_queue_server(settings)
    except (CannotStart, FolderInUse) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print("Customer Hub is starting ...", file=sys.stderr, flush=True)
    if mismatch := _prepare_database(prepare):
        print(f"Error: {DATABASE_MISMATCH.format(mismatch)}", file=sys.stderr)
        return 1
    lines = describe_start()
    _prepare_forking()

    def finish_start() -> None:
        for line in lines:
            supervisor.print_line(line)
        when_ready()

    programs = build_programs(app, settings, lock, listener)
    if has_sandbox:
        programs.append(_signing_sandbox(settings))
    supervisor = Supervisor(programs, finish_start)
    return supervisor.run()


def _prepare_database(prepare: Callable[[], object]) -> str:
    """Bring the database up to date; what keeps this version from working with it, empty where nothing does."""
    try:
        prepare()
        return _describe_missing_columns()
    except DatabaseError as error:
        return " ".join(str(error.orig).split())[:200]


def _prepare_forking() -> None:
    """Leave no connection that two processes would use, and the memory that they share as it is."""
    db.session.remove()
    for engine in db.engines.values():
        engine.dispose()
    gc.collect()
    gc.freeze()


def _describe_missing_columns() -> str:
    """Which columns that the code knows of the database does not have; empty where all are there."""
    columns_by_table = inspect(db.engine).get_multi_columns()
    existing_columns = {
        (table, column["name"]) for (_, table), columns in columns_by_table.items() for column in columns
    }
    expected_columns = [(table.name, column.name) for table in db.metadata.sorted_tables for column in table.columns]
    missing = [".".join(pair) for pair in expected_columns if pair not in existing_columns]
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    return f"missing {', '.join(missing[:3])}{more}" if missing else ""


def build_programs(app: Flask, settings: Settings, lock: int, listener: socket.socket) -> list[Program]:
    """What the hub consists of. `lock` is the descriptor of the locked data folder.

    The web comes before the workers: somebody is waiting for its first page.
    """
    environment = {"HUB_DATA_DIR": str(settings.data_dir)}
    group = [_web(app, listener, environment)]
    for number in range(1, settings.workers + 1):
        run = partial(worker.run, app, settings, DEFAULT)
        group.append(Program(f"worker.{number}", run, 2, environment=environment))
    group.append(Program("worker.bulk", partial(worker.run, app, settings, BULK), 2, environment=environment))
    group.append(Program("scheduler", partial(scheduler.run, settings), 2, environment=environment))
    if settings.redis_url is None:
        group.append(_queue_server(settings.data_dir, lock))
    return group


def _queue_server(data_dir: Path, lock: int) -> Program:
    """The embedded server. It shares the folder's lock, so that no second one ever starts on the same files."""
    return Program(
        "valkey",
        build_execution(valkey.server_command(data_dir)),
        0,
        is_ready=lambda: valkey.is_ready(data_dir),
        descriptors=(lock,),
    )


def _signing_sandbox(settings: Settings) -> Program:
    """Beside the workers: nobody waits for it."""
    return Program(
        "sandbox",
        partial(signing_sandbox.execute, settings),
        2,
        is_ready=lambda: signing_sandbox.is_listening(settings),
    )


def _web(app: Flask, listener: socket.socket, environment: dict[str, str]) -> Program:
    """The web server, on a socket that stays open while it is restarted: requests wait instead of failing."""
    return Program(
        "web",
        partial(web_server.run, app),
        1,
        is_ready=_WebProbe(listener),
        environment={**environment, "HUB_LISTEN_FD": str(listener.fileno())},
        descriptors=(listener.fileno(),),
    )


class _WebProbe:
    """Whether somebody answers a request sent to `listener`. Asks once and never blocks."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._request: socket.socket | None = None
        self._has_answered = False

    def __call__(self) -> bool:
        if self._has_answered:
            return True
        if self._request is None:
            self._request = self._send_request()
        if select.select([self._request], [], [], 0)[0]:
            self._has_answered = self._request.recv(5) == b"HTTP/"
            self._request.close()
            self._request = None
        return self._has_answered

    def _send_request(self) -> socket.socket:
        host, port = self._listener.getsockname()[:2]
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        request = socket.create_connection((reachable, port), timeout=5)
        request.sendall(f"GET / HTTP/1.1\r\nHost: {reachable}:{port}\r\nConnection: close\r\n\r\n".encode())
        return request
