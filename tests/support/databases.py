"""A fresh database for each test, on SQLite and on PostgreSQL.

Each kind is migrated once a session into a template; a test gets a database that is as new, which takes milliseconds.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from flask_migrate import upgrade

from app import create_app
from customerhub.core.config import Settings, load_settings
from models.base import db
from tests.support.row_restoring import RowRestorer
from tests.support.servers import PostgreSQL

KINDS = ("sqlite", "postgresql")
TEMPLATE_PREFIX = "template_"  # what a database is called that nobody writes to any more
TEMPLATE = f"{TEMPLATE_PREFIX}hub"
MOST_RESTORED = 100


class Databases(Protocol):
    """The databases of one kind. `template_url` is to be filled once, then sealed with `keep_template`."""

    template_url: str

    def create(self, name: str, template: str = TEMPLATE) -> str:
        """Make database `name` a copy of `template`, whatever it held; returns its address."""
        ...

    def close(self) -> None:
        """Let go of what is held open."""
        ...


class SqliteDatabases:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.template_url = f"sqlite:///{folder / TEMPLATE}"

    def create(self, name: str, template: str = TEMPLATE) -> str:
        path = self._folder / name
        for suffix in ("", "-wal", "-shm"):
            path.with_name(name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._folder / template, path)
        return f"sqlite:///{path}"

    def close(self) -> None:
        pass


class PostgresqlDatabases:
    """A copy takes long here, so a database that is asked for again gets its rows back in place where it can."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        self._restorers: dict[str, tuple[str, RowRestorer]] = {}
        self._restored: Counter[str] = Counter()
        self.template_url = server.url(TEMPLATE)
        server.execute(f"CREATE DATABASE {TEMPLATE}")

    def create(self, name: str, template: str = TEMPLATE) -> str:
        if not self._restore(name, template):
            self._create_copy(name, template)
        return self._server.url(name)

    def _restore(self, name: str, template: str) -> bool:
        """Put the rows back. What is deleted stays in the files and slows searches: now and then a copy is due."""
        made_of, restorer = self._restorers.get(name, (None, None))
        if restorer is None or made_of != template or self._restored[name] >= MOST_RESTORED:
            return False
        self._restored[name] += 1
        return restorer.restore()

    def _create_copy(self, name: str, template: str) -> None:
        self._forget(name, template)
        self._server.execute(
            f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}" TEMPLATE "{template}"'
        )
        if template.startswith(TEMPLATE_PREFIX):
            url = self._server.url(name).replace("+psycopg", "")
            self._restorers[name], self._restored[name] = (template, RowRestorer(url)), 0

    def close(self) -> None:
        self._forget(*self._restorers)

    def _forget(self, *names: str) -> None:
        for name in names:
            if name in self._restorers:
                self._restorers.pop(name)[1].close()


def settings_for(url: str, data_dir: Path, **more: str) -> Settings:
    """Settings of a hub with database `url`; `more` are further environment variables."""
    return load_settings({"DATABASE_URL": url, "HUB_DATA_DIR": str(data_dir), "HUB_SECRET_KEY": "tests", **more})


@pytest.fixture(scope="session")
def databases_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Databases]]:
    """The databases of a kind, "sqlite" or "postgresql", migrated when first asked for."""
    databases_by_kind: dict[str, Databases] = {}

    def get_databases(kind: str) -> Databases:
        if kind not in databases_by_kind:
            folder = tmp_path_factory.mktemp(kind)
            databases: Databases
            if kind == "sqlite":
                databases = SqliteDatabases(folder)
            else:
                databases = PostgresqlDatabases(request.getfixturevalue("postgresql"))
            _migrate(settings_for(databases.template_url, folder / "data"))
            databases_by_kind[kind] = databases
        return databases_by_kind[kind]

    yield get_databases
    for databases in databases_by_kind.values():
        databases.close()


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
    return databases.create("hub_test")
