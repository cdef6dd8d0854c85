"""Contracts: what a customer signed. Each has an account of its own and follows its invoice profile.

A contract is live once its invoice profile is completed, and a draft until then. From there people change it by the
table in transitions.py.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import select

from customerhub.contracts.eligibility import require_eligible
from customerhub.contracts.form_layout import CONTRACT_FORM, STAFF_FIELDS
from customerhub.contracts.numbering import take_number
from customerhub.contracts.status_changes import change_statuses
from customerhub.contracts.transitions import CONTRACT_STATUSES, ContractTransition
from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid, WrongState, raise_refusal
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.row_validation import Problems, clean_row
from customerhub.core.validation import check_date_range
from customerhub.custom_fields.values import list_value_problems
from customerhub.customers import invoice_profiles
from customerhub.customers.accounts import take_account_numbers
from customerhub.customers.invoice_profiles import add_profile
from customerhub.form_layouts.required import list_missing_of
from models import Account, BusinessEntity, Contract, Customer, InvoiceProfile
from models.base import db
from models.custom_fields import CUSTOM_PREFIX
from models.enums import ContractStatus, ProfileStatus
from models.types import Money

MOST_CONNECTIONS: Final = 1_000_000
MOST_VALUE: Final = Money().limit
END_BEFORE_START: Final = "A contract cannot end before it starts"
CONTRACT_ENDED: Final = "The contract has ended and cannot be changed"
PROFILE_REQUIRED: Final = "Choose an invoice profile, or enter a name and an email address for a new one"
_FIXED_FIELDS: Final = {
    "status": "a status action",
    "customer_id": "merging customers",
    "account_id": "merging customers",
}


def save_contract(contract: Contract, *, actor: Actor, is_entered: bool = False) -> Contract:
    """Check `contract` as it now stands and flush it. `is_entered` where all of it was in a form, which is asked for
    all that the organisation requires.

    A new one gets its account, and its number unless it has one. It is live where its invoice profile is completed, and
    a draft otherwise. Raises WrongState where its customer may not enter a contract or it has ended, Invalid with every
    problem found, Conflict where its number is taken or somebody saved it meanwhile.
    """
    with save_changes():
        is_new = contract.id is None
        require_permission(actor, Permission.CONTRACTS_ADD if is_new else Permission.CONTRACTS_EDIT)
        customer = get_customer(contract, actor)
        if is_new:
            require_eligible(customer, actor=actor)
            contract.organisation_id, contract.status = customer.organisation_id, ContractStatus.DRAFT
            if not (contract.number or "").strip():
                contract.number = take_number(Contract, customer.organisation_id)
        else:
            require_access(actor, contract)
            _require_editable(contract)
        if contract.connections is None:
            contract.connections = 0
        profile = _find_profile(contract, is_locked=True)
        problems = _list_problems(contract, profile, actor, is_entered=is_entered)
        problems = [each for each in problems if not (is_new and each[0] == "account_id")]
        if problems:
            raise Invalid.from_problems(problems)
        _follow_profile_status(contract, profile)
        if is_new:
            contract.account = _build_account(customer)
            db.session.add(contract)
    db.session.expire(customer, ["accounts"])
    return contract


def check_contract(contract: Contract) -> None:
    """Raises Invalid with every problem that keeps `contract`, one that there is, from being saved as it now stands."""
    problems = _list_problems(contract, _find_profile(contract), None, is_entered=False)
    if problems:
        raise Invalid.from_problems(problems)


def _list_problems(contract: Contract, profile: Any, actor: Actor | None, *, is_entered: bool) -> Problems:
    is_staff = actor is None or actor.has_permission(Permission.CONTRACTS_EDIT)
    return (
        clean_row(contract)
        + _list_value_problems(contract, profile)
        + list_value_problems(contract)
        + list_missing_of(CONTRACT_FORM, contract, is_entered=is_entered, left_out=() if is_staff else STAFF_FIELDS)
    )


def _follow_profile_status(contract: Contract, profile: Any) -> None:
    """A draft is live where its profile is completed already."""
    if profile.status is ProfileStatus.COMPLETED:
        contract.status = invoice_profiles.STATUS_AFTER_COMPLETION.get(contract.status, contract.status)


def get_customer(row: Any, actor: Actor) -> Customer:
    """The customer of a contract or order. Raises Invalid where there is none, NotFound where it is not the actor's."""
    with db.session.no_autoflush:
        customer = db.session.get(Customer, row.customer_id) if row.customer_id is not None else None
    if customer is None:
        raise Invalid("Choose a customer from the list", "customer_id")
    require_access(actor, customer)
    return customer


