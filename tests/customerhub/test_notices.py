"""What an operation tells beside its result: to whoever listens, and only once it is committed."""

from threading import Thread

import pytest

from customerhub import notices
from models.base import db


@pytest.fixture
def told(session):
    heard: list[str] = []
    listening = notices.begin(heard.append)
    yield heard
    notices.end(listening)


def test_it_is_told_after_the_commit_in_order(told):
    notices.tell("one")
    notices.tell("two")
    assert told == []
    db.session.commit()
    assert told == ["one", "two"]
    db.session.commit()
    assert told == ["one", "two"]


def test_what_is_undone_is_not_told(told):
    notices.tell("undone")
    db.session.rollback()
    db.session.commit()
    assert told == []


def test_what_is_undone_within_a_transaction_is_not_told(told):
    notices.tell("kept")
    nested = db.session.begin_nested()
    notices.tell("undone")
    nested.rollback()
    with db.session.begin_nested():
        notices.tell("nested")
    db.session.commit()
    assert told == ["kept", "nested"]


def test_nobody_need_listen_and_nobody_hears_what_others_do(told, app):
    def elsewhere():
        with app.app_context():
            notices.tell("theirs")
            db.session.commit()

    db.session.commit()
    thread = Thread(target=elsewhere)
    thread.start()
    thread.join(20)
    assert told == []


def test_who_stops_listening_is_not_told(session):
    heard: list[str] = []
    listening = notices.begin(heard.append)
    notices.end(listening)
    notices.tell("late")
    db.session.commit()
    assert heard == []
