"""The pages of jobs, and jobs that ran."""

import html
import re
from datetime import timedelta
from typing import Any

from customerhub.core import clock, job_runs
from jobs.monitoring.queue_contents import JobState
from jobs.queue import DEFAULT
from models.base import db
from tests.support.browser_client import Browser

HOME = "/admin/schedule/"
SWEEP_JOB = "jobs.mail.sweep"


def main_text(answer: Any) -> str:
    """The words of a page's main part."""
    main = answer.text.partition("<main")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def row_text(answer: Any, words: str) -> str:
    """The words of the table row that has `words` in it."""
    for row in re.findall(r"<tr.*?</tr>", answer.text, re.DOTALL):
        row_words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", row)).replace("\N{NO-BREAK SPACE}", " ").split())
        if words in row_words:
            return row_words
    raise AssertionError(f"no row has {words!r}: {main_text(answer)}")


def flash_text(answer: Any, browser: Browser) -> str:
    assert answer.status_code == 303, answer.text
    page = browser.get(answer.location)
    assert page.status_code == 200
    return " ".join(
        re.sub(r"<[^>]+>", " ", "".join(re.findall(r'<div class="toast.*?</div>', page.text, re.DOTALL))).split()
    )


def list_url(place: JobState, queue: str = DEFAULT, more: str = "") -> str:
    return f"{HOME}jobs/?queue={queue}&place={place.value}{more}"


def operation_url(name: str, *ids: str, place: JobState = JobState.FAILED, more: str = "") -> str:
    return f"{HOME}operation/{name}/?queue=default&place={place.value}{more}" + "".join(f"&id={key}" for key in ids)


def record_run(
    name: str = SWEEP_JOB, *, age: float, seconds: float | None = 1.0, succeeded: bool = True, message: str = ""
) -> None:
    began = clock.get_now() - timedelta(seconds=age)
    job_runs.start_run(name, now=began)
    if seconds is not None:
        job_runs.finish_run(
            name, started_at=began, now=began + timedelta(seconds=seconds), succeeded=succeeded, message=message
        )
    db.session.commit()
