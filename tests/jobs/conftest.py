"""A queue server of the test's own, an app that queues on it, and workers in processes of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from customerhub.config import Settings
from jobs.queue import init_queue
from tests.databases import settings_for
from tests.jobs.mailing import use
from tests.jobs.running import Running
from tests.servers import Valkey
from tests.world import filled, world

__all__ = ["filled", "use", "world"]  # fixtures made elsewhere

StartCommand = Callable[..., Running]


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
def queueing(hub_settings: Settings) -> Iterator[Flask]:
    """Inside the context of an app that queues, and does nothing else."""
    app = Flask("queueing")
    init_queue(app, hub_settings)
    with app.app_context():
        yield app
        for connection in app.extensions.values():
            connection.close()


@pytest.fixture
def start(hub_settings: Settings, tmp_path: Path) -> Iterator[StartCommand]:
    """Starts `python WORDS...` over the folder of `hub_settings`."""
    started: list[Running] = []

    def start(*words: str, **environment: str) -> Running:
        surroundings = {"HUB_DATA_DIR": str(hub_settings.data_dir), "HUB_SECRET_KEY": "tests", **environment}
        started.append(Running(list(words), tmp_path / f"{len(started)}.log", surroundings))
        return started[-1]

    yield start
    for run in started:
        run.end()


@pytest.fixture
def start_worker(start: StartCommand) -> StartCommand:
    def start_worker(queue: str = "default") -> Running:
        return start("-m", "flask", "--app", "app", "worker", "--queue", queue)

    return start_worker
