"""Two hubs in one process: each works with its own settings, however their work is mixed."""

import io
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, event, select

from app import SESSION_LISTENERS, create_app
from customerhub.core import history, public_urls, storage
from customerhub.core.config import load_settings
from customerhub.core.errors import Invalid, WrongState
from customerhub.core.permissions import Actor
from customerhub.mail import outbox
from customerhub.users import accounts, invitations
from customerhub.users.links import get_one_time_links
from jobs import exports, mail, queue
from models import OutboxMessage, StoredFile, User
from models.base import db
from models.enums import Role
from tests.conftest import close_connections
from tests.support.databases import Databases, settings_for
from tests.support.mail_server import Mailbox, run_mail_server
from tests.support.people import make_organisation, system_actor
from tests.support.servers import Valkey

LINK = re.compile(r"(https://\S+)/set-password/(\S+)")


@dataclass
class Hub:
    """A hub with what only it has."""

    app: Flask
    name: str
    folder: Path
    public_url: str
    max_attachment_bytes: int
    mailbox: Mailbox
    actor: Actor


@pytest.fixture
def hubs(databases: Databases, valkey_server: Valkey, tmp_path: Path) -> Iterator[tuple[Hub, Hub]]:
    """Two hubs, of which nothing is the same. The queue server is one, with a database for each."""
    with run_mail_server(Mailbox()) as first_mailbox, run_mail_server(Mailbox()) as second_mailbox:
        hubs = (
            make_hub("one", 1, first_mailbox, databases, valkey_server, tmp_path),
            make_hub("two", 2, second_mailbox, databases, valkey_server, tmp_path),
        )
        yield hubs
        for hub in hubs:
            close_connections(hub.app)


def make_hub(
    name: str, number: int, mailbox: Mailbox, databases: Databases, valkey_server: Valkey, tmp_path: Path
) -> Hub:
    folder = tmp_path / name
    settings = settings_for(
        databases.create(f"hub_{name}"),
        folder,
        REDIS_URL=f"{valkey_server.url}?db={number}",
        HUB_PUBLIC_URL=f"https://{name}.example.com",
        HUB_SECRET_KEY=f"secret {name}",
        HUB_MAX_ATTACHMENTS_MB=str(number),
        SMTP_URL=mailbox.url,
    )
    app = create_app(settings)
    with app.app_context():
        queue.get_queue().empty()
        organisation = make_organisation(f"Organisation {name}")
        actor = system_actor(organisation)
        db.session.commit()
    return Hub(app, name, folder / "files", settings.public_url, settings.max_attachment_bytes, mailbox, actor)


def store_file(hub: Hub, content: bytes) -> StoredFile:
    organisation_id = hub.actor.organisation_id
    return storage.store_file(io.BytesIO(content), "a.txt", None, organisation_id=organisation_id, actor=hub.actor)


def store_and_invite(hub: Hub, number: int) -> None:
    """Keep a file and invite a new user by mail. All of it is this hub's."""
    content = f"{hub.name} {number}".encode()
    with history.act_as(hub.actor, "test"):
        file = storage.store_file(
            io.BytesIO(content), "a.txt", None, organisation_id=hub.actor.organisation_id, actor=hub.actor
        )
        user = User(name="Kim", email=f"kim{number}@{hub.name}.example", role=Role.AGENT)
        accounts.save_user(user, actor=hub.actor)
        message = invitations.invite(user, links=get_one_time_links(), actor=hub.actor)
        db.session.commit()
    assert (hub.folder / file.storage_key[:2] / file.storage_key).read_bytes() == content
    [(address, token)] = set(LINK.findall(message.text_body))
    assert address == hub.public_url
    assert get_one_time_links().read(token) is user
    db.session.rollback()


def queued_message_ids() -> set[int]:
    """The messages that a worker of the present app is told to send."""
    return {job.args[0] for job in queue.get_queue().jobs if job.func_name == "jobs.mail.send"}


def check_what_is_there(hub: Hub, other: Hub, count: int) -> None:
    """All that was done in this hub is here, nothing of the other one, and its mail goes out by its own server."""
    with hub.app.app_context():
        emails = [f"kim{number}@{hub.name}.example" for number in range(count)]
        assert sorted(db.session.scalars(select(User.email))) == sorted(emails)
        messages = db.session.scalars(select(OutboxMessage)).all()
        assert {message.id for message in messages} == queued_message_ids()
        tokens = [LINK.findall(message.text_body)[0][1] for message in messages]
        assert len(list(hub.folder.glob("??/*"))) == count == len(db.session.scalars(select(StoredFile)).all())
        db.session.rollback()
        mail.sweep()
    assert sorted(sent["To"] for sent in hub.mailbox.received) == sorted(emails)
    with other.app.app_context():
        for token in tokens:
            with pytest.raises(WrongState):
                get_one_time_links().read(token)


