"""Who looks after customers."""

from collections.abc import Sequence

from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid, raise_refusal
from customerhub.core.many_rows import lock_accepted, write_changes
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.customers.records import list_manager_problems
from customerhub.customers.required_fields import require_replacement
from models import Customer, User


def assign_account_manager(customer: Customer, *, manager: User | None, actor: Actor) -> None:
    """Make `manager`, one of the staff, the account manager of `customer`; None takes the present one away."""
    raise_refusal(assign_account_managers([customer], manager=manager, actor=actor))


def assign_account_managers(
    customers: Sequence[Customer], *, manager: User | None, actor: Actor
) -> dict[int, HubError]:
    """As `assign_account_manager`, of many at once: returns why not, by the id of each customer that is left as it is.

    Raises Invalid where `manager` cannot be one.
    """
    require_permission(actor, Permission.CUSTOMERS_ASSIGN)

    def check(customer: Customer) -> None:
        require_access(actor, customer)
        if manager is None:
            require_replacement(customer, "account_manager_id")

    accepted, refusals = lock_accepted(customers, check)
    with save_changes():
        for customer in accepted:
            customer.account_manager_id = manager.id if manager else None
            problems = list_manager_problems(customer, ("account_manager_id",))
            if problems:
                raise Invalid.from_problems(problems)
        write_changes(accepted)
    return refusals
