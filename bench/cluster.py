"""A PostgreSQL server of the bench's own, whose data is kept between runs. Its settings are the server's defaults."""

import os
import pwd
import signal
import subprocess
import time
from pathlib import Path

import psycopg

from jobs.processes.parent_death import die_with_parent

START_SECONDS = 60.0
PORT = 54329  # only names the socket: the server listens on no network


class Cluster:
    """The server over `folder`, made there when first needed. It listens on a socket in the folder and ends with us."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._account = _unprivileged_account()
        if self._account:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        if not (self.folder / "data" / "PG_VERSION").exists():
            exit_code = self._run(
                "initdb",
                "--pgdata=data",
                "--username=hub",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ).wait(120)
            if exit_code != 0:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
        self._server = self._run(
            "postgres",
            "-D",
            "data",
            "--listen_addresses=",
            f"--port={PORT}",
            f"--unix_socket_directories={self.folder}",
        )
        self._wait()

    def build_url(self, database: str) -> str:
        return f"postgresql+psycopg://hub@/{database}?host={self.folder}&port={PORT}"

    def execute(self, *statements: str) -> None:
        """Run administrative statements outside of a transaction."""
        url = self.build_url("postgres").replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def stop(self) -> None:
        self._server.send_signal(signal.SIGINT)
        self._server.wait(60)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()[-2000:]) from None
                time.sleep(0.1)

    def _run(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        account = self._account
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [_programs() / program, *words],
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


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Who the server runs as where we are root, which it refuses to be; None where we are not."""
    if os.getuid() != 0:
        return None
    known = {account.pw_name: account for account in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _programs() -> Path:
    """The folder of initdb and postgres, the newest version's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: run with --only sqlite, or install postgresql")
    return found[-1].parent
