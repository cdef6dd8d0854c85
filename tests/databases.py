"""A fresh database for each test, on SQLite and on PostgreSQL.

Each kind is migrated once a session into a template; a test gets a copy of it, which takes milliseconds.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest
from flask_migrate import upgrade

from app import create_app
from customerhub.config import Settings, load_settings
from models.base import db
from tests.servers import PostgreSQL

KINDS = ("sqlite", "postgresql")
SEALED = "template_"  # what a database is called that nobody writes to any more
TEMPLATE = f"{SEALED}hub"
_numbers = count(1)


class Databases(Protocol):
    """The databases of one kind. `template_url` is to be filled once, then sealed with `keep_template`."""

    template_url: str

    def fresh(self, name: str, template: str = TEMPLATE) -> str:
        """Make database `name` a copy of `template`, whatever it held; returns its address."""
        ...


class SqliteDatabases:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.template_url = f"sqlite:///{folder / TEMPLATE}"

    def fresh(self, name: str, template: str = TEMPLATE) -> str:
        path = self._folder / name
        for suffix in ("", "-wal", "-shm"):
            path.with_name(name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._folder / template, path)
        return f"sqlite:///{path}"


class PostgresqlDatabases:
    """A copy takes long here, so the next one of a template is made while the test at hand runs."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        self._copier = ThreadPoolExecutor(1, "postgresql-copies")
        self._ready: dict[str, Future[str]] = {}
        self.template_url = server.url(TEMPLATE)
        server.execute(f"CREATE DATABASE {TEMPLATE}")

    def fresh(self, name: str, template: str = TEMPLATE) -> str:
        ready = self._ready.pop(template, None)
        copy = ready.result() if ready else self._copied(template)
        self._server.execute(
            f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'ALTER DATABASE "{copy}" RENAME TO "{name}"'
        )
        if template.startswith(SEALED):
            self._ready[template] = self._copier.submit(self._copied, template)
        return self._server.url(name)

    def _copied(self, template: str) -> str:
        copy = f"copy_{next(_numbers)}"
        self._server.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{template}"')
        return copy


def settings_for(url: str, data_dir: Path, **more: str) -> Settings:
    """Settings of a hub with database `url`; `more` are further environment variables."""
    return load_settings({"DATABASE_URL": url, "HUB_DATA_DIR": str(data_dir), "HUB_SECRET_KEY": "tests", **more})


@pytest.fixture(scope="session")
def databases_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Databases]:
    """The databases of a kind, "sqlite" or "postgresql", migrated when first asked for."""
    made: dict[str, Databases] = {}

    def of(kind: str) -> Databases:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            databases: Databases
            if kind == "sqlite":
                databases = SqliteDatabases(folder)
            else:
                databases = PostgresqlDatabases(request.getfixturevalue("postgresql"))
            _migrate(settings_for(databases.template_url, folder / "data"))
            made[kind] = databases
        return made[kind]

    return of


def _migrate(settings: Settings) -> None:
    app = create_app(settings)
    with app.app_context():
        upgrade()
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture(scope="session", params=KINDS)
def databases(request: pytest.FixtureRequest, databases_of: Callable[[str], Databases]) -> Databases:
    """The databases of both kinds in turn: whatever asks for them, however indirectly, runs once on each."""
    return databases_of(request.param)


@pytest.fixture
def database_url(databases: Databases) -> str:
    """The address of an empty database at the newest migration."""
    return databases.fresh("hub_test")
