"""Alerts: warnings about a customer, raised by staff and by rules.

A rule raises one alert a customer and closes it when it no longer holds. Rules are asked when a customer is saved or
blacklisted, and for all customers by an hourly job.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, cast, func, literal, null, or_, select, true, union_all, update

from customerhub.approvals.blacklist import select_blacklisted_ids
from customerhub.core import clock, history
from customerhub.core.database import insert_new, save_changes
from customerhub.core.errors import HubError, Invalid, WrongState, raise_refusal
from customerhub.core.many_rows import add_rows, lock_accepted, split_refused, write_changes
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.validation import check_not_past, clean_text
from customerhub.customers.choice_rules import catalog_rule, is_choosable
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


@dataclass(frozen=True)
class AlertDraft:
    """What is entered to warn of something by hand."""

    text: str
    severity: Severity = Severity.WARNING
    type_id: int | None = None
    valid_until: date | None = None


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
    alerts, refusals = raise_alerts([customer], AlertDraft(text, severity, type_id, valid_until), actor=actor)
    raise_refusal(refusals)
    return alerts[0]


def raise_alerts(
    customers: Sequence[Customer], draft: AlertDraft, *, actor: Actor
) -> tuple[list[Alert], dict[int, HubError]]:
    """As `raise_alert`, of many customers at once: the alerts, and why not, by the id of each that gets none."""
    require_permission(actor, Permission.CUSTOMERS_EDIT)
    today = organisation_today(actor.organisation_id)
    alert_type = db.session.get(CatalogItem, draft.type_id) if draft.type_id is not None else None

    def build(customer: Customer) -> Alert:
        require_access(actor, customer)
        cleaned_text = _clean_alert_text(draft.text)
        check_not_past(draft.valid_until, "valid_until", today=today)
        if draft.type_id is not None and not is_choosable(ALERT_TYPES, alert_type, actor.organisation_id):
            raise Invalid("Choose an alert type from the list", "type_id")
        return Alert(
            organisation_id=customer.organisation_id,
            customer_id=customer.id,
            type_id=draft.type_id,
            severity=draft.severity,
            text=cleaned_text,
            valid_until=draft.valid_until,
        )

    alerts, refusals = split_refused(customers, build)
    with save_changes():
        add_rows(alerts, "customer_id")
    return alerts, refusals


def _clean_alert_text(text: str) -> str:
    cleaned_text = clean_text(text or "", max_length=MAX_TEXT_LENGTH, field="text")
    if cleaned_text is None:
        raise Invalid("Enter the alert text", "text")
    return cleaned_text


def close_alert(alert: Alert, *, actor: Actor) -> None:
    """Put an alert away. One raised by a rule goes by itself, when what it warns of is mended."""
    raise_refusal(close_alerts([alert], actor=actor))


def close_alerts(alerts: Sequence[Alert], *, actor: Actor) -> dict[int, HubError]:
    """As `close_alert`, of many at once: returns why not, by the id of each that is left as it is."""
    require_permission(actor, Permission.CUSTOMERS_EDIT)

    def check(alert: Alert) -> None:
        require_access(actor, alert)
        check_closing(alert)

    accepted, refusals = lock_accepted(alerts, check)
    with save_changes():
        for alert in accepted:
            alert.closed_at = clock.get_now()
        write_changes(accepted)
    return refusals


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


def list_all_alerts(customer: Customer, *, limit: int) -> Sequence[Alert]:
    """The newest alerts of a customer, `limit` at most: those that hold first, then those that were closed."""
    query = select(Alert).where(Alert.customer_id == customer.id)
    return db.session.scalars(query.order_by(Alert.closed_at.is_not(None), Alert.id.desc()).limit(limit)).all()


# --- Rules -------------------------------------------------------------------------------------------------------


# The customers for whom a rule may hold: of an organisation, on a day, and perhaps only of those with these ids. The
# first column is the id of the customer; what a rule has to weigh by its own is in further ones.
RuleQuery = Callable[[int, date, Collection[int] | None], Select[Any]]
_WEIGHED_COLUMNS: Final[tuple[Any, ...]] = (
    Customer.review_start_date,
    Customer.review_frequency,
    Customer.created_at,
    Review.due_on,
)  # of the rule that has most; the others have NULL there, of the same type


def _match_customer(column: Any, customer_ids: Collection[int] | None) -> ColumnElement[bool]:
    return true() if customer_ids is None else column.in_(customer_ids)


def _select_over_credit_limit(organisation_id: int, _as_of: date, customer_ids: Collection[int] | None) -> Select[Any]:
    return (
        select(Customer.id)
        .join(Account, Account.customer_id == Customer.id)
        .where(
            Customer.organisation_id == organisation_id,
            Customer.credit_limit.is_not(None),
            _match_customer(Customer.id, customer_ids),
        )
        .group_by(Customer.id, Customer.credit_limit)
        .having(func.sum(Account.balance) > Customer.credit_limit)
    )


def _select_with_expired_document(
    organisation_id: int, as_of: date, customer_ids: Collection[int] | None
) -> Select[Any]:
    document = ComplianceDocument
    return (
        select(document.customer_id)
        .where(
            document.organisation_id == organisation_id,
            document.expiry_date < as_of,
            _match_customer(document.customer_id, customer_ids),
        )
        .distinct()
    )


def _select_with_review(organisation_id: int, as_of: date, customer_ids: Collection[int] | None) -> Select[Any]:
    """Those that have reviews, each with what `_is_review_overdue` asks about."""
    review_query = select(Review.customer_id, func.max(Review.due_on).label("due_on")).where(
        Review.organisation_id == organisation_id, _match_customer(Review.customer_id, customer_ids)
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
            _match_customer(Customer.id, customer_ids),
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
    rules: Iterable[AlertRule],
    organisation: Organisation,
    as_of: date,
    customer_ids: Collection[int] | None = None,
) -> dict[AlertRule, set[int]]:
    """The customers for whom each of `rules` holds, by one statement."""
    matches: dict[AlertRule, set[int]] = {rule: set() for rule in rules}
    queries = []
    for rule in matches:
        query = RULES[rule][1](organisation.id, as_of, customer_ids)
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
    blacklisted = [customer] if is_blacklisted else []
    known_ids = None if is_blacklisted is None else {each.id for each in blacklisted}
    refresh_many_alerts([customer], as_of=as_of, blacklisted_ids=known_ids, are_new=is_new)


def refresh_many_alerts(
    customers: Sequence[Customer],
    *,
    as_of: date,
    blacklisted_ids: Collection[int] | None = None,
    are_new: bool = False,
) -> None:
    """As `refresh_alerts`, of many customers of one organisation."""
    db.session.flush()
    organisation = db.session.get_one(Organisation, customers[0].organisation_id)
    customer_ids = [customer.id for customer in customers]
    rules = [rule for rule in RULES if rule is not AlertRule.BLACKLISTED or blacklisted_ids is None]
    matches = _find_matches(rules, organisation, as_of, customer_ids)
    if blacklisted_ids is not None:
        matches[AlertRule.BLACKLISTED] = set(blacklisted_ids)
    open_ids = {} if are_new else _find_open_alerts(customer_ids)
    for rule, matching_ids in matches.items():
        _raise_alerts(organisation.id, sorted(matching_ids - open_ids.get(rule, set())), rule)
        _close_alerts(sorted(open_ids.get(rule, set()) - matching_ids), rule)


def _find_open_alerts(customer_ids: Collection[int]) -> dict[AlertRule, set[int]]:
    """Those of these customers that have the alert of a rule open."""
    query = select(Alert.rule, Alert.customer_id).where(
        Alert.customer_id.in_(customer_ids), Alert.closed_at.is_(None), Alert.rule.is_not(None)
    )
    open_ids: dict[AlertRule, set[int]] = {}
    for rule, customer_id in db.session.execute(query):
        if rule is not None:
            open_ids.setdefault(rule, set()).add(customer_id)
    return open_ids


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