def _require_editable(contract: Contract) -> None:
    """Raises WrongState where somebody edits what is not changed by editing, or a contract that is over."""
    before = history.previous_values_of(contract)
    for field, way in _FIXED_FIELDS.items():
        if field in before:
            raise WrongState(f"The {field.removesuffix('_id')} of a contract can be changed only by {way}")
    problem = edit_refusal_reason(contract)
    if problem is not None:
        raise WrongState(problem)


def edit_refusal_reason(contract: Contract) -> str | None:
    """Why `contract` cannot be edited, or None where it can."""
    return CONTRACT_ENDED if contract.status is ContractStatus.ENDED else None


def _find_profile(contract: Contract, *, is_locked: bool = False) -> Any:
    """(customer_id, status) of the invoice profile of `contract`, or None. One that `is_locked` nobody completes or
    removes before this transaction ends, so that no contract of a completed profile stays a draft.
    """
    columns = select(InvoiceProfile.customer_id, InvoiceProfile.status)
    query = columns.where(InvoiceProfile.id == contract.invoice_profile_id)
    if is_locked:
        query = query.with_for_update(key_share=True)
    with db.session.no_autoflush:  # which of its values were changed is yet to be asked
        return db.session.execute(query).first() if contract.invoice_profile_id is not None else None


def list_profile_statuses(contract_status: ContractStatus | None) -> tuple[ProfileStatus, ...]:
    """What an invoice profile may be that is chosen for a contract in this status; None is that of a new one."""
    return tuple(ProfileStatus) if contract_status in (None, ContractStatus.DRAFT) else (ProfileStatus.COMPLETED,)


def find_completed_profile_id(customer: Customer) -> int | None:
    """The first completed invoice profile of a customer: with it a contract is live at once."""
    completed = select(InvoiceProfile.id).where(
        InvoiceProfile.customer_id == customer.id, InvoiceProfile.status == ProfileStatus.COMPLETED
    )
    return db.session.scalars(completed.order_by(InvoiceProfile.id).limit(1)).first()


def _list_value_problems(contract: Contract, profile: Any) -> Problems:
    problems: Problems = []
    if contract.invoice_profile_id is not None:
        if profile is None or profile.customer_id != contract.customer_id:
            problems.append(("invoice_profile_id", "Choose an invoice profile of this customer"))
        elif profile.status not in list_profile_statuses(contract.status):
            text = f"The contract is {contract.status.value}, so its profile must be completed"
            problems.append(("invoice_profile_id", text))
    with db.session.no_autoflush:
        entity = contract.business_entity_id and db.session.get(BusinessEntity, contract.business_entity_id)
    if contract.business_entity_id is not None and (not entity or entity.organisation_id != contract.organisation_id):
        problems.append(("business_entity_id", "Choose a business entity from the list"))
    if contract.connections is not None and not 0 <= contract.connections <= MOST_CONNECTIONS:
        problems.append(("connections", f"Enter a value from 0 to {MOST_CONNECTIONS:,}"))
    if contract.value is not None and not (contract.value.is_finite() and 0 <= contract.value <= MOST_VALUE):
        problems.append(("value", f"Enter a value from 0 to {MOST_VALUE:,}"))
    if contract.start_date and contract.end_date and contract.end_date < contract.start_date:
        problems.append(("end_date", END_BEFORE_START))
    return problems


def _build_account(customer: Customer) -> Account:
    [number] = take_account_numbers(customer.organisation_id, 1)
    return Account(organisation_id=customer.organisation_id, customer_id=customer.id, number=number)


