"""What partners see and do: their own customers only."""

import re

import pytest

import models
from customerhub.approvals import referrals, stages, tasks, transitions
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.registration import DEALER_INACTIVE
from models.base import db
from models.enums import CustomerKind, Role, Stage, TaskKind, TaskState
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.partner_pages import FORM_VALUES, get_registered, onboarding_task
from tests.support.row_changes import changes_since, database_contents, last_change_id
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.partner.customers import PAGE_SIZE

COMPANY, CONSUMER = "/partner/register/company/", "/partner/register/consumer/"


@pytest.fixture
def other_partner(organisations: TwoOrganisations) -> Browser:
    """Somebody of another dealer of the same organisation."""
    dealer = make.DealerFactory(organisation=own_organisation(organisations))
    return Browser(
        organisations.app,
        make.UserFactory(organisation=own_organisation(organisations), role=Role.PARTNER, dealer_id=dealer.id).id,
    )


def refer_back(organisations: TwoOrganisations, key: int, question: str = "Who signs?") -> None:
    """A manager asks something back."""
    manager = Actor.from_user(db.session.get_one(models.User, organisations.own.users[Role.MANAGER]))
    with history.act_as(manager, "test"):
        customer = db.session.get_one(models.Customer, key)
        transitions.change_stage(customer, stages.REFER, comment=question, actor=manager)
        db.session.commit()


def make_customers_by_stage(organisations: TwoOrganisations) -> dict[Stage, list[models.Customer]]:
    """Further customers of the partner's dealer, two in each stage."""
    dealer = db.session.get_one(models.User, organisations.own.users[Role.PARTNER]).dealer_id
    return {
        stage: [
            make.CustomerFactory(organisation=own_organisation(organisations), dealer_id=dealer, stage=stage)
            for _ in range(2)
        ]
        for stage in Stage
    }


# --- The list ----------------------------------------------------------------------------------------------


def test_the_list_goes_by_stage_with_counts(organisations: TwoOrganisations, partner: Browser):
    customers_by_stage = make_customers_by_stage(organisations)
    before = {stage: len(rows) for stage, rows in customers_by_stage.items()}
    before[db.session.get_one(models.Customer, organisations.own.customers[0]).stage] += 3
    page = partner.get("/partner/").text
    for label, count in (
        ("All", 13),
        ("New", before[Stage.NEW]),
        ("Referred", before[Stage.REFERRED]),
        ("Credit check passed", before[Stage.PASSED]),
        ("Credit check failed", before[Stage.FAILED]),
        ("Live", before[Stage.BILLING]),
    ):
        assert re.search(rf'>{label}<span class="count">{count}</span>', page), label
    for stage in Stage:
        page = partner.get(f"/partner/?stage={stage.value}").text
        listed_names = [
            customer.name for rows in customers_by_stage.values() for customer in rows if f">{customer.name}<" in page
        ]
        assert listed_names == [customer.name for customer in customers_by_stage[stage]], stage


def test_live_customers_show_how_they_pay(organisations: TwoOrganisations, partner: Browser):
    dealer = db.session.get_one(models.User, organisations.own.users[Role.PARTNER]).dealer_id
    method = make.PaymentMethodFactory(organisation=own_organisation(organisations), name="By pigeon")
    make.CustomerFactory(
        organisation=own_organisation(organisations),
        dealer_id=dealer,
        stage=Stage.BILLING,
        payment_method_id=method.id,
        registration_number="HRB 5150",
    )
    page = partner.get("/partner/?stage=Billing").text
    assert "By pigeon" in page
    assert "HRB 5150" in page


def test_a_long_list_has_pages(organisations: TwoOrganisations, partner: Browser):
    dealer = db.session.get_one(models.User, organisations.own.users[Role.PARTNER]).dealer_id
    for number in range(PAGE_SIZE):
        make.CustomerFactory(organisation=own_organisation(organisations), dealer_id=dealer, name=f"Many {number:02d}")
    first = partner.get("/partner/").text
    onward = re.search(r'href="([^"]+)" rel="next"', first)
    assert onward is not None
    second = partner.get(onward[1].replace("&amp;", "&")).text
    assert "Our Telecom customer 2" in second
    assert "Our Telecom customer 2" not in first
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second
    for nonsense in ("-1", "x", "99999999999999999999"):
        assert partner.get(f"/partner/?page={nonsense}").status_code == 200
    assert partner.get("/partner/?stage=nowhere").status_code == 200


def test_a_partner_without_customers_sees_what_to_do(organisations: TwoOrganisations, other_partner: Browser):
    assert "No customers yet" in other_partner.get("/partner/").text


