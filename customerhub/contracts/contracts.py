"""Contracts: what a customer signed. Each has an account of its own and follows its invoice profile.

A contract is live once its invoice profile is completed, and a draft until then. From there people move it by the table
in moves.py.
"""

from datetime import date
from typing import Any, Final

from sqlalchemy import select

from customerhub import history
from customerhub.cleaning import Problems, clean_row
from customerhub.contracts import moves
from customerhub.contracts.eligibility import require_may_enter
from customerhub.contracts.invoice_profiles import add_profile
from customerhub.contracts.moves import Move
from customerhub.contracts.numbering import take_number
from customerhub.customers.accounts import take_account_numbers
from customerhub.customers.rules import check_reach, clean_text
from customerhub.database import saving
from customerhub.errors import Invalid, WrongState
from customerhub.permissions import Actor, Permission, require, require_own
from models import Account, BusinessEntity, Contract, Customer, InvoiceProfile
from models.base import db
from models.enums import ContractStatus, ProfileStatus
from models.types import Money

MOST_CONNECTIONS: Final = 1_000_000
MOST_VALUE: Final = Money().limit
LONGEST_REASON: Final = 2000
BACKWARDS: Final = "A contract cannot end before it starts"
STAYS: Final = "It has ended and stays as it is"
NEW_PROFILE: Final = "Choose an invoice profile, or give a name and an email address for a new one"
_KEPT: Final = {"status": "moves", "customer_id": "merging its customers", "account_id": "merging its customers"}


def save_contract(contract: Contract, *, actor: Actor) -> Contract:
    """Check `contract` as it now stands and flush it.

    A new one gets its account, and its number unless it has one. It is live where its invoice profile is completed, and
    a draft otherwise. Raises WrongState where its customer may not enter a contract or it has ended, Invalid with every
    problem found, Conflict where its number is taken or somebody saved it meanwhile.
    """
    with saving():
        is_new = contract.id is None
        require(actor, Permission.CONTRACTS_ADD if is_new else Permission.CONTRACTS_EDIT)
        customer = customer_of(contract, actor)
        if is_new:
            require_may_enter(customer, actor=actor)
            contract.organisation_id, contract.status = customer.organisation_id, ContractStatus.DRAFT
            if not (contract.number or "").strip():
                contract.number = take_number(Contract, customer.organisation_id)
        else:
            require_own(actor, contract)
            _require_kept(contract)
        if contract.connections is None:
            contract.connections = 0
        profile = _held_profile(contract)
        problems = clean_row(contract) + _problems(contract, profile)
        problems = [each for each in problems if not (is_new and each[0] == "account_id")]
        if problems:
            raise Invalid(problems[0][1], problems[0][0], problems)
        _follow(contract, profile)
        if is_new:
            contract.account = _account_for(customer)
            db.session.add(contract)
    db.session.expire(customer, ["accounts"])
    return contract


def _follow(contract: Contract, profile: Any) -> None:
    """A draft is live where its profile is completed already."""
    if profile.status is ProfileStatus.COMPLETED:
        contract.status = moves.BY_PROFILE.get(contract.status, contract.status)


def customer_of(row: Any, actor: Actor) -> Customer:
    """The customer of a contract or order. Raises Invalid where there is none, NotFound where it is not the actor's."""
    with db.session.no_autoflush:
        customer = db.session.get(Customer, row.customer_id) if row.customer_id is not None else None
    if customer is None:
        raise Invalid("Choose a customer from the list", "customer_id")
    require_own(actor, customer)
    return customer


def _require_kept(contract: Contract) -> None:
    """Raises WrongState where somebody edits what is not changed by editing, or a contract that is over."""
    before = history.before(contract)
    for field, way in _KEPT.items():
        if field in before:
            raise WrongState(f"The {field.removesuffix('_id')} of a contract is changed by {way}, not by editing")
    problem = why_not_changed(contract)
    if problem is not None:
        raise WrongState(problem)


def why_not_changed(contract: Contract) -> str | None:
    """Why `contract` cannot be edited, or None where it can."""
    return STAYS if contract.status is ContractStatus.ENDED else None


def _held_profile(contract: Contract) -> Any:
    """(customer_id, status) of the invoice profile of `contract`, or None. Nobody completes or removes it before this
    transaction ends, so that no contract of a completed profile stays a draft.
    """
    columns = select(InvoiceProfile.customer_id, InvoiceProfile.status)
    held = columns.where(InvoiceProfile.id == contract.invoice_profile_id).with_for_update(key_share=True)
    return db.session.execute(held).first() if contract.invoice_profile_id is not None else None


