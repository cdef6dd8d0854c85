"""Reviews and messages on the page of a customer: what is due, what was done, what comes and what does not, and why."""

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select

import models
from customerhub import clock, history
from customerhub.permissions import Actor
from jobs.reminders import remind_organisation
from models.base import db
from models.enums import OutboxState, Risk, Role
from tests import factories as make
from tests.browsing import Browser
from tests.views.screen_table import bare_customer
from tests.world import World

CUSTOMERS = "/admin/customers/"
TODAY = clock.today()


@pytest.fixture
def customer(world: World) -> models.Customer:
    """One with a review every quarter, the last three days ago, and a document that expires in ten days."""
    row = bare_customer(world)
    with history.acting(Actor(None, world.ours.id), "test"):
        row.review_start_date, row.review_frequency = TODAY - timedelta(days=3), 3
        row.reviewer_email, row.risk = "reviewer@hub.example", Risk.LOW
        db.session.commit()
    owner = db.session.get_one(models.Organisation, world.ours.id)
    make.ComplianceDocumentFactory(
        organisation=owner, customer_id=row.id, certificate="Trade licence",
        expiry_date=TODAY + timedelta(days=10), reviewer_email=None,
    )  # fmt: skip
    db.session.commit()
    return row


def tab(browser: Browser, key: int, name: str) -> str:
    page: str = browser.get(f"{CUSTOMERS}details/?id={key}&tab={name}").text
    return page


def rows(page: str, title: str) -> list[list[str]]:
    """The cells of the table with this title, as text."""
    block = page.split(f"<h2>{title}</h2>")[1].split("</section>")[0]
    body = re.search(r"<tbody>(.*?)</tbody>", block, re.DOTALL)
    lines = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL) if body else []
    return [
        [
            " ".join(re.sub(r"<[^>]+>", " ", cell).split())
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", line, re.DOTALL)
        ]
        for line in lines
    ]


def shown(day: date) -> str:
    return day.strftime("%-d %b %Y")


def test_a_review_is_recorded_and_answers_what_is_due(world: World, agent: Browser, customer):
    key, due = customer.id, TODAY - timedelta(days=3)
    assert rows(tab(agent, key, "reviews"), "Due")[0] == [shown(due), "Due"]
    url = f"{CUSTOMERS}operation/review/?id={key}"
    page = agent.get(url).text
    assert f'value="{TODAY.isoformat()}"' in page
    assert rows(page, "What is recorded")[0][2] == shown(due)
    assert agent.submit(url, done_on=TODAY.isoformat(), risk="High", note="Looked\nat <b>all</b>").status_code == 303
    page = tab(agent, key, "reviews")
    assert rows(page, "Due")[0] == [shown(due), f"Done on {shown(TODAY)}"]
    told = "Looked at &lt;b&gt;all&lt;/b&gt;"
    assert rows(page, "Done") == [[shown(TODAY), "The agent", f"Due on {shown(due)}", "High", told]]
    db.session.expire_all()
    assert db.session.get_one(models.Customer, key).risk is Risk.HIGH


@pytest.mark.parametrize(
    ("entered", "told"),
    [
        ({"done_on": (TODAY + timedelta(days=3)).isoformat()}, "today or before"),
        ({"done_on": ""}, "Choose the day on which it was done"),
        ({"done_on": TODAY.isoformat(), "note": "x" * 2001}, "2000"),
    ],
)
def test_what_cannot_be_recorded_says_so_and_keeps_what_was_typed(agent: Browser, customer, entered, told):
    url = f"{CUSTOMERS}operation/review/?id={customer.id}"
    answer = agent.submit(url, **{"risk": "Medium", "note": "Kept"} | entered)
    assert answer.status_code == 422
    assert told in answer.text
    assert entered.get("note", "Kept") in answer.text
    assert db.session.scalars(select(models.Review).where(models.Review.customer_id == customer.id)).all() == []


def test_several_at_once_keep_their_risks(world: World, agent: Browser, customer):
    other = bare_customer(world)
    with history.acting(Actor(None, world.ours.id), "test"):
        other.risk = Risk.HIGH
        db.session.commit()
    url = f"{CUSTOMERS}operation/review/?id={customer.id}&id={other.id}"
    page = agent.get(url).text
    assert [row[2] for row in rows(page, "What is recorded")] == [
        shown(TODAY - timedelta(days=3)), "None: it is kept beside the plan",
    ]  # fmt: skip
    agent.submit(url, done_on=TODAY.isoformat(), risk="")
    done = db.session.execute(select(models.Review.customer_id, models.Review.risk).order_by(models.Review.id)).all()
    assert set(done) >= {(customer.id, Risk.LOW), (other.id, Risk.HIGH)}


