"""The page of jobs, the lists of the queues and what can be done there, as people without JavaScript see them."""

import ast
import html
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rq.cron import CronScheduler
from rq.job import Job, JobStatus
from sqlalchemy import delete, event
from sqlalchemy.engine import Engine

from app import create_app
from customerhub import clock, history, periodic
from customerhub.config import Settings
from customerhub.permissions import Actor
from jobs import exports, steering
from jobs.queue import BULK, DEFAULT, enqueue, get_queue
from jobs.registries import Place
from jobs.schedule import SCHEDULE
from models import Organisation, PeriodicRun, User
from models.base import db
from models.enums import Role
from tests import factories as make
from tests.browsing import Browser
from tests.conftest import HubClient
from tests.databases import settings_for
from tests.jobs import work
from tests.jobs.registering import ids_at, put_aside, put_failed
from tests.servers import free_port
from tests.world import World
from views.schedule_cells import CALLED

HOME = "/admin/schedule/"
SWEEP = "jobs.mail.sweep"
ROOT = Path(__file__).resolve().parents[2]
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def person(world: World) -> Browser:
    """Somebody with the grant `platform`."""
    return Browser(world.app, world.platform_user)


def text_of(answer: Any) -> str:
    """The words of a page's main part."""
    main = answer.text.partition("<main")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def row_of(answer: Any, words: str) -> str:
    """The words of the table row that has `words` in it."""
    for row in re.findall(r"<tr.*?</tr>", answer.text, re.DOTALL):
        told = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", row)).replace("\N{NO-BREAK SPACE}", " ").split())
        if words in told:
            return told
    raise AssertionError(f"no row has {words!r}: {text_of(answer)}")


def flashed(answer: Any, browser: Browser) -> str:
    assert answer.status_code == 303, answer.text
    page = browser.get(answer.location)
    assert page.status_code == 200
    return " ".join(
        re.sub(r"<[^>]+>", " ", "".join(re.findall(r'<div class="toast.*?</div>', page.text, re.DOTALL))).split()
    )


def listed(place: Place, queue: str = DEFAULT, more: str = "") -> str:
    return f"{HOME}jobs/?queue={queue}&place={place.value}{more}"


def operation(name: str, *ids: str, place: Place = Place.FAILED, more: str = "") -> str:
    return f"{HOME}operation/{name}/?queue=default&place={place.value}{more}" + "".join(f"&id={key}" for key in ids)


def run_kept(
    name: str = SWEEP, *, ago: float, took: float | None = 1.0, succeeded: bool = True, told: str = ""
) -> None:
    began = clock.now() - timedelta(seconds=ago)
    periodic.begin(name, now=began)
    if took is not None:
        periodic.end(name, began=began, now=began + timedelta(seconds=took), succeeded=succeeded, told=told)
    db.session.commit()


# --- The schedule ------------------------------------------------------------------------------------------


def test_each_job_is_told_with_when_it_ran_and_will_run(world: World, person: Browser) -> None:
    run_kept(ago=125, took=3, told="4 sent, 1 waits")
    run_kept("jobs.alerts.review", ago=3600, succeeded=False, told="ValueError. Reference 12AB34CD")
    page = person.get(HOME)
    sweep = row_of(page, SWEEP)
    assert sweep.startswith("Sends the messages in the outbox that are due jobs.mail.sweep Every minute 2 minutes ago")
    assert "took 3 seconds Done 4 sent, 1 waits in " in sweep
    assert sweep.endswith("Run now")
    review = row_of(page, "jobs.alerts.review")
    assert "Every hour at minute 10" in review
    assert "Failed ValueError. Reference 12AB34CD" in review
    assert "Every day at 03:30 UTC Not yet in " in row_of(page, "jobs.housekeeping.tidy")
    for entry in SCHEDULE:
        assert entry.description in text_of(page)
    zone = db.session.get_one(Organisation, world.ours.id).timezone
    assert f"Dates and times are in {zone}. The schedule itself goes by the clock of the machine (UTC)" in text_of(page)


def test_an_old_run_that_never_ended_was_interrupted(world: World, person: Browser) -> None:
    run_kept(ago=3, took=None)
    assert "Running Is running since" in row_of(person.get(HOME), SWEEP)
    db.session.execute(delete(PeriodicRun))
    run_kept(ago=3600, took=None)
    assert "Was interrupted" in row_of(person.get(HOME), SWEEP)


