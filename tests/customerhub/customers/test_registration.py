"""Partners register customers, and the policy says who else's need approval."""

from datetime import date

import pytest

from customerhub.approvals import referrals, tasks
from customerhub.core.errors import Conflict, HubError, Invalid, NotAllowed
from customerhub.core.permissions import Actor, Permission
from customerhub.customers import registration
from customerhub.customers.records import save_customer
from models import BlacklistEntry, Customer
from models.base import db
from models.enums import ApprovalPolicy, CustomerKind, CustomerType, Role, Stage, TaskKind
from tests.customerhub.approvals.conftest import acting, build_prospect, make_approval_org
from tests.support.people import make_user

COMPANY, CONSUMER = CustomerKind.COMPANY, CustomerKind.CONSUMER
DEFAULTS = {"name": "Nordwind Logistik", "contact_name": "Kim Sample"}


def register_prospect(approval_org, kind=COMPANY, by=None, **values):
    actor = by or approval_org.partner
    number = {"registration_number": "HRB 1"} if kind is COMPANY else {"identity_number": "ID 1"}
    with acting(actor):
        customer = registration.register_customer(kind, **(DEFAULTS | number | values), actor=actor)
        db.session.commit()
    return customer


def test_a_registration_is_a_prospect_of_the_dealer_that_waits(approval_org):
    customer = register_prospect(
        approval_org,
        email="a@customer.example, b@customer.example",
        contact_number="+49 30 40485210",
        registration_date=date(2020, 2, 29),
        customer_type=CustomerType.LLP,
        website="www.example.com",
        comment=" They know\r\nus ",
        address="1 Market Street",
        city="Berlin",
        postal_code="10115",
        country="de",
    )
    task = approval_org.task_of(customer)
    assert (customer.is_prospect, customer.kind, customer.stage) == (True, COMPANY, Stage.NEW)
    assert customer.dealer_id == approval_org.partner.access_scope.dealer_id
    assert [(c.name, c.email, c.phone) for c in customer.contacts] == [
        ("Kim Sample", "a@customer.example", "+49 30 40485210")
    ]
    assert [(a.lines, a.city, a.postal_code, a.country) for a in customer.addresses] == [
        ("1 Market Street", "Berlin", "10115", "DE")
    ]
    assert (task.requester_id, task.kind, task.is_open) == (approval_org.partner.id, TaskKind.ONBOARDING, True)
    assert [(c.text, c.user_id) for c in task.comments] == [("They know\nus", approval_org.partner.id)]


@pytest.mark.parametrize(
    "more",
    [
        {"dealer_id": 1},
        {"stage": Stage.BILLING},
        {"credit_limit": 5},
        {"status_id": 1},
        {"billing_reference": "B"},
        {"account_number": "1"},
        {"is_prospect": False},
        {"organisation_id": 1},
    ],
    ids=str,
)
def test_what_a_partner_does_not_decide_is_refused(approval_org, more):
    with pytest.raises(Invalid, match="Not allowed in a registration"):
        register_prospect(approval_org, **more)


