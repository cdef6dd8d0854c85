"""Saving many customers that were changed: by the rules of the form, and by few statements where no rule needs one for
each.
"""

from collections.abc import Sequence
from typing import Final

from customerhub.approvals.stages import CREDIT_CHECK_FACTS
from customerhub.core import clock, history
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError
from customerhub.core.field_changes import SavingTogether
from customerhub.core.many_rows import discard_changes, lock_accepted, write_changes
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.preloading import preload_lists, preload_references
from customerhub.customers import alerts
from customerhub.customers.records import check_customer, complete_record
from customerhub.customers.saving_context import CHECKED_RELATIONS, SavingContext
from models import Customer, Organisation
from models.base import db, get_table

# What a rule follows that asks about each customer by itself: the credit check, the portal, numbers and accounts.
SINGLE_FIELDS: Final = frozenset(
    {*CREDIT_CHECK_FACTS, "reference", "vat_number", "account_number", "email", "portal_access", "stage"}
)


def is_saved_together(customer: Customer, changed_names: Sequence[str]) -> bool:
    """Whether nothing follows from what was changed of `customer` that is about it alone."""
    is_portal_settled = customer.portal_invited_at is not None or not customer.email
    are_columns = set(changed_names) <= set(get_table(Customer).columns.keys())
    return is_portal_settled and are_columns and SINGLE_FIELDS.isdisjoint(changed_names)


def save_customers(customers: Sequence[Customer], *, actor: Actor) -> dict[int, HubError]:
    """As `save_customer`, of many that `is_saved_together` says it of: returns why not, by the id of each that is
    refused and left as it was.
    """
    require_permission(actor, Permission.CUSTOMERS_EDIT)
    organisation, now = db.session.get_one(Organisation, actor.organisation_id), clock.get_now()
    context = SavingContext(
        organisation=organisation,
        now=now,
        actor=actor,
        is_new=False,
        status=None,
        previous_values={},
        blacklist_entries=(),
        previous_entries=(),
    )
    with db.session.no_autoflush:
        references = preload_references(customers, names={*CHECKED_RELATIONS, "status"})  # kept until all are checked
        references += preload_references(customers, is_changed_only=True)
        preload_lists([customer for customer in customers if customer.is_prospect], ["contacts"])
        preload_lists([customer for customer in customers if not customer.is_prospect], ["departments"])

        def check(customer: Customer) -> None:
            require_access(actor, customer)
            check_customer(customer)
            complete_record(customer, context)

        accepted, refusals = lock_accepted(customers, check)
        for customer in customers:
            if customer.id in refusals:
                discard_changes(customer)
    with history.written_together(), save_changes():
        write_changes(accepted)
        if accepted:
            alerts.refresh_many_alerts(accepted, as_of=context.today)
    del references
    return refusals


TOGETHER: Final = SavingTogether(is_saved_together, save_customers)
