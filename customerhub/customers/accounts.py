"""The accounts of a customer, and their numbers: made by the system, unique in an organisation."""

from collections.abc import Collection
from itertools import groupby
from typing import Any, Final

from sqlalchemy import event, inspect, select, union_all
from sqlalchemy.orm import object_session
from sqlalchemy.orm.util import identity_key

from customerhub.core.errors import StillLinked
from customerhub.core.money import format_amount
from customerhub.core.number_sequences import reserve_numbers
from customerhub.core.row_validation import Problems
from customerhub.customers.choice_rules import CHOICE_RULES, is_choosable, is_valid_choice
from models import Account, BusinessEntity, CatalogItem, Contract, Customer
from models.base import db

NUMBER_TAKEN: Final = "Another account has this number"


def list_account_problems(account: Account) -> Problems:
    """What is wrong with an account; a number that is missing is not."""
    problems: Problems = []
    organisation_id = account.organisation_id
    if account.number and inspect(account).attrs.number.history.has_changes() and _is_number_taken(account):
        problems.append(("number", NUMBER_TAKEN))
    if not is_valid_choice(CHOICE_RULES["type_id"], CatalogItem, account.type_id, organisation_id):
        problems.append(("type_id", "Choose an account type from the list"))
    entity_id = account.business_entity_id
    if entity_id is not None and not is_choosable(None, db.session.get(BusinessEntity, entity_id), organisation_id):
        problems.append(("business_entity_id", "Choose a business entity from the list"))
    return problems


def _is_number_taken(account: Account) -> bool:
    same_number = select(Account.id).where(
        Account.organisation_id == account.organisation_id, Account.number == account.number
    )
    with db.session.no_autoflush:
        return db.session.scalar(same_number.where(Account.id != (account.id or 0)).limit(1)) is not None


def list_main_account_problems(customer: Customer) -> Problems:
    """A customer that was saved keeps its main account."""
    if customer.id is None or "accounts" in inspect(customer).unloaded or customer.main_account is not None:
        return []
    return [("accounts", "The main account cannot be removed")]


def complete_accounts(customer: Customer) -> None:
    """Give `customer` its main account, and every account its number.

    The first account is the main one. Its number is the customer's: where one of the two was changed the other follows,
    the account's where both were.
    """
    if customer.id is not None and customer.account_number and not _have_accounts_changed(customer):
        return
    main_account = customer.main_account
    if main_account is None:
        if not customer.accounts:
            customer.accounts.append(Account(organisation_id=customer.organisation_id))
        main_account = customer.accounts[0]
        main_account.is_main = True
    if main_account.number and not _is_number_set(customer):
        customer.account_number = main_account.number
    nameless = [each for each in customer.accounts if not each.is_main and not each.number]
    count = len(nameless) + (not customer.account_number)
    numbers = take_account_numbers(customer.organisation_id, count) if count else []
    if not customer.account_number:
        customer.account_number = numbers.pop(0)
    if main_account.number != customer.account_number:
        main_account.number = customer.account_number
    for account, number in zip(nameless, numbers, strict=True):
        account.number = number


def _have_accounts_changed(customer: Customer) -> bool:
    is_loaded = "accounts" not in inspect(customer).unloaded
    return _is_number_set(customer) or (is_loaded and any(db.session.is_modified(each) for each in customer.accounts))


def _is_number_set(customer: Customer) -> bool:
    """Whether a number of its own was entered for the customer."""
    return bool(customer.account_number) and inspect(customer).attrs.account_number.history.has_changes()


@event.listens_for(Account, "before_delete")
def _refuse_deletion_in_use(_mapper: Any, connection: Any, account: Account) -> None:
    """An account with a contract or a balance cannot be deleted by any form."""
    if account.balance:
        raise StillLinked(f"Account {account} has a balance of {format_amount(account.balance)}", "accounts")
    if _is_customer_deleted(account):  # which no contract holds: that was asked of all that are deleted at once
        return
    number = connection.scalar(select(Contract.number).where(Contract.account_id == account.id))
    if number:
        raise StillLinked(f"Account {account} belongs to contract {number} and cannot be removed", "accounts")


def _is_customer_deleted(account: Account) -> bool:
    """Whether the customer of an account that is being deleted goes too."""
    session = object_session(account)
    customer = session.identity_map.get(identity_key(Customer, account.customer_id)) if session else None
    return session is not None and customer in session.deleted


def take_account_numbers(organisation_id: int, count: int, *, reserved: Collection[str] = ()) -> list[str]:
    """The next `count` free account numbers of an organisation, nobody else's from now on.

    Numbers that somebody typed by hand are passed over, and those `reserved` for what is saved next. The range stays
    locked until the transaction ends.
    """
    free_numbers: list[str] = []
    while len(free_numbers) < count:
        missing_count = count - len(free_numbers)
        first = reserve_numbers(organisation_id, "account", missing_count)
        numbers = [str(number) for number in range(first, first + missing_count)]
        used_numbers = _find_used_numbers(organisation_id, numbers)
        free_numbers += sorted(set(numbers) - used_numbers - set(reserved), key=int)
    return free_numbers


def _find_used_numbers(organisation_id: int, numbers: list[str]) -> set[str]:
    """Those of `numbers`, which are in a row, that customers and accounts already have."""
    by_length = [list(several) for _, several in groupby(numbers, len)]  # texts are only in a row where as long
    queries = [
        select(column).where(owner == organisation_id, column.between(several[0], several[-1]))
        for column, owner in (
            (Customer.account_number, Customer.organisation_id),
            (Account.number, Account.organisation_id),
        )
        for several in by_length
    ]
    with db.session.no_autoflush:
        return set(db.session.scalars(union_all(*queries)))
