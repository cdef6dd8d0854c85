"""Two who act at the same time, each in a transaction of their own."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.context import ForkServerContext
from typing import Any

from flask import Flask
from sqlalchemy import text

from customerhub.core import history
from customerhub.core.permissions import Actor
from models import User
from models.base import db


def start_concurrently(app: Flask, user_id: int, action: Callable[[Actor], Any]) -> Callable[[], Any]:
    """Have somebody else do `act`. By now they are done or wait for this transaction; call the result for the outcome,
    after a commit or rollback.
    """
    future = start_action(app, user_id, action)
    wait_until_blocked(future)
    return lambda: future.result(40)


def start_action(app: Flask, user_id: int, action: Callable[[Actor], Any]) -> Future[Any]:
    """Have somebody else do `act` from now on."""

    def run_action() -> Any:
        with app.app_context():
            actor = Actor.from_user(db.session.get_one(User, user_id))
            with history.act_as(actor, "test"):
                result = action(actor)
                db.session.commit()
                return result

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run_action)
    pool.shutdown(wait=False)
    return future


def wait_until_blocked(future: Future[Any]) -> None:
    """Until it has ended or waits for a lock."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(200):
        time.sleep(0.02)
        if future.done():
            return
        if db.engine.dialect.name == "sqlite":
            time.sleep(0.2)
            return
        with db.engine.connect() as connection:
            if connection.scalar(waiting):
                return
    raise AssertionError("it neither ends nor waits")


def get_process_context() -> ForkServerContext:
    """For processes that call a function of the test. They have imported the hub already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["app", "pytest", "hypothesis", "tests.support.people"])
    return context