def test_a_review_done_by_another_plan_is_not_asked_for_again(world: World, agent: Browser, customer):
    """It was due later than the last one by the plan of now."""
    make.ReviewFactory(
        organisation=db.session.get_one(models.Organisation, world.ours.id), customer_id=customer.id,
        due_on=TODAY - timedelta(days=2), done_on=TODAY - timedelta(days=1),
    )  # fmt: skip
    db.session.commit()
    [latest, *ahead] = rows(tab(agent, customer.id, "reviews"), "Due")
    assert latest == [shown(TODAY - timedelta(days=3)), f"Done on {shown(TODAY - timedelta(days=1))}"]
    assert [state for _, state in ahead] == ["Planned"] * 3
    assert not any(cells[1].startswith("Review due") for cells in rows(tab(agent, customer.id, "messages"), "To come")
                   if cells[0] == "Within the hour")  # fmt: skip


def test_what_comes_and_what_does_not(world: World, agent: Browser, customer):
    key = customer.id
    coming = rows(tab(agent, key, "messages"), "To come")
    no_email = "Not sent It has no reviewer email"
    assert coming[:2] == [
        ["Within the hour", f"Trade licence: 14 days before it expires on {shown(TODAY + timedelta(days=10))}", "",
         no_email],
        ["Within the hour", f"Review due on {shown(TODAY - timedelta(days=3))}", "reviewer@hub.example", "Planned"],
    ]  # fmt: skip
    assert remind_organisation(world.ours.id, as_of=TODAY).planned >= 1
    page = tab(agent, key, "messages")
    assert ["Within the hour"] not in [row[:1] for row in rows(page, "To come") if "Review" in row[1]]
    [written] = rows(page, "Written")
    assert written[2:] == ["reviewer@hub.example", f"A review was due on {shown(TODAY - timedelta(days=3))}", "Waiting"]


def test_of_very_many_the_first_to_come_are_shown(world: World, agent: Browser, customer):
    """A customer with a thousand documents has its page, and what comes first stands on it."""
    row = {"organisation_id": world.ours.id, "customer_id": customer.id, "created_at": clock.now(), "version": 1}
    documents = [
        row | {"certificate": f"Licence {number}", "expiry_date": TODAY + timedelta(days=100 + number)}
        for number in range(1000)
    ]
    db.session.execute(insert(models.ComplianceDocument).execution_options(**history.recorded()), documents)
    db.session.commit()
    page = tab(agent, customer.id, "messages")
    shown_rows = rows(page, "To come")
    assert len(shown_rows) == 100
    assert "The first 100 of 5,008." in page  # four reviews, and four of the other document
    assert [cells[0] for cells in shown_rows[:2]] == ["Within the hour"] * 2
    assert len(page) < 200_000


def test_who_may_open_the_message(world: World, agent: Browser, customer):
    remind_organisation(world.ours.id, as_of=TODAY)
    message = db.session.scalars(
        select(models.OutboxMessage).where(models.OutboxMessage.customer_id == customer.id)
    ).one()
    with history.acting(Actor(None, world.ours.id), "test"):
        message.state, message.last_error = OutboxState.FAILED, "550 no such <user>"
        db.session.commit()
    link = f"/admin/outbox/details/?id={message.id}"
    manager = Browser(world.app, world.ours.users[Role.MANAGER])
    page = tab(manager, customer.id, "messages")
    assert link in page
    assert "550 no such &lt;user&gt;" in page
    assert link not in tab(agent, customer.id, "messages")


def test_others_see_nothing_of_it(world: World, customer):
    """Another organisation's staff, partners and portal users."""
    theirs = Browser(world.app, world.theirs.users[Role.ADMIN])
    for address in ("details/?id={}&tab=reviews", "details/?id={}&tab=messages", "operation/review/?id={}"):
        path = CUSTOMERS + address.format(customer.id)
        assert theirs.get(path).status_code == 404
        for role in (Role.PARTNER, Role.CUSTOMER):
            assert Browser(world.app, world.ours.users[role]).get(path).status_code == 403
    answer = theirs.post(f"{CUSTOMERS}operation/review/?id={customer.id}", data={"risk": "High"})
    assert answer.status_code == 404
    assert db.session.scalars(select(models.Review).where(models.Review.customer_id == customer.id)).all() == []
