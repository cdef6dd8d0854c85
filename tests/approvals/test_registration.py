"""Partners register customers, and the policy says who else's need approval."""

from datetime import date

import pytest

from customerhub.approvals import tasks
from customerhub.customers import registration
from customerhub.customers.records import save_customer
from customerhub.errors import Conflict, HubError, Invalid, NotAllowed
from customerhub.permissions import Actor, Permission
from models import BlacklistEntry, Customer
from models.base import db
from models.enums import ApprovalPolicy, CustomerKind, CustomerType, Role, Stage, TaskKind
from tests.approvals.conftest import acting, make_office, prospect
from tests.people import make_user

COMPANY, CONSUMER = CustomerKind.COMPANY, CustomerKind.CONSUMER
USUAL = {"name": "Nordwind Logistik", "contact_name": "Kim Sample"}


def register(office, kind=COMPANY, by=None, **values):
    actor = by or office.partner
    number = {"registration_number": "HRB 1"} if kind is COMPANY else {"identity_number": "ID 1"}
    with acting(actor):
        made = registration.register_customer(kind, **(USUAL | number | values), actor=actor)
        db.session.commit()
    return made


def test_a_registration_is_a_prospect_of_the_dealer_that_waits(office):
    made = register(
        office, email="a@customer.example, b@customer.example", contact_number="+49 30 40485210",
        registration_date=date(2020, 2, 29), customer_type=CustomerType.LLP, website="www.example.com",
        comment=" They know\r\nus ", address="1 Market Street", city="Berlin", postal_code="10115", country="de",
    )  # fmt: skip
    task = office.task(made)
    assert (made.is_prospect, made.kind, made.stage) == (True, COMPANY, Stage.NEW)
    assert made.dealer_id == office.partner.sight.dealer_id
    assert [(c.name, c.email, c.phone) for c in made.contacts] == [
        ("Kim Sample", "a@customer.example", "+49 30 40485210")
    ]
    assert [(a.lines, a.city, a.postal_code, a.country) for a in made.addresses] == [
        ("1 Market Street", "Berlin", "10115", "DE")
    ]
    assert (task.requester_id, task.kind, task.is_open) == (office.partner.id, TaskKind.ONBOARDING, True)
    assert [(c.text, c.user_id) for c in task.comments] == [("They know\nus", office.partner.id)]


@pytest.mark.parametrize(
    "more",
    [{"dealer_id": 1}, {"stage": Stage.BILLING}, {"credit_limit": 5}, {"status_id": 1}, {"billing_reference": "B"},
     {"account_number": "1"}, {"is_prospect": False}, {"organisation_id": 1}],
    ids=str,
)  # fmt: skip
def test_what_a_partner_does_not_decide_is_refused(office, more):
    with pytest.raises(Invalid, match="not told with a registration"):
        register(office, **more)


@pytest.mark.parametrize("kind", list(CustomerKind))
@pytest.mark.parametrize("number", [None, "", "  ", "---", "\u200b", "./-"])
def test_a_registration_needs_a_number(office, kind, number):
    field = "registration_number" if kind is COMPANY else "identity_number"
    with pytest.raises(Invalid) as refused:
        register(office, kind, **{field: number})
    assert refused.value.field == field


