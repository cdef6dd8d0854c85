"""Visits of the pages of partners, of one's own account, and of what is open to everybody."""

import base64
import hashlib
import hmac
import json

from sqlalchemy import select

import models
from customerhub.core import clock, encryption
from customerhub.users import passwords
from customerhub.users.links import get_one_time_links
from models.base import db
from models.enums import Role, Stage, TaskState, TemplatePurpose
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.screen_rows import make_bare_customer
from tests.support.staff_visits import Outcome, Visit, commit_session
from tests.support.two_organisations import change_row

PASSWORD = "plum sofa ticket nine"
HASH = passwords.hash_password(PASSWORD)


def registers_a_customer(visit: Visit) -> Outcome:
    entered = {"name": "Sandbank Surf", "registration_number": "HRB 77 120", "contact_name": "Jonas"}
    count_before = db.session.query(models.Customer).count()
    answer = visit.browser.post("/partner/register/company/", entered)
    return answer, db.session.query(models.Customer).count() == count_before + 1


def own_customer_url(visit: Visit, more: str = "") -> str:
    return f"/partner/customers/{visit.organisations.own.customers[1]}/{more}"


def follows_a_customer(visit: Visit) -> Outcome:
    answer = visit.browser.get(own_customer_url(visit))
    return answer, "Progress" in answer.text


def answers_a_question(visit: Visit) -> Outcome:
    task = make.ApprovalTaskFactory(
        organisation_id=visit.organisations.own.id,
        customer_id=visit.organisations.own.customers[1],
        waits_for_requester=True,
        requester_id=visit.organisations.own.users[Role.PARTNER],
    )
    key = task.id
    answer = visit.browser.post(own_customer_url(visit), {"answer": "Both directors"})
    asking_task = db.session.get_one(models.ApprovalTask, key)
    happened = not asking_task.waits_for_requester
    asking_task.state, asking_task.decided_at = TaskState.WITHDRAWN, clock.get_now()  # of each kind one may be open
    commit_session(visit.organisations)
    return answer, happened


def opens_update_form(visit: Visit) -> Outcome:
    answer = visit.browser.get(own_customer_url(visit, "update/"))
    return answer, "Request change" in answer.text


def requests_an_update(visit: Visit) -> Outcome:
    form = {"name": "Our Telecom customer 1", "website": "https://moved.example"}
    count_before = db.session.query(models.ApprovalTask).count()
    answer = visit.browser.post(own_customer_url(visit, "update/"), form)
    return answer, db.session.query(models.ApprovalTask).count() == count_before + 1


def contract_form_url(visit: Visit) -> str:
    """The form for a contract of a customer of the partner's dealer that may have one."""
    partner = db.session.get_one(models.User, visit.organisations.own.users[Role.PARTNER])
    customer = make_bare_customer(visit.organisations, stage=Stage.BILLING, dealer_id=partner.dealer_id)
    return f"/partner/customers/{customer.id}/contracts/new/"


def opens_contract_form(visit: Visit) -> Outcome:
    answer = visit.browser.get(contract_form_url(visit))
    return answer, "Contract name" in answer.text


def adds_a_contract(visit: Visit) -> Outcome:
    form = {
        "name": "Lines",
        "start_date": "2025-01-31",
        "connections": "5",
        "profile_name": "Main",
        "profile_email": "pay@customer.example",
    }
    count_before = db.session.query(models.Contract).count()
    answer = visit.browser.post(contract_form_url(visit), form)
    return answer, db.session.query(models.Contract).count() == count_before + 1


def renames_oneself(visit: Visit) -> Outcome:
    answer = visit.browser.post("/profile/", {"name": f"New {visit.person}"})
    return answer, visit.user is not None and visit.user.name == f"New {visit.person}"


def changes_the_password(visit: Visit) -> Outcome:
    if visit.user is not None:
        visit.user.password_hash = HASH
        commit_session(visit.organisations)
    new = "nine tickets for a sofa"
    answer = visit.browser.post("/profile/password", {"old": PASSWORD, "new": new, "again": new})
    return answer, visit.user is not None and passwords.verify(new, visit.user.password_hash)


def signs_out_everywhere(visit: Visit) -> Outcome:
    before = visit.user.sign_in_epoch if visit.user else 0
    answer = visit.browser.post("/profile/sign-out-everywhere")
    return answer, visit.user is not None and visit.user.sign_in_epoch == before + 1


def signs_in(visit: Visit) -> Outcome:
    user = make.UserFactory(
        organisation=db.session.get_one(models.Organisation, visit.organisations.own.id), password_hash=HASH
    )
    db.session.commit()
    stranger = Browser(visit.organisations.app)
    answer = stranger.post("/sign-in", {"email": user.email, "password": PASSWORD})
    return answer, stranger.get("/profile/").status_code == 200


def signs_out(visit: Visit) -> Outcome:
    answer = visit.browser.post("/sign-out")
    return answer, answer.status_code == 303 and visit.browser.get("/profile/").status_code == 303


def requests_a_link(visit: Visit) -> Outcome:
    user = make.UserFactory(organisation=db.session.get_one(models.Organisation, visit.organisations.own.id))
    db.session.commit()
    answer = Browser(visit.organisations.app).post("/forgotten", {"email": user.email})
    return answer, db.session.query(models.OutboxMessage).filter_by(recipient=user.email).count() == 1


def make_user_link(visit: Visit) -> tuple[models.User, str]:
    user = make.UserFactory(organisation=db.session.get_one(models.Organisation, visit.organisations.own.id))
    db.session.commit()
    settings = visit.organisations.app.config["HUB"]
    link = get_one_time_links().create(user, TemplatePurpose.WELCOME, now=clock.get_now())
    return user, link.removeprefix(settings.public_url)


def opens_a_link(visit: Visit) -> Outcome:
    answer = visit.browser.get(make_user_link(visit)[1])
    return answer, 'type="password"' in answer.text


def sets_a_password(visit: Visit) -> Outcome:
    user, path = make_user_link(visit)
    answer = visit.browser.post(path, {"password": PASSWORD, "again": PASSWORD})
    return answer, passwords.verify(PASSWORD, db.session.get_one(models.User, user.id).password_hash)


def sends_an_event(visit: Visit) -> Outcome:
    """As the signing service does, which signs in nowhere: what counts is how the event is signed."""
    key = db.session.get_one(models.SigningKey, visit.organisations.own.row_id(models.SigningKey))
    settings = db.session.get_one(models.SigningSettings, visit.organisations.own.row_id(models.SigningSettings))
    change_row(visit.organisations, key, secret=encryption.encrypt_secret("a key"), active=True)
    data = {"accountId": settings.account_id, "envelopeId": f"an envelope for {visit.person}"}
    body = json.dumps({"event": "envelope-sent", "data": data}).encode()
    signature = base64.b64encode(hmac.new(b"a key", body, hashlib.sha256).digest()).decode()
    answer = visit.browser.client.post("/webhooks/docusign", data=body, headers={"X-DocuSign-Signature-1": signature})
    kept = db.session.scalars(select(models.SigningEvent.remote_id)).all()
    return answer, data["envelopeId"] in kept


def opens_static_file(visit: Visit) -> Outcome:
    answer = visit.browser.get("/static/hub.css")
    return answer, answer.mimetype == "text/css"


def opens_flask_admin_static_file(visit: Visit) -> Outcome:
    answer = visit.browser.get("/admin/flask-admin/static/admin/css/bootstrap4/admin.css")
    return answer, answer.mimetype == "text/css"
