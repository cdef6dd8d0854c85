"""What partners see and do: their own customers only, and nothing about those of others."""

import re

import pytest
from sqlalchemy import select

import models
from customerhub import history
from customerhub.approvals import moves, stages, tasks
from customerhub.customers.registration import ALIKE, REFUSED, SWITCHED_OFF
from customerhub.permissions import Actor
from models.base import db
from models.enums import CustomerKind, Role, Stage, TaskKind, TaskState
from tests import factories as make
from tests.browsing import Browser, form_of
from tests.views.watching import changes_since, contents, last_change
from tests.world import World
from views import once
from views.partner import PAGE

COMPANY, CONSUMER = "/partner/register/company/", "/partner/register/consumer/"
FILLED = {
    "name": "Sandbank Surf & Sail", "registration_number": "HRB 77 120", "registration_date": "2019-03-04",
    "customer_type": "private limited", "vat_number": "DE136695976", "website": "sandbank.example",
    "contact_name": "Jonas Petersen", "email": "office@sandbank.example", "contact_number": "+49 4651 990",
    "address": "Strandweg 3", "postal_code": "25980", "city": "Sylt", "country": "DE", "comment": "Soon, please.",
}  # fmt: skip


@pytest.fixture
def partner(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.PARTNER])


@pytest.fixture
def other_partner(world: World) -> Browser:
    """Somebody of another dealer of the same organisation."""
    dealer = make.DealerFactory(organisation=owner(world))
    return Browser(world.app, make.UserFactory(organisation=owner(world), role=Role.PARTNER, dealer_id=dealer.id).id)


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def registered(name: str = FILLED["name"]) -> models.Customer:
    return db.session.scalars(select(models.Customer).where(models.Customer.name == name)).one()


def onboarding(customer: models.Customer) -> models.ApprovalTask:
    task = tasks.find_latest(customer, TaskKind.ONBOARDING)
    assert task is not None
    return task


def refer(world: World, key: int, question: str = "Who signs?") -> None:
    """A manager asks something back."""
    manager = Actor.of(db.session.get_one(models.User, world.ours.users[Role.MANAGER]))
    with history.acting(manager, "test"):
        customer = db.session.get_one(models.Customer, key)
        moves.move_customer(customer, stages.BY_NAME["refer"], comment=question, actor=manager)
        db.session.commit()


def with_stages(world: World) -> dict[Stage, list[models.Customer]]:
    """Further customers of the partner's dealer, two in each stage."""
    dealer = db.session.get_one(models.User, world.ours.users[Role.PARTNER]).dealer_id
    return {
        stage: [make.CustomerFactory(organisation=owner(world), dealer_id=dealer, stage=stage) for _ in range(2)]
        for stage in Stage
    }


# --- The list ----------------------------------------------------------------------------------------------


def test_the_list_goes_by_stage_and_tells_how_many_there_are(world: World, partner: Browser):
    made = with_stages(world)
    before = {stage: len(rows) for stage, rows in made.items()}
    before[db.session.get_one(models.Customer, world.ours.customers[0]).stage] += 3
    page = partner.get("/partner/").text
    for label, count in (("All", 13), ("Being checked", before[Stage.NEW]), ("Referred", before[Stage.REFERRED]),
                         ("Passed", before[Stage.PASSED]), ("Not accepted", before[Stage.FAILED]),
                         ("Live", before[Stage.BILLING])):  # fmt: skip
        assert re.search(rf'>{label}<span class="count">{count}</span>', page), label
    for stage in Stage:
        page = partner.get(f"/partner/?stage={stage.value}").text
        shown = [customer.name for rows in made.values() for customer in rows if f">{customer.name}<" in page]
        assert shown == [customer.name for customer in made[stage]], stage


def test_live_customers_tell_how_they_pay(world: World, partner: Browser):
    dealer = db.session.get_one(models.User, world.ours.users[Role.PARTNER]).dealer_id
    method = make.PaymentMethodFactory(organisation=owner(world), name="By pigeon")
    make.CustomerFactory(
        organisation=owner(world), dealer_id=dealer, stage=Stage.BILLING, payment_method_id=method.id,
        registration_number="HRB 5150",
    )  # fmt: skip
    page = partner.get("/partner/?stage=Billing").text
    assert "By pigeon" in page
    assert "HRB 5150" in page


