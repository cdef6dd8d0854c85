"""What is asked when a customer is saved, looked up once: every rule of the save gets the same answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from customerhub.approvals import blacklist
from customerhub.core import clock
from customerhub.core.permissions import Actor
from customerhub.core.preloading import preload_references
from customerhub.customers import credit_check_facts
from customerhub.customers.choice_rules import MANAGER_FIELDS
from customerhub.customers.parts import parts_at_hand
from customerhub.customers.rules import CUSTOMER_CATALOGS
from customerhub.customers.statuses import find_default_status, find_saved_status_id
from models import BlacklistEntry, Customer, CustomerStatus, Organisation
from models.base import db

# Whose choice is checked at every save, be it changed or not.
CHECKED_RELATIONS: Final = frozenset(
    name.removesuffix("_id") for name in (*CUSTOMER_CATALOGS, *MANAGER_FIELDS, "review_template_id")
)


@dataclass(frozen=True)
class SavingContext:
    """The save of one customer: by whom and when, and what stands around it.

    `status` is the one that it will have, None where there is none to choose. `previous_values` are the facts of the
    credit check that were changed. `blacklist_entries` hold for it as it now stands, `previous_entries` for the numbers
    that it had. `references` keeps what its columns refer to in the session.
    """

    organisation: Organisation
    now: datetime
    actor: Actor
    is_new: bool
    status: CustomerStatus | None
    previous_values: Mapping[str, Any]
    blacklist_entries: Sequence[BlacklistEntry]
    previous_entries: Sequence[BlacklistEntry]
    references: Sequence[Any] = ()

    @property
    def today(self) -> date:
        """The day it is for the organisation."""
        return clock.day_of(self.now, self.organisation.timezone)

    @property
    def is_blacklisted(self) -> bool:
        """Whether the customer is on the blacklist, also by a number that it had until now."""
        return bool(self.blacklist_entries or self.previous_entries)


def load_context(customer: Customer, actor: Actor) -> SavingContext:
    """Look up what the save of `customer`, tidied and not yet flushed, asks about. The blacklist is asked here only."""
    is_new = customer.id is None
    organisation, now = db.session.get_one(Organisation, customer.organisation_id), clock.get_now()
    references = preload_references([customer], names=CHECKED_RELATIONS)
    references += preload_references(
        [customer, *(part for _, _, part in parts_at_hand(customer))], is_changed_only=True
    )
    status_id = customer.status_id or find_saved_status_id(customer)
    status = db.session.get(CustomerStatus, status_id) if status_id else find_default_status(organisation.id)
    previous_values = {} if is_new else credit_check_facts.find_changes(customer)
    bodies = [blacklist.body_of(customer)]
    if any(previous_values.get(name) for name in blacklist.NUMBER_COLUMNS):
        numbers = {name: previous_values.get(name, getattr(customer, name)) for name in blacklist.NUMBER_COLUMNS}
        bodies.append(blacklist.build_body(**numbers))
    today = clock.day_of(now, organisation.timezone)
    entries, *previous_entries = blacklist.find_entries(bodies, organisation.id, as_of=today)
    return SavingContext(
        organisation=organisation,
        now=now,
        actor=actor,
        is_new=is_new,
        status=status,
        previous_values=previous_values,
        blacklist_entries=entries,
        previous_entries=previous_entries[0] if previous_entries else (),
        references=references,
    )
