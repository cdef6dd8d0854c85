"""What the hub keeps can be read by nobody else, also where an older version left it readable."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from customerhub.core.config import Settings, load_settings
from customerhub.core.private_files import protect_data
from tests.support.databases import settings_for


@pytest.fixture(autouse=True)
def usual_mask() -> Iterator[None]:
    """Files are made as most machines make them, until the hub says otherwise."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def older(tmp_path: Path) -> Settings:
    """A hub whose folder was made by a version that left it readable."""
    folder = tmp_path / "hub"
    for name in ("files/ab", "files/unfinished", "queue/appendonlydir", "static", "elsewhere"):
        (folder / name).mkdir(parents=True)
    for name in (
        "hub.sqlite3",
        "hub.sqlite3-wal",
        "hub.sqlite3-shm",
        "hub.sqlite3.copy",
        "hub.lock",
        "secret_key",
        "demo_logins.json",
        "files/ab/export",
        "queue/appendonlydir/dump",
        "static/0123.gz",
        "elsewhere/notes",
    ):
        (folder / name).write_text("x")
    return settings_for(f"sqlite:///{folder / 'hub.sqlite3'}", folder)


def test_older_folders_are_closed_to_others_with_all_that_is_ours_in_them(older: Settings) -> None:
    protect_data(older)
    elsewhere = older.data_dir / "elsewhere"
    for path in [older.data_dir, *older.data_dir.rglob("*")]:
        if not path.is_relative_to(elsewhere):
            assert not mode_of(path) & 0o077, path
    assert mode_of(elsewhere / "notes") == 0o644
    assert (older.data_dir / "files/ab/export").read_text() == "x"


def test_what_is_made_from_then_on_is_private(older: Settings) -> None:
    protect_data(older)
    (older.data_dir / "made").mkdir()
    (older.data_dir / "made" / "file").write_text("x")
    assert mode_of(older.data_dir / "made") == 0o700
    assert mode_of(older.data_dir / "made" / "file") == 0o600


def test_a_new_data_folder_is_private(tmp_path: Path) -> None:
    folder = load_settings({"HUB_DATA_DIR": str(tmp_path / "new")}).data_dir
    assert mode_of(folder) == 0o700
    assert mode_of(folder / "secret_key") == 0o600


def test_links_are_not_followed(older: Settings, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "folder" / "file").write_text("x")
    (outside / "key").write_text("x")
    (older.data_dir / "files" / "link").symlink_to(outside / "key")
    (older.data_dir / "files" / "folder").symlink_to(outside / "folder")
    (older.data_dir / "secret_key").unlink()
    (older.data_dir / "secret_key").symlink_to(outside / "key")
    (older.data_dir / "static" / "0123.gz").unlink()
    (older.data_dir / "static").rmdir()
    (older.data_dir / "static").symlink_to(outside / "folder")
    protect_data(older)
    assert [mode_of(path) for path in sorted(outside.rglob("*"))] == [0o755, 0o644, 0o644]
    assert mode_of(older.data_dir / "files") == 0o700


def test_a_folder_that_others_share_stays_open_and_what_is_ours_in_it_does_not(
    older: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(older.data_dir / "elsewhere")
    protect_data(older)
    assert mode_of(older.data_dir) == 0o755
    assert mode_of(older.data_dir / "hub.sqlite3") == 0o600
    older.data_dir.chmod(0o1777)
    monkeypatch.chdir("/")
    protect_data(older)
    assert mode_of(older.data_dir) == 0o1777


def test_a_database_file_outside_of_the_folder_is_private_too(tmp_path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"other.db{suffix}").write_text("x")
    protect_data(settings_for(f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "hub"))
    assert [mode_of(path) for path in sorted(tmp_path.glob("other*"))] == [0o600] * 3


def test_what_belongs_to_somebody_else_is_left_alone(older: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    protect_data(older)
    assert mode_of(older.data_dir / "files" / "ab" / "export") == 0o644


def test_a_user_without_a_home_can_start_the_hub(older: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run programs as numbers that no list of users has."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    with pytest.raises(RuntimeError):
        Path.home()
    protect_data(older)
    assert mode_of(older.data_dir) == 0o700
