"""What every test can ask for: `app`, `client`, `session`, `settings`, each on SQLite and on PostgreSQL.

The app is made once for each database and its data put back before each test, so tests may commit as they like.
"""

import shutil
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any

import hypothesis
import pytest
from flask import Flask, has_app_context
from flask.testing import FlaskClient
from sqlalchemy.orm import scoped_session

from app import configure, create_app
from customerhub.config import Settings
from models.base import db
from seed.demo import LOGINS_FILE
from tests.databases import KINDS, TEMPLATE, Databases, database_url, databases, databases_of, settings_for
from tests.servers import Valkey, postgresql, valkey_server

__all__ = [
    "database_url",
    "databases",
    "databases_of",
    "postgresql",
    "valkey_server",
]  # fixtures made elsewhere

DATABASE = "hub_test"

# Time limits would only tell how busy the machine is.
hypothesis.settings.register_profile("hub", deadline=None, database=None)
hypothesis.settings.load_profile("hub")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """What is quick comes first, then the browser. Tests of one file on one database stay together, in one process."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(" ".join(map(str, _place_of(item)))))
    yield
    items.sort(key=_place_of)


def _place_of(item: pytest.Item) -> tuple[int, str]:
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
    return settings_for(databases.fresh(DATABASE), tmp_path_factory.mktemp("hub"), REDIS_URL=valkey_server.url)


@pytest.fixture(scope="session")
def session_app(settings: Settings) -> Iterator[Flask]:
    """The app of the session; tests use `app`, which also puts the data back."""
    app = create_app(settings)
    app.test_client_class = HubClient
    app.testing = True
    yield app
    let_go(app)


def let_go(app: Flask) -> None:
    """Close every connection to the app's database."""
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def anew(session_app: Flask, settings: Settings, databases: Databases, valkey_server: Valkey) -> Callable[[str], Flask]:
    """Puts everything back: the database to a template, the queue and the folder for files to nothing."""

    def anew(template: str) -> Flask:
        configure(settings)  # another test may have made an app of its own
        let_go(session_app)
        databases.fresh(DATABASE, template=template)
        with valkey_server.connect() as connection:
            connection.flushdb()
        shutil.rmtree(settings.files_dir, ignore_errors=True)
        (settings.data_dir / LOGINS_FILE).unlink(missing_ok=True)
        return session_app

    return anew


@pytest.fixture
def app(anew: Callable[[str], Flask]) -> Flask:
    """The app over an empty database at the newest migration, an empty queue and an empty folder for files."""
    return anew(TEMPLATE)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript and without a user signed in."""
    return app.test_client()


@pytest.fixture
def session(app: Flask) -> Iterator[scoped_session[Any]]:
    """The database session, inside an app context that lasts for the test."""
    with app.app_context():
        yield db.session
