"""Alerts: by hand, and by rules that agree whether they are asked for one customer or for all."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from customerhub.approvals import blacklist
from customerhub.core import clock
from customerhub.core.errors import Invalid, NotAllowed, NotFound, WrongState
from customerhub.customers import alerts
from customerhub.customers.records import save_customer
from models import Account, Alert, BlacklistEntry, CatalogItem, ComplianceDocument, Customer, History
from models.base import db
from models.enums import AlertRule, CatalogType, Severity
from tests.customerhub.approvals.conftest import make_approval_org
from tests.support.statements import record_statements

TODAY = clock.get_today()
R = AlertRule


def active_rules(customer) -> set[AlertRule]:
    return {alert.rule for alert in alerts.list_alerts(customer, as_of=TODAY) if alert.rule}


def set_balance(customer, amount, limit):
    customer.accounts[0].balance, customer.credit_limit = Decimal(amount), limit


def add_document(customer, expiry_date):
    customer.compliance_documents.append(
        ComplianceDocument(organisation_id=customer.organisation_id, certificate="ISO", expiry_date=expiry_date)
    )


# --- By hand -----------------------------------------------------------------------------------------------------


def test_people_warn_and_put_away(approval_org):
    customer = approval_org.make_customer()
    item = CatalogItem(organisation_id=approval_org.id, type=CatalogType.ALERT_TYPE, name="Delivery")
    db.session.add(item)
    db.session.flush()
    alert = alerts.raise_alert(
        customer,
        text="  Ask before\nyou deliver ",
        severity=Severity.CRITICAL,
        type_id=item.id,
        actor=approval_org.agent,
    )
    assert (alert.text, alert.type_id, alert.rule) == ("Ask before you deliver", item.id, None)
    alerts.raise_alert(customer, text="By the way", severity=Severity.INFO, valid_until=TODAY, actor=approval_org.agent)
    assert [each.severity for each in alerts.list_alerts(customer, as_of=TODAY)] == [Severity.CRITICAL, Severity.INFO]
    tomorrow = TODAY + timedelta(days=1)
    assert alerts.list_alerts(customer, as_of=tomorrow) == [alert]  # the last day is over
    alerts.close_alert(alert, actor=approval_org.agent)
    with pytest.raises(WrongState, match="Already closed"):
        alerts.close_alert(alert, actor=approval_org.agent)
    assert alerts.list_alerts(customer, as_of=tomorrow) == []


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"text": " "}, "text"),
        ({"text": "x" * 501}, "text"),
        ({"text": "\x00"}, "text"),
        ({"type_id": 10**6}, "type_id"),
        ({"valid_until": TODAY - timedelta(days=2)}, "valid_until"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(approval_org, details, field):
    with pytest.raises(Invalid) as error_info:
        alerts.raise_alert(approval_org.make_customer(), **({"text": "Ask"} | details), actor=approval_org.agent)
    assert error_info.value.field == field


def test_partners_and_strangers_warn_of_nothing(approval_org):
    customer, stranger = approval_org.make_customer(), make_approval_org("Another Telecom")
    alert = alerts.raise_alert(customer, text="Ask", actor=approval_org.agent)
    for actor, refusal in ((approval_org.partner, NotAllowed), (stranger.agent, NotFound)):
        with pytest.raises(refusal):
            alerts.raise_alert(customer, text="Ask", actor=actor)
        with pytest.raises(refusal):
            alerts.close_alert(alert, actor=actor)
    item = CatalogItem(organisation_id=stranger.id, type=CatalogType.ALERT_TYPE, name="Theirs")
    region = CatalogItem(organisation_id=approval_org.id, type=CatalogType.REGION, name="Europe")
    db.session.add_all([item, region])
    db.session.flush()
    for wrong in (item, region):
        with pytest.raises(Invalid):
            alerts.raise_alert(customer, text="Ask", type_id=wrong.id, actor=approval_org.agent)


# --- By rule -----------------------------------------------------------------------------------------------------


def test_each_rule_warns_once_and_goes_when_it_is_mended(approval_org):
    customer = approval_org.make_customer()
    set_balance(customer, "100.01", 100)
    add_document(customer, TODAY - timedelta(days=1))
    add_document(customer, TODAY - timedelta(days=9))
    entry = BlacklistEntry(organisation_id=approval_org.id, name="x", reason="x", customer_id=customer.id)
    db.session.add(entry)
    for _ in range(2):
        save_customer(customer, actor=approval_org.agent)
        alerts.refresh_all_alerts(approval_org.id, as_of=TODAY)
    assert active_rules(customer) == {R.BLACKLISTED, R.CREDIT_LIMIT, R.DOCUMENT}
    assert db.session.scalar(select(func.count(Alert.id))) == 3
    with pytest.raises(WrongState, match="closes automatically"):
        alerts.close_alert(alerts.list_alerts(customer, as_of=TODAY)[0], actor=approval_org.agent)
    set_balance(customer, "100.00", 100)
    for document in customer.compliance_documents:
        document.expiry_date = TODAY
    entry.removed_at = clock.get_now()
    db.session.flush()
    save_customer(customer, actor=approval_org.agent)
    assert active_rules(customer) == set()
    actions = db.session.scalars(select(History.action).where(History.table_name == "alert").order_by(History.id)).all()
    assert actions == ["created"] * 3 + ["changed"] * 3
    set_balance(customer, "100.01", 100)
    save_customer(customer, actor=approval_org.agent)
    assert (active_rules(customer), db.session.scalar(select(func.count(Alert.id)))) == ({R.CREDIT_LIMIT}, 4)


def test_an_alert_that_closed_by_rule_is_seen_as_closed_at_once(approval_org):
    customer = approval_org.make_customer()
    set_balance(customer, 2, 1)
    save_customer(customer, actor=approval_org.agent)
    [alert] = alerts.list_alerts(customer, as_of=TODAY)
    version = alert.version
    set_balance(customer, 0, 1)
    save_customer(customer, actor=approval_org.agent)
    assert (alert.closed_at is not None, alert.version) == (True, version + 1)


DAY_OFFSETS = st.integers(-2, 2)
CUSTOMER_SHAPE = st.fixed_dictionaries(
    {
        "limit": st.sampled_from([None, 0, 1, 100]),
        "balances": st.lists(st.sampled_from(["-1", "0", "0.01", "1", "99.99", "100", "100.01"]), max_size=3),
        "documents": st.lists(DAY_OFFSETS, max_size=3),
        "entries": st.lists(
            st.tuples(
                st.sampled_from(["customer_id", "identity_number", "registration_number"]),
                st.one_of(st.none(), DAY_OFFSETS),
                st.booleans(),
            ),
            max_size=3,
        ),
    }
)


@given(st.lists(CUSTOMER_SHAPE, min_size=1, max_size=4))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_one_by_one_and_all_together_are_the_same(approval_org, several):
    """Both are what a plain reading of the rules says, whatever the first of them left behind."""
    second_org = make_approval_org(f"Telecom {next(_numbers)}")
    customers = [build_customer(second_org, values) for values in several]
    for customer in customers:
        alerts.refresh_alerts(customer, as_of=TODAY)
    alone = [active_rules(customer) for customer in customers]
    assert alone == [expected_rules(customer) for customer in customers]
    assert alerts.refresh_all_alerts(second_org.id, as_of=TODAY) == (0, 0)
    assert [bool(blacklist.list_entries(customer, as_of=TODAY)) for customer in customers] == [
        R.BLACKLISTED in rules for rules in alone
    ]
    later = TODAY + timedelta(days=1)
    raised, closed = alerts.refresh_all_alerts(second_org.id, as_of=later)
    after = [expected_rules(customer, later) for customer in customers]
    assert [active_rules(customer) for customer in customers] == after
    assert raised == sum(len(new - old) for old, new in zip(alone, after, strict=True))
    assert closed == sum(len(old - new) for old, new in zip(alone, after, strict=True))
    for customer in customers:
        alerts.refresh_alerts(customer, as_of=TODAY)
    assert [active_rules(customer) for customer in customers] == alone
    db.session.rollback()


_numbers = iter(range(1, 10**9))


def build_customer(mine, values) -> Customer:
    number = next(_numbers)
    customer = mine.make_customer(identity_number=f"ID {number}", registration_number=f"R {number}")
    customer.credit_limit = values["limit"]
    for position, balance in enumerate(values["balances"]):
        if position:
            customer.accounts.append(Account(organisation_id=mine.id, number=f"{number}-{position}"))
        customer.accounts[position].balance = Decimal(balance)
    for days in values["documents"]:
        add_document(customer, TODAY + timedelta(days=days))
    db.session.flush()
    for way, days, is_removed in values["entries"]:
        who = customer.id if way == "customer_id" else getattr(customer, way).lower().replace(" ", "-")
        until = None if days is None else TODAY + timedelta(days=days)
        db.session.add(
            BlacklistEntry(
                organisation_id=mine.id,
                name="x",
                reason="x",
                valid_until=until,
                removed_at=clock.get_now() if is_removed else None,
                **{way: who},
            )
        )
    db.session.flush()
    return customer


def expected_rules(customer, day=TODAY) -> set[AlertRule]:
    entries = db.session.scalars(
        select(BlacklistEntry).where(BlacklistEntry.organisation_id == customer.organisation_id)
    )
    own = {customer.id, customer.identity_key, customer.registration_key}
    active_entries = [
        entry
        for entry in entries
        if not entry.removed_at
        and (entry.valid_until is None or day <= entry.valid_until)
        and own & ({entry.customer_id, entry.identity_key, entry.registration_key} - {None})
    ]
    rules = {R.BLACKLISTED} if active_entries else set()
    if customer.credit_limit is not None and customer.balance > customer.credit_limit:
        rules.add(R.CREDIT_LIMIT)
    if any(document.expiry_date < day for document in customer.compliance_documents):
        rules.add(R.DOCUMENT)
    return rules


def test_many_are_raised_by_few_statements(approval_org):
    for _ in range(40):
        customer = approval_org.make_customer()
        set_balance(customer, 2, 1)
    db.session.commit()
    with record_statements() as statements:
        assert alerts.refresh_all_alerts(approval_org.id, as_of=TODAY) == (40, 0)
    assert len(statements) < 15
    assert alerts.refresh_all_alerts(make_approval_org("Another Telecom").id, as_of=TODAY) == (0, 0)
