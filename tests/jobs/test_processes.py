"""`flask --app app up`: one command starts the whole hub, keeps it up and takes all of it down."""

import os
import re
import signal
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from customerhub.config import Settings
from jobs.queue import get_queue, nudge
from models.enums import Role
from tests.jobs import work
from tests.jobs.conftest import StartCommand
from tests.jobs.running import Running
from tests.servers import PostgreSQL, Valkey, free_port, wait_until

UP = ("-m", "flask", "--app", "app", "up", "--no-demo")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def hub(start: StartCommand, port: int) -> Running:
    """A running hub over the folder of `hub_settings`."""
    run = start(*UP, PORT=str(port), HUB_WEB_WORKERS="1")
    run.wait_for(f"http://127.0.0.1:{port}", seconds=90)
    return run


def status(port: int) -> int:
    """The HTTP status of the first page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_first_start_makes_the_demo_and_prints_a_login_for_each_role(start: StartCommand, port: int) -> None:
    run = start("-m", "flask", "--app", "app", "up", PORT=str(port))
    run.wait_for("Ctrl-C stops it", seconds=120)
    for role in Role:
        assert re.search(rf"^hub +\|   {role.value} +\S+@\S+ +\S+$", run.text, re.MULTILINE), role


def test_a_hub_that_others_reach_starts_without_known_passwords(start: StartCommand, port: int) -> None:
    run = start("-m", "flask", "--app", "app", "up", PORT=str(port), HUB_PUBLIC_URL="https://hub.example.com")
    run.wait_for("Ctrl-C stops it", seconds=120)
    assert "flask --app app create-user" in run.text
    assert "flask --app app demo" in run.text
    assert "demo.example" not in run.text


def test_one_command_starts_everything_and_ctrl_c_ends_everything(
    hub: Running, port: int, queueing: Flask, tmp_path: Path
) -> None:
    assert status(port) == 200
    nudge(work.write, str(tmp_path / "notes"), "worked")
    wait_until((tmp_path / "notes").exists)
    for program in (
        "valkey-server",
        "gunicorn",
        "worker --queue default",
        "worker --queue bulk",
        "jobs.scheduler",
    ):
        assert hub.find(program), program
    hub.send(signal.SIGINT)
    assert hub.wait() == 0
    assert hub.processes() == {}
    assert "Traceback" not in hub.text


def test_a_second_start_keeps_data_and_queue(
    hub: Running, port: int, start: StartCommand, queueing: Flask, hub_settings: Settings, tmp_path: Path
) -> None:
    nudge(work.take_time, str(tmp_path / "busy"), 60.0)
    wait_until((tmp_path / "busy").exists)
    nudge(work.write, str(tmp_path / "notes"), "queued before, worked after")
    assert "tests.jobs.work.write" in [job.func_name for job in get_queue().jobs]
    with closing(sqlite3.connect(hub_settings.data_dir / "hub.sqlite3")) as database:
        database.execute("PRAGMA user_version = 77")
    os.kill(hub.process.pid, signal.SIGKILL)
    wait_until(lambda: hub.processes() == {}, seconds=5)
    again = start(*UP, PORT=str(port))
    again.wait_for(f"http://127.0.0.1:{port}", seconds=60)
    wait_until((tmp_path / "notes").exists)
    with closing(sqlite3.connect(hub_settings.data_dir / "hub.sqlite3")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (77,)


@pytest.mark.parametrize("program", ["valkey-server", "gunicorn", "worker --queue default", "jobs.scheduler"])
def test_a_killed_part_comes_back(hub: Running, port: int, queueing: Flask, tmp_path: Path, program: str) -> None:
    killed = hub.find(program)
    os.kill(killed[0], signal.SIGKILL)
    hub.wait_for("was killed by SIGKILL; starting it again")
    wait_until(lambda: set(hub.find(program)) - set(killed))
    wait_until(lambda: nudge(work.write, str(tmp_path / "notes"), "worked"))
    wait_until((tmp_path / "notes").exists)
    assert status(port) == 200
    assert hub.process.poll() is None


def test_requests_wait_while_the_web_server_is_restarted(hub: Running, port: int) -> None:
    os.kill(hub.find("gunicorn")[0], signal.SIGKILL)
    hub.wait_for("web was killed by SIGKILL")
    assert hub.find("gunicorn") == []
    assert status(port) == 200


def test_nothing_outlives_a_killed_supervisor(hub: Running) -> None:
    assert len(hub.processes()) >= 7
    os.kill(hub.process.pid, signal.SIGKILL)
    wait_until(lambda: not [words for words in hub.processes().values() if "flask --app app up" not in words], 5)


def test_a_second_hub_on_the_same_folder_is_refused_in_one_line(hub: Running, start: StartCommand) -> None:
    second = start(*UP, PORT=str(free_port()))
    assert second.wait() == 1
    [line] = second.text.splitlines()
    assert line.startswith("Error: HUB_DATA_DIR is ")
    assert f"a hub already runs on it (process {hub.process.pid})" in line


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
    run = start(*UP, **{"PORT": str(port), **environment})
    assert run.wait() == 1
    [line] = run.text.splitlines()
    assert line.startswith("Error: ")
    assert cause in line


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("ALTER TABLE organisation DROP COLUMN sender_email", "does not fit this version of Customer Hub"),
        ("ALTER TABLE department DROP COLUMN active", "it has no department.active"),
        ("UPDATE alembic_version SET version_num = '9999'", "9999"),
    ],
)
def test_a_database_that_does_not_fit_is_told_in_one_line(
    start: StartCommand, port: int, hub_settings: Settings, change: str, cause: str
) -> None:
    """Such as one that a newer version made, or one for which a migration is missing."""
    assert start("-m", "flask", "--app", "app", "init", "--organisation", "X").wait() == 0
    with closing(sqlite3.connect(hub_settings.data_dir / "hub.sqlite3")) as database:
        database.execute(change)
        database.commit()
    run = start(*UP, PORT=str(port))
    assert run.wait() == 1
    [greeting, line] = run.text.splitlines()
    assert greeting == "Customer Hub is starting ..."
    assert line.startswith("Error: ")
    assert cause in line


def test_real_servers_take_the_place_of_the_embedded_ones(
    start: StartCommand, port: int, postgresql: PostgreSQL, valkey_server: Valkey, hub_settings: Settings
) -> None:
    postgresql.execute("CREATE DATABASE up")
    url = postgresql.url("up").replace("+psycopg", "")
    run = start(*UP, PORT=str(port), DATABASE_URL=url, REDIS_URL=valkey_server.url)
    run.wait_for(f"http://127.0.0.1:{port}", seconds=90)
    assert status(port) == 200
    assert run.find("valkey-server") == []
    assert not (hub_settings.data_dir / "hub.sqlite3").exists()
    with valkey_server.connect() as connection:
        wait_until(lambda: connection.scard("rq:workers") == 2)
    run.send(signal.SIGTERM)
    assert run.wait() == 0
    assert run.processes() == {}
