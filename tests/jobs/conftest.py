"""A queue server of the test's own, an app that queues on it, and workers in processes of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from customerhub.core.config import Settings
from jobs.queue import init_queue
from models import OutboxMessage
from tests.support.databases import settings_for
from tests.support.outbox_messages import DatabaseSession, enqueue_messages, use_mail_server
from tests.support.running_processes import RunningCommand
from tests.support.servers import Valkey
from tests.support.two_organisations import filled_database, organisations

__all__ = ["filled_database", "organisations", "use_mail_server"]  # fixtures made elsewhere

StartCommand = Callable[..., RunningCommand]


@pytest.fixture
def hub_settings(tmp_path: Path) -> Settings:
    """The settings of a hub over an empty folder, with the embedded queue server."""
    return settings_for("", tmp_path / "hub")


@pytest.fixture
def queue_server(hub_settings: Settings) -> Iterator[Valkey]:
    """A queue server that the test may kill."""
    server = Valkey(hub_settings.data_dir)
    yield server
    server.kill()


@pytest.fixture
def queueing_app(hub_settings: Settings) -> Iterator[Flask]:
    """Inside the context of an app that queues, and does nothing else."""
    app = Flask("queueing_app")
    init_queue(app, hub_settings)
    with app.app_context():
        yield app
        for server in app.extensions.values():
            server.connection.close()


@pytest.fixture
def start(hub_settings: Settings, tmp_path: Path) -> Iterator[StartCommand]:
    """Starts `python WORDS...` over the folder of `hub_settings`, or over that of HUB_DATA_DIR."""
    started: list[RunningCommand] = []

    def start(*words: str, loads_everything: bool = False, **environment: str) -> RunningCommand:
        surroundings = {
            "HUB_DATA_DIR": str(hub_settings.data_dir),
            "HUB_SECRET_KEY": "tests",
            "HUB_SIGNING_SANDBOX": "no",
            **environment,
        }
        log = tmp_path / f"{len(started)}.log"
        started.append(RunningCommand(list(words), log, surroundings, loads_everything=loads_everything))
        return started[-1]

    yield start
    for run in started:
        run.end()


@pytest.fixture
def start_worker(start: StartCommand) -> StartCommand:
    def start_worker(queue: str = "default", *, loads_everything: bool = False) -> RunningCommand:
        words = ("-m", "flask", "--app", "app", "worker", "--queue", queue)
        return start(*words, loads_everything=loads_everything)

    return start_worker


@pytest.fixture
def messages(session: DatabaseSession) -> list[OutboxMessage]:
    """Three that are due, the first the longest."""
    return enqueue_messages(3)