def list_names(page: str) -> list[str]:
    return re.findall(r'<td data-label="Name"><a href="/partner/customers/\d+/">([^<]+)</a>', page)


def test_the_list_is_searched_and_sorted(organisations: TwoOrganisations, partner: Browser):
    dealer = db.session.get_one(models.User, organisations.own.users[Role.PARTNER]).dealer_id
    own = {"organisation": own_organisation(organisations), "dealer_id": dealer}
    for name in ("Quokka B", "Quokka A"):
        make.CustomerFactory(**own, name=name, stage=Stage.NEW)
    make.CustomerFactory(**own, name="Quokka C", stage=Stage.BILLING)
    make.CustomerFactory(organisation=own_organisation(organisations), name="Quokka of nobody")
    assert list_names(partner.get("/partner/?search=quokka").text) == ["Quokka A", "Quokka B", "Quokka C"]
    page = partner.get("/partner/?search=quokka&stage=New&sort=newest").text
    assert list_names(page) == ["Quokka A", "Quokka B"]
    assert re.search(
        r'href="/partner/\?stage=Billing&amp;search=quokka&amp;sort=newest">Live<span class="count">1<', page
    )
    assert '<option value="newest" selected>' in page
    assert "No results" in partner.get("/partner/?search=unicorn").text
    assert partner.get("/partner/?search=qu&sort=nonsense&page=9").status_code == 200


# --- One customer ------------------------------------------------------------------------------------------


def test_a_customer_has_its_addresses(organisations: TwoOrganisations, partner: Browser):
    partner.submit(COMPANY, **FORM_VALUES)
    page = partner.get(f"/partner/customers/{get_registered().id}/").text
    for text in ("Strandweg 3", "25980 Sylt", "Germany"):
        assert f'<span class="part">{text}</span>' in page


def test_a_question_about_a_requested_change_is_answered(organisations: TwoOrganisations, partner: Browser):
    key = organisations.own.customers[1]
    url = f"/partner/customers/{key}/"
    partner.submit(f"{url}update/", website="https://moved.example")
    task = db.session.query(models.ApprovalTask).filter_by(customer_id=key, kind=TaskKind.PARTICULARS).one()
    manager = Actor.from_user(db.session.get_one(models.User, organisations.own.users[Role.MANAGER]))
    with history.act_as(manager, "test"):
        referrals.request_information(task, question="Is it theirs?", actor=manager)
        db.session.commit()
    assert ": your answer is required" in partner.get("/partner/").text
    assert "Is it theirs?" in partner.get(url).text
    assert partner.submit(url, answer="It is").status_code == 303
    task = db.session.get_one(models.ApprovalTask, task.id)
    assert (task.waits_for_requester, task.comments[-1].text) == (False, "It is")


def test_what_is_asked_of_staff_is_not_asked_of_the_partner(organisations: TwoOrganisations, partner: Browser):
    make.ApprovalTaskFactory(
        organisation=own_organisation(organisations),
        customer_id=organisations.own.customers[1],
        requester_id=organisations.own.users[Role.AGENT],
        waits_for_requester=True,
    )
    url = f"/partner/customers/{organisations.own.customers[1]}/"
    assert "your answer is required" not in partner.get("/partner/").text
    assert 'name="answer"' not in partner.get(url).text
    assert partner.post(url, {"answer": "Me"}).status_code == 303
    assert db.session.query(models.TaskComment).filter_by(text="Me").count() == 0


def test_a_referral_is_answered(organisations: TwoOrganisations, partner: Browser):
    partner.submit(COMPANY, **FORM_VALUES)
    customer = get_registered()
    url = f"/partner/customers/{customer.id}/"
    assert 'name="answer"' not in partner.get(url).text
    refer_back(organisations, customer.id, "Who signs?\nAnd since when?")
    assert ": your answer is required" in partner.get("/partner/").text
    page = partner.get(url).text
    assert "Who signs?<br>And since when?" in page
    assert "The manager" not in page, "of ours nobody is named"
    assert 'aria-current="step">Referred' in page
    mark = last_change_id()
    for nothing in ("", "  ", "x" * 2001, "a\x00b"):
        answer = partner.submit(url, answer=nothing)
        assert answer.status_code == 422
        assert 'id="answer-error"' in answer.text
    assert changes_since(mark) == []
    form = partner.read_form(url) | {"answer": "Both directors"}
    assert [partner.post(url, form).status_code for _ in range(2)] == [303, 303]
    task = onboarding_task(get_registered())
    assert not task.waits_for_requester
    assert [comment.text for comment in task.comments][2:] == ["Both directors"]
    page = partner.get(url).text
    assert "Both directors" in page
    assert 'name="answer"' not in page
    assert partner.post(url, {"answer": "And more"}).status_code == 303
    assert len(onboarding_task(get_registered()).comments) == 3


