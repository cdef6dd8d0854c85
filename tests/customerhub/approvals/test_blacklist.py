"""Who is blacklisted stays out, by whatever path, until a removal is approved."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from customerhub.approvals import blacklist
from customerhub.core import clock
from customerhub.core.errors import Conflict, HubError, Invalid, NotAllowed, WrongState
from customerhub.customers import approval_decisions
from customerhub.customers.alerts import list_alerts
from customerhub.customers.merging import merge_customers
from customerhub.customers.records import save_customer, save_record
from models import BlacklistEntry, Customer
from models.base import db
from models.enums import AlertRule, CustomerKind, Stage, TaskKind
from seed.reference import seed_reference
from seed.synthesize import synthesize
from tests.customerhub.approvals.conftest import acting, build_prospect, list_history, make_approval_org
from tests.support.people import make_organisation

TODAY = clock.get_today()


def add_entry(approval_org, **values) -> BlacklistEntry:
    blacklist_entry = BlacklistEntry(organisation_id=approval_org.id, name="Somebody", reason="Fraud", **values)
    db.session.add(blacklist_entry)
    db.session.commit()
    return blacklist_entry


def blacklist_customer(approval_org, customer, **details):
    """Have a customer blacklisted as it is done: one asks, another decides."""
    with acting(approval_org.agent):
        task = blacklist.request_blacklisting(customer, reason="Fraud", actor=approval_org.agent, **details)
    with acting(approval_org.manager):
        approval_decisions.approve_task(task, actor=approval_org.manager)
    db.session.commit()
    return task


def remove_from_blacklist(approval_org, customer):
    with acting(approval_org.agent):
        task = blacklist.request_removal(customer, reason="Paid", actor=approval_org.agent)
    with acting(approval_org.manager):
        approval_decisions.approve_task(task, actor=approval_org.manager)
    db.session.commit()


def has_blacklist_alert(customer) -> bool:
    return AlertRule.BLACKLISTED in {alert.rule for alert in list_alerts(customer, as_of=TODAY)}


def assert_refused(approval_org, customer, *move_names):
    for name in move_names:
        with pytest.raises(WrongState, match="blacklisted and cannot be approved"):
            approval_org.move_customer(customer, name)
        db.session.rollback()


def test_one_asks_and_another_decides(approval_org):
    customer = approval_org.make_customer(identity_number="ID 1")
    task = blacklist.request_blacklisting(customer, reason=" Fraud ", actor=approval_org.manager)
    for actor in (approval_org.manager, approval_org.agent):
        with pytest.raises(NotAllowed):
            approval_decisions.approve_task(task, actor=actor)
    assert blacklist.list_entries(customer, as_of=TODAY) == []
    approval_decisions.approve_task(task, comment="Seen", actor=approval_org.admin)
    [blacklist_entry] = blacklist.list_entries(customer, as_of=TODAY)
    assert (blacklist_entry.reason, blacklist_entry.customer_id, blacklist_entry.identity_key) == (
        "Fraud",
        customer.id,
        "ID1",
    )
    assert list_history(customer.id, "blacklist_entry")[0].reason == "Fraud"
    assert has_blacklist_alert(customer)
    with pytest.raises(WrongState, match="already blacklisted"):
        blacklist.request_blacklisting(customer, reason="Fraud", actor=approval_org.manager)


def test_what_was_declined_has_no_effect(approval_org):
    customer = approval_org.make_customer()
    with pytest.raises(WrongState, match="is not blacklisted"):
        blacklist.request_removal(customer, reason="Paid", actor=approval_org.agent)
    task = blacklist.request_blacklisting(customer, reason="Fraud", actor=approval_org.agent)
    approval_decisions.decline_task(task, comment="No", actor=approval_org.manager)
    approval_org.move_customer(customer, "pass")
    assert not has_blacklist_alert(customer)


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 2001}, "reason"),
        ({"reason": "\x07"}, "reason"),
        ({"valid_until": TODAY - timedelta(days=2)}, "valid_until"),
        ({"valid_until": date(2200, 1, 1)}, "valid_until"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_field(approval_org, details, field):
    with pytest.raises(Invalid) as refusal:
        blacklist.request_blacklisting(
            approval_org.make_customer(), **({"reason": "Fraud"} | details), actor=approval_org.agent
        )
    assert refusal.value.field == field


def test_partners_and_strangers_ask_nothing(approval_org):
    customer = approval_org.make_customer()
    for actor in (approval_org.partner, make_approval_org("Another Telecom").manager):
        with pytest.raises(HubError):
            blacklist.request_blacklisting(customer, reason="Fraud", actor=actor)


@pytest.mark.parametrize("stage", [Stage.NEW, Stage.REFERRED])
def test_a_blacklisted_customer_passes_nothing(approval_org, stage):
    customer = approval_org.make_customer(stage)
    blacklist_customer(approval_org, customer)
    assert_refused(approval_org, customer, "pass")
    with pytest.raises(WrongState, match="blacklisted"):
        approval_decisions.approve_task(approval_org.task_of(customer), actor=approval_org.manager)
    db.session.rollback()
    approval_org.move_customer(customer, "fail")  # no is no approval
    remove_from_blacklist(approval_org, customer)
    approval_org.move_customer(customer, "refer")
    approval_org.move_customer(customer, "pass")


def test_one_that_passed_before_does_not_go_live(approval_org):
    customer = approval_org.make_customer(Stage.PASSED)
    blacklist_customer(approval_org, customer)
    assert_refused(approval_org, customer, "bill")
    remove_from_blacklist(approval_org, customer)
    approval_org.move_customer(customer, "bill")
    assert customer.stage is Stage.BILLING


def test_a_re_check_of_a_blacklisted_customer_is_not_approved(approval_org):
    customer = approval_org.make_customer(Stage.BILLING)
    customer.name = "Renamed"
    save_customer(customer, actor=approval_org.system)
    blacklist_customer(approval_org, customer)
    task = approval_org.task_of(customer, TaskKind.RECHECK)
    with pytest.raises(WrongState, match="blacklisted"):
        approval_decisions.approve_task(task, actor=approval_org.manager)
    approval_decisions.decline_task(task, comment="Blacklisted", actor=approval_org.manager)


@pytest.mark.parametrize("field", ["identity_number", "registration_number"])
@pytest.mark.parametrize(
    "written_number", ["HRB-12/34 5", "hrb12345", " H.R.B. 12345 ", "ＨＲＢ１２３４５", "НRВ ١٢٣٤٥"]
)
def test_a_number_is_matched_however_it_is_written(approval_org, field, written_number):
    add_entry(approval_org, **{field: "HRB 12345"})
    customer = build_prospect(
        approval_org, **{"registration_number": None, "identity_number": None} | {field: written_number}
    )
    with acting(approval_org.agent):
        save_customer(customer, actor=approval_org.agent)
    assert customer.stage is Stage.NEW  # others of the staff's begin live
    assert approval_org.task_of(customer).is_open
    assert has_blacklist_alert(customer)
    assert_refused(approval_org, customer, "pass")


def test_an_identity_number_is_no_registration_number_and_another_organisation_is_another(approval_org):
    add_entry(approval_org, identity_number="HRB 5")
    add_entry(make_approval_org("Another Telecom"), registration_number="HRB 5")
    with acting(approval_org.agent):
        customer = save_customer(build_prospect(approval_org, registration_number="HRB 5"), actor=approval_org.agent)
    assert (customer.stage, has_blacklist_alert(customer)) == (Stage.BILLING, False)


@pytest.mark.parametrize(("days", "is_active"), [(1, True), (0, True), (-1, False)])
def test_the_last_day_counts(approval_org, days, is_active):
    customer = approval_org.make_customer()
    add_entry(approval_org, customer_id=customer.id, valid_until=TODAY + timedelta(days=days))
    assert bool(blacklist.list_entries(customer, as_of=TODAY)) is is_active
    assert (customer.id in blacklist.blacklisted_ids([customer], as_of=TODAY)) is is_active
    save_customer(customer, actor=approval_org.system)
    assert has_blacklist_alert(customer) is is_active
    if is_active:
        assert_refused(approval_org, customer, "pass")
    else:
        approval_org.move_customer(customer, "pass")


def test_the_day_is_the_organisations(approval_org):
    approval_org.organisation.timezone = "Pacific/Kiritimati"
    last = clock.get_today("Pacific/Kiritimati") - timedelta(days=1)
    customer = approval_org.make_customer()
    add_entry(approval_org, customer_id=customer.id, valid_until=last)
    approval_org.move_customer(customer, "pass")


def test_what_was_asked_for_until_a_day_that_is_past_is_not_entered(approval_org):
    customer = approval_org.make_customer()
    task = blacklist.request_blacklisting(customer, reason="Fraud", valid_until=TODAY, actor=approval_org.agent)
    task.proposal = {**task.proposal, "valid_until": date(2020, 1, 1).isoformat()}
    with pytest.raises(WrongState, match="has passed"):
        approval_decisions.approve_task(task, actor=approval_org.manager)


def test_a_removal_ends_every_entry_that_matches_and_frees_everybody(approval_org):
    customer = approval_org.make_customer(identity_number="ID 9", registration_number="HRB 9")
    ways = [{"customer_id": customer.id}, {"identity_number": "id9"}, {"registration_number": "hrb-9"}]
    entries = [add_entry(approval_org, **way) for way in ways]
    other = add_entry(approval_org, registration_number="HRB 10")
    same_number = approval_org.make_customer(registration_number="HRB 9/2")
    entries.append(add_entry(approval_org, customer_id=customer.id, registration_number="HRB 9/2"))
    save_customer(same_number, actor=approval_org.system)
    assert has_blacklist_alert(same_number)
    remove_from_blacklist(approval_org, customer)
    assert all(each.removed_at and each.removal_reason == "Paid" for each in entries)
    assert other.removed_at is None
    assert (has_blacklist_alert(customer), has_blacklist_alert(same_number)) == (False, False)


def test_whoever_is_matched_by_a_number_is_warned_of_at_once(approval_org):
    """The entry that is made for one customer also matches another, by a number that the first has had."""
    first = approval_org.make_customer(registration_number="HRB 1")
    blacklist_customer(approval_org, first)
    first.registration_number = "HRB 2"
    save_customer(first, actor=approval_org.system)
    second = approval_org.make_customer(registration_number="HRB 1")
    assert has_blacklist_alert(second)
    remove_from_blacklist(approval_org, first)
    assert not has_blacklist_alert(second)


@pytest.mark.parametrize("field", ["identity_number", "registration_number"])
def test_nobody_leaves_by_another_number(approval_org, field):
    add_entry(approval_org, **{field: "N 1"}, valid_until=TODAY + timedelta(days=9))
    customer = approval_org.make_customer(**{"registration_number": "R 1"} | {field: "N 1"})
    setattr(customer, field, "N 2")
    with acting(approval_org.agent):
        save_customer(customer, actor=approval_org.agent)
        db.session.commit()
    [blacklist_entry] = blacklist.list_entries(customer, as_of=TODAY)
    assert (blacklist_entry.customer_id, blacklist_entry.reason, blacklist_entry.valid_until) == (
        customer.id,
        "Fraud",
        TODAY + timedelta(days=9),
    )
    assert has_blacklist_alert(customer)
    assert_refused(approval_org, customer, "pass")
    setattr(customer, field, "N 3")
    save_customer(customer, actor=approval_org.system)
    assert len(blacklist.list_entries(customer, as_of=TODAY)) == 1  # it is matched by its id: nothing to add
    remove_from_blacklist(approval_org, customer)
    approval_org.move_customer(customer, "pass")


@pytest.mark.parametrize("way", ["id", "identity_number", "registration_number"])
@pytest.mark.parametrize("blacklisted_goes", [True, False])
def test_a_merge_shakes_nothing_off(approval_org, way, blacklisted_goes):
    first, second = (
        approval_org.make_customer(identity_number=f"ID {n}", registration_number=f"M {n}") for n in (1, 2)
    )
    add_entry(approval_org, **({"customer_id": first.id} if way == "id" else {way: getattr(first, way)}))
    numbers = {name: getattr(first, name) for name in blacklist.NUMBER_COLUMNS}
    survivor, other = (second, first) if blacklisted_goes else (first, second)
    take = ["identity_number", "registration_number", "name"] if not blacklisted_goes else []
    with acting(approval_org.manager):
        merge_customers(survivor, other, fields_from_other=take, actor=approval_org.manager)
        db.session.commit()
    assert blacklist.list_entries(survivor, as_of=TODAY) != []
    assert has_blacklist_alert(survivor)
    assert_refused(approval_org, survivor, "pass")
    if blacklisted_goes:
        for name, number in numbers.items():  # nobody has it any more, so whoever comes with it may be the same
            again = build_prospect(approval_org, **{"registration_number": None} | {name: number})
            with acting(approval_org.agent):
                save_customer(again, actor=approval_org.agent)
            assert again.stage is Stage.NEW, name


def test_made_up_customers_with_the_number_are_not_live(approval_org):
    approval_org.organisation = make_organisation("Full Telecom")
    seed_reference(approval_org.organisation)
    db.session.commit()
    start = db.session.scalar(select(db.func.max(Customer.id))) or 0
    for number in range(1, 13):
        add_entry(approval_org, registration_number=f"r{start + number:09d}")
    synthesize(approval_org.organisation, 12, lambda _: None)
    stages = set(db.session.scalars(select(Customer.stage).where(Customer.reference.startswith("SY-"))))
    assert stages == {Stage.NEW}


def test_the_system_makes_nobody_live_either(approval_org):
    add_entry(approval_org, registration_number="HRB 5")
    customer = build_prospect(approval_org, registration_number="HRB 5", stage=Stage.BILLING, kind=CustomerKind.COMPANY)
    save_record(customer, actor=approval_org.system)
    assert customer.stage is Stage.NEW


def test_two_requests_are_one_too_many(approval_org):
    customer = approval_org.make_customer()
    blacklist.request_blacklisting(customer, reason="Fraud", actor=approval_org.agent)
    with pytest.raises(Conflict):
        blacklist.request_blacklisting(customer, reason="Fraud", actor=approval_org.other_agent)


def test_listed_among_agrees_with_each(approval_org):
    customers = [approval_org.make_customer(identity_number=f"I {n}") for n in range(4)]
    add_entry(approval_org, customer_id=customers[0].id)
    add_entry(approval_org, identity_number="i1")
    add_entry(approval_org, registration_number=customers[2].registration_number, removed_at=clock.get_now())
    alone = {customer.id for customer in customers if blacklist.list_entries(customer, as_of=TODAY)}
    assert blacklist.blacklisted_ids(customers, as_of=TODAY) == alone == {customers[0].id, customers[1].id}
