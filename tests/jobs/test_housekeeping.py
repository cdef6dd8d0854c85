"""Putting away what interrupted work left behind."""

import os
import time
from datetime import timedelta

from sqlalchemy import select

from customerhub.core import clock
from customerhub.signing import events
from jobs import housekeeping
from models import EndedSession, Envelope, SigningEvent, UsedForm
from tests.support import factories as make
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


def test_events_of_the_signing_service_go_after_a_while_and_their_documents_say_so(app, session, monkeypatch):
    monkeypatch.setattr(events, "_CHUNK", 2)
    now = clock.get_now()
    kept_at = now - timedelta(days=events.KEPT_DAYS - 1)
    dates = [now - timedelta(days=events.KEPT_DAYS + days) for days in (9, 5, 1)]
    organisation = make.OrganisationFactory()
    old, new = (make.EnvelopeFactory(organisation=organisation) for _ in range(2))
    for envelope, moments in ((old, [*dates, kept_at]), (new, [kept_at])):
        for moment in moments:
            make.SigningEventFactory(organisation=organisation, envelope_id=envelope.id, created_at=moment)
    make.SigningEventFactory(organisation=organisation, envelope_id=None, created_at=dates[0])
    session.commit()
    versions = session.execute(select(Envelope.id, Envelope.version).order_by(Envelope.id)).all()
    assert "4 events of the signing service" in housekeeping.clean_up()
    assert "events" not in housekeeping.clean_up()
    session.expire_all()
    assert session.scalars(select(SigningEvent.created_at)).all() == [kept_at, kept_at]
    assert (old.events_deleted_until, new.events_deleted_until) == (dates[-1], None)
    assert session.execute(select(Envelope.id, Envelope.version).order_by(Envelope.id)).all() == versions
