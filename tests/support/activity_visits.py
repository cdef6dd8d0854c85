"""Visits of the addresses of notes, attachments and cases: see staff_visits.py."""

import io
from datetime import date

import models
from models.base import db
from tests.support import factories as make
from tests.support.staff_visits import Outcome, Visit, commit_session
from tests.support.two_organisations import own_organisation


def suggests_colleagues(visit: Visit) -> Outcome:
    answer = visit.browser.get("/admin/notes/colleagues/?query=the+man")
    return answer, bool(answer.is_json and [each["word"] for each in answer.json] == ["The manager"])


def completes_a_follow_up(visit: Visit) -> Outcome:
    organisations = visit.organisations
    note = make.NoteFactory(
        organisation=own_organisation(organisations),
        customer_id=organisations.own.customers[0],
        follow_up_on=date(2030, 1, 31),
    )
    commit_session(organisations)
    key = note.id
    answer = visit.browser.post("/admin/notes/follow-up/", {"id": key})
    return answer, db.session.get_one(models.Note, key).done_at is not None


def opens_a_mention(visit: Visit) -> Outcome:
    organisations = visit.organisations
    user = visit.user or make.UserFactory(organisation=own_organisation(organisations))
    note = make.NoteFactory(organisation=own_organisation(organisations), customer_id=organisations.own.customers[0])
    mention = make.NoteMentionFactory(organisation_id=user.organisation_id, note_id=note.id, user_id=user.id)
    commit_session(organisations)
    key = mention.id
    answer = visit.browser.post("/admin/notes/mention/", {"id": key})
    return answer, db.session.get_one(models.NoteMention, key).seen_at is not None


def opens_the_bell(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/work/seen/", {"since": ""})
    key = (visit.browser.user_id or 0, visit.organisations.own.id)
    return answer, db.session.get(models.WorkVisit, key) is not None


def attaches_a_file(visit: Visit) -> Outcome:
    customer_id = visit.organisations.own.customers[1]
    name = f"{visit.person} Überblick 概要.txt"
    answer = visit.browser.post(
        f"/admin/attachments/upload/?customer_id={customer_id}", {"files": (io.BytesIO(b"text"), name)}
    )
    return answer, db.session.query(models.Attachment).filter_by(customer_id=customer_id, name=name).count() == 1


def count_case_notes(text: str) -> int:
    return db.session.query(models.CaseNote).filter_by(text=text).count()


def writes_in_a_case(visit: Visit) -> Outcome:
    key, text = visit.organisations.own.row_id(models.CustomerCase), f"Noted by {visit.person}"
    answer = visit.browser.post(f"/admin/cases/note/?id={key}", {"text": text})
    return answer, count_case_notes(text) == 1


def opens_a_case(visit: Visit) -> Outcome:
    subject = f"Asked by {visit.person}"
    answer = visit.browser.post("/portal/cases/new/", {"subject": subject, "text": "Please ring"})
    return answer, db.session.query(models.CustomerCase).filter_by(subject=subject).count() == 1


def case_url(visit: Visit) -> str:
    return f"/portal/cases/{visit.organisations.own.row_id(models.CustomerCase)}/"


def reads_a_case(visit: Visit) -> Outcome:
    answer = visit.browser.get(case_url(visit))
    return answer, "Since Monday" in answer.text


def replies_in_a_case(visit: Visit) -> Outcome:
    text = f"Replied by {visit.person}"
    answer = visit.browser.post(case_url(visit), {"text": text})
    return answer, count_case_notes(text) == 1
