"""Who is blacklisted stays out, by whatever path, until a removal is approved."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from customerhub import clock
from customerhub.approvals import blacklist, decisions, tasks
from customerhub.customers.alerts import list_alerts
from customerhub.customers.merging import merge_customers
from customerhub.customers.records import save_customer, save_record
from customerhub.errors import Conflict, Invalid, NotAllowed, WrongState
from models import BlacklistEntry, Customer
from models.base import db
from models.enums import AlertRule, CustomerKind, Stage, TaskKind
from seed.reference import seed_reference
from seed.synthesize import synthesize
from tests.approvals.conftest import acting, entries_of, make_office, prospect
from tests.people import make_organisation

TODAY = clock.today()


def entry(office, **values) -> BlacklistEntry:
    made = BlacklistEntry(organisation_id=office.id, name="Somebody", reason="Fraud", **values)
    db.session.add(made)
    db.session.commit()
    return made


def listed(office, customer, **told):
    """Have a customer blacklisted as it is done: one asks, another decides."""
    with acting(office.agent):
        task = blacklist.request_blacklisting(customer, reason="Fraud", actor=office.agent, **told)
    with acting(office.manager):
        decisions.approve_task(task, actor=office.manager)
    db.session.commit()
    return task


def removed(office, customer):
    with acting(office.agent):
        task = blacklist.request_removal(customer, reason="Paid", actor=office.agent)
    with acting(office.manager):
        decisions.approve_task(task, actor=office.manager)
    db.session.commit()


def is_warned_of(customer) -> bool:
    return AlertRule.BLACKLISTED in {alert.rule for alert in list_alerts(customer, as_of=TODAY)}


def refused(office, customer, *names):
    for name in names:
        with pytest.raises(WrongState, match="blacklisted and cannot be approved"):
            office.move(customer, name)
        db.session.rollback()


def test_one_asks_and_another_decides(office):
    customer = office.customer(identity_number="ID 1")
    task = blacklist.request_blacklisting(customer, reason=" Fraud ", actor=office.manager)
    for actor in (office.manager, office.agent):
        with pytest.raises(NotAllowed):
            decisions.approve_task(task, actor=actor)
    assert blacklist.entries_of(customer, as_of=TODAY) == []
    decisions.approve_task(task, comment="Seen", actor=office.admin)
    [made] = blacklist.entries_of(customer, as_of=TODAY)
    assert (made.reason, made.customer_id, made.identity_key) == ("Fraud", customer.id, "ID1")
    assert entries_of(customer.id, "blacklist_entry")[0].reason == "Fraud"
    assert is_warned_of(customer)
    with pytest.raises(WrongState, match="blacklisted already"):
        blacklist.request_blacklisting(customer, reason="Fraud", actor=office.manager)


def test_what_was_declined_has_no_effect(office):
    customer = office.customer()
    with pytest.raises(WrongState, match="is not blacklisted"):
        blacklist.request_removal(customer, reason="Paid", actor=office.agent)
    task = blacklist.request_blacklisting(customer, reason="Fraud", actor=office.agent)
    decisions.decline_task(task, comment="No", actor=office.manager)
    office.move(customer, "pass")
    assert not is_warned_of(customer)


@pytest.mark.parametrize(("told", "field"), [
    ({"reason": " "}, "reason"), ({"reason": "x" * 2001}, "reason"), ({"reason": "\x07"}, "reason"),
    ({"valid_until": TODAY - timedelta(days=2)}, "valid_until"), ({"valid_until": date(2200, 1, 1)}, "valid_until"),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_its_field(office, told, field):
    with pytest.raises(Invalid) as refusal:
        blacklist.request_blacklisting(office.customer(), **({"reason": "Fraud"} | told), actor=office.agent)
    assert refusal.value.field == field


def test_partners_and_strangers_ask_nothing(office):
    customer = office.customer()
    for actor in (office.partner, make_office("Another Telecom").manager):
        with pytest.raises((NotAllowed, tasks.HubError)):
            blacklist.request_blacklisting(customer, reason="Fraud", actor=actor)


@pytest.mark.parametrize("stage", [Stage.NEW, Stage.REFERRED])
def test_a_blacklisted_customer_passes_nothing(office, stage):
    customer = office.customer(stage)
    listed(office, customer)
    refused(office, customer, "pass")
    with pytest.raises(WrongState, match="blacklisted"):
        decisions.approve_task(office.task(customer), actor=office.manager)
    db.session.rollback()
    office.move(customer, "fail")  # no is no approval
    removed(office, customer)
    office.move(customer, "refer")
    office.move(customer, "pass")


def test_one_that_passed_before_does_not_go_live(office):
    customer = office.customer(Stage.PASSED)
    listed(office, customer)
    refused(office, customer, "bill")
    removed(office, customer)
    office.move(customer, "bill")
    assert customer.stage is Stage.BILLING


def test_a_re_check_of_a_blacklisted_customer_is_not_approved(office):
    customer = office.customer(Stage.BILLING)
    customer.name = "Renamed"
    save_customer(customer, actor=office.system)
    listed(office, customer)
    task = office.task(customer, TaskKind.RECHECK)
    with pytest.raises(WrongState, match="blacklisted"):
        decisions.approve_task(task, actor=office.manager)
    decisions.decline_task(task, comment="Blacklisted", actor=office.manager)


@pytest.mark.parametrize("field", ["identity_number", "registration_number"])
@pytest.mark.parametrize("typed", ["HRB-12/34 5", "hrb12345", " H.R.B. 12345 ", "ＨＲＢ１２３４５", "НRВ ١٢٣٤٥"])
def test_a_number_is_matched_however_it_is_written(office, field, typed):
    entry(office, **{field: "HRB 12345"})
    made = prospect(office, **{"registration_number": None, "identity_number": None} | {field: typed})
    with acting(office.agent):
        save_customer(made, actor=office.agent)
    assert made.stage is Stage.NEW  # others of the staff's begin live
    assert office.task(made).is_open
    assert is_warned_of(made)
    refused(office, made, "pass")


def test_an_identity_number_is_no_registration_number_and_another_organisation_is_another(office):
    entry(office, identity_number="HRB 5")
    entry(make_office("Another Telecom"), registration_number="HRB 5")
    with acting(office.agent):
        made = save_customer(prospect(office, registration_number="HRB 5"), actor=office.agent)
    assert (made.stage, is_warned_of(made)) == (Stage.BILLING, False)


@pytest.mark.parametrize(("days", "held"), [(1, True), (0, True), (-1, False)])
def test_the_last_day_counts(office, days, held):
    customer = office.customer()
    entry(office, customer_id=customer.id, valid_until=TODAY + timedelta(days=days))
    assert bool(blacklist.entries_of(customer, as_of=TODAY)) is held
    assert (customer.id in blacklist.listed_among([customer], as_of=TODAY)) is held
    save_customer(customer, actor=office.system)
    assert is_warned_of(customer) is held
    if held:
        refused(office, customer, "pass")
    else:
        office.move(customer, "pass")


def test_the_day_is_the_organisations(office):
    office.organisation.timezone = "Pacific/Kiritimati"
    last = clock.today("Pacific/Kiritimati") - timedelta(days=1)
    customer = office.customer()
    entry(office, customer_id=customer.id, valid_until=last)
    office.move(customer, "pass")


def test_what_was_asked_for_until_a_day_that_is_past_is_not_entered(office):
    customer = office.customer()
    task = blacklist.request_blacklisting(customer, reason="Fraud", valid_until=TODAY, actor=office.agent)
    task.proposal = {**task.proposal, "valid_until": date(2020, 1, 1).isoformat()}
    with pytest.raises(WrongState, match="this day is past"):
        decisions.approve_task(task, actor=office.manager)


def test_a_removal_ends_every_entry_that_matches_and_frees_everybody(office):
    customer = office.customer(identity_number="ID 9", registration_number="HRB 9")
    ways = [{"customer_id": customer.id}, {"identity_number": "id9"}, {"registration_number": "hrb-9"}]
    entries = [entry(office, **way) for way in ways]
    other = entry(office, registration_number="HRB 10")
    same_number = office.customer(registration_number="HRB 9/2")
    entries.append(entry(office, customer_id=customer.id, registration_number="HRB 9/2"))
    save_customer(same_number, actor=office.system)
    assert is_warned_of(same_number)
    removed(office, customer)
    assert all(each.removed_at and each.removal_reason == "Paid" for each in entries)
    assert other.removed_at is None
    assert (is_warned_of(customer), is_warned_of(same_number)) == (False, False)


def test_whoever_is_matched_by_a_number_is_warned_of_at_once(office):
    """The entry that is made for one customer also matches another, by a number that the first has had."""
    first = office.customer(registration_number="HRB 1")
    listed(office, first)
    first.registration_number = "HRB 2"
    save_customer(first, actor=office.system)
    second = office.customer(registration_number="HRB 1")
    assert is_warned_of(second)
    removed(office, first)
    assert not is_warned_of(second)


@pytest.mark.parametrize("field", ["identity_number", "registration_number"])
def test_nobody_leaves_by_another_number(office, field):
    entry(office, **{field: "N 1"}, valid_until=TODAY + timedelta(days=9))
    customer = office.customer(**{"registration_number": "R 1"} | {field: "N 1"})
    setattr(customer, field, "N 2")
    with acting(office.agent):
        save_customer(customer, actor=office.agent)
        db.session.commit()
    [kept] = blacklist.entries_of(customer, as_of=TODAY)
    assert (kept.customer_id, kept.reason, kept.valid_until) == (customer.id, "Fraud", TODAY + timedelta(days=9))
    assert is_warned_of(customer)
    refused(office, customer, "pass")
    setattr(customer, field, "N 3")
    save_customer(customer, actor=office.system)
    assert len(blacklist.entries_of(customer, as_of=TODAY)) == 1  # it is matched by its id: nothing to add
    removed(office, customer)
    office.move(customer, "pass")


@pytest.mark.parametrize("way", ["id", "identity_number", "registration_number"])
@pytest.mark.parametrize("blacklisted_goes", [True, False])
def test_a_merge_shakes_nothing_off(office, way, blacklisted_goes):
    first, second = (office.customer(identity_number=f"ID {n}", registration_number=f"M {n}") for n in (1, 2))
    entry(office, **({"customer_id": first.id} if way == "id" else {way: getattr(first, way)}))
    numbers = {name: getattr(first, name) for name in blacklist.NUMBERS}
    survivor, other = (second, first) if blacklisted_goes else (first, second)
    take = ["identity_number", "registration_number", "name"] if not blacklisted_goes else []
    with acting(office.manager):
        merge_customers(survivor, other, take=take, actor=office.manager)
        db.session.commit()
    assert blacklist.entries_of(survivor, as_of=TODAY) != []
    assert is_warned_of(survivor)
    refused(office, survivor, "pass")
    if blacklisted_goes:
        for name, number in numbers.items():  # nobody has it any more, so whoever comes with it may be the same
            again = prospect(office, **{"registration_number": None} | {name: number})
            with acting(office.agent):
                save_customer(again, actor=office.agent)
            assert again.stage is Stage.NEW, name


def test_made_up_customers_with_the_number_are_not_live(office):
    office.organisation = make_organisation("Full Telecom")
    seed_reference(office.organisation)
    db.session.commit()
    start = db.session.scalar(select(db.func.max(Customer.id))) or 0
    for number in range(1, 13):
        entry(office, registration_number=f"r{start + number:09d}")
    synthesize(office.organisation, 12, lambda _: None)
    stages = set(db.session.scalars(select(Customer.stage).where(Customer.reference.startswith("SY-"))))
    assert stages == {Stage.NEW}


def test_the_system_makes_nobody_live_either(office):
    entry(office, registration_number="HRB 5")
    made = prospect(office, registration_number="HRB 5", stage=Stage.BILLING, kind=CustomerKind.COMPANY)
    save_record(made, actor=office.system)
    assert made.stage is Stage.NEW


def test_two_requests_are_one_too_many(office):
    customer = office.customer()
    blacklist.request_blacklisting(customer, reason="Fraud", actor=office.agent)
    with pytest.raises(Conflict):
        blacklist.request_blacklisting(customer, reason="Fraud", actor=office.other_agent)


def test_listed_among_agrees_with_each(office):
    customers = [office.customer(identity_number=f"I {n}") for n in range(4)]
    entry(office, customer_id=customers[0].id)
    entry(office, identity_number="i1")
    entry(office, registration_number=customers[2].registration_number, removed_at=clock.now())
    alone = {customer.id for customer in customers if blacklist.entries_of(customer, as_of=TODAY)}
    assert blacklist.listed_among(customers, as_of=TODAY) == alone == {customers[0].id, customers[1].id}
