"""Every address of the hub is known here, with who may use it, and is called as each of them and as a stranger.

The generated screens are in test_screens_by_role.py; this file has all the others, and fails on an address that is in
neither.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

import models
from customerhub import clock, history, storage
from customerhub.permissions import Actor
from customerhub.users import passwords
from customerhub.users.links import OneTimeLinks
from jobs.queue import get_queue
from models.base import db
from models.enums import Role, Stage, TaskState, TemplatePurpose, TransferState
from tests import factories as make
from tests.browsing import Browser
from tests.jobs.registering import put_failed
from tests.views.screen_table import ADMINS, MANAGERS, NOBODY, SCREENS, STAFF, bare_customer
from tests.views.test_screens_by_role import COMMON, PEOPLE
from tests.world import World

SIGNED_IN = frozenset(PEOPLE) - {"stranger"}
ANYBODY = frozenset(PEOPLE)
PLATFORM = frozenset({"platform"})
PASSWORD = "plum sofa ticket nine"
HASH = passwords.hash_password(PASSWORD)
PDF = b"%PDF-1.7 a certificate"


@dataclass
class Visit:
    world: World
    browser: Browser
    person: str

    @property
    def user(self) -> models.User | None:
        return db.session.get(models.User, self.browser.user_id) if self.browser.user_id else None


Outcome = tuple[Any, bool]  # the answer, and whether what the address is for came about
Call = Callable[[Visit], Outcome]


def page(url: str, marker: str) -> Call:
    """Opening the page shows `marker`."""

    def call(visit: Visit) -> Outcome:
        answer = visit.browser.get(url)
        return answer, marker in answer.text

    return call


def leads_to(url: str, target: str) -> Call:
    def call(visit: Visit) -> Outcome:
        answer = visit.browser.get(url)
        return answer, answer.status_code in (302, 303) and answer.location.startswith(target)

    return call


def starts(visit: Visit) -> Outcome:
    own = {"stranger": "/sign-in", "customer": "/portal/", "partner": "/partner/"}
    answer = visit.browser.get("/")
    return answer, answer.location == own.get(visit.person, "/admin/")


def switches_organisation(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/organisation/", {"organisation": str(visit.world.theirs.id)})
    with visit.browser.client.session_transaction() as kept:
        return answer, kept.get("organisation_id") == visit.world.theirs.id


def suggests(visit: Visit) -> Outcome:
    answer = visit.browser.get("/admin/search/suggest?q=REF-1")
    return answer, answer.is_json and [found["label"] for found in answer.json] == ["Our Telecom customer 1"]


def chooses_columns(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/list/customers/columns", {"column": ["name", "email"]})
    kept = db.session.get(models.ListPreference, (visit.browser.user_id or 0, "customers"))
    return answer, kept is not None and kept.columns == ["name", "email"]


def saves_a_view(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/list/customers/views", {"name": "Risky", "f": "risk:is:High"})
    mine = db.session.query(models.SavedView).filter_by(user_id=visit.browser.user_id or 0, name="Risky")
    return answer, mine.count() == 1


def deletes_a_view(visit: Visit) -> Outcome:
    view = make.SavedViewFactory(user_id=visit.browser.user_id or visit.world.ours.users[Role.ADMIN])
    key = view.id
    db.session.commit()
    answer = visit.browser.post(f"/admin/list/views/{key}/delete")
    return answer, db.session.get(models.SavedView, key) is None


def downloads(visit: Visit) -> Outcome:
    """The certificate of our first customer, which the portal user belongs to."""
    document = db.session.get_one(models.Customer, visit.world.ours.customers[0]).compliance_documents[0]
    document.file_id = stored(visit.world).id
    commit(visit.world)
    answer = visit.browser.get(f"/files/{document.file_id}")
    return answer, answer.data == PDF


def stored(world: World) -> models.StoredFile:
    actor = Actor(None, world.ours.id)
    with history.acting(actor, "test"):
        return storage.store(io.BytesIO(PDF), "a.pdf", None, organisation_id=world.ours.id, actor=actor)


def commit(world: World) -> None:
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.commit()


def peeks(visit: Visit) -> Outcome:
    answer = visit.browser.get(f"/admin/customers/peek/?id={visit.world.ours.customers[0]}")
    return answer, answer.is_json and answer.json.get("title") == "Our Telecom customer 0"


def tells_review_dates(visit: Visit) -> Outcome:
    entered = {"review_start_date": "2025-01-31", "review_frequency": "3"}
    answer = visit.browser.post("/admin/customers/review-dates/", entered)
    return answer, answer.is_json and len(answer.json.get("lines", [])) >= 3


def tells_portal_plan(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/customers/portal-plan/", {"email": "kim@new.example"})
    return answer, answer.is_json and "kim@new.example" in answer.json.get("lines", [""])[0]


def tells_default_values(visit: Visit) -> Outcome:
    key = visit.world.ours.row(models.DefaultValueSet)
    answer = visit.browser.get(f"/admin/customers/default-values/?defaults={key}")
    return answer, answer.is_json and answer.json.get("billing_day", {}).get("value") == "15"


# --- Messages, exports and imports -------------------------------------------------------------------------


def own_export(visit: Visit, **values: Any) -> models.ListExport:
    owner = visit.browser.user_id or visit.world.ours.users[Role.ADMIN]
    made = make.ListExportFactory(
        organisation=db.session.get_one(models.Organisation, visit.world.ours.id), user_id=owner, **values
    )
    db.session.commit()
    return made


def cancels_an_export(visit: Visit) -> Outcome:
    export = own_export(visit)
    answer = visit.browser.post(f"/admin/exports/cancel/?id={export.id}")
    return answer, db.session.get_one(models.ListExport, export.id).state is TransferState.CANCELLED


def downloads_an_export(visit: Visit) -> Outcome:
    export = own_export(visit, state=TransferState.DONE, file_id=stored(visit.world).id)
    answer = visit.browser.get(f"/admin/exports/file/?id={export.id}")
    return answer, answer.data == PDF


def reads_a_message(visit: Visit) -> Outcome:
    answer = visit.browser.get(f"/admin/outbox/message/?id={visit.world.ours.row(models.OutboxMessage)}")
    return answer, "<p>It is due.</p>" in answer.text


def tries_the_mail_server(visit: Visit) -> Outcome:
    recipient = f"{visit.person}.trial@hub.example"
    answer = visit.browser.post("/admin/outbox/test/", {"recipient": recipient})
    made = db.session.query(models.OutboxMessage).filter_by(recipient=recipient).all()
    return answer, [message.state.value for message in made] == ["held"]


def previews_what_is_typed(visit: Visit) -> Outcome:
    typed = {"purpose": "review due", "subject": "Typed just now", "body": "x"}
    answer = visit.browser.post("/admin/templates/preview/", typed)
    return answer, "Typed just now" in answer.text


def previews_a_template(visit: Visit) -> Outcome:
    key = visit.world.ours.row(models.NotificationTemplate)
    answer = visit.browser.get(f"/admin/templates/preview/?id={key}&preview_customer={visit.world.ours.customers[1]}")
    return answer, "As it would be sent today about Our Telecom customer 1" in answer.text


def lists_documents(visit: Visit) -> Outcome:
    answer = visit.browser.get(f"/admin/templates/documents/?preview_customer={visit.world.ours.customers[0]}")
    return answer, answer.is_json and [name for _, name in answer.json] == ["ISO 27001"]


def an_import(visit: Visit, **values: Any) -> models.CustomerImport:
    made = make.CustomerImportFactory(
        organisation=db.session.get_one(models.Organisation, visit.world.ours.id), **values
    )
    make.ImportRowFactory(import_id=made.id, name="Somebody")
    db.session.commit()
    return made


def uploads(visit: Visit) -> Outcome:
    known = db.session.query(models.CustomerImport).count()
    answer = visit.browser.post("/admin/imports/upload/", {"file": (io.BytesIO(b"PK no workbook"), "customers.xlsx")})
    return answer, db.session.query(models.CustomerImport).count() == known + 1


def takes_the_template(visit: Visit) -> Outcome:
    answer = visit.browser.get("/admin/imports/template/")
    return answer, answer.data.startswith(b"PK")


def confirms_an_import(visit: Visit) -> Outcome:
    made = an_import(visit, state=TransferState.READY, new_rows=1)
    answer = visit.browser.post(f"/admin/imports/confirm/?id={made.id}&seen={made.version}", {"action": "all"})
    return answer, db.session.get_one(models.CustomerImport, made.id).state is TransferState.SAVING


def cancels_an_import(visit: Visit) -> Outcome:
    made = an_import(visit, state=TransferState.READY)
    answer = visit.browser.post(f"/admin/imports/cancel/?id={made.id}")
    return answer, db.session.get_one(models.CustomerImport, made.id).state is TransferState.CANCELLED


def takes_refused_rows(visit: Visit) -> Outcome:
    made = an_import(visit, state=TransferState.READY, error_rows=1)
    answer = visit.browser.get(f"/admin/imports/errors/?id={made.id}")
    return answer, answer.data.startswith(b"PK")


# --- Jobs --------------------------------------------------------------------------------------------------

FAILED = "queue=default&place=failed"


def runs_a_job(visit: Visit) -> Outcome:
    get_queue().empty()
    answer = visit.browser.post("/admin/schedule/run/", {"name": "jobs.mail.sweep"})
    return answer, [job.func_name for job in get_queue().jobs] == ["jobs.mail.sweep"]


def lists_failed_jobs(visit: Visit) -> Outcome:
    [job_id] = put_failed(1)
    answer = visit.browser.get(f"/admin/schedule/jobs/?{FAILED}")
    return answer, job_id in answer.text


def looks_at_a_job(visit: Visit) -> Outcome:
    [job_id] = put_failed(1, "ValueError: no room")
    answer = visit.browser.get(f"/admin/schedule/job/?queue=default&id={job_id}")
    return answer, "ValueError: no room" in answer.text


def chooses_jobs(visit: Visit) -> Outcome:
    [job_id] = put_failed(1)
    answer = visit.browser.post(f"/admin/schedule/jobs/action/?{FAILED}", {"rowid": job_id, "action": "discard"})
    return answer, answer.status_code == 303 and "/operation/discard/" in answer.location


def opens_discarding(visit: Visit) -> Outcome:
    [job_id] = put_failed(1)
    answer = visit.browser.get(f"/admin/schedule/operation/discard/?{FAILED}&id={job_id}")
    return answer, 'class="operation"' in answer.text and job_id in get_queue().failed_job_registry.get_job_ids()


def discards_a_job(visit: Visit) -> Outcome:
    [job_id] = put_failed(1)
    answer = visit.browser.post(f"/admin/schedule/operation/discard/?{FAILED}&id={job_id}")
    return answer, job_id not in get_queue().failed_job_registry.get_job_ids()


# --- Partners ----------------------------------------------------------------------------------------------


def registers(visit: Visit) -> Outcome:
    entered = {"name": "Sandbank Surf", "registration_number": "HRB 77 120", "contact_name": "Jonas"}
    known = db.session.query(models.Customer).count()
    answer = visit.browser.post("/partner/register/company/", entered)
    return answer, db.session.query(models.Customer).count() == known + 1


def own_page(visit: Visit, more: str = "") -> str:
    return f"/partner/customers/{visit.world.ours.customers[1]}/{more}"


def follows(visit: Visit) -> Outcome:
    answer = visit.browser.get(own_page(visit))
    return answer, "How far it is" in answer.text


def answers(visit: Visit) -> Outcome:
    task = make.ApprovalTaskFactory(
        organisation_id=visit.world.ours.id, customer_id=visit.world.ours.customers[1], waits_for_requester=True,
        requester_id=visit.world.ours.users[Role.PARTNER],
    )  # fmt: skip
    key = task.id
    answer = visit.browser.post(own_page(visit), {"answer": "Both directors"})
    asked = db.session.get_one(models.ApprovalTask, key)
    happened = not asked.waits_for_requester
    asked.state, asked.decided_at = TaskState.WITHDRAWN, clock.now()  # of each kind one may be open
    commit(visit.world)
    return answer, happened


def opens_update(visit: Visit) -> Outcome:
    answer = visit.browser.get(own_page(visit, "update/"))
    return answer, "Ask for this change" in answer.text


def asks_for_update(visit: Visit) -> Outcome:
    form = {"name": "Our Telecom customer 1", "website": "https://moved.example"}
    known = db.session.query(models.ApprovalTask).count()
    answer = visit.browser.post(own_page(visit, "update/"), form)
    return answer, db.session.query(models.ApprovalTask).count() == known + 1


def live_page(visit: Visit) -> str:
    """The form for a contract of a customer of the partner's dealer that may have one."""
    partner = db.session.get_one(models.User, visit.world.ours.users[Role.PARTNER])
    customer = bare_customer(visit.world, stage=Stage.BILLING, dealer_id=partner.dealer_id)
    return f"/partner/customers/{customer.id}/contracts/new/"


