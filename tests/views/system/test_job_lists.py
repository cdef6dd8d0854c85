"""The lists of jobs in the queues, and what can be done with them."""

import ast
import html
import re
from pathlib import Path

import pytest
from rq.job import Job

from customerhub.core.permissions import Actor
from jobs import exports
from jobs.monitoring import job_control
from jobs.monitoring.queue_contents import JobState
from jobs.queue import BULK, DEFAULT, enqueue, get_queue
from jobs.schedule import SCHEDULE
from tests.support import sample_jobs
from tests.support.browser_client import Browser
from tests.support.queued_jobs import add_failed_jobs, list_job_ids, move_job
from tests.support.schedule_pages import HOME, flash_text, list_url, main_text, operation_url, record_run, row_text
from tests.support.two_organisations import TwoOrganisations
from views.system.jobs.cells import JOB_FUNCTIONS

ROOT = Path(__file__).resolve().parents[3]
HOSTILE_TEXT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


# --- The queues --------------------------------------------------------------------------------------------


def test_the_queues_are_counted_and_lead_to_their_lists(organisations: TwoOrganisations, person: Browser) -> None:
    add_failed_jobs(3)
    enqueue(sample_jobs.write, "nowhere", "x")
    enqueue(sample_jobs.write, "nowhere", "x", queue=BULK)
    page = person.get(HOME)
    assert row_text(page, "Short work") == "Short work default 1 0 0 3 0 0"
    assert row_text(page, "Long work") == "Long work bulk 1 0 0 0 0 0"
    link = re.search(r'<a href="([^"]+)">3</a>', page.text)
    assert link
    assert "Failed jobs 3" in main_text(person.get(html.unescape(link[1])))


def test_a_failed_job_is_described_in_words(organisations: TwoOrganisations, person: Browser) -> None:
    job = enqueue(exports.write, 12)
    move_job(job, JobState.FAILED)
    [failed] = add_failed_jobs(1, "Traceback (most recent call last):\n  File x\nValueError: no room")
    page = person.get(list_url(JobState.FAILED))
    assert row_text(page, "Writes an export").startswith("Writes an export Export 12")
    assert "tests.support.sample_jobs.fail 'nowhere' ValueError: no room" in row_text(
        page, "tests.support.sample_jobs.fail"
    )
    response = person.get(f"{HOME}job/?queue=default&id={failed}")
    assert "Traceback (most recent call last): File x ValueError: no room" in main_text(response)
    assert "Failed" in main_text(response)
    assert failed in main_text(response)


def test_lists_have_pages(organisations: TwoOrganisations, person: Browser) -> None:
    ids = add_failed_jobs(120)[::-1]
    job_ids_by_page = [
        re.findall(r'name="rowid" value="([^"]+)"', person.get(list_url(JobState.FAILED, more=f"&page={n}")).text)
        for n in range(4)
    ]
    assert job_ids_by_page == [ids[:50], ids[50:100], ids[100:], []]
    second = person.get(list_url(JobState.FAILED, more="&page=1"))
    assert "51 to 100 of 120" in main_text(second)
    assert 'href="?queue=default&amp;place=failed&amp;page=2" rel="next"' in second.text


@pytest.mark.parametrize("place", JobState)
@pytest.mark.parametrize("queue", [DEFAULT, BULK])
def test_every_list_is_shown_empty_and_filled(
    organisations: TwoOrganisations, person: Browser, place: JobState, queue: str
) -> None:
    empty = person.get(list_url(place, queue))
    assert (empty.status_code, "No " in main_text(empty)) == (200, True)
    job = enqueue(sample_jobs.write, "nowhere", "x", queue=queue)
    if place is not JobState.WAITING:
        move_job(job, place)
    assert "tests.support.sample_jobs.write" in main_text(person.get(list_url(place, queue)))
    response = person.get(f"{HOME}job/?queue={queue}&id={job.id}")
    assert (response.status_code, "tests.support.sample_jobs.write" in main_text(response)) == (200, True)


def test_what_has_gone_meanwhile_is_said(organisations: TwoOrganisations, person: Browser) -> None:
    first, second = add_failed_jobs(2)
    get_queue().connection.delete(Job.key_for(first))
    page = main_text(person.get(list_url(JobState.FAILED)))
    assert "Failed jobs 2" in page
    assert "Jobs on this page that no longer exist: 1." in page
    assert person.get(f"{HOME}job/?queue=default&id={first}").status_code == 404
    get_queue().connection.hset(Job.key_for(second), "status", "confused")
    assert "Cannot be read" in main_text(person.get(list_url(JobState.FAILED)))
    assert "Cannot be read" in main_text(person.get(f"{HOME}job/?queue=default&id={second}"))


