"""What happens after a transaction has ended."""

import logging

import pytest

from customerhub.transaction import after_commit, if_undone


@pytest.fixture
def told(session):
    return []


def plan(told, name):
    after_commit(lambda: told.append(f"{name} done"))
    if_undone(lambda: told.append(f"{name} undone"))


def test_nothing_happens_before_the_end(session, told):
    plan(told, "a")
    session.flush()
    assert told == []
    session.commit()
    assert told == ["a done"]
    session.commit()
    session.rollback()
    assert told == ["a done"]


def test_a_rollback_undoes(session, told):
    plan(told, "a")
    session.rollback()
    session.commit()
    assert told == ["a undone"]


def test_so_does_a_session_that_is_closed(session, told):
    plan(told, "a")
    session.remove()
    assert told == ["a undone"]


def test_a_savepoint_that_is_kept_waits_for_the_commit(session, told):
    plan(told, "outer")
    with session.begin_nested():
        plan(told, "inner")
        with session.begin_nested():
            plan(told, "innermost")
    assert told == []
    session.commit()
    assert told == ["outer done", "inner done", "innermost done"]


def test_a_savepoint_that_is_kept_goes_with_a_rollback(session, told):
    with session.begin_nested():
        plan(told, "inner")
    session.rollback()
    assert told == ["inner undone"]


def test_a_savepoint_that_is_rolled_back_is_undone_alone(session, told):
    plan(told, "outer")
    savepoint = session.begin_nested()
    plan(told, "inner")
    savepoint.rollback()
    assert told == ["inner undone"]
    plan(told, "later")
    session.commit()
    assert told == ["inner undone", "outer done", "later done"]


def test_what_a_savepoint_kept_goes_with_the_one_around_it(session, told):
    outer = session.begin_nested()
    with session.begin_nested():
        plan(told, "inner")
    outer.rollback()
    assert told == ["inner undone"]
    session.commit()
    assert told == ["inner undone"]


def test_a_failure_afterwards_is_logged_and_stops_nothing(session, told, caplog):
    after_commit(lambda: 1 / 0)
    plan(told, "a")
    with caplog.at_level(logging.ERROR):
        session.commit()
    assert told == ["a done"]
    assert "ZeroDivisionError" in caplog.text
