"""Two who act at the same time, each in a transaction of their own."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from flask import Flask
from sqlalchemy import text

from customerhub import history
from customerhub.permissions import Actor
from models import User
from models.base import db


def meanwhile(app: Flask, user_id: int, act: Callable[[Actor], Any]) -> Callable[[], Any]:
    """Have somebody else do `act`. By now they are done or wait for this transaction; call the result for the outcome,
    after a commit or rollback.
    """
    future = begin(app, user_id, act)
    wait_for(future)
    return lambda: future.result(40)


def begin(app: Flask, user_id: int, act: Callable[[Actor], Any]) -> Future[Any]:
    """Have somebody else do `act` from now on."""

    def run() -> Any:
        with app.app_context():
            actor = Actor.of(db.session.get_one(User, user_id))
            with history.acting(actor, "test"):
                result = act(actor)
                db.session.commit()
                return result

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run)
    pool.shutdown(wait=False)
    return future


def wait_for(future: Future[Any]) -> None:
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