def test_what_jobs_hold_is_shown_as_text(organisations: TwoOrganisations, person: Browser) -> None:
    """Arguments, errors and what workers call themselves come from anywhere."""
    job = get_queue().enqueue(
        sample_jobs.write, HOSTILE_TEXT, HOSTILE_TEXT, description=f"tests.support.sample_jobs.write({HOSTILE_TEXT})"
    )
    move_job(job, JobState.FAILED)
    other = get_queue().enqueue(sample_jobs.write, "x", "y", description=HOSTILE_TEXT)
    move_job(other, JobState.FAILED)
    [failed] = add_failed_jobs(1, f"Traceback\nValueError: {HOSTILE_TEXT}")
    record_run(age=5, succeeded=False, message=HOSTILE_TEXT)
    pages = [
        list_url(JobState.FAILED),
        HOME,
        operation_url("discard", job.id, other.id),
        operation_url("retry", other.id),
    ]
    pages += [f"{HOME}job/?queue=default&id={key}" for key in (job.id, other.id, failed)]
    for url in pages:
        page = person.get(url)
        assert page.status_code == 200, url
        assert "<script>alert" not in page.text, url
        assert "<img src=x" not in page.text, url
        assert "alert(" in html.unescape(page.text), url


def test_secrets_of_an_error_are_not_shown(organisations: TwoOrganisations, person: Browser) -> None:
    message = (
        "no connection to postgresql://hub:p@ss/open-sesame@db/hub, see https://hub/set-password/eyJmb3IiOjF9.Ab-c_d"
    )
    [failed] = add_failed_jobs(1, f"Traceback\n{message}\nOSError: {message}")
    for url in (list_url(JobState.FAILED), f"{HOME}job/?queue=default&id={failed}"):
        page = person.get(url).text
        assert "OSError: no connection to postgresql://" in page
        assert "open-sesame" not in page
        assert "eyJmb3IiOjF9" not in page