def test_a_long_list_has_pages(world: World, partner: Browser):
    dealer = db.session.get_one(models.User, world.ours.users[Role.PARTNER]).dealer_id
    for number in range(PAGE):
        make.CustomerFactory(organisation=owner(world), dealer_id=dealer, name=f"Many {number:02d}")
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


def test_one_without_customers_is_told_what_to_do(world: World, other_partner: Browser):
    assert "No customers yet" in other_partner.get("/partner/").text


# --- Registering -------------------------------------------------------------------------------------------


def test_a_company_is_registered_and_waits_for_approval(world: World, partner: Browser):
    answer = partner.submit(COMPANY, **FILLED)
    made = registered()
    assert (answer.status_code, answer.location) == (303, f"/partner/customers/{made.id}/")
    assert (made.stage, made.is_prospect, made.kind) == (Stage.NEW, True, CustomerKind.COMPANY)
    assert made.dealer_id == db.session.get_one(models.User, world.ours.users[Role.PARTNER]).dealer_id
    assert (made.website, made.vat_number, str(made.registration_date)) == (
        "https://sandbank.example", "DE136695976", "2019-03-04"
    )  # fmt: skip
    assert [(c.name, c.email, c.phone) for c in made.contacts] == [
        ("Jonas Petersen", "office@sandbank.example", "+49 4651 990")
    ]
    assert [(a.lines, a.city, a.country) for a in made.addresses] == [("Strandweg 3", "Sylt", "DE")]
    task = onboarding(made)
    assert task.requester_id == partner.user_id
    assert [comment.text for comment in task.comments] == ["Soon, please."]
    page = partner.get(answer.location).text
    assert "was registered" in page
    assert "Soon, please." in page


def test_a_consumer_needs_an_identity_number(world: World, partner: Browser):
    entered = {"name": "Kim Novak", "contact_name": "Kim Novak"}
    assert partner.submit(CONSUMER, **entered).status_code == 422
    assert partner.submit(CONSUMER, **entered, identity_number="ID 4711").status_code == 303
    made = registered("Kim Novak")
    assert (made.kind, made.identity_number, made.registration_number) == (CustomerKind.CONSUMER, "ID 4711", None)


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("name", "", "This is needed"), ("name", " ", "This is needed"), ("name", "x" * 201, "200 characters"),
        ("name", "a\x07b", "cannot be shown"), ("registration_number", "", "This is needed"),
        ("registration_number", "...", "This is needed"), ("contact_name", "", "This is needed"),
        ("email", "nobody", "is not an email address"), ("website", "javascript:alert(1)", "is not a web address"),
        ("registration_date", "30.02.2025", "Not a valid date"), ("registration_date", "0001-01-01", "out of reach"),
        ("customer_type", "alien", "Choose one from the list"), ("country", "XX", "country"),
        ("vat_number", "x" * 41, "40 characters"), ("postal_code", "x" * 21, "20 characters"),
        ("city", "x" * 121, "120 characters"), ("address", "x" * 201, "200 characters"),
        ("comment", "x" * 2001, "2000 characters"), ("comment", "a\x00b", "cannot be shown"),
        ("contact_number", "x" * 61, "60 characters"),
    ],
)  # fmt: skip
def test_a_refusal_stands_at_its_field_and_nothing_is_lost(
    world: World, partner: Browser, field: str, text: str, told: str
):
    mark = last_change()
    answer = partner.submit(COMPANY, **FILLED | {field: text})
    assert answer.status_code == 422
    assert changes_since(mark) == []
    error = re.search(rf'id="{field}-error">([^<]*)<', answer.text)
    assert error is not None, f"{field}: not beside the field"
    assert told in error[1]
    again = form_of(answer.text)
    for name, value in FILLED.items():
        if name != field:
            assert again[name] == [value], name
    assert partner.post(COMPANY, again | {field: FILLED[field]}).status_code == 303