def _problems(contract: Contract, profile: Any) -> Problems:
    problems: Problems = []
    if contract.invoice_profile_id is not None:
        if profile is None or profile.customer_id != contract.customer_id:
            problems.append(("invoice_profile_id", "Choose an invoice profile of this customer"))
        elif contract.status is not ContractStatus.DRAFT and profile.status is not ProfileStatus.COMPLETED:
            text = f"The contract is {contract.status.value}, so its profile has to be completed"
            problems.append(("invoice_profile_id", text))
    entity = contract.business_entity_id and db.session.get(BusinessEntity, contract.business_entity_id)
    if contract.business_entity_id is not None and (not entity or entity.organisation_id != contract.organisation_id):
        problems.append(("business_entity_id", "Choose a business entity from the list"))
    if contract.connections is not None and not 0 <= contract.connections <= MOST_CONNECTIONS:
        problems.append(("connections", f"This is 0 to {MOST_CONNECTIONS:,}"))
    if contract.value is not None and not (contract.value.is_finite() and 0 <= contract.value <= MOST_VALUE):
        problems.append(("value", f"This is 0 to {MOST_VALUE:,}"))
    if contract.start_date and contract.end_date and contract.end_date < contract.start_date:
        problems.append(("end_date", BACKWARDS))
    return problems


def _account_for(customer: Customer) -> Account:
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
    actor: Actor,
    **terms: Any,
) -> Contract:
    """Make a contract for `customer` with one of its invoice profiles, or with a new one of this name and email.

    `terms` are connections, end_date and value. Raises as `save_contract` does.
    """
    unknown = set(terms) - {"connections", "end_date", "value"}
    if unknown:
        raise Invalid(f"These are not told with a new contract: {', '.join(sorted(unknown))}")
    require(actor, Permission.CONTRACTS_ADD)
    require_own(actor, customer)
    require_may_enter(customer, actor=actor)
    if invoice_profile_id is None:
        invoice_profile_id = _new_profile(customer, profile_name, profile_email, actor).id
    given = {column: value for column, value in terms.items() if value is not None}
    contract = Contract(
        customer_id=customer.id, name=name, start_date=start_date, invoice_profile_id=invoice_profile_id,
        business_entity_id=customer.business_entity_id, **given,
    )  # fmt: skip
    return save_contract(contract, actor=actor)


def _new_profile(customer: Customer, name: str | None, email: str | None, actor: Actor) -> InvoiceProfile:
    if not name and not email:
        raise Invalid(NEW_PROFILE, "invoice_profile_id")
    try:
        return add_profile(customer, name=name or "", email=email or "", actor=actor)
    except Invalid as error:
        problems = [(f"profile_{field}", text) for field, text in error.problems]
        raise Invalid(error.message, problems[0][0], problems) from error


def move_contract(
    contract: Contract,
    move: Move[ContractStatus],
    *,
    end_date: date | None = None,
    reason: str | None = None,
    actor: Actor,
) -> None:
    """Make `move` of the table, for the `reason` that the history keeps.

    Raises WrongState for a move that is not in the table or a contract that may not be live, Invalid with the field.
    """
    require(actor, Permission.CONTRACTS_EDIT)
    require_own(actor, contract)
    moves.require_move(move, contract.status, moves.OF_CONTRACTS)
    said = cleaned(reason)
    if move.after is ContractStatus.LIVE:
        _require_may_be_live(contract, actor)
    with history.because(said), saving():
        if move.needs is not None:
            contract.end_date = _end_of(contract, end_date)
        contract.status = move.after


def _require_may_be_live(contract: Contract, actor: Actor) -> None:
    require_may_enter(customer_of(contract, actor), actor=actor)
    profile = _held_profile(contract)
    if profile is None or profile.status is not ProfileStatus.COMPLETED:
        raise WrongState("Its invoice profile is not completed yet")


def _end_of(contract: Contract, day: date | None) -> date:
    if day is None:
        raise Invalid("Say on which day it ends", "end_date")
    if day < contract.start_date:
        raise Invalid(BACKWARDS, "end_date")
    check_reach(day, "end_date")
    return day


def cleaned(reason: str | None) -> str | None:
    """What is said with a move. Raises Invalid where it cannot be kept."""
    try:
        return clean_text(reason or "", longest=LONGEST_REASON, lines=True)
    except Invalid as error:
        raise Invalid(error.message, "reason") from error