def test_every_function_that_the_hub_queues_has_words() -> None:
    """What is handed to `try_enqueue` or `enqueue` anywhere. Add it to CALLED in views/system/jobs/cells.py."""
    periodic_ones = {entry.name for entry in SCHEDULE}
    function_names = set()
    for path in [*ROOT.glob("jobs/**/*.py"), *ROOT.glob("views/**/*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if getattr(called, "attr", getattr(called, "id", "")) in ("try_enqueue", "enqueue") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Attribute) and first.attr == "connection":
                    continue  # RQ's own, which the schedule is queued by
                if isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name):
                    function_names.add(f"jobs.{first.value.id}.{first.attr}")
                elif isinstance(first, ast.Name) and first.id not in ("function", "connection"):
                    function_names.add(f"jobs.{path.stem}.{first.id}")
    assert {"jobs.mail.send", "jobs.exports.write", "jobs.imports.save"} <= function_names
    assert function_names <= JOB_FUNCTIONS.keys() | periodic_ones


# --- What can be done --------------------------------------------------------------------------------------


def test_jobs_are_ticked_looked_at_and_tried_again(organisations: TwoOrganisations, person: Browser) -> None:
    ids = add_failed_jobs(3)
    answer = person.post(f"{HOME}jobs/action/?queue=default&place=failed", {"rowid": ids[:2], "action": "retry"})
    assert answer.status_code == 303
    page = person.get(answer.location)
    assert "Retry 2 jobs" in main_text(page)
    assert set(list_job_ids(JobState.FAILED)) == set(ids), "looking does nothing"
    results = person.submit(answer.location)
    assert "2 jobs retried" in main_text(results)
    assert (set(list_job_ids(JobState.WAITING)), list_job_ids(JobState.FAILED)) == (set(ids[:2]), ids[2:])


def test_one_job_is_discarded_and_cancelled(organisations: TwoOrganisations, person: Browser) -> None:
    [failed] = add_failed_jobs(1)
    waiting = enqueue(exports.write, 7)
    answer = person.submit(operation_url("discard", failed))
    assert "tests.support.sample_jobs.fail: &#39;nowhere&#39; discarded" in flash_text(answer, person)
    assert list_job_ids(JobState.FAILED) == []
    answer = person.submit(operation_url("cancel", waiting.id, place=JobState.WAITING))
    assert "Writes an export: export 7 cancelled" in flash_text(answer, person)
    assert list_job_ids(JobState.WAITING) == []


def test_all_failed_jobs_at_once(organisations: TwoOrganisations, person: Browser) -> None:
    add_failed_jobs(60)
    url = operation_url("discard", more="&all=1")
    assert "Discard all 60 failed jobs" in main_text(person.get(url))
    assert "60 jobs discarded." in flash_text(person.submit(url), person)
    assert list_job_ids(JobState.FAILED) == []
    assert "There are no failed jobs any more." in flash_text(person.get(url), person)


def test_more_than_there_is_time_for_is_said(
    organisations: TwoOrganisations, person: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_failed_jobs(3)
    monkeypatch.setattr(job_control, "MAX_BULK_SECONDS", 0.0)
    answer = person.submit(operation_url("retry", more="&all=1"))
    assert "0 jobs retried. 3 remaining: please repeat." in flash_text(answer, person)


def test_an_impossible_operation_is_refused_beforehand_and_afterwards(
    organisations: TwoOrganisations, person: Browser
) -> None:
    [failed] = add_failed_jobs(1)
    waiting = enqueue(sample_jobs.write, "nowhere", "x")
    url = operation_url("discard", failed, waiting.id)
    page = person.get(url)
    assert "Cannot be processed 1 tests.support.sample_jobs.write: 'nowhere', 'x' Waiting" in main_text(page)
    assert "Will be processed 1" in main_text(page)
    form = person.read_form(url)
    job_control.discard(DEFAULT, failed, actor=Actor(None, 0))
    results = main_text(person.post(url, form))
    assert "2 jobs not discarded" in results
    assert "Another user may have changed it" in results
    assert list_job_ids(JobState.WAITING) == [waiting.id]


def test_the_same_form_sent_twice_does_it_once(organisations: TwoOrganisations, person: Browser) -> None:
    ids = add_failed_jobs(1)
    url = operation_url("retry", *ids)
    form = person.read_form(url)
    person.post(url, form)
    [job] = get_queue().jobs
    get_queue().remove(job)
    move_job(job, JobState.FAILED)
    assert "This form has already been saved." in flash_text(person.post(url, form), person)
    assert list_job_ids(JobState.FAILED) == ids


@pytest.mark.parametrize(
    "url",
    [
        f"{HOME}jobs/",
        f"{HOME}jobs/?queue=default",
        f"{HOME}jobs/?queue=default&place=deferred",
        f"{HOME}jobs/?queue=rq:job&place=failed",
        f"{HOME}jobs/?queue=&place=failed",
        f"{HOME}job/?queue=default",
        f"{HOME}job/?queue=default&id=",
        f"{HOME}job/?queue=default&id=a:b",
        f"{HOME}job/?queue=default&id=../x",
        f"{HOME}job/?queue=default&id={'x' * 101}",
        f"{HOME}job/?queue=default&id=x%0a",
        f"{HOME}job/?queue=x&id=x",
        f"{HOME}job/?queue=default&id=unknown",
        f"{HOME}job/?queue=default&id=１",
        operation_url("retry"),
        operation_url("drop", "x"),
        operation_url("retry", "a b"),
        operation_url("retry", "unknown"),
        operation_url("cancel", more="&all=1"),
        operation_url("retry", *map(str, range(501))),
    ],
)
def test_addresses_that_there_are_not(person: Browser, url: str) -> None:
    assert person.get(url).status_code == 404


def test_pages_that_there_are_not_are_empty(person: Browser) -> None:
    for page in ("-1", "x", "9" * 30, "1e3", "1000001"):
        assert person.get(list_url(JobState.FAILED, more=f"&page={page}")).status_code == 200


def test_nothing_ticked_and_nothing_known(organisations: TwoOrganisations, person: Browser) -> None:
    add_failed_jobs(1)
    url = f"{HOME}jobs/action/?queue=default&place=failed"
    assert "Select the jobs first." in flash_text(person.post(url, {"action": "retry"}), person)
    assert "up to 500 rows" in flash_text(person.post(url, {"action": "retry", "rowid": ["x"] * 501}), person)
    assert person.post(url, {"action": "run", "rowid": "x"}).status_code == 404
    assert person.post(url, {"action": "retry", "rowid": "a:b"}).status_code == 404
    assert person.post(f"{HOME}jobs/action/", {"action": "retry", "rowid": "x"}).status_code == 404
