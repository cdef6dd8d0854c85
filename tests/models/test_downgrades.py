"""Going back to an older version drops no row without a word, the blacklist least of all."""

from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from app import create_app
from customerhub.core import clock
from models import UsedForm
from models.base import db
from models.schema_version import is_schema_current
from tests.conftest import close_connections
from tests.support import factories as make
from tests.support.databases import Databases, settings_for


@pytest.fixture
def blacklisting_app(databases: Databases, tmp_path: Any) -> Any:
    """A hub with two entries of the blacklist and a used form."""
    app = create_app(settings_for(databases.create("downgraded"), tmp_path))
    with app.app_context():
        make.BlacklistEntryFactory.create_batch(2)
        db.session.add(UsedForm(token="t", content="c", created_at=clock.get_now()))
        db.session.commit()
        db.session.remove()
    yield app
    close_connections(app)


def run(app: Flask, *words: str, **options: Any) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=list(words), **options)
    return result.exit_code, result.output


def count_blacklist(app: Flask) -> int | None:
    """How many entries there are, None where there is no blacklist."""
    with app.app_context(), db.engine.connect() as connection:
        if not db.inspect(connection).has_table("blacklist_entry"):
            return None
        return connection.scalar(text("SELECT count(*) FROM blacklist_entry"))


def is_current(app: Flask) -> bool:
    with app.app_context(), db.engine.connect() as connection:
        return is_schema_current(connection)


@pytest.mark.parametrize("words", [("downgrade", "0001"), ("db", "downgrade", "0001")], ids=["ours", "plain"])
def test_a_downgrade_that_would_drop_rows_says_which_and_changes_nothing(
    blacklisting_app: Flask, words: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    status, printed = run(blacklisting_app, *words)
    told = printed + caplog.text
    assert status != 0
    assert "2 rows of blacklist_entry" in told
    assert "1 row of used_form" in told
    assert "--drop-rows" in told
    assert count_blacklist(blacklisting_app) == 2
    assert is_current(blacklisting_app)


@pytest.mark.parametrize(
    "words",
    [("downgrade", "0001", "--drop-rows"), ("db", "downgrade", "-x", "drop-rows", "0001")],
    ids=["ours", "plain"],
)
def test_who_says_so_drops_them_and_is_told_which(
    blacklisting_app: Flask, words: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    status, printed = run(blacklisting_app, *words)
    assert status == 0, printed
    assert "2 rows of blacklist_entry" in caplog.text
    assert count_blacklist(blacklisting_app) is None
    with blacklisting_app.app_context():
        upgrade()
    assert is_current(blacklisting_app)


@pytest.mark.parametrize(("answer", "left"), [("n\n", 2), ("y\n", None)])
def test_at_a_terminal_it_asks(
    blacklisting_app: Flask, monkeypatch: pytest.MonkeyPatch, answer: str, left: int | None
) -> None:
    monkeypatch.setattr("jobs.commands.database.is_terminal", lambda: True)
    _, printed = run(blacklisting_app, "downgrade", "0001", input=answer)
    assert "no place for 2 rows of blacklist_entry, 1 row of used_form. Drop them?" in printed
    assert count_blacklist(blacklisting_app) == left


def test_rows_that_are_deleted_out_of_a_table_that_stays_count(
    blacklisting_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with blacklisting_app.app_context():
        make.ListExportFactory(format="pdf")
        db.session.commit()
        db.session.remove()
    status, printed = run(blacklisting_app, "downgrade", "0003")
    assert status == 2
    assert "1 row of list_export" in printed
    assert "blacklist_entry" not in printed


def test_archives_of_exports_count_too(blacklisting_app: Flask) -> None:
    with blacklisting_app.app_context():
        make.ListExportFactory(format="zip")
        db.session.commit()
        db.session.remove()
    status, printed = run(blacklisting_app, "downgrade", "0019")
    assert status == 2
    assert "1 row of list_export" in printed
    assert run(blacklisting_app, "downgrade", "0019", "--drop-rows")[0] == 0
    with blacklisting_app.app_context():
        upgrade()
    assert is_current(blacklisting_app)


def test_an_unknown_version_is_told(blacklisting_app: Flask) -> None:
    status, printed = run(blacklisting_app, "downgrade", "7777")
    assert status == 2
    assert "7777" in printed