def opens_contract(visit: Visit) -> Outcome:
    answer = visit.browser.get(live_page(visit))
    return answer, "What it is about" in answer.text


def adds_contract(visit: Visit) -> Outcome:
    form = {"name": "Lines", "start_date": "2025-01-31", "connections": "5", "profile_name": "Main",
            "profile_email": "pay@customer.example"}  # fmt: skip
    known = db.session.query(models.Contract).count()
    answer = visit.browser.post(live_page(visit), form)
    return answer, db.session.query(models.Contract).count() == known + 1


# --- One's own account -------------------------------------------------------------------------------------


def renames_oneself(visit: Visit) -> Outcome:
    answer = visit.browser.post("/profile/", {"name": f"New {visit.person}"})
    return answer, visit.user is not None and visit.user.name == f"New {visit.person}"


def changes_the_password(visit: Visit) -> Outcome:
    if visit.user is not None:
        visit.user.password_hash = HASH
        commit(visit.world)
    new = "nine tickets for a sofa"
    answer = visit.browser.post("/profile/password", {"old": PASSWORD, "new": new, "again": new})
    return answer, visit.user is not None and passwords.verify(new, visit.user.password_hash)


def signs_out_everywhere(visit: Visit) -> Outcome:
    before = visit.user.sign_in_epoch if visit.user else 0
    answer = visit.browser.post("/profile/sign-out-everywhere")
    return answer, visit.user is not None and visit.user.sign_in_epoch == before + 1


