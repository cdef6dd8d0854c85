"""`flask --app app up`: one command starts the whole hub, keeps it up and takes all of it down."""

import os
import re
import shutil
import signal
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from customerhub.core.config import Settings
from customerhub.core.private_files import OWN_NAMES
from customerhub.users.passwords import DEMO_PASSWORD
from jobs.queue import get_queue, try_enqueue
from models.enums import Role
from tests.jobs.conftest import StartCommand
from tests.support import sample_jobs
from tests.support.running_processes import RunningCommand
from tests.support.servers import PostgreSQL, Valkey, free_port, wait_until

UP_COMMAND = ("-m", "flask", "--app", "app", "up", "--no-demo")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def hub(start: StartCommand, port: int) -> RunningCommand:
    """A running hub over the folder of `hub_settings`."""
    run = start(*UP_COMMAND, PORT=str(port), HUB_WEB_WORKERS="1")
    run.wait_for(f"http://127.0.0.1:{port}", seconds=90)
    return run


def http_status(port: int) -> int:
    """The HTTP status of the first page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_first_start_makes_the_demo_and_prints_a_login_for_each_role(
    start: StartCommand, port: int, hub_settings: Settings, tmp_path: Path
) -> None:
    run = start("-m", "flask", "--app", "app", "up", loads_everything=True, PORT=str(port))
    run.wait_for("Press Ctrl-C to stop", seconds=120)
    for role in Role:
        assert re.search(rf"^hub +\|   {role.value} +\S+@\S+ +\S+$", run.output, re.MULTILINE), role
    copy = tmp_path / "copy.sqlite3"
    shutil.copyfile(hub_settings.data_dir / "hub.sqlite3", copy)
    with closing(sqlite3.connect(copy)) as database:  # whoever copies this one file has the whole new hub
        assert database.execute("SELECT count(*) FROM organisation").fetchone() == (1,)


def test_a_hub_that_others_reach_starts_without_known_passwords(start: StartCommand, port: int) -> None:
    run = start("-m", "flask", "--app", "app", "up", PORT=str(port), HUB_PUBLIC_URL="https://hub.example.com")
    run.wait_for("Press Ctrl-C to stop", seconds=120)
    assert "flask --app app create-user" in run.output
    assert "flask --app app demo" in run.output
    assert "demo.example" not in run.output


def test_a_demo_that_others_reach_later_is_judged_anew_at_the_start(start: StartCommand, port: int) -> None:
    private = start("-m", "flask", "--app", "app", "demo")
    assert private.wait(120) == 0
    assert DEMO_PASSWORD in private.output
    run = start("-m", "flask", "--app", "app", "up", PORT=str(port), HUB_HOST="0.0.0.0")
    run.wait_for("Press Ctrl-C to stop", seconds=120)
    assert DEMO_PASSWORD not in run.output
    assert "passwords are not valid, as others can reach this hub: HUB_HOST is 0.0.0.0" in run.output
    assert "flask --app app password-link --email admin@demo.example" in run.output
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=30) as answer:
        assert DEMO_PASSWORD not in answer.read().decode()


def test_nobody_else_can_read_what_a_hub_keeps(start: StartCommand, port: int, hub_settings: Settings) -> None:
    """A folder of an older version, on a machine that makes files readable for all."""
    folder = hub_settings.data_dir
    folder.chmod(0o755)
    before = os.umask(0o022)
    try:
        (folder / "files" / "ab").mkdir(parents=True)
        (folder / "files" / "ab" / "older").write_text("older")
        run = start("-m", "flask", "--app", "app", "up", "--demo", PORT=str(port))
    finally:
        os.umask(before)
    run.wait_for("Press Ctrl-C to stop", seconds=120)
    assert http_status(port) == 200
    own_names = set().union(*(folder.glob(pattern) for pattern in OWN_NAMES))
    assert set(folder.iterdir()) <= own_names, "what is corrected at start is all that a hub puts there"
    paths = [folder, *folder.rglob("*")]
    assert {"hub.sqlite3", "hub.sqlite3-wal", "hub.sqlite3-shm", "static", "appendonlydir", "older"} <= {
        path.name for path in paths
    }
    assert [str(path) for path in paths if path.lstat().st_mode & 0o077] == []


def test_one_command_starts_everything_and_ctrl_c_ends_everything(
    hub: RunningCommand, port: int, queueing_app: Flask, tmp_path: Path, hub_settings: Settings
) -> None:
    assert http_status(port) == 200
    try_enqueue(sample_jobs.write, str(tmp_path / "notes"), "worked")
    wait_until((tmp_path / "notes").exists)
    for program in (
        "valkey-server",
        "gunicorn",
        "worker of default",
        "worker of bulk",
        "customer-hub: scheduler",
    ):
        assert hub.find(program), program
    hub.send(signal.SIGINT)
    assert hub.wait() == 0
    assert hub.list_processes() == {}
    log = hub_settings.data_dir / "hub.sqlite3-wal"
    assert not log.exists() or log.stat().st_size == 0
    assert "Traceback" not in hub.output


def test_a_second_start_keeps_data_and_queue(
    hub: RunningCommand, port: int, start: StartCommand, queueing_app: Flask, hub_settings: Settings, tmp_path: Path
) -> None:
    try_enqueue(sample_jobs.take_time, str(tmp_path / "busy"), 60.0)
    wait_until((tmp_path / "busy").exists)
    try_enqueue(sample_jobs.write, str(tmp_path / "notes"), "queued before, worked after")
    assert "tests.support.sample_jobs.write" in [job.func_name for job in get_queue().jobs]
    with closing(sqlite3.connect(hub_settings.data_dir / "hub.sqlite3")) as database:
        database.execute("PRAGMA user_version = 77")
    os.kill(hub.process.pid, signal.SIGKILL)
    wait_until(lambda: hub.list_processes() == {}, seconds=5)
    again = start(*UP_COMMAND, PORT=str(port))
    again.wait_for(f"http://127.0.0.1:{port}", seconds=60)
    wait_until((tmp_path / "notes").exists)
    with closing(sqlite3.connect(hub_settings.data_dir / "hub.sqlite3")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (77,)


@pytest.mark.parametrize("program", ["valkey-server", "gunicorn", "worker of default", "customer-hub: scheduler"])
def test_a_killed_part_comes_back(
    hub: RunningCommand, port: int, queueing_app: Flask, tmp_path: Path, program: str
) -> None:
    killed = hub.find(program)
    os.kill(killed[0], signal.SIGKILL)
    hub.wait_for("was killed by SIGKILL; restarting")
    wait_until(lambda: set(hub.find(program)) - set(killed))
    wait_until(lambda: try_enqueue(sample_jobs.write, str(tmp_path / "notes"), "worked"))
    wait_until((tmp_path / "notes").exists)
    assert http_status(port) == 200
    assert hub.process.poll() is None


def test_requests_wait_while_the_web_server_is_restarted(hub: RunningCommand, port: int) -> None:
    os.kill(hub.find("gunicorn")[0], signal.SIGKILL)
    hub.wait_for("web was killed by SIGKILL")
    assert hub.find("gunicorn") == []
    assert http_status(port) == 200


def test_nothing_outlives_a_killed_supervisor(hub: RunningCommand) -> None:
    assert len(hub.list_processes()) >= 7
    os.kill(hub.process.pid, signal.SIGKILL)
    wait_until(lambda: not [words for words in hub.list_processes().values() if "flask --app app up" not in words], 5)


def test_a_second_hub_on_the_same_folder_is_refused_in_one_line(hub: RunningCommand, start: StartCommand) -> None:
    second = start(*UP_COMMAND, PORT=str(free_port()))
    assert second.wait() == 1
    [line] = second.output.splitlines()
    assert line.startswith("Error: HUB_DATA_DIR is ")
    assert f"already used by a running hub (process {hub.process.pid})" in line


@pytest.mark.parametrize(
    ("environment", "cause"),
    [
        ({"PORT": "eighty"}, "PORT is 'eighty': expected a whole number"),
        ({"HUB_DATA_DIR": "/dev/null/hub"}, "HUB_DATA_DIR is '/dev/null/hub': cannot write there"),
        ({"DATABASE_URL": "mysql://hub@localhost/hub"}, "DATABASE_URL starts with 'mysql'"),
        ({"DATABASE_URL": "sqlite:////no-such-folder/hub"}, "unable to open database file"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "REDIS_URL: the server does not answer"),
        ({"HUB_HOST": "203.0.113.7"}, "HUB_HOST is '203.0.113.7': not an address of this machine"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    start: StartCommand, port: int, environment: dict[str, str], cause: str
) -> None:
    run = start(*UP_COMMAND, loads_everything="PORT" in environment, **{"PORT": str(port), **environment})
    assert run.wait() == 1
    [line] = run.output.splitlines()
    assert line.startswith("Error: ")
    assert cause in line


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("ALTER TABLE organisation DROP COLUMN sender_email", "does not match this version of Customer Hub"),
        ("ALTER TABLE department DROP COLUMN active", "missing department.active"),
        ("UPDATE alembic_version SET version_num = '9999'", "9999"),
    ],
)
def test_a_database_of_another_version_is_reported_in_one_line(
    start: StartCommand, port: int, hub_settings: Settings, change: str, cause: str
) -> None:
    """Such as one that a newer version made, or one for which a migration is missing."""
    assert start("-m", "flask", "--app", "app", "init", "--organisation", "X").wait() == 0
    with closing(sqlite3.connect(hub_settings.data_dir / "hub.sqlite3")) as database:
        database.execute(change)
        database.commit()
    run = start(*UP_COMMAND, PORT=str(port))
    assert run.wait() == 1
    [greeting, line] = run.output.splitlines()
    assert greeting == "Customer Hub is starting ..."
    assert line.startswith("Error: ")
    assert cause in line


def test_real_servers_take_the_place_of_the_embedded_ones(
    start: StartCommand, port: int, postgresql: PostgreSQL, valkey_server: Valkey, hub_settings: Settings
) -> None:
    postgresql.execute("CREATE DATABASE up")
    url = postgresql.url("up").replace("+psycopg", "")
    run = start(*UP_COMMAND, PORT=str(port), DATABASE_URL=url, REDIS_URL=valkey_server.url)
    run.wait_for(f"http://127.0.0.1:{port}", seconds=90)
    assert http_status(port) == 200
    assert run.find("valkey-server") == []
    assert not (hub_settings.data_dir / "hub.sqlite3").exists()
    with valkey_server.connect() as connection:
        wait_until(lambda: connection.scard("rq:workers") == 2)
    run.send(signal.SIGTERM)
    assert run.wait() == 0
    assert run.list_processes() == {}
