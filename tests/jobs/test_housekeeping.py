"""Putting away what interrupted work left behind."""

import os
import time
from datetime import timedelta

from sqlalchemy import select

from customerhub.core import clock
from jobs import housekeeping
from models import EndedSession, UsedForm
from views.users.sign_in import FULL_SESSION_SECONDS


def test_unfinished_files_go_after_a_day(app, session):
    folder = app.config["HUB"].files_dir / "unfinished"
    folder.mkdir(parents=True)
    for name, age in (("old", 25), ("fresh", 23)):
        (folder / name).write_bytes(b"x")
        at = time.time() - age * 3600
        os.utime(folder / name, (at, at))
    housekeeping.clean_up()
    housekeeping.clean_up()
    assert [path.name for path in folder.iterdir()] == ["fresh"]


def test_forms_go_after_two_days_and_sessions_when_none_could_last_so_long(app, session):
    now = clock.get_now()
    for days in (1, 3, 7, 9):
        at = now - timedelta(days=days)
        session.add_all(
            [UsedForm(token=f"{days}", content="x", created_at=at), EndedSession(mark=f"{days}", created_at=at)]
        )
    session.commit()
    housekeeping.clean_up()
    assert session.scalars(select(UsedForm.token)).all() == ["1"]
    assert sorted(session.scalars(select(EndedSession.mark))) == ["1", "3", "7"]
    assert timedelta(seconds=FULL_SESSION_SECONDS) < housekeeping.ENDED_SESSION_AGE
