"""Alerts: what whoever deals with a customer must know, raised by hand and by rule.

A rule raises one alert a customer and closes it when it no longer holds. Rules are asked when a customer is saved or
blacklisted, and for all customers by an hourly job.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select, true, update

from customerhub import clock, history
from customerhub.customers.reviews import is_overdue, waiting_review
from customerhub.customers.rules import check_upcoming, clean_text
from customerhub.database import insert_new, saving
from customerhub.errors import Invalid, WrongState
from customerhub.permissions import Actor, Permission, require, require_own
from models import (
    Account,
    Alert,
    BlacklistEntry,
    CatalogItem,
    ComplianceDocument,
    Customer,
    CustomerStatus,
    Organisation,
    Review,
)
from models.base import db
from models.enums import AlertRule, CatalogType, Severity, StatusBehaviour

LONGEST: Final = 500
CHUNK: Final = 500  # alerts that are written by one statement
_TOLD: Final = (Alert.id, Alert.organisation_id, Alert.customer_id, Alert.text)  # what the history tells of them
SEVERITIES: Final = {
    AlertRule.BLACKLISTED: Severity.CRITICAL,
    AlertRule.CREDIT_LIMIT: Severity.WARNING,
    AlertRule.DOCUMENT: Severity.WARNING,
    AlertRule.REVIEW: Severity.INFO,
}


def raise_alert(
    customer: Customer,
    *,
    text: str,
    severity: Severity = Severity.WARNING,
    type_id: int | None = None,
    valid_until: date | None = None,
    actor: Actor,
) -> Alert:
    """Warn of something by hand. Raises Invalid with the field at fault."""
    require(actor, Permission.CUSTOMERS_EDIT)
    require_own(actor, customer)
    said = _text_of(text)
    check_upcoming(valid_until, "valid_until", today=today(customer.organisation_id))
    if type_id is not None:
        item = db.session.get(CatalogItem, type_id)
        if item is None or item.type is not CatalogType.ALERT_TYPE or item.organisation_id != actor.organisation_id:
            raise Invalid("Choose an alert type from the list", "type_id")
    alert = Alert(
        organisation_id=customer.organisation_id,
        customer_id=customer.id,
        type_id=type_id,
        severity=severity,
        text=said,
        valid_until=valid_until,
    )
    with saving():
        db.session.add(alert)
    return alert


def _text_of(text: str) -> str:
    try:
        said = clean_text(text or "", longest=LONGEST)
    except Invalid as error:
        raise Invalid(error.message, "text") from error
    if said is None:
        raise Invalid("Say what people must know", "text")
    return said


def today(organisation_id: int) -> date:
    """The day it is now for an organisation."""
    return clock.today(db.session.get_one(Organisation, organisation_id).timezone)


def close_alert(alert: Alert, *, actor: Actor) -> None:
    """Put an alert away. One raised by a rule goes by itself, when what it warns of is mended."""
    require(actor, Permission.CUSTOMERS_EDIT)
    require_own(actor, alert)
    check_closing(alert)
    with saving():
        alert.closed_at = clock.now()


def check_closing(alert: Alert) -> None:
    """Raises WrongState, saying why, where nobody can put an alert away now."""
    if alert.closed_at is not None:
        raise WrongState("It is closed already")
    if alert.rule is not None:
        raise WrongState(f"It goes by itself when “{alert.rule.value}” no longer holds")


def holds(as_of: date) -> ColumnElement[bool]:
    """The condition that an alert is to be shown on a day."""
    return and_(Alert.closed_at.is_(None), or_(Alert.valid_until.is_(None), Alert.valid_until >= as_of))


def list_alerts(customer: Customer, *, as_of: date) -> list[Alert]:
    """The alerts of a customer that hold on a day, the most severe first."""
    order = list(reversed(Severity))
    found = db.session.scalars(
        select(Alert).where(Alert.customer_id == customer.id, holds(as_of)).order_by(Alert.id)
    ).all()
    return sorted(found, key=lambda alert: order.index(alert.severity))


# --- Rules -------------------------------------------------------------------------------------------------------


# The customers for whom a rule holds: of an organisation, on a day, and perhaps of one customer only.
Rule = Callable[[int, date, int | None], Iterable[int]]


def _only(column: Any, customer_id: int | None) -> ColumnElement[bool]:
    return true() if customer_id is None else column == customer_id


def _over_limit(organisation_id: int, _as_of: date, customer_id: int | None) -> Iterable[int]:
    return db.session.scalars(
        select(Customer.id)
        .join(Account, Account.customer_id == Customer.id)
        .where(
            Customer.organisation_id == organisation_id,
            Customer.credit_limit.is_not(None),
            _only(Customer.id, customer_id),
        )
        .group_by(Customer.id, Customer.credit_limit)
        .having(func.sum(Account.balance) > Customer.credit_limit)
    )


def _with_expired_document(organisation_id: int, as_of: date, customer_id: int | None) -> Iterable[int]:
    document = ComplianceDocument
    return db.session.scalars(
        select(document.customer_id)
        .where(
            document.organisation_id == organisation_id,
            document.expiry_date < as_of,
            _only(document.customer_id, customer_id),
        )
        .distinct()
    )


def _with_overdue_review(organisation_id: int, as_of: date, customer_id: int | None) -> Iterable[int]:
    """Those whose latest review is past its days of grace and was not recorded."""
    organisation = db.session.get_one(Organisation, organisation_id)
    recorded = select(Review.customer_id, func.max(Review.due_on).label("due_on")).where(
        Review.organisation_id == organisation_id, _only(Review.customer_id, customer_id)
    )
    answered = recorded.group_by(Review.customer_id).subquery()
    rows = db.session.execute(
        select(
            Customer.id, Customer.review_start_date, Customer.review_frequency, Customer.created_at, answered.c.due_on
        )
        .join(CustomerStatus, CustomerStatus.id == Customer.status_id)
        .outerjoin(answered, answered.c.customer_id == Customer.id)
        .where(
            Customer.organisation_id == organisation_id,
            Customer.review_start_date <= as_of,
            Customer.review_frequency.is_not(None),
            CustomerStatus.behaviour != StatusBehaviour.NONE,
            _only(Customer.id, customer_id),
        )
    )
    for key, start, frequency, created_at, last_answered in rows:
        due = waiting_review(start, frequency, as_of, last_answered)
        known_since = clock.day_of(created_at, organisation.timezone)
        if due is not None and is_overdue(due, known_since, organisation.review_grace_days, as_of):
            yield key


def _blacklisted(organisation_id: int, as_of: date, customer_id: int | None) -> Iterable[int]:
    """Found from the entries, which are few, by each of the three ways in which one matches."""
    entry, customer = BlacklistEntry, Customer
    held = and_(entry.organisation_id == organisation_id, entry.holds(as_of))
    ways = (
        customer.id == entry.customer_id,
        customer.identity_key == entry.identity_key,
        customer.registration_key == entry.registration_key,
    )
    asked = (customer.organisation_id == organisation_id, _only(customer.id, customer_id))
    parts = [select(customer.id).join(entry, way).where(held, *asked) for way in ways]
    return db.session.scalars(select(parts[0].union(*parts[1:]).subquery().c.id))


RULES: Final[dict[AlertRule, tuple[str, Rule]]] = {
    AlertRule.BLACKLISTED: ("Blacklisted: not to be approved, contracted or reinstated", _blacklisted),
    AlertRule.CREDIT_LIMIT: ("The balance is above the credit limit", _over_limit),
    AlertRule.DOCUMENT: ("A compliance document has expired", _with_expired_document),
    AlertRule.REVIEW: ("A review is overdue: record it when it is done", _with_overdue_review),
}


def review_customer(customer: Customer, *, as_of: date) -> None:
    """Raise and close the alerts of one customer as the rules say."""
    db.session.flush()
    standing = set(
        db.session.scalars(
            select(Alert.rule).where(
                Alert.customer_id == customer.id, Alert.closed_at.is_(None), Alert.rule.is_not(None)
            )
        )
    )
    for rule, (_, holding) in RULES.items():
        applies = customer.id in set(holding(customer.organisation_id, as_of, customer.id))
        if applies and rule not in standing:
            _raise(customer.organisation_id, [customer.id], rule)
        elif not applies and rule in standing:
            _close([customer.id], rule)


def review_all(organisation_id: int, *, as_of: date) -> tuple[int, int]:
    """Raise and close the alerts of all customers of an organisation as the rules say; how many were raised and closed.

    May be repeated: what stands is left as it is.
    """
    raised = closed = 0
    for rule, (_, holding) in RULES.items():
        applies = set(holding(organisation_id, as_of, None))
        standing = set(
            db.session.scalars(
                select(Alert.customer_id).where(
                    Alert.organisation_id == organisation_id, Alert.rule == rule, Alert.closed_at.is_(None)
                )
            )
        )
        raised += _raise(organisation_id, sorted(applies - standing), rule)
        closed += _close(sorted(standing - applies), rule)
    return raised, closed


def _raise(organisation_id: int, customer_ids: Sequence[int], rule: AlertRule) -> int:
    """Raise the alert of a rule for each of these customers, unless somebody else does so at the same time."""
    text, _ = RULES[rule]
    made = 0
    for start in range(0, len(customer_ids), CHUNK):
        values = [
            {"organisation_id": organisation_id, "customer_id": key, "rule": rule, "severity": SEVERITIES[rule],
             "text": text, "created_at": clock.now()}
            for key in customer_ids[start : start + CHUNK]
        ]  # fmt: skip
        statement = insert_new(Alert).values(values)
        changes = {"rule": [None, rule.value], "severity": [None, SEVERITIES[rule].value], "text": [None, text]}
        made += _recorded(statement.returning(*_TOLD), "created", changes)
    return made


def _close(customer_ids: Sequence[int], rule: AlertRule) -> int:
    """Close the alert of a rule of each of these customers, unless somebody else does so at the same time."""
    now, done = clock.now(), 0
    for start in range(0, len(customer_ids), CHUNK):
        some = customer_ids[start : start + CHUNK]
        statement = (
            update(Alert)
            .where(Alert.customer_id.in_(some), Alert.rule == rule, Alert.closed_at.is_(None))
            .values(closed_at=now, version=Alert.version + 1)
            .execution_options(synchronize_session="fetch")
        )
        done += _recorded(statement.returning(*_TOLD), "changed", {"closed_at": [None, now.isoformat()]})
    return done


def _recorded(statement: Any, action: str, changes: dict[str, Any]) -> int:
    """Run a statement on alerts and write its history; how many there were."""
    rows = db.session.execute(statement, execution_options=history.recorded()).all()
    history.record(
        history.entry(
            organisation_id=row.organisation_id, action=action, table="alert", row_id=row.id,
            customer_id=row.customer_id, title=row.text, changes=changes,
        )
        for row in rows
    )  # fmt: skip
    return len(rows)
