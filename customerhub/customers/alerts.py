"""Alerts: warnings about a customer, raised by staff and by rules.

A rule raises one alert a customer and closes it when it no longer holds. Rules are asked when a customer is saved or
blacklisted, and for all customers by an hourly job.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, cast, func, literal, null, or_, select, true, union_all, update

from customerhub.approvals.blacklist import select_blacklisted_ids
from customerhub.core import clock, history
from customerhub.core.database import insert_new, save_changes
from customerhub.core.errors import Invalid, WrongState
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.validation import check_not_past, clean_text
from customerhub.customers.choice_rules import catalog_rule, is_valid_choice
from customerhub.customers.review_schedule import find_unanswered_due_date, is_overdue
from models import (
    Account,
    Alert,
    CatalogItem,
    ComplianceDocument,
    Customer,
    CustomerStatus,
    Organisation,
    Review,
)
from models.base import db
from models.enums import AlertRule, CatalogType, Severity, StatusBehaviour

MAX_TEXT_LENGTH: Final = 500
ALERT_TYPES: Final = catalog_rule(CatalogType.ALERT_TYPE)
EXPIRES_SOON_DAYS: Final = 30  # in which a compliance document is marked before it expires
CHUNK_SIZE: Final = 500  # alerts that are written by one statement
_HISTORY_COLUMNS: Final = (
    Alert.id,
    Alert.organisation_id,
    Alert.customer_id,
    Alert.text,
)  # what the history tells of them
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
    require_permission(actor, Permission.CUSTOMERS_EDIT)
    require_access(actor, customer)
    cleaned_text = _clean_alert_text(text)
    check_not_past(valid_until, "valid_until", today=organisation_today(customer.organisation_id))
    if not is_valid_choice(ALERT_TYPES, CatalogItem, type_id, actor.organisation_id):
        raise Invalid("Choose an alert type from the list", "type_id")
    alert = Alert(
        organisation_id=customer.organisation_id,
        customer_id=customer.id,
        type_id=type_id,
        severity=severity,
        text=cleaned_text,
        valid_until=valid_until,
    )
    with save_changes():
        db.session.add(alert)
    return alert


def _clean_alert_text(text: str) -> str:
    cleaned_text = clean_text(text or "", max_length=MAX_TEXT_LENGTH, field="text")
    if cleaned_text is None:
        raise Invalid("Enter the alert text", "text")
    return cleaned_text


def close_alert(alert: Alert, *, actor: Actor) -> None:
    """Put an alert away. One raised by a rule goes by itself, when what it warns of is mended."""
    require_permission(actor, Permission.CUSTOMERS_EDIT)
    require_access(actor, alert)
    check_closing(alert)
    with save_changes():
        alert.closed_at = clock.get_now()


def check_closing(alert: Alert) -> None:
    """Raises WrongState, saying why, where nobody can put an alert away now."""
    if alert.closed_at is not None:
        raise WrongState("Already closed")
    if alert.rule is not None:
        raise WrongState(f"This alert closes automatically when “{alert.rule.value}” no longer applies")


def is_active_on(as_of: date | ColumnElement[date]) -> ColumnElement[bool]:
    """The condition that an alert is to be shown on a day."""
    return and_(Alert.closed_at.is_(None), or_(Alert.valid_until.is_(None), Alert.valid_until >= as_of))


def list_alerts(customer: Customer, *, as_of: date) -> list[Alert]:
    """The alerts of a customer that hold on a day, the most severe first."""
    severity_order = list(reversed(Severity))
    alerts = db.session.scalars(
        select(Alert).where(Alert.customer_id == customer.id, is_active_on(as_of)).order_by(Alert.id)
    ).all()
    return sorted(alerts, key=lambda alert: severity_order.index(alert.severity))


# --- Rules -------------------------------------------------------------------------------------------------------


# The customers for whom a rule may hold: of an organisation, on a day, and perhaps of one customer only. The first
# column is the id of the customer; what a rule has to weigh by its own is in further ones.
RuleQuery = Callable[[int, date, int | None], Select[Any]]
_WEIGHED_COLUMNS: Final[tuple[Any, ...]] = (
    Customer.review_start_date,
    Customer.review_frequency,
    Customer.created_at,
    Review.due_on,
)  # of the rule that has most; the others have NULL there, of the same type


def _match_customer(column: Any, customer_id: int | None) -> ColumnElement[bool]:
    return true() if customer_id is None else column == customer_id


def _select_over_credit_limit(organisation_id: int, _as_of: date, customer_id: int | None) -> Select[Any]:
    return (
        select(Customer.id)
        .join(Account, Account.customer_id == Customer.id)
        .where(
            Customer.organisation_id == organisation_id,
            Customer.credit_limit.is_not(None),
            _match_customer(Customer.id, customer_id),
        )
        .group_by(Customer.id, Customer.credit_limit)
        .having(func.sum(Account.balance) > Customer.credit_limit)
    )


def _select_with_expired_document(organisation_id: int, as_of: date, customer_id: int | None) -> Select[Any]:
    document = ComplianceDocument
    return (
        select(document.customer_id)
        .where(
            document.organisation_id == organisation_id,
            document.expiry_date < as_of,
            _match_customer(document.customer_id, customer_id),
        )
        .distinct()
    )


def _select_with_review(organisation_id: int, as_of: date, customer_id: int | None) -> Select[Any]:
    """Those that have reviews, each with what `_is_review_overdue` asks about."""
    review_query = select(Review.customer_id, func.max(Review.due_on).label("due_on")).where(
        Review.organisation_id == organisation_id, _match_customer(Review.customer_id, customer_id)
    )
    latest_reviews = review_query.group_by(Review.customer_id).subquery()
    return (
        select(Customer.id, *_WEIGHED_COLUMNS[:-1], latest_reviews.c.due_on)
        .join(CustomerStatus, CustomerStatus.id == Customer.status_id)
        .outerjoin(latest_reviews, latest_reviews.c.customer_id == Customer.id)
        .where(
            Customer.organisation_id == organisation_id,
            Customer.review_start_date <= as_of,
            Customer.review_frequency.is_not(None),
            CustomerStatus.behaviour != StatusBehaviour.NONE,
            _match_customer(Customer.id, customer_id),
        )
    )


def _is_review_overdue(
    organisation: Organisation,
    as_of: date,
    start: date,
    frequency: int,
    created_at: datetime,
    last_answered: date | None,
) -> bool:
    """Whether the latest review is past its days of grace and was not recorded."""
    due = find_unanswered_due_date(start, frequency, as_of, last_answered)
    known_since = clock.day_of(created_at, organisation.timezone)
    return due is not None and is_overdue(due, known_since, organisation.review_grace_days, as_of)


# The rule with most columns first: a union has the types of its first part.
RULES: Final[dict[AlertRule, tuple[str, RuleQuery]]] = {
    AlertRule.REVIEW: ("A review is overdue: record it when it is done", _select_with_review),
    AlertRule.BLACKLISTED: ("Blacklisted: not to be approved or contracted", select_blacklisted_ids),
    AlertRule.CREDIT_LIMIT: ("The balance is above the credit limit", _select_over_credit_limit),
    AlertRule.DOCUMENT: ("A compliance document has expired", _select_with_expired_document),
}


def _find_matches(
    rules: Iterable[AlertRule], organisation: Organisation, as_of: date, customer_id: int | None = None
) -> dict[AlertRule, set[int]]:
    """The customers for whom each of `rules` holds, by one statement."""
    matches: dict[AlertRule, set[int]] = {rule: set() for rule in rules}
    queries = []
    for rule in matches:
        query = RULES[rule][1](organisation.id, as_of, customer_id)
        missing_columns = _WEIGHED_COLUMNS[len(query.selected_columns) - 1 :]
        queries.append(query.add_columns(*(cast(null(), each.type) for each in missing_columns), literal(rule.name)))
    for customer_key, *weighed_values, rule_name in db.session.execute(union_all(*queries)):
        rule = AlertRule[rule_name]
        if rule is not AlertRule.REVIEW or _is_review_overdue(organisation, as_of, *weighed_values):
            matches[rule].add(customer_key)
    return matches


def refresh_alerts(
    customer: Customer, *, as_of: date, is_blacklisted: bool | None = None, is_new: bool = False
) -> None:
    """Raise and close the alerts of one customer as the rules say.

    Who has asked the blacklist already tells what it said; a customer that is new has no alerts yet.
    """
    db.session.flush()
    organisation = db.session.get_one(Organisation, customer.organisation_id)
    rules = [rule for rule in RULES if rule is not AlertRule.BLACKLISTED or is_blacklisted is None]
    matches = _find_matches(rules, organisation, as_of, customer.id)
    if is_blacklisted is not None:
        matches[AlertRule.BLACKLISTED] = {customer.id} if is_blacklisted else set()
    open_rules = set() if is_new else _list_open_rules(customer)
    for rule, matching_ids in matches.items():
        if customer.id in matching_ids and rule not in open_rules:
            _raise_alerts(customer.organisation_id, [customer.id], rule)
        elif customer.id not in matching_ids and rule in open_rules:
            _close_alerts([customer.id], rule)


def _list_open_rules(customer: Customer) -> set[AlertRule | None]:
    """The rules that have an alert of `customer` open."""
    is_open = Alert.customer_id == customer.id, Alert.closed_at.is_(None), Alert.rule.is_not(None)
    return set(db.session.scalars(select(Alert.rule).where(*is_open)))


def refresh_all_alerts(organisation_id: int, *, as_of: date) -> tuple[int, int]:
    """Raise and close the alerts of all customers of an organisation as the rules say; how many were raised and closed.

    May be repeated: what stands is left as it is.
    """
    raised_count = closed_count = 0
    organisation = db.session.get_one(Organisation, organisation_id)
    for rule in RULES:
        matching_ids = _find_matches([rule], organisation, as_of)[rule]
        open_ids = set(
            db.session.scalars(
                select(Alert.customer_id).where(
                    Alert.organisation_id == organisation_id, Alert.rule == rule, Alert.closed_at.is_(None)
                )
            )
        )
        raised_count += _raise_alerts(organisation_id, sorted(matching_ids - open_ids), rule)
        closed_count += _close_alerts(sorted(open_ids - matching_ids), rule)
    return raised_count, closed_count


def _raise_alerts(organisation_id: int, customer_ids: Sequence[int], rule: AlertRule) -> int:
    """Raise the alert of a rule for each of these customers, unless somebody else does so at the same time."""
    text, _ = RULES[rule]
    raised_count = 0
    for start in range(0, len(customer_ids), CHUNK_SIZE):
        values = [
            {
                "organisation_id": organisation_id,
                "customer_id": key,
                "rule": rule,
                "severity": SEVERITIES[rule],
                "text": text,
                "created_at": clock.get_now(),
            }
            for key in customer_ids[start : start + CHUNK_SIZE]
        ]
        statement = insert_new(Alert).values(values)
        changes = {"rule": [None, rule.value], "severity": [None, SEVERITIES[rule].value], "text": [None, text]}
        raised_count += _execute_with_history(statement.returning(*_HISTORY_COLUMNS), "created", changes)
    return raised_count


def _close_alerts(customer_ids: Sequence[int], rule: AlertRule) -> int:
    """Close the alert of a rule of each of these customers, unless somebody else does so at the same time."""
    now, closed_count = clock.get_now(), 0
    for start in range(0, len(customer_ids), CHUNK_SIZE):
        chunk_ids = customer_ids[start : start + CHUNK_SIZE]
        statement = (
            update(Alert)
            .where(Alert.customer_id.in_(chunk_ids), Alert.rule == rule, Alert.closed_at.is_(None))
            .values(closed_at=now, version=Alert.version + 1)
            .execution_options(synchronize_session="fetch")
        )
        closed_count += _execute_with_history(
            statement.returning(*_HISTORY_COLUMNS), "changed", {"closed_at": [None, now.isoformat()]}
        )
    return closed_count


def _execute_with_history(statement: Any, action: str, changes: dict[str, Any]) -> int:
    """Run a statement on alerts and write its history; how many there were."""
    rows = db.session.execute(statement, execution_options=history.bulk_options()).all()
    history.record(
        history.build_entry(
            organisation_id=row.organisation_id,
            action=action,
            table="alert",
            row_id=row.id,
            customer_id=row.customer_id,
            title=row.text,
            changes=changes,
        )
        for row in rows
    )
    return len(rows)