def test_a_change_is_asked_for_and_followed(organisations: TwoOrganisations, partner: Browser):
    key = organisations.own.customers[1]
    url = f"/partner/customers/{key}/update/"
    name = db.session.get_one(models.Customer, key).name
    assert partner.read_form(url)["name"] == [name]
    answer = partner.submit(url)
    assert answer.status_code == 422
    assert "No changes entered" in answer.text
    answer = partner.submit(url, contact_number="0815", email="nobody", comment="They moved")
    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert parse_form(answer.text)["contact_number"] == ["0815"]
    assert partner.submit(url, contact_number="0815", comment="They moved").status_code == 303
    task = tasks.find_open_task(db.session.get_one(models.Customer, key), TaskKind.PARTICULARS)
    assert task is not None
    assert {field: proposed_value for field, (_, proposed_value) in task.proposal.items()} == {"contact_number": "0815"}
    page = partner.get(f"/partner/customers/{key}/").text
    assert "The decision is pending" in page
    assert "They moved" in page
    assert "Request a change" not in page, "one at a time"
    again = partner.submit(url, contact_number="0816")
    assert again.status_code == 422
    assert "is already open" in again.text
    manager = Browser(organisations.app, organisations.own.users[Role.MANAGER])
    assert manager.submit(f"/admin/tasks/operation/decline/?id={task.id}", comment="Call us").status_code == 303
    page = partner.get(f"/partner/customers/{key}/").text
    assert "The request was declined." in page
    assert "Call us" in page
    assert db.session.get_one(models.Customer, key).contact_number != "0815"


def test_the_change_form_asks_for_what_fits_the_kind(organisations: TwoOrganisations, partner: Browser):
    dealer = db.session.get_one(models.User, organisations.own.users[Role.PARTNER]).dealer_id
    consumer = make.CustomerFactory(
        organisation=own_organisation(organisations),
        dealer_id=dealer,
        kind=CustomerKind.CONSUMER,
        identity_number="ID 1",
    )
    url = f"/partner/customers/{consumer.id}/update/"
    assert "identity_number" in partner.read_form(url)
    assert "registration_number" not in partner.read_form(url)
    assert partner.submit(url, identity_number="ID 2").status_code == 303
    assert "registration_number" in partner.read_form(f"/partner/customers/{organisations.own.customers[0]}/update/")


# --- Whose it is -------------------------------------------------------------------------------------------


def test_a_customer_of_somebody_else_is_not_there(
    organisations: TwoOrganisations, partner: Browser, other_partner: Browser
):
    foreign_customer_id = organisations.foreign.customers[0]
    without = make.CustomerFactory(organisation=own_organisation(organisations)).id
    make.ApprovalTaskFactory(
        organisation=own_organisation(organisations),
        customer_id=organisations.own.customers[1],
        waits_for_requester=True,
        requester_id=organisations.own.users[Role.PARTNER],
    )
    before = database_contents()
    attempts = [(other_partner, key) for key in organisations.own.customers] + [
        (partner, foreign_customer_id),
        (partner, without),
    ]
    for browser, key in attempts:
        for more in ("", "update/"):
            url = f"/partner/customers/{key}/{more}"
            missing = browser.get(f"/partner/customers/{10**9}/{more}")
            assert browser.get(url).status_code == missing.status_code == 404, url
            answer = browser.post(url, {"answer": "Mine now", "name": "Mine now", "website": "https://mine.example"})
            assert answer.status_code == 404, url
    for key in ("0", "-1", "x", str(2**63), str(2**70), "９"):
        assert partner.get(f"/partner/customers/{key}/").status_code == 404
    assert database_contents() == before
    assert "Our Telecom customer" not in other_partner.get("/partner/").text


def assign_dealer(organisations: TwoOrganisations, key: int, dealer_id: int | None) -> None:
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.Customer, key).dealer_id = dealer_id
        db.session.commit()


