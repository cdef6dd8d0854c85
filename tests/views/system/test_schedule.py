"""The page of scheduled jobs, with and without the queue server, and who may open it."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from rq.cron import CronScheduler
from rq.job import JobStatus
from sqlalchemy import delete

from app import create_app
from customerhub.core import clock, history
from customerhub.core.config import Settings
from customerhub.core.permissions import Actor
from jobs.monitoring.queue_contents import JobState
from jobs.queue import get_queue
from jobs.schedule import SCHEDULE
from models import Organisation, PeriodicRun, User
from models.base import db
from models.enums import Role
from tests.conftest import HubClient
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.databases import settings_for
from tests.support.queued_jobs import add_failed_jobs, list_job_ids
from tests.support.refusals import REFUSALS, RefusingServer
from tests.support.schedule_pages import (
    HOME,
    SWEEP_JOB,
    flash_text,
    list_url,
    main_text,
    operation_url,
    record_run,
    row_text,
)
from tests.support.servers import Valkey, free_port
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations

# --- The schedule ------------------------------------------------------------------------------------------


def test_each_job_is_shown_with_its_last_and_next_run(organisations: TwoOrganisations, person: Browser) -> None:
    # In the middle of the next minute: where one begins, "in 30 seconds" becomes "now".
    with time_machine.travel(clock.get_now().replace(second=30) + timedelta(minutes=1), tick=False):
        record_run(age=125, seconds=3, message="4 sent, 1 waits")
        record_run("jobs.alerts.review", age=3600, succeeded=False, message="ValueError. Reference 12AB34CD")
        page = person.get(HOME)
    sweep = row_text(page, SWEEP_JOB)
    assert sweep.startswith("Sends due messages from the outbox jobs.mail.sweep Every minute 2 minutes ago")
    assert "took 3 seconds Done 4 sent, 1 waits in " in sweep
    assert sweep.endswith("Run now")
    review = row_text(page, "jobs.alerts.review")
    assert "At 10 minutes past the hour" in review
    assert "Failed ValueError. Reference 12AB34CD" in review
    assert "Every day at 03:30 UTC Not yet in " in row_text(page, "jobs.housekeeping.clean_up")
    for entry in SCHEDULE:
        assert entry.description in main_text(page)
    zone = db.session.get_one(Organisation, organisations.own.id).timezone
    assert f"Dates and times are in {zone}. The schedule uses the server time (UTC)" in main_text(page)


def test_an_old_run_that_never_ended_was_interrupted(organisations: TwoOrganisations, person: Browser) -> None:
    record_run(age=3, seconds=None)
    assert "Running Since" in row_text(person.get(HOME), SWEEP_JOB)
    db.session.execute(delete(PeriodicRun))
    record_run(age=3600, seconds=None)
    assert "Interrupted" in row_text(person.get(HOME), SWEEP_JOB)


def test_run_now_queues_the_job_and_shows_that_it_waits(organisations: TwoOrganisations, person: Browser) -> None:
    answer = person.post(f"{HOME}run/", {"name": SWEEP_JOB})
    assert "Sends due messages from the outbox: queued." in flash_text(answer, person)
    [job] = get_queue().jobs
    assert (job.func_name, job.meta) == (SWEEP_JOB, {"periodic": True})
    page = person.get(HOME)
    assert "Waiting for a worker Since" in row_text(page, SWEEP_JOB)
    assert re.search(rf'value="{SWEEP_JOB}"><button [^>]*disabled', page.text)
    assert not re.search(r'value="jobs.housekeeping.clean_up"><button [^>]*disabled', page.text)
    job.set_status(JobStatus.STARTED)
    get_queue().remove(job)
    assert "Not yet Running " in row_text(person.get(HOME), SWEEP_JOB)


def test_a_double_click_queues_one(organisations: TwoOrganisations, person: Browser) -> None:
    db.session.commit()

    def click(_number: int) -> int:
        with organisations.app.app_context():
            other = Browser(organisations.app, organisations.platform_user)
            db.session.commit()
            return other.post(f"{HOME}run/", {"name": SWEEP_JOB}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(click, range(4))) == {303}
    assert len(get_queue().jobs) == 1
    answer = person.post(f"{HOME}run/", {"name": SWEEP_JOB})
    assert "not queued again. Already waiting for a worker" in flash_text(answer, person)
    assert len(get_queue().jobs) == 1


@pytest.mark.parametrize("name", ["", "jobs.mail.send", "os.system", "jobs.mail.sweep ", "<b>"])
def test_only_what_is_in_the_schedule_can_be_run(person: Browser, name: str) -> None:
    assert person.post(f"{HOME}run/", {"name": name}).status_code == 404
    assert get_queue().jobs == []


def test_what_stands_still_is_said(organisations: TwoOrganisations, person: Browser) -> None:
    page = main_text(person.get(HOME))
    assert "No scheduler is running" in page
    assert "No worker is running for the queue “default”: jobs wait." in page
    assert "No worker is running for the queue “bulk”: jobs wait." in page
    assert "No worker is running." in page
    scheduler = CronScheduler(get_queue().connection, name="there")
    scheduler.register_birth()
    assert "No scheduler is running" not in main_text(person.get(HOME))


@contextmanager
def person_at_hub(organisations: TwoOrganisations, settings: Settings, redis_url: str) -> Iterator[Browser]:
    """The platform's person at a hub with the queue server `redis_url`."""
    db.session.commit()
    app = create_app(settings_for(settings.database_url, settings.data_dir, REDIS_URL=redis_url))
    app.testing, app.test_client_class = True, HubClient
    person = Browser(organisations.app, organisations.platform_user)
    person.app, person.client = app, app.test_client()
    with (
        person.client.session_transaction() as http_session,
        Browser(organisations.app, organisations.platform_user).client.session_transaction() as platform_session,
    ):
        http_session.update(platform_session)
    yield person
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def browser_without_queue(organisations: TwoOrganisations, settings: Settings) -> Iterator[Browser]:
    """The platform's person at a hub whose queue server is away."""
    with person_at_hub(organisations, settings, f"redis://127.0.0.1:{free_port()}/0") as person:
        yield person


