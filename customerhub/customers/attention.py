"""Customers that need attention: an overdue review, a document that has expired or soon will.

Those who assign account managers see to all customers, others to those whose account manager they are.
"""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, func, select

from customerhub.core.permissions import Actor, Permission, select_visible
from customerhub.customers.alerts import EXPIRES_SOON_DAYS
from models import Alert, ComplianceDocument, Customer
from models.enums import AlertRule


def select_overdue_reviews(actor: Actor) -> Select[Any]:
    """The open alerts of overdue reviews of the customers that `actor` sees to, one for each customer."""
    query = select_visible(Alert, actor).where(Alert.rule == AlertRule.REVIEW, Alert.closed_at.is_(None))
    if actor.has_permission(Permission.CUSTOMERS_ASSIGN):
        return query
    # By EXISTS, so that the few that are new are found by their time and not by all customers of the account manager.
    return query.where(exists().where(Customer.id == Alert.customer_id, Customer.account_manager_id == actor.id))


def select_customers_with_expiring_documents(actor: Actor, *, until: date, after: Any = None) -> Select[Any]:
    """The customers that `actor` sees to with a document that has expired or will until a day; only with one that
    expires later than the day `after`, where it is given.
    """
    query = select_visible(Customer, actor).where(is_expiring(actor.organisation_id, until=until, after=after))
    if not actor.has_permission(Permission.CUSTOMERS_ASSIGN):
        query = query.where(Customer.account_manager_id == actor.id)
    return query


def is_expiring(organisation_id: Any, *, until: date, after: Any = None) -> ColumnElement[bool]:
    """The condition of the customers with a document that expires until a day, and after another where it is given. The
    organisation is named for the sake of the index.
    """
    expiry_date, is_own = ComplianceDocument.expiry_date, ComplianceDocument.organisation_id == organisation_id
    query = select(ComplianceDocument.customer_id).where(is_own, expiry_date <= until)
    return Customer.id.in_(query if after is None else query.where(expiry_date > after))


def select_first_expiry() -> ScalarSelect[date]:
    """When the first document of a customer expires, as part of a query of customers."""
    query = select(func.min(ComplianceDocument.expiry_date)).where(ComplianceDocument.customer_id == Customer.id)
    return query.correlate(Customer).scalar_subquery()


def compute_documents_until(day: date) -> date:
    """Until when a document expires that needs attention on `day`."""
    return day + timedelta(days=EXPIRES_SOON_DAYS)


def list_expiring_documents(customer: Customer, *, today: date) -> list[ComplianceDocument]:
    """Those of a customer's documents that have expired on the day `today` or will soon, the first to expire first."""
    until = compute_documents_until(today)
    expiring = [each for each in customer.compliance_documents if each.expiry_date <= until]
    return sorted(expiring, key=lambda each: (each.expiry_date, each.id))