def test_comments_and_requests_of_another_dealer_are_not_shown(
    organisations: TwoOrganisations, partner: Browser, other_partner: Browser
):
    """The customer has come to another dealer, as one may by a merge: what stays is what we said."""
    key, dealer = organisations.own.customers[1], db.session.get_one(models.User, other_partner.user_id).dealer_id
    task = make.ApprovalTaskFactory(
        organisation=own_organisation(organisations),
        customer_id=key,
        requester_id=partner.user_id,
        waits_for_requester=True,
    )
    comment_values = {"organisation": own_organisation(organisations), "task_id": task.id}
    make.TaskCommentFactory(**comment_values, user_id=partner.user_id, text="Our secret terms")
    make.TaskCommentFactory(**comment_values, user_id=organisations.own.users[Role.AGENT], text="Who signs?")
    url = f"/partner/customers/{key}/update/"
    assert partner.submit(url, contact_number="0815 42", comment="They ring us only").status_code == 303
    assign_dealer(organisations, key, dealer)
    page = other_partner.get(f"/partner/customers/{key}/").text
    for secret in ("Our secret terms", "0815 42", "They ring us only", "The partner", "Request a change"):
        assert secret not in page
    for secret_text in ("Who signs?", "A change was requested. The decision is pending.", 'name="answer"'):
        assert secret_text in page
    assert other_partner.submit(f"/partner/customers/{key}/", answer="The new owner does").status_code == 303
    assert partner.get(f"/partner/customers/{key}/").status_code == 404
    assign_dealer(organisations, key, db.session.get_one(models.User, partner.user_id).dealer_id)
    page = partner.get(f"/partner/customers/{key}/").text
    assert "The new owner does" not in page
    assert "Our secret terms" in page


def test_one_whose_dealer_is_switched_off_brings_in_nothing_new(organisations: TwoOrganisations, partner: Browser):
    key = organisations.own.customers[1]
    make.ApprovalTaskFactory(
        organisation=own_organisation(organisations),
        customer_id=key,
        requester_id=partner.user_id,
        waits_for_requester=True,
    )
    filled = partner.read_form(COMPANY) | FORM_VALUES
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.User, partner.user_id).dealer.active = False
        db.session.commit()
    home = partner.get("/partner/").text
    assert DEALER_INACTIVE in home
    assert "Our Telecom customer 1" in home
    assert "/partner/register/" not in home
    mark = last_change_id()
    for answer in (partner.get(COMPANY), partner.get(CONSUMER), partner.post(COMPANY, filled)):
        assert (answer.status_code, DEALER_INACTIVE in answer.text) == (403, True)
    assert changes_since(mark) == []
    assert partner.submit(f"/partner/customers/{key}/", answer="We do").status_code == 303
    assert partner.submit(f"/partner/customers/{key}/update/", contact_number="0815").status_code == 303


def test_staff_and_customers_do_not_open_the_pages_of_partners(organisations: TwoOrganisations):
    before = database_contents()
    for role in (Role.ADMIN, Role.MANAGER, Role.AGENT, Role.CUSTOMER):
        browser = Browser(organisations.app, organisations.own.users[role])
        for url in (
            "/partner/",
            COMPANY,
            CONSUMER,
            f"/partner/customers/{organisations.own.customers[0]}/",
            f"/partner/customers/{organisations.own.customers[0]}/update/",
        ):
            assert browser.get(url).status_code == 403, (role, url)
            if url != "/partner/":
                assert browser.post(url, FORM_VALUES | {"answer": "Yes"}).status_code == 403, (role, url)
    assert database_contents() == before


def test_partners_do_not_open_the_pages_of_staff(organisations: TwoOrganisations, partner: Browser):
    for url in (
        "/admin/",
        "/admin/tasks/",
        "/admin/tasks/mine/",
        "/admin/alerts/",
        "/admin/blacklist/",
        "/admin/customers/",
        f"/admin/tasks/details/?id={organisations.own.row_id(models.ApprovalTask)}",
        "/portal/",
    ):
        assert partner.get(url).status_code == 403, url


def test_one_who_gets_another_dealer_code_sees_the_customers_of_that(organisations: TwoOrganisations, partner: Browser):
    with history.act_as(Actor(None, organisations.own.id), "test"):
        other = make.DealerFactory(organisation=own_organisation(organisations)).id
        db.session.get_one(models.User, organisations.own.users[Role.PARTNER]).dealer_id = other
        db.session.commit()
    assert "Our Telecom customer" not in partner.get("/partner/").text
    assert partner.get(f"/partner/customers/{organisations.own.customers[0]}/").status_code == 404


def test_a_declined_customer_says_so(organisations: TwoOrganisations, partner: Browser):
    partner.submit(COMPANY, **FORM_VALUES)
    customer = get_registered()
    manager = Actor.from_user(db.session.get_one(models.User, organisations.own.users[Role.MANAGER]))
    with history.act_as(manager, "test"):
        transitions.change_stage(customer, stages.FAIL, comment="Too many debts", actor=manager)
        db.session.commit()
    page = partner.get(f"/partner/customers/{customer.id}/").text
    assert "Credit check failed" in page
    assert "Too many debts" in page
    assert onboarding_task(get_registered()).state is TaskState.DECLINED
