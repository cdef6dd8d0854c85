"""What a load balancer and a monitor are told, over real servers that are stopped, frozen or behind."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import create_app
from customerhub.core.config import Settings
from models import History, User
from models.base import db
from models.enums import Role
from models.schema_version import is_schema_current, list_needed_revisions
from tests.support.browser_client import Browser
from tests.support.databases import Databases, settings_for
from tests.support.people import make_organisation, make_user
from tests.support.refusals import REFUSALS, RefusingServer
from tests.support.servers import Valkey, free_port
from tests.support.statements import record_statements

READY = {"status": "ready", "database": "ok", "migrations": "ok", "queue": "ok", "disk": "ok"}
NO_QUEUE = READY | {"status": "not ready", "queue": "unreachable"}
NOT_CURRENT = READY | {"status": "not ready", "migrations": "not current"}
NO_DATABASE = READY | {"status": "not ready", "database": "unreachable", "migrations": "unknown"}


@pytest.fixture
def make_app(settings: Settings) -> Iterator[Callable[..., Flask]]:
    """Makes further apps over the settings of the test with some of them changed."""
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        made.append(create_app(settings.model_copy(update=changes)))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


def ask(app: Flask, path: str = "/readyz") -> tuple[int, Any]:
    answer = app.test_client().get(path)
    return answer.status_code, answer.json


def test_a_hub_whose_parts_all_answer_is_ready(app: Flask) -> None:
    assert ask(app) == (200, READY)


def test_a_disk_that_will_be_full_soon_is_told_and_requests_are_served_still(make_app: Callable[..., Flask]) -> None:
    assert ask(make_app(min_free_bytes=10**18)) == (200, READY | {"disk": "low"})


def test_the_process_answers_without_asking_the_database(app: Flask) -> None:
    with record_statements() as statements:
        assert ask(app, "/healthz") == (200, {"status": "ok"})
    assert statements == []


def test_the_process_answers_while_everything_else_is_away(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    nowhere = f"postgresql+psycopg://hub@127.0.0.1:{free_port()}/hub"
    away = make_app(database_url=nowhere, redis_url=f"unix://{tmp_path / 'nobody.sock'}")
    assert ask(away, "/healthz") == (200, {"status": "ok"})
    assert ask(away) == (503, NO_DATABASE | {"queue": "unreachable"})


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_without_a_queue_server_the_hub_is_not_ready_and_says_so_at_once(
    app: Flask, make_app: Callable[..., Flask], tmp_path: Path, how: str
) -> None:
    """A frozen server takes the connection and never answers."""
    server = Valkey(tmp_path)
    with_own_server = make_app(redis_url=server.url)
    try:
        assert ask(with_own_server) == (200, READY)
        server.process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        began = time.monotonic()
        assert ask(with_own_server) == (503, NO_QUEUE)
        assert time.monotonic() - began < 5
    finally:
        server.process.send_signal(signal.SIGCONT)
        server.kill()


@pytest.mark.parametrize("kind", REFUSALS)
def test_with_a_queue_server_that_refuses_the_hub_is_not_ready_and_says_why(
    app: Flask, make_app: Callable[..., Flask], tmp_path: Path, kind: str
) -> None:
    """It answers a ping all the same."""
    server = Valkey(tmp_path)
    refusing_server = RefusingServer(server)
    with_own_server = make_app(redis_url=server.url)
    try:
        assert ask(with_own_server) == (200, READY)
        refusing_server.begin(kind)
        state = f"the queue server refuses: {REFUSALS[kind].cause}"
        assert ask(with_own_server) == (503, READY | {"status": "not ready", "queue": state})
        refusing_server.end(kind)
        assert ask(with_own_server) == (200, READY)
    finally:
        refusing_server.connection.close()
        server.kill()


@pytest.mark.parametrize("statement", ["UPDATE alembic_version SET version_num = '0001'", "DROP TABLE alembic_version"])
def test_a_database_with_other_migrations_is_not_ready(app: Flask, statement: str) -> None:
    with app.app_context():
        with db.engine.begin() as connection:
            connection.execute(text(statement))
        with db.engine.connect() as connection:
            assert not is_schema_current(connection)
    assert ask(app) == (503, NOT_CURRENT)


def test_a_database_of_a_newer_version_is_not_ready(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert ask(app) == (503, NOT_CURRENT)


def test_the_code_needs_the_newest_migration_of_its_folder() -> None:
    folder = Path(__file__).parents[3] / "models" / "migrations" / "versions"
    newest = max(path.name.partition("_")[0] for path in folder.glob("[0-9]*.py"))
    assert list_needed_revisions() == {newest}


def test_a_database_that_is_locked_by_others_does_not_hang_the_answer(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":  # a writer there keeps nobody from reading
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
            expected = 200, READY
        else:
            connection.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
            expected = 503, NO_DATABASE
        began = time.monotonic()
        assert ask(app) == expected
        assert time.monotonic() - began < 8
        connection.rollback()
    assert ask(app) == (200, READY)


def test_what_is_wrong_stands_in_the_log_and_not_in_the_answer(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    away = make_app(database_url=f"postgresql+psycopg://hub:swordfish@127.0.0.1:{port}/books")
    with caplog.at_level(logging.WARNING, "views.http.health"):
        answer = away.test_client().get("/readyz")
    assert answer.json == NO_DATABASE
    assert str(port) in caplog.text
    assert "swordfish" not in caplog.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_only_reading_is_allowed(app: Flask, path: str) -> None:
    client = app.test_client()
    assert client.head(path).status_code == 200
    for method in ("post", "put", "patch", "delete"):
        answer = getattr(client, method)(path)
        assert answer.status_code in (400, 405), method
        assert "ready" not in answer.text
    assert client.delete(path).status_code == 405


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_no_cookie_no_cache_and_no_limit(app: Flask, path: str) -> None:
    client = app.test_client()
    for _ in range(60):
        answer = client.get(path)
        assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_visit_of_somebody_signed_in_leaves_nothing_behind(app: Flask) -> None:
    with app.app_context():
        user = make_user(make_organisation("Acme"), Role.ADMIN)
        db.session.commit()
        browser = Browser(app, user.id)
        before = db.session.query(History).count(), db.session.get_one(User, user.id).version
        with record_statements() as statements:
            assert [browser.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
        assert not [statement for statement in statements if "hub_user" in statement]
        db.session.expire_all()
        assert (db.session.query(History).count(), db.session.get_one(User, user.id).version) == before


def test_a_sqlite_file_that_was_never_migrated_is_not_ready(
    databases: Databases, settings: Settings, tmp_path: Path
) -> None:
    fresh = create_app(settings_for("", tmp_path / "new", REDIS_URL=settings.redis_url or ""))
    assert ask(fresh) == (503, NOT_CURRENT)
