"""Reviews and messages on the page of a customer: what is due, what was done, what comes and what does not, and why."""

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select

import models
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from jobs.reminders import remind_organisation
from models.base import db
from models.enums import OutboxState, Risk, Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations

CUSTOMERS = "/admin/customers/"
TODAY = clock.get_today()


@pytest.fixture
def customer(organisations: TwoOrganisations) -> models.Customer:
    """One with a review every quarter, the last three days ago, and a document that expires in ten days."""
    row = make_bare_customer(organisations)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        row.review_start_date, row.review_frequency = TODAY - timedelta(days=3), 3
        row.reviewer_email, row.risk = "reviewer@hub.example", Risk.LOW
        db.session.commit()
    owner = db.session.get_one(models.Organisation, organisations.own.id)
    make.ComplianceDocumentFactory(
        organisation=owner,
        customer_id=row.id,
        certificate="Trade licence",
        expiry_date=TODAY + timedelta(days=10),
        reviewer_email=None,
    )
    db.session.commit()
    return row


def tab_page(browser: Browser, key: int, name: str) -> str:
    page: str = browser.get(f"{CUSTOMERS}details/?id={key}&tab={name}").text
    return page


def table_rows(page: str, title: str) -> list[list[str]]:
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


def format_day(day: date) -> str:
    return day.strftime("%-d %b %Y")


def test_a_review_is_recorded_and_answers_what_is_due(organisations: TwoOrganisations, agent: Browser, customer):
    key, due = customer.id, TODAY - timedelta(days=3)
    assert table_rows(tab_page(agent, key, "reviews"), "Due")[0] == [format_day(due), "Due"]
    url = f"{CUSTOMERS}operation/review/?id={key}"
    page = agent.get(url).text
    assert f'value="{format_day(TODAY)}"' in page
    assert table_rows(page, "Reviews to be recorded")[0][2] == format_day(due)
    assert agent.submit(url, done_on=TODAY.isoformat(), risk="High", note="Looked\nat <b>all</b>").status_code == 303
    page = tab_page(agent, key, "reviews")
    assert table_rows(page, "Due")[0] == [format_day(due), f"Done on {format_day(TODAY)}"]
    escaped_note = "Looked at &lt;b&gt;all&lt;/b&gt;"
    assert table_rows(page, "Done") == [
        [format_day(TODAY), "The agent", f"Due on {format_day(due)}", "High", escaped_note]
    ]
    db.session.expire_all()
    assert db.session.get_one(models.Customer, key).risk is Risk.HIGH


@pytest.mark.parametrize(
    ("form_values", "message"),
    [
        ({"done_on": (TODAY + timedelta(days=3)).isoformat()}, "today or earlier"),
        ({"done_on": ""}, "Enter the review date"),
        ({"done_on": TODAY.isoformat(), "note": "x" * 2001}, "2000"),
    ],
)
def test_what_cannot_be_recorded_says_so_and_keeps_what_was_typed(agent: Browser, customer, form_values, message):
    url = f"{CUSTOMERS}operation/review/?id={customer.id}"
    answer = agent.submit(url, **{"risk": "Medium", "note": "Kept"} | form_values)
    assert answer.status_code == 422
    assert message in answer.text
    assert form_values.get("note", "Kept") in answer.text
    assert db.session.scalars(select(models.Review).where(models.Review.customer_id == customer.id)).all() == []


def test_several_at_once_keep_their_risks(organisations: TwoOrganisations, agent: Browser, customer):
    other = make_bare_customer(organisations)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        other.risk = Risk.HIGH
        db.session.commit()
    url = f"{CUSTOMERS}operation/review/?id={customer.id}&id={other.id}"
    page = agent.get(url).text
    assert [row[2] for row in table_rows(page, "Reviews to be recorded")] == [
        format_day(TODAY - timedelta(days=3)),
        "None: outside the review plan",
    ]
    agent.submit(url, done_on=TODAY.isoformat(), risk="")
    done = db.session.execute(select(models.Review.customer_id, models.Review.risk).order_by(models.Review.id)).all()
    assert set(done) >= {(customer.id, Risk.LOW), (other.id, Risk.HIGH)}


