"""What happens after a transaction has ended."""

import logging

import pytest

from customerhub.core.transaction import after_commit, after_rollback


@pytest.fixture
def calls(session):
    return []


def plan_actions(calls, name):
    after_commit(lambda: calls.append(f"{name} done"))
    after_rollback(lambda: calls.append(f"{name} undone"))


def test_nothing_happens_before_the_end(session, calls):
    plan_actions(calls, "a")
    session.flush()
    assert calls == []
    session.commit()
    assert calls == ["a done"]
    session.commit()
    session.rollback()
    assert calls == ["a done"]


def test_a_rollback_undoes(session, calls):
    plan_actions(calls, "a")
    session.rollback()
    session.commit()
    assert calls == ["a undone"]


def test_so_does_a_session_that_is_closed(session, calls):
    plan_actions(calls, "a")
    session.remove()
    assert calls == ["a undone"]


def test_a_savepoint_that_is_kept_waits_for_the_commit(session, calls):
    plan_actions(calls, "outer")
    with session.begin_nested():
        plan_actions(calls, "inner")
        with session.begin_nested():
            plan_actions(calls, "innermost")
    assert calls == []
    session.commit()
    assert calls == ["outer done", "inner done", "innermost done"]


def test_a_savepoint_that_is_kept_goes_with_a_rollback(session, calls):
    with session.begin_nested():
        plan_actions(calls, "inner")
    session.rollback()
    assert calls == ["inner undone"]


def test_a_savepoint_that_is_rolled_back_is_undone_alone(session, calls):
    plan_actions(calls, "outer")
    savepoint = session.begin_nested()
    plan_actions(calls, "inner")
    savepoint.rollback()
    assert calls == ["inner undone"]
    plan_actions(calls, "later")
    session.commit()
    assert calls == ["inner undone", "outer done", "later done"]


def test_what_a_savepoint_kept_goes_with_the_one_around_it(session, calls):
    outer = session.begin_nested()
    with session.begin_nested():
        plan_actions(calls, "inner")
    outer.rollback()
    assert calls == ["inner undone"]
    session.commit()
    assert calls == ["inner undone"]


def test_a_failure_afterwards_is_logged_and_stops_nothing(session, calls, caplog):
    after_commit(lambda: 1 / 0)
    plan_actions(calls, "a")
    with caplog.at_level(logging.ERROR):
        session.commit()
    assert calls == ["a done"]
    assert "ZeroDivisionError" in caplog.text
