"""The files that people give us."""

import hashlib
import io
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from customerhub.core import history, services, storage
from customerhub.core.errors import Invalid, NotFound, StillLinked
from customerhub.core.file_store import FolderStore
from models import BusinessEntity, StoredFile
from tests.support.people import make_organisation, system_actor

PDF = b"%PDF-1.7 and so on"
LIMIT = 1024 * 1024


@pytest.fixture
def folder(session, tmp_path, replace_services):
    replace_services(file_store=FolderStore(tmp_path / "files"), max_upload_bytes=LIMIT)
    return tmp_path / "files"


@pytest.fixture
def organisation(session, folder):
    organisation = make_organisation()
    session.commit()
    with history.act_as(system_actor(organisation), "test"):
        yield organisation


def store_file(organisation, content=PDF, name="contract.pdf", content_type="application/pdf", **more):
    return storage.store_file(
        io.BytesIO(content),
        name,
        content_type,
        organisation_id=organisation.id,
        actor=system_actor(organisation),
        **more,
    )


def list_stored_files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_is_kept_whole_under_a_key_of_ours(session, organisation, folder):
    content = os.urandom(700_000)
    stored = store_file(organisation, content, "../../etc/passwd")
    session.commit()
    assert (stored.name, stored.size) == ("passwd", 700_000)
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    with storage.open_file(stored) as file:
        assert file.read() == content
    assert list_stored_files(folder) == [stored.storage_key]
    assert "passwd" not in stored.storage_key
    assert (folder / stored.storage_key[:2] / stored.storage_key).stat().st_mode & 0o077 == 0


def test_two_files_with_one_name_do_not_touch(session, organisation, folder):
    first, second = store_file(organisation, b"one"), store_file(organisation, b"two")
    session.commit()
    assert first.storage_key != second.storage_key
    with storage.open_file(first) as file:
        assert file.read() == b"one"


def test_bytes_go_with_a_rollback(session, organisation, folder):
    store_file(organisation)
    assert len(list_stored_files(folder)) == 1
    session.rollback()
    assert list_stored_files(folder) == []


def test_bytes_go_with_the_commit_that_deletes_the_row(session, organisation, folder):
    stored = store_file(organisation)
    session.commit()
    storage.remove(stored)
    assert len(list_stored_files(folder)) == 1
    session.rollback()
    assert len(list_stored_files(folder)) == 1
    storage.remove(stored)
    session.commit()
    assert list_stored_files(folder) == []
    assert session.get(StoredFile, stored.id) is None


def test_a_file_in_use_stays(session, organisation, folder):
    stored = store_file(organisation)
    session.add(
        BusinessEntity(organisation_id=organisation.id, name="We", registered_name="We", address="x", logo_id=stored.id)
    )
    session.commit()
    with pytest.raises(StillLinked):
        storage.remove(stored)
    session.rollback()
    session.commit()
    assert len(list_stored_files(folder)) == 1


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
def test_what_is_too_large_leaves_nothing(organisation, folder, size):
    with pytest.raises(Invalid, match="the maximum is 1 MB"):
        store_file(organisation, b"x" * size)
    assert list_stored_files(folder) == []
    assert store_file(organisation, b"x" * size, limit=size).size == size


def test_exactly_the_limit_is_taken_and_nothing_is_not(organisation, folder):
    assert store_file(organisation, b"x" * LIMIT).size == LIMIT
    with pytest.raises(Invalid, match="empty"):
        store_file(organisation, b"")
    assert len(list_stored_files(folder)) == 1


def test_an_upload_that_breaks_off_leaves_nothing(organisation, folder):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell():
                raise OSError("the connection is gone")
            return super().read(10)

    with pytest.raises(OSError, match="gone"):
        storage.store_file(
            Broken(b"x" * 20), "a", None, organisation_id=organisation.id, actor=system_actor(organisation)
        )
    assert list_stored_files(folder) == []