def test_a_review_done_by_another_plan_is_not_asked_for_again(
    organisations: TwoOrganisations, agent: Browser, customer
):
    """It was due later than the last one by the plan of now."""
    make.ReviewFactory(
        organisation=db.session.get_one(models.Organisation, organisations.own.id),
        customer_id=customer.id,
        due_on=TODAY - timedelta(days=2),
        done_on=TODAY - timedelta(days=1),
    )
    db.session.commit()
    [latest, *ahead] = table_rows(tab_page(agent, customer.id, "reviews"), "Due")
    assert latest == [format_day(TODAY - timedelta(days=3)), f"Done on {format_day(TODAY - timedelta(days=1))}"]
    assert [state for _, state in ahead] == ["Planned"] * 3
    assert not any(
        cells[1].startswith("Review due")
        for cells in table_rows(tab_page(agent, customer.id, "messages"), "Upcoming")
        if cells[0] == "Within the hour"
    )


def test_what_comes_and_what_does_not(organisations: TwoOrganisations, agent: Browser, customer):
    key = customer.id
    coming = table_rows(tab_page(agent, key, "messages"), "Upcoming")
    no_email = "Not sent No reviewer email set"
    assert coming[:2] == [
        [
            "Within the hour",
            f"Trade licence: 14 days before it expires on {format_day(TODAY + timedelta(days=10))}",
            "",
            no_email,
        ],
        [
            "Within the hour",
            f"Review due on {format_day(TODAY - timedelta(days=3))}",
            "reviewer@hub.example",
            "Planned",
        ],
    ]
    assert remind_organisation(organisations.own.id, as_of=TODAY).planned >= 1
    page = tab_page(agent, key, "messages")
    assert ["Within the hour"] not in [row[:1] for row in table_rows(page, "Upcoming") if "Review" in row[1]]
    [written] = table_rows(page, "Sent and queued")
    assert written[2:] == [
        "reviewer@hub.example",
        f"A review was due on {format_day(TODAY - timedelta(days=3))}",
        "Waiting",
    ]


def test_of_very_many_the_first_to_come_are_shown(organisations: TwoOrganisations, agent: Browser, customer):
    """A customer with a thousand documents has its page, and what comes first stands on it."""
    row = {
        "organisation_id": organisations.own.id,
        "customer_id": customer.id,
        "created_at": clock.get_now(),
        "version": 1,
    }
    documents = [
        row | {"certificate": f"Licence {number}", "expiry_date": TODAY + timedelta(days=100 + number)}
        for number in range(1000)
    ]
    db.session.execute(insert(models.ComplianceDocument).execution_options(**history.bulk_options()), documents)
    db.session.commit()
    page = tab_page(agent, customer.id, "messages")
    shown_rows = table_rows(page, "Upcoming")
    assert len(shown_rows) == 100
    assert "Showing the first 100 of 5,008." in page  # four reviews, and four of the other document
    assert [cells[0] for cells in shown_rows[:2]] == ["Within the hour"] * 2
    assert len(page) < 200_000


def test_who_may_open_the_message(organisations: TwoOrganisations, agent: Browser, customer):
    remind_organisation(organisations.own.id, as_of=TODAY)
    message = db.session.scalars(
        select(models.OutboxMessage).where(models.OutboxMessage.customer_id == customer.id)
    ).one()
    with history.act_as(Actor(None, organisations.own.id), "test"):
        message.state, message.last_error = OutboxState.FAILED, "550 no such <user>"
        db.session.commit()
    link = f"/admin/outbox/details/?id={message.id}"
    manager = Browser(organisations.app, organisations.own.users[Role.MANAGER])
    page = tab_page(manager, customer.id, "messages")
    assert link in page
    assert "550 no such &lt;user&gt;" in page
    assert link not in tab_page(agent, customer.id, "messages")


def test_others_see_nothing_of_it(organisations: TwoOrganisations, customer):
    """Another organisation's staff, partners and portal users."""
    foreign_browser = Browser(organisations.app, organisations.foreign.users[Role.ADMIN])
    for address in ("details/?id={}&tab=reviews", "details/?id={}&tab=messages", "operation/review/?id={}"):
        path = CUSTOMERS + address.format(customer.id)
        assert foreign_browser.get(path).status_code == 404
        for role in (Role.PARTNER, Role.CUSTOMER):
            assert Browser(organisations.app, organisations.own.users[role]).get(path).status_code == 403
    answer = foreign_browser.post(f"{CUSTOMERS}operation/review/?id={customer.id}", data={"risk": "High"})
    assert answer.status_code == 404
    assert db.session.scalars(select(models.Review).where(models.Review.customer_id == customer.id)).all() == []