def add_contract(
    customer: Customer,
    *,
    name: str,
    start_date: date,
    invoice_profile_id: int | None = None,
    profile_name: str | None = None,
    profile_email: str | None = None,
    profile_values: Mapping[str, Any] | None = None,
    actor: Actor,
    **details: Any,
) -> Contract:
    """Make a contract for `customer` with one of its invoice profiles, or with a new one of this name and email.

    `details` are connections, end_date, value and custom fields; `profile_values` the custom fields of a new profile.
    Raises as `save_contract` does; what is wrong with a new profile is in fields such as "profile_name".
    """
    custom_values = {name: value for name, value in details.items() if name.startswith(CUSTOM_PREFIX)}
    unknown = set(details) - custom_values.keys() - {"connections", "end_date", "value"}
    if unknown:
        raise Invalid(f"These fields cannot be set on a new contract: {', '.join(sorted(unknown))}")
    require_permission(actor, Permission.CONTRACTS_ADD)
    require_access(actor, customer)
    require_eligible(customer, actor=actor)
    if invoice_profile_id is None:
        invoice_profile_id = _add_profile(customer, profile_name, profile_email, profile_values, actor).id
    values = {column: details[column] for column in details.keys() - custom_values if details[column] is not None}
    contract = Contract(
        organisation_id=customer.organisation_id,
        customer_id=customer.id,
        name=name,
        start_date=start_date,
        invoice_profile_id=invoice_profile_id,
        business_entity_id=customer.business_entity_id,
        **values,
    )
    for name_of_field, value in custom_values.items():
        setattr(contract, name_of_field, value)
    return save_contract(contract, actor=actor)


def _add_profile(
    customer: Customer, name: str | None, email: str | None, values: Mapping[str, Any] | None, actor: Actor
) -> InvoiceProfile:
    if not name and not email:
        raise Invalid(PROFILE_REQUIRED, "invoice_profile_id")
    try:
        return add_profile(customer, name=name or "", email=email or "", values=values, actor=actor)
    except Invalid as error:
        problems = [(f"profile_{field}", text) for field, text in error.problems]
        raise Invalid(error.message, problems[0][0], problems) from error


def change_contract_status(
    contract: Contract,
    transition: ContractTransition,
    *,
    end_date: date | None = None,
    reason: str | None = None,
    actor: Actor,
) -> None:
    """Make `transition` of the table, for the `reason` that the history keeps.

    Raises WrongState for a transition that is not in the table or a contract that may not be live, Invalid with the
    field.
    """
    raise_refusal(change_contract_statuses([contract], transition, end_date=end_date, reason=reason, actor=actor))


def change_contract_statuses(
    contracts: Sequence[Contract],
    transition: ContractTransition,
    *,
    end_date: date | None = None,
    reason: str | None = None,
    actor: Actor,
) -> dict[int, HubError]:
    """As `change_contract_status`, of many at once: returns why not, by the id of each that is left as it is."""

    def check(contract: Contract) -> None:
        if transition.to_state is ContractStatus.LIVE:
            _require_eligible_for_live(contract, actor, is_locked=True)
        if transition.required_inputs and end_date is not None:
            _check_end_date(contract, end_date)

    inputs = {"end_date": end_date}
    return change_statuses(
        CONTRACT_STATUSES, transition, contracts, inputs=inputs, check=check, reason=reason, actor=actor
    )


def can_change_many(transition: ContractTransition) -> bool:
    """Whether `change_contract_statuses` takes less than one contract after the other. Of each that is to be live it is
    asked whether its customer may have one, and its invoice profile is locked before itself.
    """
    return transition.to_state is not ContractStatus.LIVE


def check_contract_status(transition: ContractTransition, contract: Contract, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot make `transition` of `contract` now."""
    CONTRACT_STATUSES.check(transition, contract, actor)
    if transition.to_state is ContractStatus.LIVE:
        _require_eligible_for_live(contract, actor)


def _require_eligible_for_live(contract: Contract, actor: Actor, *, is_locked: bool = False) -> None:
    require_eligible(get_customer(contract, actor), actor=actor)
    profile = _find_profile(contract, is_locked=is_locked)
    if profile is None or profile.status not in list_profile_statuses(ContractStatus.LIVE):
        raise WrongState("The invoice profile is not completed yet")


def _check_end_date(contract: Contract, day: date) -> None:
    if day < contract.start_date:
        raise Invalid(END_BEFORE_START, "end_date")
    check_date_range(day, "end_date")