def test_a_slow_sender_is_recognised_by_the_first_bytes_all_the_same(organisation, folder):
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(1)

    stored = storage.store_file(
        Slow(b"\x89PNG\r\n\x1a\n..."),
        "a",
        "text/html",
        organisation_id=organisation.id,
        actor=system_actor(organisation),
    )
    assert stored.content_type == "image/png"


def test_nobody_stores_into_another_organisation(organisation, folder):
    with pytest.raises(NotFound):
        storage.store_file(
            io.BytesIO(PDF), "a", None, organisation_id=organisation.id + 1, actor=system_actor(organisation)
        )
    assert list_stored_files(folder) == []


@pytest.mark.parametrize(
    ("content", "declared_type", "stored_type", "served_as"),
    [
        (PDF, "text/html", "application/pdf", ("application/pdf", True)),
        (b"\x89PNG\r\n\x1a\n...", None, "image/png", ("image/png", True)),
        (b"\xff\xd8\xff\xe0...", "image/jpeg", "image/jpeg", ("image/jpeg", True)),
        (b"<script>", "application/pdf", storage.OCTET_STREAM, (storage.OCTET_STREAM, False)),
        (b"<svg onload=x>", "image/svg+xml", "image/svg+xml", (storage.OCTET_STREAM, False)),
        (b"<html>", "text/html; charset=utf-8", "text/html", (storage.OCTET_STREAM, False)),
        (b"GIF89a", "image/gif", "image/gif", (storage.OCTET_STREAM, False)),
        (b"x", "nonsense\r\nSet-Cookie: a=b", storage.OCTET_STREAM, (storage.OCTET_STREAM, False)),
        (b"x", "a/b" * 50, storage.OCTET_STREAM, (storage.OCTET_STREAM, False)),
        (b"x", None, storage.OCTET_STREAM, (storage.OCTET_STREAM, False)),
    ],
)
def test_only_what_is_known_to_be_harmless_is_shown(
    organisation, folder, content, declared_type, stored_type, served_as
):
    stored = store_file(organisation, content, "a", declared_type)
    assert stored.content_type == stored_type
    assert storage.serving_options_of(stored) == served_as


@pytest.mark.parametrize(
    ("entered_name", "stored_name"),
    [
        ("contract.pdf", "contract.pdf"),
        ("C:\\Users\\kim\\Vertrag Müller.pdf", "Vertrag Müller.pdf"),
        ("/etc/passwd", "passwd"),
        ("..", "file"),
        (".htaccess", "htaccess"),
        ("", "file"),
        ("/", "file"),
        ("a\r\nb\x00.pdf", "ab.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ('a"b<c>.pdf', "abc.pdf"),
        ("\ud800x", "x"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("x" * 300, "x" * 200),
    ],
)
def test_names_are_only_names(entered_name, stored_name):
    assert storage.clean_name(entered_name) == stored_name


@pytest.mark.parametrize("key", ["../../etc/passwd", "", "a", "A" * 40, "0" * 39 + "/", "0" * 40 + "\n", "0" * 40])
def test_a_key_that_we_did_not_make_opens_nothing(organisation, folder, key):
    with pytest.raises(NotFound):
        storage.open_file(StoredFile(storage_key=key))


def test_what_interrupted_uploads_left_is_tidied_after_a_while(organisation, folder):
    stored = store_file(organisation)
    left = folder / "unfinished" / "left"
    left.write_bytes(b"x")
    fresh = folder / "unfinished" / "fresh"
    fresh.write_bytes(b"x")
    old = time.time() - 2 * 86400
    os.utime(left, (old, old))
    os.utime(folder / stored.storage_key[:2] / stored.storage_key, (old, old))
    assert storage.remove_unfinished(older_than=datetime.now(UTC) - timedelta(days=1)) == 1
    assert list_stored_files(folder) == sorted(["fresh", stored.storage_key])


def test_without_a_store_nothing_is_kept(session, monkeypatch):
    monkeypatch.setattr(services, "_find_current", None)
    with pytest.raises(RuntimeError, match="configure"):
        storage.remove_unfinished(older_than=datetime.now(UTC))
