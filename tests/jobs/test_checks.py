"""What keeps the hub from starting is one line that names the setting to blame."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from customerhub.core.config import Settings, load_settings
from jobs import valkey
from jobs.processes.folder_lock import FolderInUse, lock_folder
from jobs.processes.startup_checks import CannotStart, check_database, check_queue_server, listen
from tests.support.databases import settings_for
from tests.support.servers import PostgreSQL, Valkey, free_port


@pytest.fixture
def valid_settings(tmp_path: Path) -> Settings:
    return settings_for("", tmp_path, PORT=str(free_port()))


@pytest.fixture
def used_port() -> Iterator[int]:
    """A port this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def error_text(error: pytest.ExceptionInfo[CannotStart]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_the_port_is_taken_at_once_and_at_the_right_address(valid_settings: Settings) -> None:
    with listen(valid_settings) as listener:
        assert listener.getsockname() == ("127.0.0.1", valid_settings.port)
        with socket.create_connection(("127.0.0.1", valid_settings.port), timeout=5):
            pass


def test_a_port_in_use_is_named_with_the_process_that_uses_it(valid_settings: Settings, used_port: int) -> None:
    with pytest.raises(CannotStart) as error:
        listen(valid_settings.model_copy(update={"port": used_port}))
    assert error_text(error).startswith(f"PORT is {used_port}: already in use by process {os.getpid()} (")


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_a_host_that_is_not_here_is_named(valid_settings: Settings, host: str) -> None:
    with pytest.raises(CannotStart) as error:
        listen(valid_settings.model_copy(update={"host": host}))
    assert error_text(error).startswith(f"HUB_HOST is '{host}': ")


def test_usable_databases_pass(valid_settings: Settings, postgresql: PostgreSQL) -> None:
    check_database(valid_settings)
    check_database(valid_settings.model_copy(update={"database_url": postgresql.url("postgres")}))


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("postgresql+psycopg://hub:secret@127.0.0.1:{port}/hub", "Connection refused"),
        ("sqlite:////no-such-folder/hub.sqlite3", "unable to open database file"),
        (f"sqlite:///{__file__}", "file is not a database"),
    ],
)
def test_an_unusable_database_is_named_without_its_password(valid_settings: Settings, url: str, cause: str) -> None:
    with pytest.raises(CannotStart) as error:
        check_database(valid_settings.model_copy(update={"database_url": url.format(port=free_port())}))
    assert error_text(error).startswith("DATABASE_URL is '")
    assert cause in error_text(error)
    assert "secret" not in error_text(error)


def test_a_database_that_the_server_does_not_have_is_named(valid_settings: Settings, postgresql: PostgreSQL) -> None:
    with pytest.raises(CannotStart) as error:
        check_database(valid_settings.model_copy(update={"database_url": postgresql.url("nowhere")}))
    assert 'database "nowhere" does not exist' in error_text(error)


def test_a_queue_server_that_answers_passes(valid_settings: Settings, valkey_server: Valkey) -> None:
    check_queue_server(valid_settings.model_copy(update={"redis_url": valkey_server.url}))


def test_a_queue_server_that_is_away_is_named(valid_settings: Settings) -> None:
    port = free_port()
    with pytest.raises(CannotStart) as error:
        check_queue_server(valid_settings.model_copy(update={"redis_url": f"redis://:secret@127.0.0.1:{port}/0"}))
    assert error_text(error).startswith("REDIS_URL: the server does not answer: ")
    assert f"127.0.0.1:{port}" in error_text(error)
    assert "secret" not in error_text(error)


def test_a_second_hub_on_a_folder_reports_the_first(tmp_path: Path) -> None:
    lock = lock_folder(tmp_path)
    with pytest.raises(FolderInUse, match=rf"HUB_DATA_DIR is '{tmp_path}': .*process {os.getpid()}\)"):
        lock_folder(tmp_path)
    os.close(lock)
    os.close(lock_folder(tmp_path))


def test_the_server_of_a_folder_with_a_long_name_is_reachable(tmp_path: Path) -> None:
    folder = tmp_path / ("long-name-" * 12)
    folder.mkdir()
    server = Valkey(load_settings({"HUB_DATA_DIR": str(folder)}).data_dir)
    try:
        with server.connect() as connection:
            assert connection.ping()
            assert connection.config_get("appendonly") == {"appendonly": "yes"}
        assert len(os.fsencode(valkey.socket_path(folder))) <= valkey.MAX_SOCKET_PATH_BYTES
        assert (folder / "queue" / "appendonlydir").is_dir()
    finally:
        server.kill()
        valkey.socket_path(folder).unlink()
        valkey.socket_path(folder).parent.rmdir()