def test_run_now_queues_the_job_and_shows_that_it_waits(world: World, person: Browser) -> None:
    answer = person.post(f"{HOME}run/", {"name": SWEEP})
    assert "Sends the messages in the outbox that are due: queued." in flashed(answer, person)
    [job] = get_queue().jobs
    assert (job.func_name, job.meta) == (SWEEP, {"periodic": True})
    page = person.get(HOME)
    assert "Waiting Waits for a worker since" in row_of(page, SWEEP)
    assert re.search(rf'value="{SWEEP}"><button [^>]*disabled', page.text)
    assert not re.search(r'value="jobs.housekeeping.tidy"><button [^>]*disabled', page.text)
    job.set_status(JobStatus.STARTED)
    get_queue().remove(job)
    assert "Running Is running" in row_of(person.get(HOME), SWEEP)


def test_a_double_click_queues_one(world: World, person: Browser) -> None:
    db.session.commit()

    def click(_number: int) -> int:
        with world.app.app_context():
            other = Browser(world.app, world.platform_user)
            db.session.commit()
            return other.post(f"{HOME}run/", {"name": SWEEP}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(click, range(4))) == {303}
    assert len(get_queue().jobs) == 1
    answer = person.post(f"{HOME}run/", {"name": SWEEP})
    assert "not queued again. It waits for a worker already." in flashed(answer, person)
    assert len(get_queue().jobs) == 1


@pytest.mark.parametrize("name", ["", "jobs.mail.send", "os.system", "jobs.mail.sweep ", "<b>"])
def test_only_what_is_in_the_schedule_can_be_run(person: Browser, name: str) -> None:
    assert person.post(f"{HOME}run/", {"name": name}).status_code == 404
    assert get_queue().jobs == []


def test_what_stands_still_is_said(world: World, person: Browser) -> None:
    page = text_of(person.get(HOME))
    assert "No scheduler is running" in page
    assert "No worker takes jobs from the queue “default”: they wait." in page
    assert "No worker takes jobs from the queue “bulk”: they wait." in page
    assert "No worker is running." in page
    scheduler = CronScheduler(get_queue().connection, name="there")
    scheduler.register_birth()
    assert "No scheduler is running" not in text_of(person.get(HOME))


# --- The queues --------------------------------------------------------------------------------------------


def test_the_queues_are_counted_and_lead_to_their_lists(world: World, person: Browser) -> None:
    put_failed(3)
    enqueue(work.write, "nowhere", "x")
    enqueue(work.write, "nowhere", "x", queue=BULK)
    page = person.get(HOME)
    assert row_of(page, "Short work") == "Short work default 1 0 0 3 0 0"
    assert row_of(page, "Long work") == "Long work bulk 1 0 0 0 0 0"
    link = re.search(r'<a href="([^"]+)">3</a>', page.text)
    assert link
    assert "Failed jobs 3" in text_of(person.get(html.unescape(link[1])))


def test_a_failed_job_is_told_in_words(world: World, person: Browser) -> None:
    job = enqueue(exports.write, 12)
    put_aside(job, Place.FAILED)
    [failed] = put_failed(1, "Traceback (most recent call last):\n  File x\nValueError: no room")
    page = person.get(listed(Place.FAILED))
    assert row_of(page, "Writes an export").startswith("Writes an export Export 12")
    assert "tests.jobs.work.fail 'nowhere' ValueError: no room" in row_of(page, "tests.jobs.work.fail")
    shown = person.get(f"{HOME}job/?queue=default&id={failed}")
    assert "Traceback (most recent call last): File x ValueError: no room" in text_of(shown)
    assert "Failed" in text_of(shown)
    assert failed in text_of(shown)


def test_lists_have_pages(world: World, person: Browser) -> None:
    ids = put_failed(120)[::-1]
    shown = [re.findall(r'name="rowid" value="([^"]+)"', person.get(listed(Place.FAILED, more=f"&page={n}")).text)
             for n in range(4)]  # fmt: skip
    assert shown == [ids[:50], ids[50:100], ids[100:], []]
    second = person.get(listed(Place.FAILED, more="&page=1"))
    assert "51 to 100 of 120" in text_of(second)
    assert 'href="?queue=default&amp;place=failed&amp;page=2" rel="next"' in second.text


