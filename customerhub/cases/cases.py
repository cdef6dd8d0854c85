"""Cases of customers: opened by staff or in the portal, assigned, brought through their statuses."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, select

from customerhub.cases import mails
from customerhub.cases.conversation import add_note, require_portal_cases
from customerhub.cases.statuses import CASE_STATUSES, CLOSE, CaseTransition
from customerhub.core import clock, history
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid, WrongState, raise_refusal
from customerhub.core.many_rows import lock_accepted, write_changes
from customerhub.core.number_sequences import reserve_numbers
from customerhub.core.permissions import STAFF, Actor, Permission, require_access, require_permission, select_visible
from customerhub.core.row_validation import clean_row
from models import Customer, CustomerCase, User
from models.base import db
from models.enums import CaseStatus

_FIXED_FIELDS: Final = {
    "status": "a status action",
    "number": "nobody",
    "customer_id": "merging customers",
    "requester_id": "nobody",
}


def select_own_cases(actor: Actor) -> Select[Any]:
    """The cases of `actor` that are not closed."""
    return select_visible(CustomerCase, actor).where(
        CustomerCase.assignee_id == actor.id, CustomerCase.status != CaseStatus.CLOSED
    )


def open_case(case: CustomerCase, text: str | None = None, *, is_visible: bool = False, actor: Actor) -> CustomerCase:
    """Check the new `case` and flush it, with `text` as its first note: it gets its number, is open, and its assignee
    is notified. The right to open it is checked before.
    """
    with save_changes():
        customer = _get_customer(case.customer_id, actor)
        case.organisation_id, case.requester_id = customer.organisation_id, actor.id
        case.status, case.closed_at = CaseStatus.OPEN, None
        case.number = f"S{reserve_numbers(customer.organisation_id, CustomerCase.__tablename__, 1)}"
        _check_values(case)
        db.session.add(case)
    if text:
        add_note(case, text, is_visible=is_visible, actor=actor, is_first=True)
    mails.notify_assignee([case], case.assignee_id, actor=actor)
    return case


def open_portal_case(subject: str, text: str, *, actor: Actor) -> CustomerCase:
    """Open a case of a portal user's own customer. Raises NotAllowed where they may not see cases."""
    customer = require_portal_cases(actor)
    case = CustomerCase(customer_id=customer.id, subject=subject)
    return open_case(case, text, is_visible=True, actor=actor)


def _get_customer(customer_id: int | None, actor: Actor) -> Customer:
    with db.session.no_autoflush:
        customer = db.session.get(Customer, customer_id) if customer_id is not None else None
    if customer is None:
        raise Invalid("Choose a customer", "customer_id")
    require_access(actor, customer)
    return customer


def _check_values(case: CustomerCase) -> None:
    problems = clean_row(case)
    if case.assignee_id is not None and not _is_assignable(case.assignee_id, case.organisation_id):
        problems.append(("assignee_id", "Choose a staff member"))
    if problems:
        raise Invalid.from_problems(problems)


def _is_assignable(user_id: int, organisation_id: int) -> bool:
    user = db.session.get(User, user_id)
    return user is not None and user.organisation_id == organisation_id and user.active and user.role in STAFF


def save_case(case: CustomerCase, *, actor: Actor) -> CustomerCase:
    """Check `case` as it now stands and flush it. A new one is opened.

    Raises WrongState for what is not changed by editing, Invalid with every problem found, Conflict where somebody
    saved it meanwhile.
    """
    require_permission(actor, Permission.CASES_EDIT)
    if case.id is None:
        return open_case(case, actor=actor)
    with save_changes():
        require_access(actor, case)
        previous_values = history.previous_values_of(case)
        for field, way in _FIXED_FIELDS.items():
            if field in previous_values:
                raise WrongState(f"The {field.removesuffix('_id')} of a case can be changed only by {way}")
        if "assignee_id" in previous_values or "subject" in previous_values:
            _check_values(case)
        db.session.add(case)
    if "assignee_id" in previous_values:
        mails.notify_assignee([case], case.assignee_id, actor=actor)
    return case


def assign_cases(cases: Sequence[CustomerCase], *, assignee_id: int | None, actor: Actor) -> dict[int, HubError]:
    """Assign cases that are not closed to one of the staff, who is notified by one mail, or to nobody: returns why not,
    by the id of each that is left as it is. Raises Invalid where it is nobody of the staff.
    """
    require_permission(actor, Permission.CASES_EDIT)
    if assignee_id is not None and not _is_assignable(assignee_id, actor.organisation_id):
        raise Invalid("Choose a staff member", "assignee_id")
    previous_ids = {case.id: case.assignee_id for case in cases}

    def check(case: CustomerCase) -> None:
        require_access(actor, case)
        check_assignment(case)

    accepted, refusals = lock_accepted(cases, check)
    with save_changes():
        for case in accepted:
            case.assignee_id = assignee_id
        write_changes(accepted)
    given = [case for case in accepted if previous_ids[case.id] != assignee_id]
    mails.notify_assignee(given, assignee_id, actor=actor)
    return refusals


def assign_case(case: CustomerCase, *, assignee_id: int | None, actor: Actor) -> None:
    """As `assign_cases`, of one."""
    raise_refusal(assign_cases([case], assignee_id=assignee_id, actor=actor))


def check_assignment(case: CustomerCase) -> None:
    """Raises WrongState where `case` is closed."""
    if not case.is_open:
        raise WrongState("The case is closed")


def change_case_status(case: CustomerCase, transition: CaseTransition, *, actor: Actor) -> None:
    """Make `transition` of the table. Raises WrongState for one that is not in it."""
    raise_refusal(change_case_statuses([case], transition, actor=actor))


def change_case_statuses(
    cases: Sequence[CustomerCase], transition: CaseTransition, *, actor: Actor
) -> dict[int, HubError]:
    """As `change_case_status`, of many at once: returns why not, by the id of each that is left as it is."""

    def check(case: CustomerCase) -> None:
        require_access(actor, case)
        CASE_STATUSES.check(transition, case, actor)

    accepted, refusals = lock_accepted(cases, check)
    with save_changes():
        for case in accepted:
            CASE_STATUSES.apply(transition, case, actor)
            case.closed_at = clock.get_now() if case.status is CaseStatus.CLOSED else None
        write_changes(accepted)
    if transition is CLOSE:
        mails.notify_customer_of_closing(accepted)
    return refusals


def release_cases(users: Sequence[User]) -> None:
    """The cases that are not closed, of those of `users` who can no longer work on them, are nobody's from here on."""
    user_ids = [user.id for user in users if not user.active or user.role not in STAFF]
    if not user_ids:
        return
    query = select(CustomerCase).where(CustomerCase.assignee_id.in_(user_ids), CustomerCase.status != CaseStatus.CLOSED)
    with save_changes():
        cases = db.session.scalars(query.order_by(CustomerCase.customer_id, CustomerCase.id)).all()
        for case in cases:
            case.assignee_id = None
        write_changes(cases)