def signs_in(visit: Visit) -> Outcome:
    user = make.UserFactory(
        organisation=db.session.get_one(models.Organisation, visit.world.ours.id), password_hash=HASH
    )
    db.session.commit()
    stranger = Browser(visit.world.app)
    answer = stranger.post("/sign-in", {"email": user.email, "password": PASSWORD})
    return answer, stranger.get("/profile/").status_code == 200


def signs_out(visit: Visit) -> Outcome:
    answer = visit.browser.post("/sign-out")
    return answer, answer.status_code == 303 and visit.browser.get("/profile/").status_code == 303


def asks_for_a_link(visit: Visit) -> Outcome:
    user = make.UserFactory(organisation=db.session.get_one(models.Organisation, visit.world.ours.id))
    db.session.commit()
    answer = Browser(visit.world.app).post("/forgotten", {"email": user.email})
    return answer, db.session.query(models.OutboxMessage).filter_by(recipient=user.email).count() == 1


def link_of(visit: Visit) -> tuple[models.User, str]:
    user = make.UserFactory(organisation=db.session.get_one(models.Organisation, visit.world.ours.id))
    db.session.commit()
    settings = visit.world.app.config["HUB"]
    link = OneTimeLinks.of(settings).make(user, TemplatePurpose.WELCOME, now=clock.now())
    return user, link.removeprefix(settings.public_url)


