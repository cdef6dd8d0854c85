"""A copy of the database's one file has all that was saved."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text

from jobs.housekeeping import clean_up
from models.base import db
from models.sqlite import write_log_into_database

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
NAMES = "SELECT name FROM organisation"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (text)"))
        connection.execute(text("INSERT INTO note VALUES ('kept')"))
    yield engine
    engine.dispose()


def read_copy(database: Path, folder: Path, query: str) -> list[str]:
    """What a copy of the one file answers."""
    copy = folder / "copy"
    shutil.copyfile(database, copy)
    with closing(sqlite3.connect(copy)) as connection:
        return [text for (text,) in connection.execute(query)]


def test_what_is_in_the_log_gets_into_the_file(engine: Engine, tmp_path: Path) -> None:
    database = tmp_path / "db"
    assert read_copy(database, tmp_path, TABLES) == []
    assert write_log_into_database(engine)
    assert read_copy(database, tmp_path, TABLES) == ["note"]
    with engine.begin() as connection:  # and it can be written still
        connection.execute(text("INSERT INTO note VALUES ('more')"))
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_who_reads_or_writes_is_not_waited_for_long(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO note VALUES ('busy')"))
        assert not write_log_into_database(engine)
    assert write_log_into_database(engine)


def test_a_new_hub_is_in_the_file_after_each_command_and_each_night(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            return
        database = Path(str(db.engine.url.database))
    result = app.test_cli_runner().invoke(args=["init", "--organisation", "Acme"])
    assert result.exit_code == 0
    assert read_copy(database, tmp_path, NAMES) == ["Acme"]
    with app.app_context():
        db.session.execute(text("UPDATE organisation SET name = 'Acme Ltd'"))
        db.session.commit()
        clean_up()
    assert read_copy(database, tmp_path, NAMES) == ["Acme Ltd"]
