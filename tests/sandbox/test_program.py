"""The program: how it is started, what it refuses, what it leaves on the disk, and who reaches it."""

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from sandbox.__main__ import main
from tests.support.databases import settings_for
from tests.support.forked_processes import ROOT
from tests.support.servers import free_port, wait_until
from tests.support.signing_sandbox import SigningSandbox, running_sandbox

LOOPBACK, LISTENING = "0100007F", "0A"  # as /proc writes 127.0.0.1 and the state


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningSandbox]:
    """Started by somebody who lets everybody read what he writes."""
    before = os.umask(0)
    try:
        with running_sandbox(tmp_path_factory.mktemp("parent") / "sandbox") as sandbox:
            yield sandbox
    finally:
        os.umask(before)


def start(*words: object) -> tuple[int, str]:
    """The exit status and what was printed, of a start that comes to nothing."""
    command = [sys.executable, "-m", "sandbox", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def list_listening_addresses(process_id: int) -> set[str]:
    """The addresses on which a process listens, as /proc writes them."""
    sockets = set()
    for each in Path(f"/proc/{process_id}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            sockets.add(str(each.readlink()))
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process_id}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in sockets and fields[3] == LISTENING:
                addresses.add(fields[1].partition(":")[0])
    return addresses


def test_nobody_from_elsewhere_reaches_it(sandbox_process: SigningSandbox) -> None:
    assert list_listening_addresses(sandbox_process.process.pid) == {LOOPBACK}


def test_its_files_are_its_owners_alone(sandbox_process: SigningSandbox) -> None:
    sandbox_process.post("/sandbox/hmac-keys")  # writes the file of the credentials anew
    files = list(sandbox_process.folder.iterdir())
    assert {"credentials.json", "sandbox.sqlite3", "lock"} <= {file.name for file in files}
    modes = {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in files}
    assert set(modes.values()) == {"0o600"}, modes
    assert stat.S_IMODE(sandbox_process.folder.stat().st_mode) == 0o700


def test_a_folder_is_used_by_one(sandbox_process: SigningSandbox) -> None:
    folder = sandbox_process.folder
    before = (folder / "credentials.json").read_bytes()
    status, printed = start("--folder", folder, "--port", 0)
    assert (status, printed) == (1, f"Error: another signing sandbox uses the folder {folder}\n")
    assert (folder / "credentials.json").read_bytes() == before


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, printed = start("--folder", tmp_path / "new", "--port", port)
    assert (status, printed) == (1, f"Error: cannot listen on 127.0.0.1:{port} (Address already in use)\n")
    assert not (tmp_path / "new").exists()


def test_a_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE account (id INTEGER)")
        db.execute("PRAGMA user_version = 99")
    db.close()
    status, printed = start("--folder", tmp_path, "--port", 0)
    assert (status, printed) == (1, f"Error: {path} was written by another version of the sandbox: delete it\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--host", "0.0.0.0"], "listens on loopback only"),
        (["--host", "::"], "listens on loopback only"),
        (["--host", "hub.example.com"], "listens on loopback only"),
        (["--tls-cert", "cert.pem"], "belong together"),
        (["--tls-key", "key.pem"], "belong together"),
    ],
)
def test_what_would_open_it_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    reason: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["sandbox", "--folder", str(tmp_path / "new"), "--port", "0", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


# --- The hub's command ---------------------------------------------------------------------------------------


def make_hub(folder: Path, **values: str) -> Flask:
    return create_app(settings_for(f"sqlite:///{folder}/hub", folder, **values))


def test_the_command_says_what_it_is_for(tmp_path: Path) -> None:
    runner = make_hub(tmp_path).test_cli_runner()
    answer = runner.invoke(args=["signing-sandbox", "--help"])
    assert answer.exit_code == 0
    words = " ".join(answer.output.split())
    assert "stands in for DocuSign, at HUB_SANDBOX_PORT" in words
    assert "What is signed there is not valid. It is for hubs that nobody reaches from another machine." in words
    assert "signing-sandbox" in runner.invoke(args=["--help"]).output


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"HUB_PUBLIC_URL": "https://hub.example.com"}, "HUB_PUBLIC_URL is https://hub.example.com"),
        ({"HUB_PUBLIC_URL": "https://203.0.113.7"}, "HUB_PUBLIC_URL is https://203.0.113.7"),
        ({"HUB_HOST": "0.0.0.0"}, "HUB_HOST is 0.0.0.0"),
    ],
)
def test_a_hub_that_others_reach_gets_none(tmp_path: Path, values: dict[str, str], reason: str) -> None:
    answer = make_hub(tmp_path, **values).test_cli_runner().invoke(args=["signing-sandbox"])
    assert answer.exit_code == 2
    assert reason in answer.output
    assert len(answer.output.splitlines()) == 1
    assert not (tmp_path / "signing-sandbox").exists()


def test_the_command_becomes_the_sandbox(tmp_path: Path) -> None:
    port = free_port()
    environment = os.environ | {
        "HUB_DATA_DIR": str(tmp_path),
        "HUB_SECRET_KEY": "tests",
        "DATABASE_URL": f"sqlite:///{tmp_path}/hub",
        "HUB_SANDBOX_PORT": str(port),
    }
    words = [sys.executable, "-m", "flask", "--app", "app", "signing-sandbox"]
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"Signing sandbox at http://127.0.0.1:{port}\n"
        known = json.loads((tmp_path / "signing-sandbox" / "credentials.json").read_text())
        assert known["oauth_host"] == f"127.0.0.1:{port}"
        assert list_listening_addresses(process.pid) == {LOOPBACK}
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: process.poll() is not None)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