def opens_a_link(visit: Visit) -> Outcome:
    answer = visit.browser.get(link_of(visit)[1])
    return answer, 'type="password"' in answer.text


def sets_a_password(visit: Visit) -> Outcome:
    user, path = link_of(visit)
    answer = visit.browser.post(path, {"password": PASSWORD, "again": PASSWORD})
    return answer, passwords.verify(PASSWORD, db.session.get_one(models.User, user.id).password_hash)


def static_file(visit: Visit) -> Outcome:
    answer = visit.browser.get("/static/hub.css")
    return answer, answer.mimetype == "text/css"


def flask_admins_static_file(visit: Visit) -> Outcome:
    answer = visit.browser.get("/admin/flask-admin/static/admin/css/bootstrap4/admin.css")
    return answer, answer.mimetype == "text/css"


ROUTES: dict[tuple[str, str], tuple[frozenset[str], Call]] = {
    ("home.start", "GET"): (ANYBODY, starts),
    ("home.home", "GET"): (STAFF, page("/admin/", "Latest customers")),
    ("home.switch_organisation", "POST"): (frozenset({"platform"}), switches_organisation),
    ("search.results", "GET"): (STAFF, leads_to("/admin/search/?q=REF-0", "/admin/customers/details/")),
    ("search.suggest", "GET"): (STAFF, suggests),
    ("preferences.choose_columns", "POST"): (STAFF, chooses_columns),
    ("preferences.save_view", "POST"): (STAFF, saves_a_view),
    ("preferences.delete_view", "POST"): (STAFF, deletes_a_view),
    ("files.download", "GET"): (STAFF | {"customer"}, downloads),
    ("partner.home", "GET"): (frozenset({"partner"}), page("/partner/", "Your customers")),
    ("partner.register_view", "GET"): (frozenset({"partner"}), page("/partner/register/company/", "Whom to ask")),
    ("partner.register_view", "POST"): (frozenset({"partner"}), registers),
    ("partner.details", "GET"): (frozenset({"partner"}), follows),
    ("partner.details", "POST"): (frozenset({"partner"}), answers),
    ("partner.update", "GET"): (frozenset({"partner"}), opens_update),
    ("partner.update", "POST"): (frozenset({"partner"}), asks_for_update),
    ("partner.new_contract", "GET"): (frozenset({"partner"}), opens_contract),
    ("partner.new_contract", "POST"): (frozenset({"partner"}), adds_contract),
    ("tasks.mine", "GET"): (STAFF, leads_to("/admin/tasks/mine/", "/admin/tasks/?f=state")),
    ("portal.home", "GET"): (frozenset({"customer"}), page("/portal/", "Our Telecom customer 0")),
    ("customers.peek", "GET"): (STAFF, peeks),
    ("customers.review_dates", "POST"): (STAFF, tells_review_dates),
    ("customers.portal_plan", "POST"): (STAFF, tells_portal_plan),
    ("customers.default_values", "GET"): (STAFF, tells_default_values),
    ("outbox.message_view", "GET"): (MANAGERS, reads_a_message),
    ("outbox_trial.trial", "GET"): (ADMINS, page("/admin/outbox/test/", "Send a test mail")),
    ("outbox_trial.trial", "POST"): (ADMINS, tries_the_mail_server),
    ("templates.preview_view", "GET"): (STAFF, previews_a_template),
    ("templates.preview_view", "POST"): (STAFF, previews_what_is_typed),
    ("templates.documents_view", "GET"): (STAFF, lists_documents),
    ("exports.cancel_view", "POST"): (STAFF, cancels_an_export),
    ("exports.download", "GET"): (STAFF, downloads_an_export),
    ("imports.upload", "GET"): (STAFF, page("/admin/imports/upload/", "Download")),
    ("imports.upload", "POST"): (STAFF, uploads),
    ("imports.template", "GET"): (STAFF, takes_the_template),
    ("imports.confirm_view", "POST"): (STAFF, confirms_an_import),
    ("imports.cancel_view", "POST"): (STAFF, cancels_an_import),
    ("imports.errors_view", "GET"): (STAFF, takes_refused_rows),
    ("schedule.index", "GET"): (PLATFORM, page("/admin/schedule/", "jobs.mail.sweep")),
    ("schedule.run", "POST"): (PLATFORM, runs_a_job),
    ("schedule.jobs", "GET"): (PLATFORM, lists_failed_jobs),
    ("schedule.job", "GET"): (PLATFORM, looks_at_a_job),
    ("schedule.choose", "POST"): (PLATFORM, chooses_jobs),
    ("schedule.operation_page", "GET"): (PLATFORM, opens_discarding),
    ("schedule.operation_page", "POST"): (PLATFORM, discards_a_job),
    ("profile.profile", "GET"): (SIGNED_IN, page("/profile/", "You sign in with")),
    ("profile.profile", "POST"): (SIGNED_IN, renames_oneself),
    ("profile.password", "GET"): (SIGNED_IN, page("/profile/password", "Present password")),
    ("profile.password", "POST"): (SIGNED_IN, changes_the_password),
    ("profile.sign_out_everywhere", "GET"): (SIGNED_IN, page("/profile/sign-out-everywhere", "every other one")),
    ("profile.sign_out_everywhere", "POST"): (SIGNED_IN, signs_out_everywhere),
    ("sign_in.sign_in", "GET"): (frozenset({"stranger"}), page("/sign-in", 'name="password"')),
    ("sign_in.sign_in", "POST"): (ANYBODY, signs_in),
    ("sign_in.sign_out", "POST"): (ANYBODY, signs_out),
    ("sign_in.forgotten", "GET"): (ANYBODY, page("/forgotten", 'name="email"')),
    ("sign_in.forgotten", "POST"): (ANYBODY, asks_for_a_link),
    ("sign_in.set_password", "GET"): (ANYBODY, opens_a_link),
    ("sign_in.set_password", "POST"): (ANYBODY, sets_a_password),
    ("static", "GET"): (ANYBODY, static_file),
    ("flask_admin_index.index", "GET"): (NOBODY, page("/admin/flask-admin/", "Flask-Admin")),
    ("flask_admin_index.static", "GET"): (ANYBODY, flask_admins_static_file),
}
# Run on the operation's own page, each in test_an_operation_is_run_by_those_who_may.
OPERATION = {("operation_view", "GET"), ("operation_view", "POST")}


