"""The demo is made at any hour: its days are those of its organisation, which is ahead of UTC."""

import json
from datetime import UTC, datetime

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from models import Note
from models.base import db

BEFORE_MIDNIGHT_IN_UTC = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)  # in Berlin it is the first day of the year


@pytest.mark.slow
def test_the_demo_is_made_in_the_last_hour_of_a_day_in_utc(app: Flask):
    with time_machine.travel(BEFORE_MIDNIGHT_IN_UTC):
        answer = app.test_cli_runner().invoke(args=["demo", "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["logins"]
    with app.app_context():
        days = set(db.session.scalars(select(Note.follow_up_on).where(Note.follow_up_on.is_not(None))))
        assert {day.isoformat() for day in days} == {"2026-12-30", "2027-01-01", "2027-01-04"}
