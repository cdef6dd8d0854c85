"""Visits of the addresses of staff: each call returns the answer, and whether what the address is for came about."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import models
from customerhub.core import history, storage
from customerhub.core.permissions import Actor
from jobs.queue import get_queue
from models.base import db
from models.enums import Risk, Role, RunOutcome, TransferState
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.queued_jobs import add_failed_jobs
from tests.support.two_organisations import TwoOrganisations

PDF = b"%PDF-1.7 a certificate"


@dataclass
class Visit:
    organisations: TwoOrganisations
    browser: Browser
    person: str

    @property
    def user(self) -> models.User | None:
        return db.session.get(models.User, self.browser.user_id) if self.browser.user_id else None


Outcome = tuple[Any, bool]  # the answer, and whether what the address is for came about
Call = Callable[[Visit], Outcome]


def opens_page(url: str, marker: str) -> Call:
    """Opening the page shows `marker`."""

    def open_page(visit: Visit) -> Outcome:
        answer = visit.browser.get(url)
        return answer, marker in answer.text

    return open_page


def redirects_to(url: str, target: str) -> Call:
    def follow_redirect(visit: Visit) -> Outcome:
        answer = visit.browser.get(url)
        return answer, answer.status_code in (302, 303) and answer.location.startswith(target)

    return follow_redirect


def opens_start_page(visit: Visit) -> Outcome:
    own = {"stranger": "/sign-in", "customer": "/portal/", "partner": "/partner/"}
    answer = visit.browser.get("/")
    return answer, answer.location == own.get(visit.person, "/admin/")


def switches_organisation(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/organisation/", {"organisation": str(visit.organisations.foreign.id)})
    with visit.browser.client.session_transaction() as http_session:
        return answer, http_session.get("organisation_id") == visit.organisations.foreign.id


def suggests_customers(visit: Visit) -> Outcome:
    answer = visit.browser.get("/admin/search/suggest?q=REF-1")
    return answer, answer.is_json and "Our Telecom customer 1" in [each["label"] for each in answer.json]


def chooses_columns(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/list/customers/columns", {"column": ["name", "email"]})
    preference = db.session.get(models.ListPreference, (visit.browser.user_id or 0, "customers"))
    return answer, preference is not None and preference.columns == ["name", "email"]


def hides_a_field(visit: Visit) -> Outcome:
    values = visit.browser.read_form("/admin/set-up/forms/customers/")
    values["shown"] = [name for name in values.get("shown", ()) if name != "website"]
    answer = visit.browser.post("/admin/set-up/forms/customers/", values | {"step": "save"})
    saved = db.session.query(models.FormLayout).filter_by(owner="customer").first()
    return answer, saved is not None and saved.hidden == ["website"]


def previews_a_form(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/set-up/forms/customers/preview", {"step": "detailed"})
    return answer, "Preview of the form" in answer.text


def chooses_a_board(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/tasks/layout/", {"layout": "board"})
    return answer, visit.browser.client.get_cookie("hub_tasks_layout", path="/admin/tasks/") is not None


def chooses_filters(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/list/customers/filters", {"filter": ["risk", "region"]})
    preference = db.session.get(models.ListPreference, (visit.browser.user_id or 0, "customers"))
    return answer, preference is not None and preference.filters == ["risk", "region"]


def exports_ticked_rows(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/list/customers/export", {"rowid": ["1", "2"], "back": "?"})
    return answer, (answer.location or "").endswith("/admin/list/customers/export?id=1&id=2")


def saves_a_preset(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/list/customers/export/presets", {"name": "Names", "column": "name"})
    preference = db.session.get(models.ListPreference, (visit.browser.user_id or 0, "customers"))
    return answer, preference is not None and preference.export_presets == [{"name": "Names", "columns": ["name"]}]


def saves_a_view(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/list/customers/views", {"name": "Risky", "f": "risk:is:High"})
    saved_views = db.session.query(models.SavedView).filter_by(user_id=visit.browser.user_id or 0, name="Risky")
    return answer, saved_views.count() == 1


def renames_a_view(visit: Visit) -> Outcome:
    key = add_view(visit)
    answer = visit.browser.post(f"/admin/list/views/{key}/change", {"name": "Renamed"})
    return answer, db.session.get_one(models.SavedView, key).name == "Renamed"


def stops_sharing_a_view(visit: Visit) -> Outcome:
    key = add_view(visit, shared_with_id=visit.organisations.own.id)
    answer = visit.browser.post(f"/admin/list/views/{key}/stop-sharing")
    return answer, db.session.get_one(models.SavedView, key).shared_with_id is None


def add_view(visit: Visit, **values: Any) -> int:
    """A view of the visitor, or of the administrator where nobody is signed in."""
    owner_id = visit.browser.user_id or visit.organisations.own.users[Role.ADMIN]
    key: int = make.SavedViewFactory(user_id=owner_id, **values).id
    db.session.commit()
    return key


def deletes_a_view(visit: Visit) -> Outcome:
    key = add_view(visit)
    answer = visit.browser.post(f"/admin/list/views/{key}/delete")
    return answer, db.session.get(models.SavedView, key) is None


def downloads_a_file(visit: Visit) -> Outcome:
    """The certificate of our first customer, which the portal user belongs to."""
    document = db.session.get_one(models.Customer, visit.organisations.own.customers[0]).compliance_documents[0]
    document.file_id = add_stored_file(visit.organisations).id
    commit_session(visit.organisations)
    answer = visit.browser.get(f"/files/{document.file_id}")
    return answer, answer.data == PDF


def add_stored_file(organisations: TwoOrganisations) -> models.StoredFile:
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        return storage.store_file(io.BytesIO(PDF), "a.pdf", None, organisation_id=organisations.own.id, actor=actor)


def commit_session(organisations: TwoOrganisations) -> None:
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.commit()


def peeks_at_a_customer(visit: Visit) -> Outcome:
    answer = visit.browser.get(f"/admin/customers/peek/?id={visit.organisations.own.customers[0]}")
    return answer, answer.is_json and answer.json.get("title") == "Our Telecom customer 0"


def returns_review_dates(visit: Visit) -> Outcome:
    entered = {"review_start_date": "2025-01-31", "review_frequency": "3"}
    answer = visit.browser.post("/admin/customers/review-dates/", entered)
    return answer, answer.is_json and len(answer.json.get("lines", [])) >= 3


def returns_portal_plan(visit: Visit) -> Outcome:
    answer = visit.browser.post("/admin/customers/portal-plan/", {"email": "kim@new.example"})
    return answer, answer.is_json and "kim@new.example" in answer.json.get("lines", [""])[0]


def returns_default_values(visit: Visit) -> Outcome:
    key = visit.organisations.own.row_id(models.DefaultValueSet)
    answer = visit.browser.get(f"/admin/customers/default-values/?defaults={key}")
    return answer, answer.is_json and answer.json.get("billing_day", {}).get("value") == "15"


def saves_default_values(visit: Visit) -> Outcome:
    name = f"Set of {visit.browser.user_id}"
    values = {"values": '{"billing_day": 20}', "field": "billing_day", "name": name}
    answer = visit.browser.post("/admin/customers/save-default-values/", values)
    saved_sets = db.session.query(models.DefaultValueSet).filter_by(name=name).all()
    return answer, [each.values for each in saved_sets] == [{"billing_day": 20}]


def make_own_export(visit: Visit, **values: Any) -> models.ListExport:
    owner = visit.browser.user_id or visit.organisations.own.users[Role.ADMIN]
    export = make.ListExportFactory(
        organisation=db.session.get_one(models.Organisation, visit.organisations.own.id), user_id=owner, **values
    )
    db.session.commit()
    return export


def cancels_an_export(visit: Visit) -> Outcome:
    export = make_own_export(visit)
    answer = visit.browser.post(f"/admin/exports/cancel/?id={export.id}")
    return answer, db.session.get_one(models.ListExport, export.id).state is TransferState.CANCELLED


def downloads_an_export(visit: Visit) -> Outcome:
    export = make_own_export(visit, state=TransferState.DONE, file_id=add_stored_file(visit.organisations).id)
    answer = visit.browser.get(f"/admin/exports/file/?id={export.id}")
    return answer, answer.data == PDF


def follows_a_connection_test(visit: Visit) -> Outcome:
    run = make_own_run(visit, screen="esignature-test", title="Test connection")
    answer = visit.browser.get(f"/admin/esignature/connection/?id={run.id}")
    return answer, "asks for the account" in answer.text


def make_own_run(visit: Visit, **values: Any) -> models.OperationRun:
    owner = visit.browser.user_id or visit.organisations.own.users[Role.ADMIN]
    run = make.OperationRunFactory(organisation_id=visit.organisations.own.id, user_id=owner, **values)
    db.session.commit()
    return run


def cancels_a_run(visit: Visit) -> Outcome:
    run = make_own_run(visit)
    answer = visit.browser.post(f"/admin/operation-runs/cancel/?id={run.id}")
    return answer, db.session.get_one(models.OperationRun, run.id).state is TransferState.CANCELLED


def undoes_a_run(visit: Visit) -> Outcome:
    """A region that a run has changed from none."""
    customer = db.session.get_one(models.Customer, visit.organisations.own.customers[0])
    run = make_own_run(visit, state=TransferState.DONE, total_rows=1, done_rows=1)
    undo = {"version": customer.version, "values": {"risk": [Risk.HIGH, customer.risk]}}
    make.OperationRunRowFactory(run_id=run.id, row_id=customer.id, outcome=RunOutcome.DONE, undo=undo)
    before = customer.risk
    answer = visit.browser.post(f"/admin/operation-runs/undo/?id={run.id}")
    customer = db.session.get_one(models.Customer, customer.id)
    is_restored = customer.risk is Risk.HIGH
    if is_restored:
        with history.act_as(Actor(None, visit.organisations.own.id), "test"):
            customer.risk = before
            db.session.commit()
    return answer, is_restored


def downloads_results(visit: Visit) -> Outcome:
    run = make_own_run(visit, state=TransferState.DONE)
    make.OperationRunRowFactory(run_id=run.id, label="Olive Ltd", outcome=RunOutcome.DONE)
    answer = visit.browser.get(f"/admin/operation-runs/results/?id={run.id}")
    return answer, "Olive Ltd,Changed," in answer.text


def reads_a_message(visit: Visit) -> Outcome:
    answer = visit.browser.get(f"/admin/outbox/message/?id={visit.organisations.own.row_id(models.OutboxMessage)}")
    return answer, "<p>It is due.</p>" in answer.text


def checks_the_mail_server(visit: Visit) -> Outcome:
    recipient = f"{visit.person}.trial@hub.example"
    answer = visit.browser.post("/admin/outbox/test/", {"recipient": recipient})
    messages = db.session.query(models.OutboxMessage).filter_by(recipient=recipient).all()
    return answer, [message.state.value for message in messages] == ["held"]


def previews_unsaved_text(visit: Visit) -> Outcome:
    form = {"purpose": "review due", "subject": "Typed just now", "body": "x"}
    answer = visit.browser.post("/admin/templates/preview/", form)
    return answer, "Typed just now" in answer.text


def previews_a_template(visit: Visit) -> Outcome:
    key = visit.organisations.own.row_id(models.NotificationTemplate)
    answer = visit.browser.get(
        f"/admin/templates/preview/?id={key}&preview_customer={visit.organisations.own.customers[1]}"
    )
    return answer, "As it would be sent today for Our Telecom customer 1" in answer.text


def lists_documents(visit: Visit) -> Outcome:
    answer = visit.browser.get(f"/admin/templates/documents/?preview_customer={visit.organisations.own.customers[0]}")
    return answer, answer.is_json and [name for _, name in answer.json] == ["ISO 27001"]


def make_import(visit: Visit, **values: Any) -> models.CustomerImport:
    customer_import = make.CustomerImportFactory(
        organisation=db.session.get_one(models.Organisation, visit.organisations.own.id), **values
    )
    make.ImportRowFactory(import_id=customer_import.id, name="Somebody")
    db.session.commit()
    return customer_import


def uploads_a_workbook(visit: Visit) -> Outcome:
    count_before = db.session.query(models.CustomerImport).count()
    answer = visit.browser.post("/admin/imports/upload/", {"file": (io.BytesIO(b"PK no workbook"), "customers.xlsx")})
    return answer, db.session.query(models.CustomerImport).count() == count_before + 1


def downloads_the_template(visit: Visit) -> Outcome:
    answer = visit.browser.get("/admin/imports/template/")
    return answer, answer.data.startswith(b"PK")


def confirms_an_import(visit: Visit) -> Outcome:
    customer_import = make_import(visit, state=TransferState.READY, new_rows=1)
    answer = visit.browser.post(
        f"/admin/imports/confirm/?id={customer_import.id}&seen={customer_import.version}", {"action": "all"}
    )
    return answer, db.session.get_one(models.CustomerImport, customer_import.id).state is TransferState.SAVING


def cancels_an_import(visit: Visit) -> Outcome:
    customer_import = make_import(visit, state=TransferState.READY)
    answer = visit.browser.post(f"/admin/imports/cancel/?id={customer_import.id}")
    return answer, db.session.get_one(models.CustomerImport, customer_import.id).state is TransferState.CANCELLED


def downloads_refused_rows(visit: Visit) -> Outcome:
    customer_import = make_import(visit, state=TransferState.READY, error_rows=1)
    answer = visit.browser.get(f"/admin/imports/errors/?id={customer_import.id}")
    return answer, answer.data.startswith(b"PK")


FAILED_JOBS = "queue=default&place=failed"


def runs_a_job(visit: Visit) -> Outcome:
    get_queue().empty()
    answer = visit.browser.post("/admin/schedule/run/", {"name": "jobs.mail.sweep"})
    return answer, [job.func_name for job in get_queue().jobs] == ["jobs.mail.sweep"]


def lists_failed_jobs(visit: Visit) -> Outcome:
    [job_id] = add_failed_jobs(1)
    answer = visit.browser.get(f"/admin/schedule/jobs/?{FAILED_JOBS}")
    return answer, job_id in answer.text


def opens_a_job(visit: Visit) -> Outcome:
    [job_id] = add_failed_jobs(1, "ValueError: no room")
    answer = visit.browser.get(f"/admin/schedule/job/?queue=default&id={job_id}")
    return answer, "ValueError: no room" in answer.text


def chooses_jobs(visit: Visit) -> Outcome:
    [job_id] = add_failed_jobs(1)
    answer = visit.browser.post(f"/admin/schedule/jobs/action/?{FAILED_JOBS}", {"rowid": job_id, "action": "discard"})
    return answer, answer.status_code == 303 and "/operation/discard/" in answer.location


def opens_discarding(visit: Visit) -> Outcome:
    [job_id] = add_failed_jobs(1)
    answer = visit.browser.get(f"/admin/schedule/operation/discard/?{FAILED_JOBS}&id={job_id}")
    return answer, 'class="operation"' in answer.text and job_id in get_queue().failed_job_registry.get_job_ids()


def discards_a_job(visit: Visit) -> Outcome:
    [job_id] = add_failed_jobs(1)
    answer = visit.browser.post(f"/admin/schedule/operation/discard/?{FAILED_JOBS}&id={job_id}")
    return answer, job_id not in get_queue().failed_job_registry.get_job_ids()
