"""What every test can ask for: `app`, `client`, `session`, `settings`, each on SQLite and on PostgreSQL.

The app is made once for each database and its data put back before each test, so tests may commit as they like.
"""

import gc
import shutil
from collections.abc import Callable, Iterator
from contextvars import Context
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from argon2 import PasswordHasher
from flask import Flask, has_app_context
from flask.testing import FlaskClient
from sqlalchemy.orm import scoped_session

from app import create_app
from customerhub.core.config import Settings
from customerhub.users import passwords
from customerhub.users.demo_logins import LOGINS_FILE
from models.base import db
from tests.support.databases import (
    KINDS,
    TEMPLATE,
    TEMPLATE_PREFIX,
    Databases,
    database_url,
    databases,
    databases_of,
    settings_for,
)
from tests.support.servers import Valkey, postgresql, valkey_server
from tests.support.services import replace_services

__all__ = [
    "database_url",
    "databases",
    "databases_of",
    "postgresql",
    "replace_services",
    "valkey_server",
]  # fixtures made elsewhere

DATABASE = "hub_test"
DEMO_TEMPLATE = f"{TEMPLATE_PREFIX}demo"

# Time limits would only tell how busy the machine is.
hypothesis.settings.register_profile("hub", deadline=None, database=None)
hypothesis.settings.load_profile("hub")

# What is to take an attacker long takes hundreds of sign-ins long too: the same hashes, of little work.
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
passwords._DUMMY_HASH = passwords.hash_password("nobody has this password")

# Looking for circles among what eight thousand tests and all modules hold took a third of the time.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    """Whatever is there now stays till the end."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """What the collector has not found by now is in use: pytest has it look five times more."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """What is quick comes first, then the browser. Tests of one file on one database stay together, in one process."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(" ".join(map(str, _sort_key(item)))))
    yield
    items.sort(key=_sort_key)


def _sort_key(item: pytest.Item) -> tuple[int, str]:
    call = getattr(item, "callspec", None)
    kind = call.params.get("databases") if call else None
    if item.get_closest_marker("browser"):
        return 1, "browser"
    return (2 + KINDS.index(kind) if kind else 0), str(item.path)


class HubClient(FlaskClient):
    """Commits what the test has prepared, then makes the request in a context of its own, as a server does."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        if has_app_context():
            db.session.commit()
        return Context().run(super().open, *args, **kwargs)


@pytest.fixture(scope="session")
def settings(databases: Databases, valkey_server: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of the app under test."""
    return settings_for(databases.create(DATABASE), tmp_path_factory.mktemp("hub"), REDIS_URL=valkey_server.url)


@pytest.fixture(scope="session")
def session_app(settings: Settings) -> Iterator[Flask]:
    """The app of the session; tests use `app`, which also puts the data back."""
    app = create_app(settings)
    app.test_client_class = HubClient
    app.testing = True
    yield app
    close_connections(app)


def close_connections(app: Flask) -> None:
    """Close every connection to the app's database."""
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def reset_app(
    session_app: Flask, settings: Settings, databases: Databases, valkey_server: Valkey
) -> Callable[[str], Flask]:
    """Puts everything back: the database to a template, the queue and the folder for files to nothing."""

    def reset_app(template: str) -> Flask:
        close_connections(session_app)
        databases.create(DATABASE, template=template)
        with valkey_server.connect() as connection:
            connection.flushdb()
        shutil.rmtree(settings.files_dir, ignore_errors=True)
        (settings.data_dir / LOGINS_FILE).unlink(missing_ok=True)
        return session_app

    return reset_app


@pytest.fixture
def app(reset_app: Callable[[str], Flask]) -> Flask:
    """The app over an empty database at the newest migration, an empty queue and an empty folder for files."""
    return reset_app(TEMPLATE)


@pytest.fixture(scope="session")
def demo_folder(
    session_app: Flask, settings: Settings, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What the demo puts into the data folder; its rows are in a template."""
    close_connections(session_app)
    databases.create(DATABASE)
    answer = session_app.test_cli_runner().invoke(args=["demo"])
    assert answer.exit_code == 0, answer.output
    close_connections(session_app)
    databases.create(DEMO_TEMPLATE, template=DATABASE)
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(settings.files_dir, folder / settings.files_dir.name)
    shutil.copy(settings.data_dir / LOGINS_FILE, folder)
    return folder


@pytest.fixture
def demo_app(reset_app: Callable[[str], Flask], settings: Settings, demo_folder: Path) -> Flask:
    """The app with the demo, as the command `demo` makes it, and an empty queue."""
    app = reset_app(DEMO_TEMPLATE)
    shutil.copytree(demo_folder, settings.data_dir, dirs_exist_ok=True)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript and without a user signed in."""
    return app.test_client()


@pytest.fixture
def session(app: Flask) -> Iterator[scoped_session[Any]]:
    """The database session, inside an app context that lasts for the test."""
    with app.app_context():
        yield db.session