def test_a_number_of_somebody_elses_customer_is_refused_without_telling_whose(world: World, partner: Browser):
    known = make.CustomerFactory(organisation=owner(world), registration_number="HRB 77-120", name="Secret Client")
    answer = partner.submit(COMPANY, **FILLED)
    assert answer.status_code == 422
    assert 'id="registration_number-error"' in answer.text
    for told in (known.name, known.account_number, f"customers/{known.id}"):
        assert told not in answer.text


def test_a_likely_duplicate_is_told_without_telling_whose(world: World, partner: Browser):
    known = make.CustomerFactory(organisation=owner(world), name="Sandbank Surf and Sail Ltd", reference="SECRET-1")
    mark = last_change()
    answer = partner.submit(COMPANY, **FILLED)
    assert answer.status_code == 422
    assert ALIKE in answer.text
    assert changes_since(mark) == []
    for told in (known.name, known.account_number, "SECRET-1"):
        assert told not in answer.text
    again = form_of(answer.text)
    assert {name: again[name][0] for name in FILLED} == FILLED
    assert 'name="sure"' in answer.text
    assert partner.post(COMPANY, again).status_code == 422
    assert partner.post(COMPANY, again | {"sure": "y"}).status_code == 303
    assert registered().id != known.id


def test_the_box_for_duplicates_shows_only_where_it_is_needed(world: World, partner: Browser):
    assert 'name="sure"' not in partner.get(COMPANY).text
    assert 'name="sure"' not in partner.submit(COMPANY, name="").text


@pytest.mark.parametrize("number", ["HRB 77 120", "hrb77120", "HRB-77-120"])
def test_a_blacklisted_number_is_refused(world: World, partner: Browser, number: str):
    make.BlacklistEntryFactory(organisation=owner(world), registration_number="HRB 77 120", reason="Fraud in 2019")
    mark = last_change()
    answer = partner.submit(COMPANY, **FILLED | {"registration_number": number, "sure": "y"})
    assert answer.status_code == 422
    assert REFUSED in re.search(r'id="registration_number-error">([^<]*)<', answer.text)[1]
    assert "Fraud" not in answer.text
    assert changes_since(mark) == []


def test_a_form_that_is_sent_twice_registers_once(world: World, partner: Browser):
    form = partner.form(COMPANY) | FILLED
    first, second = partner.post(COMPANY, form), partner.post(COMPANY, form)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location == f"/partner/customers/{registered().id}/"
    other = partner.post(COMPANY, form | {"name": "Something else"})
    assert other.status_code == 422
    assert once.OTHERWISE in other.text
    assert len(list(db.session.scalars(select(models.Customer).where(models.Customer.name == "Something else")))) == 0


# --- One customer ------------------------------------------------------------------------------------------


def test_a_referral_is_answered(world: World, partner: Browser):
    partner.submit(COMPANY, **FILLED)
    made = registered()
    url = f"/partner/customers/{made.id}/"
    assert 'name="answer"' not in partner.get(url).text
    refer(world, made.id, "Who signs?\nAnd since when?")
    assert "waits for your answer" in partner.get("/partner/").text
    page = partner.get(url).text
    assert "Who signs?<br>And since when?" in page
    assert "The manager" not in page, "of ours nobody is named"
    assert 'aria-current="step">Referred' in page
    mark = last_change()
    for nothing in ("", "  ", "x" * 2001, "a\x00b"):
        answer = partner.submit(url, answer=nothing)
        assert answer.status_code == 422
        assert 'id="answer-error"' in answer.text
    assert changes_since(mark) == []
    form = partner.form(url) | {"answer": "Both directors"}
    assert [partner.post(url, form).status_code for _ in range(2)] == [303, 303]
    task = onboarding(registered())
    assert not task.waits_for_requester
    assert [comment.text for comment in task.comments][2:] == ["Both directors"]
    page = partner.get(url).text
    assert "Both directors" in page
    assert 'name="answer"' not in page
    assert partner.post(url, {"answer": "And more"}).status_code == 303
    assert len(onboarding(registered()).comments) == 3