@pytest.mark.parametrize("kind", list(CustomerKind))
@pytest.mark.parametrize("number", [None, "", "  ", "---", "\u200b", "./-"])
def test_a_registration_needs_a_number(approval_org, kind, number):
    field = "registration_number" if kind is COMPANY else "identity_number"
    with pytest.raises(Invalid) as error_info:
        register_prospect(approval_org, kind, **{field: number})
    assert error_info.value.field == field


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"contact_name": ""}, "contacts.0.name"),
        ({"email": "nobody"}, "email"),
        ({"comment": "x" * 2001}, "comment"),
        ({"comment": "\x00"}, "comment"),
        ({"country": "Nowhere"}, "addresses"),
        ({"vat_number": "DE1"}, "vat_number"),
        ({"registration_number": "x" * 41}, "registration_number"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(approval_org, values, field):
    with pytest.raises(Invalid) as error_info:
        register_prospect(approval_org, address="1 Market Street", **values)
    assert any(name.startswith(field) for name, _ in error_info.value.problems)


@pytest.mark.parametrize("written_number", ["HRB 5", "hrb-5", " H.R.B./5 "])
@pytest.mark.parametrize("kind", list(CustomerKind))
def test_a_blacklisted_number_is_refused_without_a_word_of_why(approval_org, kind, written_number):
    field = "registration_number" if kind is COMPANY else "identity_number"
    db.session.add(
        BlacklistEntry(organisation_id=approval_org.id, name="Fraud Ltd", reason="Fraud", **{field: "HRB 5"})
    )
    db.session.commit()
    with pytest.raises(Invalid) as error_info:
        register_prospect(approval_org, kind, **{field: written_number})
    assert (error_info.value.field, error_info.value.message) == (field, registration.NUMBER_REFUSED)
    assert "black" not in error_info.value.message.lower()
    assert db.session.query(Customer).count() == 0


def test_a_taken_number_is_refused_without_naming_whose(approval_org):
    other = Actor.from_user(make_user(approval_org.organisation, Role.PARTNER))
    existing_customer = register_prospect(approval_org, by=other, name="Secret Client")
    for written_number in ("HRB 1", "hrb/1"):
        with pytest.raises(Conflict) as error_info:
            register_prospect(approval_org, registration_number=written_number)
        db.session.rollback()
        message = error_info.value.message
        assert error_info.value.field == "registration_number"
        assert not any(
            text in message
            for text in (
                existing_customer.name,
                existing_customer.account_number,
                str(existing_customer.id),
                "Nordwind",
            )
        )
    register_prospect(make_approval_org("Another Telecom"))


def test_a_possible_duplicate_is_reported_without_naming_it(approval_org):
    register_prospect(approval_org, by=Actor.from_user(make_user(approval_org.organisation, Role.PARTNER)))
    values = {"name": "Nordwind Logistic GmbH", "email": None, "contact_number": None}
    assert registration.has_possible_duplicate(values, actor=approval_org.partner) is True
    assert registration.has_possible_duplicate({"name": "Quite different"}, actor=approval_org.partner) is False
    assert registration.has_possible_duplicate(values, actor=make_approval_org("Another Telecom").partner) is False
    with pytest.raises(NotAllowed):
        registration.has_possible_duplicate(values, actor=approval_org.agent)


def test_only_partners_register(approval_org):
    for actor in (
        approval_org.agent,
        approval_org.admin,
        Actor.from_user(make_user(approval_org.organisation, Role.CUSTOMER)),
    ):
        with pytest.raises(NotAllowed):
            register_prospect(approval_org, by=actor)
    with pytest.raises(NotAllowed, match="no dealer code"):
        register_prospect(approval_org, by=approval_org.system)


def test_one_whose_dealer_is_switched_off_registers_nobody(approval_org):
    approval_org.partner.user.dealer.active = False
    for act in (
        lambda: register_prospect(approval_org),
        lambda: registration.has_possible_duplicate({"name": "Nordwind"}, actor=approval_org.partner),
    ):
        with pytest.raises(NotAllowed, match="Your dealer code is inactive"):
            act()
    assert not approval_org.partner.has_permission(Permission.CONTRACTS_ADD)
    approval_org.partner.user.dealer.active = True
    assert register_prospect(approval_org).stage is Stage.NEW


def test_another_dealer_knows_nothing_of_it(approval_org):
    customer = register_prospect(approval_org)
    task = approval_org.task_of(customer)
    approval_org.move_customer(customer, "refer")
    other = Actor.from_user(make_user(approval_org.organisation, Role.PARTNER))
    with pytest.raises(HubError, match="do not have access"):
        referrals.answer_task(task, answer="x", actor=other)
    colleague = make_user(approval_org.organisation, Role.PARTNER)
    colleague.dealer_id = approval_org.partner.access_scope.dealer_id
    db.session.flush()
    referrals.answer_task(task, answer="Ours", actor=Actor.from_user(colleague))


# --- The policy --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "role", "stage"),
    [
        (ApprovalPolicy.PARTNER, Role.PARTNER, Stage.NEW),
        (ApprovalPolicy.ALL, Role.PARTNER, Stage.NEW),
        (ApprovalPolicy.PARTNER, Role.AGENT, Stage.BILLING),
        (ApprovalPolicy.ALL, Role.AGENT, Stage.NEW),
        (ApprovalPolicy.PARTNER, Role.ADMIN, Stage.BILLING),
        (ApprovalPolicy.ALL, Role.ADMIN, Stage.NEW),
        (ApprovalPolicy.PARTNER, None, Stage.BILLING),
        (ApprovalPolicy.ALL, None, Stage.NEW),
    ],
)
def test_who_needs_approval(approval_org, policy, role, stage):
    approval_org.organisation.approval_policy = policy
    people = {
        Role.PARTNER: approval_org.partner,
        Role.AGENT: approval_org.agent,
        Role.ADMIN: approval_org.admin,
        None: approval_org.system,
    }
    actor = people[role]
    if role is Role.PARTNER:
        new_customer = register_prospect(approval_org)
    else:
        with acting(actor):
            new_customer = save_customer(build_prospect(approval_org), actor=actor)
    task = tasks.find_latest_task(new_customer, TaskKind.ONBOARDING)
    assert new_customer.stage is stage
    assert (task is not None) is (stage is Stage.NEW)
    assert task is None or task.requester_id == actor.id