# --- Without the queue server ------------------------------------------------------------------------------


def test_the_schedule_is_shown_from_the_database(browser_without_queue: Browser) -> None:
    record_run(age=125, message="4 sent")
    begin = time.monotonic()
    page = browser_without_queue.get(HOME)
    assert time.monotonic() - begin < 3
    assert page.status_code == 200
    assert "The queue server is not responding" in main_text(page)
    assert "2 minutes ago" in row_text(page, SWEEP_JOB)
    assert "Done 4 sent" in row_text(page, SWEEP_JOB)
    assert page.text.count("disabled") >= len(SCHEDULE)
    assert "Queues" not in main_text(page), "nothing is told that nobody knows"


def test_every_other_page_says_so_too(browser_without_queue: Browser) -> None:
    for url in (list_url(JobState.FAILED), f"{HOME}job/?queue=default&id=some-job"):
        page = browser_without_queue.get(url)
        assert (page.status_code, "The queue server is not responding" in main_text(page)) == (200, True), url
    for call in (
        lambda: browser_without_queue.get(operation_url("retry", "some-job")),
        lambda: browser_without_queue.post(operation_url("retry", "some-job")),
        lambda: browser_without_queue.post(operation_url("retry", more="&all=1")),
        lambda: browser_without_queue.post(f"{HOME}run/", {"name": SWEEP_JOB}),
    ):
        assert "The queue server is not responding" in flash_text(call(), browser_without_queue)


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_queue_server_that_refuses_is_told_and_the_pages_work(
    organisations: TwoOrganisations, settings: Settings, tmp_path: Path, kind: str
) -> None:
    server = Valkey(tmp_path)
    refusing_server = RefusingServer(server)
    text = f"The queue server refuses: {REFUSALS[kind].cause}"
    try:
        with person_at_hub(organisations, settings, server.url) as person:
            assert "refuses" not in main_text(person.get(HOME))
            refusing_server.begin(kind)
            assert text in main_text(person.get(HOME))
            assert text in flash_text(person.post(f"{HOME}run/", {"name": SWEEP_JOB}), person)
            for url in ("/admin/", "/admin/users/", "/profile/"):
                assert person.get(url).status_code == 200, url
            refusing_server.end(kind)
            assert "refuses" not in main_text(person.get(HOME))
    finally:
        refusing_server.connection.close()
        server.kill()


# --- Who may -----------------------------------------------------------------------------------------------


def test_an_administrator_has_it_while_there_is_one_organisation(app: Any, session: Any) -> None:
    organisation = make.OrganisationFactory()
    people = {role: make.UserFactory(organisation=organisation, role=role).id for role in (Role.ADMIN, Role.MANAGER)}
    session.commit()
    admin, manager = Browser(app, people[Role.ADMIN]), Browser(app, people[Role.MANAGER])
    add_failed_jobs(1)
    job_id = list_job_ids(JobState.FAILED)[0]
    pages = [HOME, list_url(JobState.FAILED), f"{HOME}job/?queue=default&id={job_id}", operation_url("retry", job_id)]
    assert [admin.get(url).status_code for url in pages] == [200] * 4
    assert [manager.get(url).status_code for url in pages] == [403] * 4
    assert f'href="{HOME}"' in admin.get("/admin/").text
    assert f'href="{HOME}"' not in manager.get("/admin/").text
    make.OrganisationFactory()
    session.commit()
    answers = [admin.get(url) for url in pages] + [
        admin.post(f"{HOME}run/", {"name": SWEEP_JOB}),
        admin.post(operation_url("retry", job_id)),
    ]
    assert [answer.status_code for answer in answers] == [403] * 6
    assert not any(job_id in answer.text or "tests.jobs" in answer.text for answer in answers)
    assert f'href="{HOME}"' not in admin.get("/admin/").text
    assert list_job_ids(JobState.FAILED) == [job_id]
    assert get_queue().jobs == []


def test_who_is_switched_off_has_it_no_longer(organisations: TwoOrganisations, person: Browser) -> None:
    assert person.get(HOME).status_code == 200
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(User, organisations.platform_user).platform = False
        db.session.commit()
    assert person.get(HOME).status_code == 403


def test_the_page_asks_the_database_little(organisations: TwoOrganisations, person: Browser) -> None:
    for entry in SCHEDULE:
        record_run(entry.name, age=60)
    add_failed_jobs(60)
    with record_statements() as statements:
        assert person.get(HOME).status_code == 200
        assert person.get(list_url(JobState.FAILED)).status_code == 200
    assert len(statements) < 30