def test_a_change_is_asked_for_and_followed(world: World, partner: Browser):
    key = world.ours.customers[1]
    url = f"/partner/customers/{key}/update/"
    name = db.session.get_one(models.Customer, key).name
    assert partner.form(url)["name"] == [name]
    answer = partner.submit(url)
    assert answer.status_code == 422
    assert "Nothing would change" in answer.text
    answer = partner.submit(url, contact_number="0815", email="nobody", comment="They moved")
    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert form_of(answer.text)["contact_number"] == ["0815"]
    assert partner.submit(url, contact_number="0815", comment="They moved").status_code == 303
    task = tasks.find_open(db.session.get_one(models.Customer, key), TaskKind.PARTICULARS)
    assert task is not None
    assert {field: wanted for field, (_, wanted) in task.proposal.items()} == {"contact_number": "0815"}
    page = partner.get(f"/partner/customers/{key}/").text
    assert "It waits for a decision" in page
    assert "They moved" in page
    assert "Ask for a change" not in page, "one at a time"
    again = partner.submit(url, contact_number="0816")
    assert again.status_code == 422
    assert "asked for already" in again.text
    manager = Browser(world.app, world.ours.users[Role.MANAGER])
    assert manager.submit(f"/admin/tasks/operation/decline/?id={task.id}", comment="Call us").status_code == 303
    page = partner.get(f"/partner/customers/{key}/").text
    assert "It was declined." in page
    assert "Call us" in page
    assert db.session.get_one(models.Customer, key).contact_number != "0815"


def test_the_change_form_asks_for_what_fits_the_kind(world: World, partner: Browser):
    dealer = db.session.get_one(models.User, world.ours.users[Role.PARTNER]).dealer_id
    consumer = make.CustomerFactory(
        organisation=owner(world), dealer_id=dealer, kind=CustomerKind.CONSUMER, identity_number="ID 1"
    )
    url = f"/partner/customers/{consumer.id}/update/"
    assert "identity_number" in partner.form(url)
    assert "registration_number" not in partner.form(url)
    assert partner.submit(url, identity_number="ID 2").status_code == 303
    assert "registration_number" in partner.form(f"/partner/customers/{world.ours.customers[0]}/update/")


# --- Whose it is -------------------------------------------------------------------------------------------


def test_a_customer_of_somebody_else_is_not_there(world: World, partner: Browser, other_partner: Browser):
    theirs = world.theirs.customers[0]
    without = make.CustomerFactory(organisation=owner(world)).id
    make.ApprovalTaskFactory(
        organisation=owner(world), customer_id=world.ours.customers[1], waits_for_requester=True,
        requester_id=world.ours.users[Role.PARTNER],
    )  # fmt: skip
    before = contents()
    asked = [(other_partner, key) for key in world.ours.customers] + [(partner, theirs), (partner, without)]
    for browser, key in asked:
        for more in ("", "update/"):
            url = f"/partner/customers/{key}/{more}"
            missing = browser.get(f"/partner/customers/{10**9}/{more}")
            assert browser.get(url).status_code == missing.status_code == 404, url
            answer = browser.post(url, {"answer": "Mine now", "name": "Mine now", "website": "https://mine.example"})
            assert answer.status_code == 404, url
    for key in ("0", "-1", "x", str(2**63), str(2**70), "９"):
        assert partner.get(f"/partner/customers/{key}/").status_code == 404
    assert contents() == before
    assert "Our Telecom customer" not in other_partner.get("/partner/").text


def give(world: World, key: int, dealer_id: int | None) -> None:
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(models.Customer, key).dealer_id = dealer_id
        db.session.commit()


def test_what_another_dealer_said_and_asked_for_is_not_told(world: World, partner: Browser, other_partner: Browser):
    """The customer has come to another dealer, as one may by a merge: what stays is what we said."""
    key, dealer = world.ours.customers[1], db.session.get_one(models.User, other_partner.user_id).dealer_id
    task = make.ApprovalTaskFactory(
        organisation=owner(world), customer_id=key, requester_id=partner.user_id, waits_for_requester=True
    )
    said = {"organisation": owner(world), "task_id": task.id}
    make.TaskCommentFactory(**said, user_id=partner.user_id, text="Our secret terms")
    make.TaskCommentFactory(**said, user_id=world.ours.users[Role.AGENT], text="Who signs?")
    url = f"/partner/customers/{key}/update/"
    assert partner.submit(url, contact_number="0815 42", comment="They ring us only").status_code == 303
    give(world, key, dealer)
    page = other_partner.get(f"/partner/customers/{key}/").text
    for secret in ("Our secret terms", "0815 42", "They ring us only", "The partner", "Ask for a change"):
        assert secret not in page
    for told in ("Who signs?", "Somebody asked for a change. It waits for a decision.", 'name="answer"'):
        assert told in page
    assert other_partner.submit(f"/partner/customers/{key}/", answer="The new owner does").status_code == 303
    assert partner.get(f"/partner/customers/{key}/").status_code == 404
    give(world, key, db.session.get_one(models.User, partner.user_id).dealer_id)
    page = partner.get(f"/partner/customers/{key}/").text
    assert "The new owner does" not in page
    assert "Our secret terms" in page


