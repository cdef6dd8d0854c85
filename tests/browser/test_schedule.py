"""The page of jobs: one is run by hand, one that failed is looked at, tried again and discarded."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from rq.job import Job, JobStatus

from jobs.monitoring.queue_contents import JobState
from jobs.queue import get_queue
from jobs.schedule import SCHEDULE
from jobs.schedule_runs import list_active_runs
from models.enums import Role
from tests.browser.conftest import LiveServer, OpenAs
from tests.browser.steps import go_to
from tests.browser.test_pages import check_page
from tests.support.queued_jobs import list_job_ids
from tests.support.servers import wait_until

CLEAN_UP_TITLE = "Cleans up old files"
HOSTILE_TEXT = "<script>alert('args')</script>"


@pytest.fixture(autouse=True)
def idle_queue(live_server: LiveServer) -> Iterator[None]:
    """Begins when nothing is to be done, and leaves no failed job behind."""
    with live_server.app.app_context():
        wait_until(lambda: list_active_runs(SCHEDULE) == {})
        yield
        for job_id in list_job_ids(JobState.FAILED):
            get_queue().failed_job_registry.remove(job_id, delete_job=True)


def run_failing_job(*arguments: str) -> Job:
    """A job that a worker has failed to do."""
    job = get_queue().enqueue_call("jobs.nothing.at_all", args=arguments)
    wait_until(lambda: job.get_status() is JobStatus.FAILED)
    return job


def job_row(page: Page, words: str) -> Locator:
    return page.get_by_role("row").filter(has_text=words).first


def run_now(page: Page, words: str) -> None:
    page.get_by_role("button", name=f"Run now: {words}").click()


def test_a_job_is_run_by_hand_and_its_result_appears(open_as: OpenAs, live_server: LiveServer) -> None:
    """The page brings itself up to date: nobody reloads it here."""
    page = open_as(Role.ADMIN)
    page.goto("/admin/")
    go_to(page, "Jobs")
    with live_server.pause_processes("worker of default"):
        run_now(page, CLEAN_UP_TITLE)
        expect(page.get_by_role("status")).to_contain_text("queued. It runs as soon as a worker is free.")
        expect(job_row(page, CLEAN_UP_TITLE)).to_contain_text("Waiting for a worker")
        expect(page.get_by_role("button", name=f"Run now: {CLEAN_UP_TITLE}")).to_be_disabled()
        page.evaluate("window.unchanged = true")
    expect(job_row(page, CLEAN_UP_TITLE)).to_contain_text("Nothing to remove")
    expect(job_row(page, CLEAN_UP_TITLE)).to_contain_text("Done")
    expect(job_row(page, CLEAN_UP_TITLE)).to_contain_text("second")
    expect(page.get_by_role("button", name=f"Run now: {CLEAN_UP_TITLE}")).to_be_enabled()
    assert page.evaluate("window.unchanged")


def test_bringing_up_to_date_leaves_the_keyboard_where_it_is(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/admin/schedule/")
    button = page.get_by_role("button", name=f"Run now: {CLEAN_UP_TITLE}")
    button.focus()
    before = page.get_by_text("As of").inner_text()
    with live_server.app.app_context():
        get_queue().enqueue_call("time.sleep", args=(1,))
    expect(page.get_by_text("As of")).not_to_have_text(before, timeout=20_000)
    expect(button).to_be_focused()


def test_a_job_is_run_by_hand_without_javascript(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.ADMIN, java_script_enabled=False)
    page.goto("/admin/schedule/")
    with live_server.pause_processes("worker of default"):
        run_now(page, CLEAN_UP_TITLE)
        expect(job_row(page, CLEAN_UP_TITLE)).to_contain_text("Waiting for a worker")
    wait_until(lambda: list_active_runs(SCHEDULE) == {})
    page.get_by_role("link", name="Refresh").click()
    expect(job_row(page, CLEAN_UP_TITLE)).to_contain_text("Done")


def test_a_failed_job_is_shown_tried_again_and_discarded(open_as: OpenAs, live_server: LiveServer) -> None:
    job, other = run_failing_job(HOSTILE_TEXT), run_failing_job("other")
    page = open_as(Role.ADMIN)
    page.goto("/admin/schedule/")
    job_row(page, "Short work").get_by_role("link", name="2", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Failed jobs")
    expect(job_row(page, HOSTILE_TEXT)).to_contain_text("ValueError: Invalid attribute name: at_all")
    job_row(page, HOSTILE_TEXT).get_by_role("link").click()
    expect(page.get_by_text("Traceback (most recent call last):").first).to_be_visible()
    expect(page.get_by_text(job.id)).to_be_visible()
    page.get_by_role("link", name="Retry").click()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("status")).to_contain_text(" retried")
    wait_until(lambda: set(list_job_ids(JobState.FAILED)) == {job.id, other.id})
    page.goto("/admin/schedule/jobs/?queue=default&place=failed")
    job_row(page, HOSTILE_TEXT).get_by_role("checkbox").check()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Discard: jobs.nothing.at_all")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("status")).to_contain_text(" discarded")
    expect(job_row(page, HOSTILE_TEXT)).to_have_count(0)
    expect(job_row(page, "other")).to_have_count(1)
    assert list_job_ids(JobState.FAILED) == [other.id]


def test_all_failed_jobs_are_discarded(open_as: OpenAs, live_server: LiveServer) -> None:
    run_failing_job("one")
    run_failing_job("two")
    page = open_as(Role.ADMIN)
    page.goto("/admin/schedule/jobs/?queue=default&place=failed")
    page.locator(".page-actions summary").click()
    page.get_by_role("link", name="Discard all failed jobs").click()
    page.get_by_role("button", name="Discard all 2 failed jobs").click()
    expect(page.get_by_role("status")).to_contain_text("2 jobs discarded.")
    expect(page.get_by_text("No failed jobs")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_the_pages_fit(open_as: OpenAs, live_server: LiveServer, width: int, scheme: str) -> None:
    job = run_failing_job("Donaudampfschiff" * 30, HOSTILE_TEXT)
    page = open_as(Role.ADMIN, width=width, color_scheme=scheme)
    queue = "queue=default&place=failed"
    for address in (
        "",
        f"jobs/?{queue}",
        "jobs/?queue=default&place=finished",
        "jobs/?queue=bulk&place=waiting",
        f"job/?queue=default&id={job.id}",
        f"operation/discard/?{queue}&id={job.id}",
        f"operation/retry/?{queue}&all=1",
    ):
        check_page(page, f"/admin/schedule/{address}")
