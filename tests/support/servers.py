"""The real servers the tests run against: one PostgreSQL and one Valkey a session, started when first needed.

They listen on the loopback interface or a Unix socket, keep nothing, and end with the test run, however it ends.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from jobs import valkey
from jobs.processes.parent_death import die_with_parent

START_SECONDS = 30.0


def skip_test(reason: str) -> None:
    """Skip the test for want of a server; where nothing may be left out (HUB_REQUIRE_ALL=1), fail it."""
    if os.environ.get("HUB_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and HUB_REQUIRE_ALL=1 says that nothing may be left out")
    pytest.skip(reason)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], seconds: float = START_SECONDS, pause: float = 0.05) -> None:
    """Return as soon as `holds()`; fail the test where it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain for {getattr(condition, '__doc__', None) or condition}")
        time.sleep(pause)


class PostgreSQL:
    """A throwaway server. `user` is the system user it runs as: it refuses to be root."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="hub-postgresql-", dir=_quickest_folder()))
        self.port = free_port()
        self._account = _unprivileged_account()
        if self._account:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        self._run(
            "initdb",
            "--pgdata=data",
            "--username=hub",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
            "--locale=C.UTF-8",
        ).wait(60)
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            "jit": "off",
        }
        self._server = self._run("postgres", "-D", "data", *(f"--{name}={value}" for name, value in settings.items()))
        wait_until(self._is_ready)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://hub@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str) -> None:
        """Run administrative statements outside of a transaction."""
        with psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def stop(self) -> None:
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_ready(self) -> bool:
        if self._server.poll() is not None:
            pytest.fail((self.folder / "log").read_text())
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        account = self._account
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._programs / program, *words],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                preexec_fn=lambda: die_with_parent(parent),
            )


class Valkey:
    """The embedded queue server over a folder of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.url = valkey.server_url(data_dir)
        self.start()

    def start(self) -> None:
        parent = os.getpid()
        self.process = subprocess.Popen(
            valkey.server_command(self.data_dir), start_new_session=True, preexec_fn=lambda: die_with_parent(parent)
        )
        wait_until(lambda: valkey.is_ready(self.data_dir))

    def kill(self) -> None:
        """End it as a power cut would, without a chance to tidy up."""
        self.process.kill()
        self.process.wait(10)

    def connect(self) -> Redis:
        return Redis.from_url(self.url)


def _quickest_folder() -> Path:
    """In memory where there is room: copying a database takes a fifth of the time there."""
    memory = Path("/dev/shm")
    has_room = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 * 1024**3
    return memory if has_room else Path("/tmp")


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Who PostgreSQL runs as where the tests run as root; None where they do not."""
    if os.getuid() != 0:
        return None
    known = {account.pw_name: account for account in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def find_postgresql_programs() -> Path | None:
    """The folder of initdb and postgres, the newest version's."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    program = versions[-1] if versions else shutil.which("initdb")
    return Path(program).resolve().parent if program else None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The session's PostgreSQL."""
    programs = find_postgresql_programs()
    if programs is None:
        skip_test("PostgreSQL is not installed")
        return
    server = PostgreSQL(programs)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """The session's queue server."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    yield server
    server.kill()