def routes_of(app: Flask) -> set[tuple[str, str]]:
    return {
        (rule.endpoint, method) for rule in app.url_map.iter_rules() for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def test_every_address_is_in_a_table(world: World):
    known = {(f"{screen}.{view}", method) for screen in SCREENS for view, method in COMMON.keys() | OPERATION}
    # Screens that nothing can be done on have the page for operations all the same; it answers 404 there.
    assert routes_of(world.app) == ROUTES.keys() | known


@pytest.mark.parametrize("route", ROUTES, ids=[f"{endpoint}-{method}" for endpoint, method in ROUTES])
def test_an_address_does_for_each_what_they_may_and_nothing_else(world: World, route: tuple[str, str]):
    allowed, call = ROUTES[route]
    known = {role.value: world.ours.users[role] for role in Role} | {"platform": world.platform_user, "stranger": None}
    for person in PEOPLE:
        visit = Visit(world, Browser(world.app, known[person]), person)
        answer, happened = call(visit)
        where = f"{person} at {route}: {answer.status_code} {answer.location or ''}"
        assert happened == (person in allowed), where
        if person in allowed:
            assert answer.status_code < 400, where
        elif person == "stranger" and allowed:
            assert re.match("/sign-in", answer.location or ""), where
        elif route != ("sign_in.sign_in", "GET"):  # who is signed in is led to their start page
            assert answer.status_code in (403, 404), where


def test_an_operation_that_a_screen_does_not_have_is_not_there(world: World):
    admin = Browser(world.app, world.platform_user)
    for endpoint, screen in SCREENS.items():
        for name in {"delete", "assign", "drop", "../delete", "run"} - screen.acts.keys():
            path = f"/admin/{endpoint}/operation/{name}/?id={screen.row_of(world.ours)}"
            assert (admin.get(path).status_code, admin.post(path).status_code) == (404, 404), path