@pytest.mark.parametrize(("values", "field"), [
    ({"name": " "}, "name"), ({"contact_name": ""}, "contacts.0.name"), ({"email": "nobody"}, "email"),
    ({"comment": "x" * 2001}, "comment"), ({"comment": "\x00"}, "comment"), ({"country": "Nowhere"}, "addresses"),
    ({"vat_number": "DE1"}, "vat_number"), ({"registration_number": "x" * 41}, "registration_number"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_its_field(office, values, field):
    with pytest.raises(Invalid) as refused:
        register(office, address="1 Market Street", **values)
    assert any(name.startswith(field) for name, _ in refused.value.problems)


@pytest.mark.parametrize("typed", ["HRB 5", "hrb-5", " H.R.B./5 "])
@pytest.mark.parametrize("kind", list(CustomerKind))
def test_a_blacklisted_number_is_refused_without_a_word_of_why(office, kind, typed):
    field = "registration_number" if kind is COMPANY else "identity_number"
    db.session.add(BlacklistEntry(organisation_id=office.id, name="Fraud Ltd", reason="Fraud", **{field: "HRB 5"}))
    db.session.commit()
    with pytest.raises(Invalid) as refused:
        register(office, kind, **{field: typed})
    assert (refused.value.field, refused.value.message) == (field, registration.REFUSED)
    assert "black" not in refused.value.message.lower()
    assert db.session.query(Customer).count() == 0


def test_a_number_that_somebody_has_is_refused_without_telling_whose(office):
    other = Actor.of(make_user(office.organisation, Role.PARTNER))
    known = register(office, by=other, name="Secret Client")
    for typed in ("HRB 1", "hrb/1"):
        with pytest.raises(Conflict) as refused:
            register(office, registration_number=typed)
        db.session.rollback()
        told = refused.value.message
        assert refused.value.field == "registration_number"
        assert not any(text in told for text in (known.name, known.account_number, str(known.id), "Nordwind"))
    register(make_office("Another Telecom"))


def test_whether_there_is_such_a_customer_is_told_and_not_which(office):
    register(office, by=Actor.of(make_user(office.organisation, Role.PARTNER)))
    values = {"name": "Nordwind Logistic GmbH", "email": None, "contact_number": None}
    assert registration.looks_known(values, actor=office.partner) is True
    assert registration.looks_known({"name": "Quite different"}, actor=office.partner) is False
    assert registration.looks_known(values, actor=make_office("Another Telecom").partner) is False
    with pytest.raises(NotAllowed):
        registration.looks_known(values, actor=office.agent)


def test_only_partners_register(office):
    for actor in (office.agent, office.admin, Actor.of(make_user(office.organisation, Role.CUSTOMER))):
        with pytest.raises(NotAllowed):
            register(office, by=actor)
    with pytest.raises(NotAllowed, match="no dealer code"):
        register(office, by=office.system)


def test_one_whose_dealer_is_switched_off_registers_nobody(office):
    office.partner.user.dealer.active = False
    for act in (
        lambda: register(office), lambda: registration.looks_known({"name": "Nordwind"}, actor=office.partner),
    ):  # fmt: skip
        with pytest.raises(NotAllowed, match="Your dealer code is switched off"):
            act()
    assert not office.partner.may(Permission.CONTRACTS_ADD)
    office.partner.user.dealer.active = True
    assert register(office).stage is Stage.NEW


def test_another_dealer_knows_nothing_of_it(office):
    made = register(office)
    task = office.task(made)
    office.move(made, "refer")
    other = Actor.of(make_user(office.organisation, Role.PARTNER))
    with pytest.raises(HubError, match="nothing here that you may see"):
        tasks.answer_task(task, answer="x", actor=other)
    colleague = make_user(office.organisation, Role.PARTNER)
    colleague.dealer_id = office.partner.sight.dealer_id
    db.session.flush()
    tasks.answer_task(task, answer="Ours", actor=Actor.of(colleague))


# --- The policy --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "role", "stage"),
    [
        (ApprovalPolicy.PARTNER, Role.PARTNER, Stage.NEW), (ApprovalPolicy.ALL, Role.PARTNER, Stage.NEW),
        (ApprovalPolicy.PARTNER, Role.AGENT, Stage.BILLING), (ApprovalPolicy.ALL, Role.AGENT, Stage.NEW),
        (ApprovalPolicy.PARTNER, Role.ADMIN, Stage.BILLING), (ApprovalPolicy.ALL, Role.ADMIN, Stage.NEW),
        (ApprovalPolicy.PARTNER, None, Stage.BILLING), (ApprovalPolicy.ALL, None, Stage.NEW),
    ],
)  # fmt: skip
def test_who_needs_approval(office, policy, role, stage):
    office.organisation.approval_policy = policy
    people = {Role.PARTNER: office.partner, Role.AGENT: office.agent, Role.ADMIN: office.admin, None: office.system}
    actor = people[role]
    if role is Role.PARTNER:
        made = register(office)
    else:
        with acting(actor):
            made = save_customer(prospect(office), actor=actor)
    task = tasks.find_latest(made, TaskKind.ONBOARDING)
    assert made.stage is stage
    assert (task is not None) is (stage is Stage.NEW)
    assert task is None or task.requester_id == actor.id
