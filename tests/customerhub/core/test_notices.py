"""What an operation tells beside its result: to whoever listens, and only once it is committed."""

from threading import Thread

import pytest

from customerhub.core import notices
from models.base import db


@pytest.fixture
def messages(session):
    heard: list[str] = []
    listening = notices.start_listening(heard.append)
    yield heard
    notices.stop_listening(listening)


def test_notices_arrive_after_the_commit_in_order(messages):
    notices.notify_listener("one")
    notices.notify_listener("two")
    assert messages == []
    db.session.commit()
    assert messages == ["one", "two"]
    db.session.commit()
    assert messages == ["one", "two"]


def test_what_is_undone_gives_no_notice(messages):
    notices.notify_listener("undone")
    db.session.rollback()
    db.session.commit()
    assert messages == []


def test_what_is_undone_within_a_transaction_gives_no_notice(messages):
    notices.notify_listener("kept")
    nested = db.session.begin_nested()
    notices.notify_listener("undone")
    nested.rollback()
    with db.session.begin_nested():
        notices.notify_listener("nested")
    db.session.commit()
    assert messages == ["kept", "nested"]


def test_listening_is_optional_and_covers_ones_own_work_only(messages, app):
    def elsewhere():
        with app.app_context():
            notices.notify_listener("theirs")
            db.session.commit()

    db.session.commit()
    thread = Thread(target=elsewhere)
    thread.start()
    thread.join(20)
    assert messages == []


def test_after_stopping_a_listener_gets_nothing(session):
    heard: list[str] = []
    listening = notices.start_listening(heard.append)
    notices.stop_listening(listening)
    notices.notify_listener("late")
    db.session.commit()
    assert heard == []