def test_one_whose_dealer_is_switched_off_brings_in_nothing_new(world: World, partner: Browser):
    key = world.ours.customers[1]
    make.ApprovalTaskFactory(
        organisation=owner(world), customer_id=key, requester_id=partner.user_id, waits_for_requester=True
    )
    filled = partner.form(COMPANY) | FILLED
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(models.User, partner.user_id).dealer.active = False
        db.session.commit()
    home = partner.get("/partner/").text
    assert SWITCHED_OFF in home
    assert "Our Telecom customer 1" in home
    assert "/partner/register/" not in home
    mark = last_change()
    for answer in (partner.get(COMPANY), partner.get(CONSUMER), partner.post(COMPANY, filled)):
        assert (answer.status_code, SWITCHED_OFF in answer.text) == (403, True)
    assert changes_since(mark) == []
    assert partner.submit(f"/partner/customers/{key}/", answer="We do").status_code == 303
    assert partner.submit(f"/partner/customers/{key}/update/", contact_number="0815").status_code == 303


def test_staff_and_customers_do_not_open_the_pages_of_partners(world: World):
    before = contents()
    for role in (Role.ADMIN, Role.MANAGER, Role.AGENT, Role.CUSTOMER):
        browser = Browser(world.app, world.ours.users[role])
        for url in ("/partner/", COMPANY, CONSUMER, f"/partner/customers/{world.ours.customers[0]}/",
                    f"/partner/customers/{world.ours.customers[0]}/update/"):  # fmt: skip
            assert browser.get(url).status_code == 403, (role, url)
            if url != "/partner/":
                assert browser.post(url, FILLED | {"answer": "Yes"}).status_code == 403, (role, url)
    assert contents() == before


def test_partners_do_not_open_the_pages_of_staff(world: World, partner: Browser):
    for url in ("/admin/", "/admin/tasks/", "/admin/tasks/mine/", "/admin/alerts/", "/admin/blacklist/",
                "/admin/customers/", f"/admin/tasks/details/?id={world.ours.row(models.ApprovalTask)}",
                "/portal/"):  # fmt: skip
        assert partner.get(url).status_code == 403, url


def test_one_who_gets_another_dealer_code_sees_the_customers_of_that(world: World, partner: Browser):
    with history.acting(Actor(None, world.ours.id), "test"):
        other = make.DealerFactory(organisation=owner(world)).id
        db.session.get_one(models.User, world.ours.users[Role.PARTNER]).dealer_id = other
        db.session.commit()
    assert "Our Telecom customer" not in partner.get("/partner/").text
    assert partner.get(f"/partner/customers/{world.ours.customers[0]}/").status_code == 404


@pytest.mark.parametrize("kind", ["alien", "Company", "company%20", "0"])
def test_there_are_two_kinds_to_register(world: World, partner: Browser, kind: str):
    assert partner.get(f"/partner/register/{kind}/").status_code == 404
    assert partner.post(f"/partner/register/{kind}/", FILLED).status_code == 404


def test_a_declined_customer_says_so(world: World, partner: Browser):
    partner.submit(COMPANY, **FILLED)
    made = registered()
    manager = Actor.of(db.session.get_one(models.User, world.ours.users[Role.MANAGER]))
    with history.acting(manager, "test"):
        moves.move_customer(made, stages.BY_NAME["fail"], comment="Too many debts", actor=manager)
        db.session.commit()
    page = partner.get(f"/partner/customers/{made.id}/").text
    assert "Not accepted" in page
    assert "Too many debts" in page
    assert onboarding(registered()).state is TaskState.DECLINED