@pytest.mark.parametrize("place", Place)
@pytest.mark.parametrize("queue", [DEFAULT, BULK])
def test_every_list_is_shown_empty_and_filled(world: World, person: Browser, place: Place, queue: str) -> None:
    empty = person.get(listed(place, queue))
    assert (empty.status_code, "No " in text_of(empty)) == (200, True)
    job = enqueue(work.write, "nowhere", "x", queue=queue)
    if place is not Place.WAITING:
        put_aside(job, place)
    assert "tests.jobs.work.write" in text_of(person.get(listed(place, queue)))
    shown = person.get(f"{HOME}job/?queue={queue}&id={job.id}")
    assert (shown.status_code, "tests.jobs.work.write" in text_of(shown)) == (200, True)


def test_what_has_gone_meanwhile_is_said(world: World, person: Browser) -> None:
    first, second = put_failed(2)
    get_queue().connection.delete(Job.key_for(first))
    page = text_of(person.get(listed(Place.FAILED)))
    assert "Failed jobs 2" in page
    assert "1 of this page are not there any more" in page
    assert person.get(f"{HOME}job/?queue=default&id={first}").status_code == 404
    get_queue().connection.hset(Job.key_for(second), "status", "confused")
    assert "Cannot be read" in text_of(person.get(listed(Place.FAILED)))
    assert "Cannot be read" in text_of(person.get(f"{HOME}job/?queue=default&id={second}"))


def test_what_jobs_hold_is_shown_as_text(world: World, person: Browser) -> None:
    """Arguments, errors and what workers call themselves come from anywhere."""
    job = get_queue().enqueue(work.write, EVIL, EVIL, description=f"tests.jobs.work.write({EVIL})")
    put_aside(job, Place.FAILED)
    other = get_queue().enqueue(work.write, "x", "y", description=EVIL)
    put_aside(other, Place.FAILED)
    [failed] = put_failed(1, f"Traceback\nValueError: {EVIL}")
    run_kept(ago=5, succeeded=False, told=EVIL)
    pages = [listed(Place.FAILED), HOME, operation("discard", job.id, other.id), operation("retry", other.id)]
    pages += [f"{HOME}job/?queue=default&id={key}" for key in (job.id, other.id, failed)]
    for url in pages:
        page = person.get(url)
        assert page.status_code == 200, url
        assert "<script>alert" not in page.text, url
        assert "<img src=x" not in page.text, url
        assert "alert(" in html.unescape(page.text), url


def test_secrets_of_an_error_are_not_shown(world: World, person: Browser) -> None:
    told = "no connection to postgresql://hub:p@ss/open-sesame@db/hub, see https://hub/set-password/eyJmb3IiOjF9.Ab-c_d"
    [failed] = put_failed(1, f"Traceback\n{told}\nOSError: {told}")
    for url in (listed(Place.FAILED), f"{HOME}job/?queue=default&id={failed}"):
        page = person.get(url).text
        assert "OSError: no connection to postgresql://" in page
        assert "open-sesame" not in page
        assert "eyJmb3IiOjF9" not in page


