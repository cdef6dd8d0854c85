"""Alerts: by hand, and by rules that agree whether they are asked for one customer or for all."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from customerhub import clock
from customerhub.approvals import blacklist
from customerhub.customers import alerts
from customerhub.customers.records import save_customer
from customerhub.errors import Invalid, NotAllowed, NotFound, WrongState
from models import Account, Alert, BlacklistEntry, CatalogItem, ComplianceDocument, Customer, History
from models.base import db
from models.enums import AlertRule, CatalogType, Severity
from tests.approvals.conftest import counted, make_office, office

__all__ = ["office"]  # a fixture made elsewhere
TODAY = clock.today()
R = AlertRule


def standing(customer) -> set[AlertRule]:
    return {alert.rule for alert in alerts.list_alerts(customer, as_of=TODAY) if alert.rule}


def owe(customer, amount, limit):
    customer.accounts[0].balance, customer.credit_limit = Decimal(amount), limit


def certify(customer, expiry_date):
    customer.compliance_documents.append(
        ComplianceDocument(organisation_id=customer.organisation_id, certificate="ISO", expiry_date=expiry_date)
    )


# --- By hand -----------------------------------------------------------------------------------------------------


def test_people_warn_and_put_away(office):
    customer = office.customer()
    item = CatalogItem(organisation_id=office.id, type=CatalogType.ALERT_TYPE, name="Delivery")
    db.session.add(item)
    db.session.flush()
    made = alerts.raise_alert(
        customer, text="  Ask before\nyou deliver ", severity=Severity.CRITICAL, type_id=item.id, actor=office.agent
    )
    assert (made.text, made.type_id, made.rule) == ("Ask before you deliver", item.id, None)
    alerts.raise_alert(customer, text="By the way", severity=Severity.INFO, valid_until=TODAY, actor=office.agent)
    assert [each.severity for each in alerts.list_alerts(customer, as_of=TODAY)] == [Severity.CRITICAL, Severity.INFO]
    tomorrow = TODAY + timedelta(days=1)
    assert alerts.list_alerts(customer, as_of=tomorrow) == [made]  # the last day is over
    alerts.close_alert(made, actor=office.agent)
    with pytest.raises(WrongState, match="closed already"):
        alerts.close_alert(made, actor=office.agent)
    assert alerts.list_alerts(customer, as_of=tomorrow) == []


@pytest.mark.parametrize(("told", "field"), [
    ({"text": " "}, "text"), ({"text": "x" * 501}, "text"), ({"text": "\x00"}, "text"), ({"type_id": 10**6}, "type_id"),
    ({"valid_until": TODAY - timedelta(days=2)}, "valid_until"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_its_field(office, told, field):
    with pytest.raises(Invalid) as refused:
        alerts.raise_alert(office.customer(), **({"text": "Ask"} | told), actor=office.agent)
    assert refused.value.field == field


def test_partners_and_strangers_warn_of_nothing(office):
    customer, stranger = office.customer(), make_office("Another Telecom")
    made = alerts.raise_alert(customer, text="Ask", actor=office.agent)
    for actor, refusal in ((office.partner, NotAllowed), (stranger.agent, NotFound)):
        with pytest.raises(refusal):
            alerts.raise_alert(customer, text="Ask", actor=actor)
        with pytest.raises(refusal):
            alerts.close_alert(made, actor=actor)
    item = CatalogItem(organisation_id=stranger.id, type=CatalogType.ALERT_TYPE, name="Theirs")
    region = CatalogItem(organisation_id=office.id, type=CatalogType.REGION, name="Europe")
    db.session.add_all([item, region])
    db.session.flush()
    for wrong in (item, region):
        with pytest.raises(Invalid):
            alerts.raise_alert(customer, text="Ask", type_id=wrong.id, actor=office.agent)


# --- By rule -----------------------------------------------------------------------------------------------------


def test_each_rule_warns_once_and_goes_when_it_is_mended(office):
    customer = office.customer()
    owe(customer, "100.01", 100)
    certify(customer, TODAY - timedelta(days=1))
    certify(customer, TODAY - timedelta(days=9))
    entry = BlacklistEntry(organisation_id=office.id, name="x", reason="x", customer_id=customer.id)
    db.session.add(entry)
    for _ in range(2):
        save_customer(customer, actor=office.agent)
        alerts.review_all(office.id, as_of=TODAY)
    assert standing(customer) == {R.BLACKLISTED, R.CREDIT_LIMIT, R.DOCUMENT}
    assert db.session.scalar(select(func.count(Alert.id))) == 3
    with pytest.raises(WrongState, match="goes by itself"):
        alerts.close_alert(alerts.list_alerts(customer, as_of=TODAY)[0], actor=office.agent)
    owe(customer, "100.00", 100)
    for document in customer.compliance_documents:
        document.expiry_date = TODAY
    entry.removed_at = clock.now()
    save_customer(customer, actor=office.agent)
    assert standing(customer) == set()
    told = db.session.scalars(select(History.action).where(History.table_name == "alert").order_by(History.id)).all()
    assert told == ["created"] * 3 + ["changed"] * 3
    owe(customer, "100.01", 100)
    save_customer(customer, actor=office.agent)
    assert (standing(customer), db.session.scalar(select(func.count(Alert.id)))) == ({R.CREDIT_LIMIT}, 4)


def test_an_alert_that_closed_by_rule_is_seen_as_closed_at_once(office):
    customer = office.customer()
    owe(customer, 2, 1)
    save_customer(customer, actor=office.agent)
    [alert] = alerts.list_alerts(customer, as_of=TODAY)
    version = alert.version
    owe(customer, 0, 1)
    save_customer(customer, actor=office.agent)
    assert (alert.closed_at is not None, alert.version) == (True, version + 1)


DAYS = st.integers(-2, 2)
ONE = st.fixed_dictionaries(
    {
        "limit": st.sampled_from([None, 0, 1, 100]),
        "balances": st.lists(st.sampled_from(["-1", "0", "0.01", "1", "99.99", "100", "100.01"]), max_size=3),
        "documents": st.lists(DAYS, max_size=3),
        "entries": st.lists(
            st.tuples(st.sampled_from(["customer_id", "identity_number", "registration_number"]),
                      st.one_of(st.none(), DAYS), st.booleans()), max_size=3
        ),
    }
)  # fmt: skip


@given(st.lists(ONE, min_size=1, max_size=4))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_one_by_one_and_all_together_are_the_same(office, several):
    """Both are what a plain reading of the rules says, whatever the first of them left behind."""
    mine = make_office(f"Telecom {next(_numbers)}")
    customers = [make(mine, values) for values in several]
    for customer in customers:
        alerts.review_customer(customer, as_of=TODAY)
    alone = [standing(customer) for customer in customers]
    assert alone == [expected(customer) for customer in customers]
    assert alerts.review_all(mine.id, as_of=TODAY) == (0, 0)
    assert [bool(blacklist.entries_of(customer, as_of=TODAY)) for customer in customers] == [
        R.BLACKLISTED in rules for rules in alone
    ]
    later = TODAY + timedelta(days=1)
    raised, closed = alerts.review_all(mine.id, as_of=later)
    after = [expected(customer, later) for customer in customers]
    assert [standing(customer) for customer in customers] == after
    assert raised == sum(len(new - old) for old, new in zip(alone, after, strict=True))
    assert closed == sum(len(old - new) for old, new in zip(alone, after, strict=True))
    for customer in customers:
        alerts.review_customer(customer, as_of=TODAY)
    assert [standing(customer) for customer in customers] == alone
    db.session.rollback()


_numbers = iter(range(1, 10**9))


def make(mine, values) -> Customer:
    number = next(_numbers)
    customer = mine.customer(identity_number=f"ID {number}", registration_number=f"R {number}")
    customer.credit_limit = values["limit"]
    for position, balance in enumerate(values["balances"]):
        if position:
            customer.accounts.append(Account(organisation_id=mine.id, number=f"{number}-{position}"))
        customer.accounts[position].balance = Decimal(balance)
    for days in values["documents"]:
        certify(customer, TODAY + timedelta(days=days))
    db.session.flush()
    for way, days, is_removed in values["entries"]:
        who = customer.id if way == "customer_id" else getattr(customer, way).lower().replace(" ", "-")
        until = None if days is None else TODAY + timedelta(days=days)
        db.session.add(
            BlacklistEntry(organisation_id=mine.id, name="x", reason="x", valid_until=until,
                           removed_at=clock.now() if is_removed else None, **{way: who})
        )  # fmt: skip
    db.session.flush()
    return customer


def expected(customer, day=TODAY) -> set[AlertRule]:
    entries = db.session.scalars(
        select(BlacklistEntry).where(BlacklistEntry.organisation_id == customer.organisation_id)
    )
    own = {customer.id, customer.identity_key, customer.registration_key}
    held = [
        entry for entry in entries
        if not entry.removed_at and (entry.valid_until is None or day <= entry.valid_until)
        and own & ({entry.customer_id, entry.identity_key, entry.registration_key} - {None})
    ]  # fmt: skip
    rules = {R.BLACKLISTED} if held else set()
    if customer.credit_limit is not None and customer.balance > customer.credit_limit:
        rules.add(R.CREDIT_LIMIT)
    if any(document.expiry_date < day for document in customer.compliance_documents):
        rules.add(R.DOCUMENT)
    return rules


def test_many_are_raised_by_few_statements(office):
    for _ in range(40):
        customer = office.customer()
        owe(customer, 2, 1)
    db.session.commit()
    with counted(db.session.get_bind()) as statements:
        assert alerts.review_all(office.id, as_of=TODAY) == (40, 0)
    assert len(statements) < 15
    assert alerts.review_all(make_office("Another Telecom").id, as_of=TODAY) == (0, 0)