def test_two_apps_act_in_turn(hubs: tuple[Hub, Hub]) -> None:
    one, two = hubs
    for number in range(3):
        for hub in hubs:
            with hub.app.app_context():
                store_and_invite(hub, number)
    with one.app.app_context():
        store_and_invite(one, 3)
        with two.app.app_context():
            store_and_invite(two, 3)
            assert public_urls.build_url("/") == "https://two.example.com/"
        assert public_urls.build_url("/") == "https://one.example.com/"
        store_and_invite(one, 4)
    with two.app.app_context():
        store_and_invite(two, 4)
    check_what_is_there(one, two, 5)
    check_what_is_there(two, one, 5)


def test_two_apps_act_at_the_same_moment(hubs: tuple[Hub, Hub]) -> None:
    barrier = threading.Barrier(4)

    def act(hub: Hub, first: int) -> None:
        for number in range(first, first + 5):
            barrier.wait(60)
            with hub.app.app_context():
                store_and_invite(hub, number)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(act, hub, first) for hub in hubs for first in (0, 5)]:
            future.result()
    check_what_is_there(*hubs, 10)
    check_what_is_there(*reversed(hubs), 10)


def test_a_file_is_taken_back_from_where_it_was_kept(hubs: tuple[Hub, Hub]) -> None:
    """Also where another hub is at work when the transaction ends."""
    one, two = hubs
    with one.app.app_context():
        session = db.session()
        with history.act_as(one.actor, "test"):
            store_file(one, b"x")
        with two.app.app_context():
            session.rollback()
        assert list(one.folder.glob("??/*")) == []


def test_each_app_has_its_own_limits_and_lists(hubs: tuple[Hub, Hub]) -> None:
    for hub in hubs:
        with hub.app.app_context(), history.act_as(hub.actor, "test"):
            file = store_file(hub, b"x" * (hub.max_attachment_bytes + 1))
            with pytest.raises(Invalid, match=f"the maximum is {hub.max_attachment_bytes // 2**20} MB"):
                outbox._check_files([file], hub.actor.organisation_id)
            customers = exports.get_builders()["customers"].__self__
            assert customers in hub.app.extensions["admin"][0]._views
            db.session.rollback()


def test_one_queue_server_that_is_away_is_away_for_its_own_hub_only(hubs: tuple[Hub, Hub]) -> None:
    one, two = hubs
    server = one.app.extensions["hub_queue_server"]
    with one.app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "connection", queue.Redis(port=1, socket_connect_timeout=1, retry=None))
        assert not queue.try_enqueue(mail.send)
    with one.app.app_context():
        assert not queue.try_enqueue(mail.send), "left alone for a while"
    with two.app.app_context():
        assert queue.try_enqueue(mail.send)


def test_a_session_has_every_listener_once_and_in_the_order_stated(hubs: tuple[Hub, Hub]) -> None:
    """However many apps there are."""
    with hubs[0].app.app_context():
        for name in dict.fromkeys(name for name, _ in SESSION_LISTENERS):
            listeners = [listener for each, listener in SESSION_LISTENERS if each == name]
            assert list(getattr(db.session().dispatch, name)) == listeners


def test_nothing_else_listens_to_sessions() -> None:
    """Listeners of sessions are in the list of app.py and nowhere else."""
    root = Path(__file__).resolve().parents[1]
    for folder in ("customerhub", "models", "views", "jobs", "seed"):
        for file in (root / folder).rglob("*.py"):
            assert not re.search(
                r"(listens_for|listen)\((\w*[sS]ession|db\.session)\b", file.read_text(encoding="utf-8")
            ), file


def test_an_app_connects_to_nothing_before_it_is_asked(tmp_path: Path) -> None:
    """The web server loads it once and shares it among its processes, which must not share a connection."""
    connections: list[object] = []

    def note_connection(connection: object, _record: object) -> None:
        connections.append(connection)

    event.listen(Engine, "connect", note_connection)
    try:
        create_app(load_settings({"HUB_DATA_DIR": str(tmp_path), "HUB_SECRET_KEY": "tests"}))
    finally:
        event.remove(Engine, "connect", note_connection)
    assert connections == []