def test_every_function_that_the_hub_queues_has_words() -> None:
    """What is handed to `nudge` or `enqueue` anywhere. Add it to CALLED in views/schedule_cells.py."""
    periodic_ones = {entry.name for entry in SCHEDULE}
    found = set()
    for path in [*ROOT.glob("jobs/*.py"), *ROOT.glob("views/*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if getattr(called, "attr", getattr(called, "id", "")) in ("nudge", "enqueue") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Attribute) and first.attr == "connection":
                    continue  # RQ's own, which the schedule is queued by
                if isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name):
                    found.add(f"jobs.{first.value.id}.{first.attr}")
                elif isinstance(first, ast.Name) and first.id not in ("function", "connection"):
                    found.add(f"jobs.{path.stem}.{first.id}")
    assert {"jobs.mail.send", "jobs.exports.write", "jobs.imports.save"} <= found
    assert found <= CALLED.keys() | periodic_ones


# --- What can be done --------------------------------------------------------------------------------------


def test_jobs_are_ticked_looked_at_and_tried_again(world: World, person: Browser) -> None:
    ids = put_failed(3)
    answer = person.post(f"{HOME}jobs/action/?queue=default&place=failed", {"rowid": ids[:2], "action": "retry"})
    assert answer.status_code == 303
    page = person.get(answer.location)
    assert "Retry 2 jobs" in text_of(page)
    assert set(ids_at(Place.FAILED)) == set(ids), "looking does nothing"
    results = person.submit(answer.location)
    assert "2 done" in text_of(results)
    assert (set(ids_at(Place.WAITING)), ids_at(Place.FAILED)) == (set(ids[:2]), ids[2:])


def test_one_job_is_discarded_and_cancelled(world: World, person: Browser) -> None:
    [failed] = put_failed(1)
    waiting = enqueue(exports.write, 7)
    answer = person.submit(operation("discard", failed))
    assert "Done: Discard: tests.jobs.work.fail" in flashed(answer, person)
    assert ids_at(Place.FAILED) == []
    answer = person.submit(operation("cancel", waiting.id, place=Place.WAITING))
    assert "Done: Cancel: Writes an export: export 7" in flashed(answer, person)
    assert ids_at(Place.WAITING) == []


def test_all_failed_jobs_at_once(world: World, person: Browser) -> None:
    put_failed(60)
    url = operation("discard", more="&all=1")
    assert "Discard all 60 failed jobs" in text_of(person.get(url))
    assert "Discard: done with 60." in flashed(person.submit(url), person)
    assert ids_at(Place.FAILED) == []
    assert "There is no failed job any more." in flashed(person.get(url), person)


def test_more_than_there_is_time_for_is_said(world: World, person: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    put_failed(3)
    monkeypatch.setattr(steering, "ALL_SECONDS", 0.0)
    answer = person.submit(operation("retry", more="&all=1"))
    assert "Retry: done with 0. 3 are left: do it once more." in flashed(answer, person)


def test_what_cannot_be_done_is_told_beforehand_and_afterwards(world: World, person: Browser) -> None:
    [failed] = put_failed(1)
    waiting = enqueue(work.write, "nowhere", "x")
    url = operation("discard", failed, waiting.id)
    page = person.get(url)
    assert "Left out 1 tests.jobs.work.write: 'nowhere', 'x' is waiting" in text_of(page)
    assert "Ready 1" in text_of(page)
    form = person.form(url)
    steering.discard(DEFAULT, failed, actor=Actor(None, 0))
    results = text_of(person.post(url, form))
    assert "2 not done" in results
    assert "Somebody may have been faster" in results
    assert ids_at(Place.WAITING) == [waiting.id]


def test_the_same_form_sent_twice_does_it_once(world: World, person: Browser) -> None:
    ids = put_failed(1)
    url = operation("retry", *ids)
    form = person.form(url)
    person.post(url, form)
    [job] = get_queue().jobs
    get_queue().remove(job)
    put_aside(job, Place.FAILED)
    assert "This form was saved already." in flashed(person.post(url, form), person)
    assert ids_at(Place.FAILED) == ids


@pytest.mark.parametrize(
    "url",
    [
        f"{HOME}jobs/", f"{HOME}jobs/?queue=default", f"{HOME}jobs/?queue=default&place=deferred",
        f"{HOME}jobs/?queue=rq:job&place=failed", f"{HOME}jobs/?queue=&place=failed", f"{HOME}job/?queue=default",
        f"{HOME}job/?queue=default&id=", f"{HOME}job/?queue=default&id=a:b", f"{HOME}job/?queue=default&id=../x",
        f"{HOME}job/?queue=default&id={'x' * 101}", f"{HOME}job/?queue=default&id=x%0a", f"{HOME}job/?queue=x&id=x",
        f"{HOME}job/?queue=default&id=unknown", f"{HOME}job/?queue=default&id=１", operation("retry"),
        operation("drop", "x"), operation("retry", "a b"), operation("retry", "unknown"),
        operation("cancel", more="&all=1"), operation("retry", *map(str, range(501))),
    ],
)  # fmt: skip
def test_addresses_that_there_are_not(person: Browser, url: str) -> None:
    assert person.get(url).status_code == 404


def test_pages_that_there_are_not_are_empty(person: Browser) -> None:
    for page in ("-1", "x", "9" * 30, "1e3", "1000001"):
        assert person.get(listed(Place.FAILED, more=f"&page={page}")).status_code == 200


def test_nothing_ticked_and_nothing_known(world: World, person: Browser) -> None:
    put_failed(1)
    url = f"{HOME}jobs/action/?queue=default&place=failed"
    assert "Tick the jobs first." in flashed(person.post(url, {"action": "retry"}), person)
    assert "takes 500 rows" in flashed(person.post(url, {"action": "retry", "rowid": ["x"] * 501}), person)
    assert person.post(url, {"action": "run", "rowid": "x"}).status_code == 404
    assert person.post(url, {"action": "retry", "rowid": "a:b"}).status_code == 404
    assert person.post(f"{HOME}jobs/action/", {"action": "retry", "rowid": "x"}).status_code == 404


# --- Without the queue server ------------------------------------------------------------------------------


@pytest.fixture
def without_server(world: World, settings: Settings) -> Iterator[Browser]:
    """The platform's person at a hub whose queue server is away."""
    db.session.commit()
    away = settings_for(settings.database_url, settings.data_dir, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    app = create_app(away)
    app.testing, app.test_client_class = True, HubClient
    person = Browser(world.app, world.platform_user)
    person.app, person.client = app, app.test_client()
    with (
        person.client.session_transaction() as kept,
        Browser(world.app, world.platform_user).client.session_transaction() as known,
    ):
        kept.update(known)
    yield person
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def test_the_schedule_is_shown_from_the_database(without_server: Browser) -> None:
    run_kept(ago=125, told="4 sent")
    begin = time.monotonic()
    page = without_server.get(HOME)
    assert time.monotonic() - begin < 3
    assert page.status_code == 200
    assert "The queue server does not answer" in text_of(page)
    assert "2 minutes ago" in row_of(page, SWEEP)
    assert "Done 4 sent" in row_of(page, SWEEP)
    assert page.text.count("disabled") >= len(SCHEDULE)
    assert "Queues" not in text_of(page), "nothing is told that nobody knows"


def test_every_other_page_says_so_too(without_server: Browser) -> None:
    for url in (listed(Place.FAILED), f"{HOME}job/?queue=default&id=some-job"):
        page = without_server.get(url)
        assert (page.status_code, "The queue server does not answer" in text_of(page)) == (200, True), url
    for call in (
        lambda: without_server.get(operation("retry", "some-job")),
        lambda: without_server.post(operation("retry", "some-job")),
        lambda: without_server.post(operation("retry", more="&all=1")),
        lambda: without_server.post(f"{HOME}run/", {"name": SWEEP}),
    ):
        assert "The queue server does not answer" in flashed(call(), without_server)


# --- Who may -----------------------------------------------------------------------------------------------


def test_an_administrator_has_it_while_there_is_one_organisation(app: Any, session: Any) -> None:
    organisation = make.OrganisationFactory()
    people = {role: make.UserFactory(organisation=organisation, role=role).id for role in (Role.ADMIN, Role.MANAGER)}
    session.commit()
    admin, manager = Browser(app, people[Role.ADMIN]), Browser(app, people[Role.MANAGER])
    put_failed(1)
    job_id = ids_at(Place.FAILED)[0]
    pages = [HOME, listed(Place.FAILED), f"{HOME}job/?queue=default&id={job_id}", operation("retry", job_id)]
    assert [admin.get(url).status_code for url in pages] == [200] * 4
    assert [manager.get(url).status_code for url in pages] == [403] * 4
    assert f'href="{HOME}"' in admin.get("/admin/").text
    assert f'href="{HOME}"' not in manager.get("/admin/").text
    make.OrganisationFactory()
    session.commit()
    answers = [admin.get(url) for url in pages] + [
        admin.post(f"{HOME}run/", {"name": SWEEP}), admin.post(operation("retry", job_id)),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [403] * 6
    assert not any(job_id in answer.text or "tests.jobs" in answer.text for answer in answers)
    assert f'href="{HOME}"' not in admin.get("/admin/").text
    assert ids_at(Place.FAILED) == [job_id]
    assert get_queue().jobs == []


def test_who_is_switched_off_has_it_no_longer(world: World, person: Browser) -> None:
    assert person.get(HOME).status_code == 200
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(User, world.platform_user).platform = False
        db.session.commit()
    assert person.get(HOME).status_code == 403


def test_the_page_asks_the_database_little(world: World, person: Browser) -> None:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    for entry in SCHEDULE:
        run_kept(entry.name, ago=60)
    put_failed(60)
    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert person.get(HOME).status_code == 200
        assert person.get(listed(Place.FAILED)).status_code == 200
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(statements) < 30
