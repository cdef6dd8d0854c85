"""What the page of a customer tells of its contracts and orders."""

from collections.abc import Sequence
from typing import Any

from flask import url_for
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from customerhub.contracts.eligibility import why_not
from customerhub.permissions import Actor, Permission
from models import Account, Contract, Customer, CustomerOrder
from models.base import db
from models.enums import ContractStatus, OrderStatus
from views.columns import amount, day
from views.contract_cells import (
    UNDER_WAY,
    contract_link,
    number_link,
    profile_cell,
    rag_chip,
    status_chip,
    value_cell,
    wanted_cell,
)
from views.paths import path_to
from views.words import word

SHOWN = 100  # contracts, and orders, on the page of a customer
ACCOUNTS = 10  # in its summary
TAB = "contracts"
RIGHT = ("Connections", "Value", "Start", "End", "Ordered", "Wanted", "Delivered")


def columns_of(*labels: str) -> list[dict[str, Any]]:
    return [{"label": label, "align": "right" if label in RIGHT else "left"} for label in labels]


def newest(model: Any, *where: Any, load: Sequence[Any] = ()) -> list[Any]:
    """The newest rows of `model` that meet `where`, as many as a page shows."""
    query = select(model).where(*where).options(*load).order_by(model.id.desc()).limit(SHOWN)
    return list(db.session.scalars(query))


def tallies(model: Any, *where: Any) -> dict[Any, tuple[int, int]]:
    """(number of rows, their connections) by status."""
    query = select(model.status, func.count(), func.sum(model.connections)).where(*where).group_by(model.status)
    return {status: (count, int(connections)) for status, count, connections in db.session.execute(query)}


def told(known: dict[Any, tuple[int, int]]) -> str | None:
    """The tallies in words: "Live: 2 with 45 connections. Draft: 1 with 10 connections."."""
    parts = []
    for status in type(next(iter(known))) if known else ():
        if status in known:
            parts.append(f"{word(status)}: {_counted(known[status])}.")
    return " ".join(parts) or None


def _counted(tally: tuple[int, int] | None) -> str | None:
    return f"{tally[0]:,} with {_connections(tally[1])}" if tally else None


def _connections(count: int) -> str:
    return f"{count:,} connection{'' if count == 1 else 's'}"


def shown_note(known: dict[Any, tuple[int, int]]) -> str:
    """What is said where there are more than are shown."""
    count = sum(each for each, _ in known.values())
    return f" The newest {SHOWN} of {count:,} are shown." if count > SHOWN else ""


def contracts_table(row: Customer, actor: Actor) -> dict[str, Any]:
    mine = Contract.customer_id == row.id
    known = tallies(Contract, mine)
    contracts = newest(Contract, mine, load=(joinedload(Contract.invoice_profile), joinedload(Contract.account)))
    labels = ("Number", "Name", "Status", "Risk", "Connections", "Value", "Start", "End", "Invoice profile", "Account")
    return {
        "title": "Contracts",
        "text": (told(known) or "") + shown_note(known) or None,
        "columns": columns_of(*labels),
        "rows": [
            [number_link(each, "contracts"), each.name, status_chip(each), rag_chip(each), f"{each.connections:,}",
             value_cell(each), day(each.start_date), day(each.end_date) or None, profile_cell(each.invoice_profile),
             each.account.number]
            for each in contracts
        ],
        **_add("contracts", "contract", row, actor, bool(contracts), "No contracts yet"),
    }  # fmt: skip


def orders_table(row: Customer, actor: Actor, of: Contract | None = None) -> dict[str, Any]:
    """The orders of a customer, or those on one contract."""
    mine = CustomerOrder.customer_id == row.id if of is None else CustomerOrder.contract_id == of.id
    known = tallies(CustomerOrder, mine)
    orders = newest(CustomerOrder, mine, load=(joinedload(CustomerOrder.contract),))
    labels = ["Number", "Description", "Contract", "Status", "Connections", "Ordered", "Wanted", "Delivered"]
    rows = [
        [number_link(each, "orders"), each.description, contract_link(each.contract), status_chip(each),
         f"{each.connections:,}", day(each.ordered_on), wanted_cell(each), day(each.delivered_on) or None]
        for each in orders
    ]  # fmt: skip
    if of is not None:
        labels.remove("Contract")
        rows = [cells[:2] + cells[3:] for cells in rows]
    may_add = of is None or of.status is not ContractStatus.ENDED
    key = of.id if of is not None else None
    return {
        "title": "Orders",
        "text": (told(known) or "") + shown_note(known) or None,
        "columns": columns_of(*labels),
        "rows": rows,
        **_add("orders", "order", row, actor, bool(orders), "Nothing is ordered yet", may_add, contract_id=key),
    }


def _add(
    screen: str, noun: str, row: Customer, actor: Actor, some: bool, title: str, may: bool = True, **given: Any
) -> dict[str, Any]:
    """A link that adds one, or where there is none yet an empty state; why not where that cannot be."""
    problem = why_not(row, actor=actor)
    can = may and problem is None and actor.may(Permission.CONTRACTS_EDIT)
    url = url_for(f"{screen}.create_view", customer_id=row.id, **given) if can else None
    if some:
        return {"more_url": url, "more_label": f"Add {noun}"}
    action = {"label": f"Add {noun}", "url": url} if url else None
    return {"empty": {"title": title, "text": f"{problem}." if problem else None, "action": action}}


def tables(row: Customer, actor: Actor) -> list[dict[str, Any]]:
    """The tab with contracts, and the orders under them."""
    return [contracts_table(row, actor), orders_table(row, actor)]


def block(row: Customer) -> dict[str, Any]:
    """The connections of the customer, in its summary."""
    contracts = tallies(Contract, Contract.customer_id == row.id)
    orders = tallies(CustomerOrder, CustomerOrder.customer_id == row.id)
    on_order = sum(orders.get(status, (0, 0))[1] for status in UNDER_WAY)
    items = [(word(status), each) for status in ContractStatus if (each := _counted(contracts.get(status)))]
    items += [("On order", _connections(on_order))] if on_order else []
    items += [("Delivered", _connections(orders[OrderStatus.DELIVERED][1]))] if OrderStatus.DELIVERED in orders else []
    return {
        "title": "Contracts",
        "url": _tab_url(row),
        "items": items or None,
        "empty": "No contracts yet.",
    }


def _tab_url(row: Customer) -> str:
    return f"{path_to('customers.details_view', row.id)}&tab={TAB}"


def accounts_block(row: Customer) -> dict[str, Any]:
    """Its accounts with their balances, and the contract that each was made with: the main one first, then those with
    the largest balances, then the newest.
    """
    ordered = sorted(row.accounts, key=lambda account: (not account.is_main, -abs(account.balance), -account.id))
    named = ordered[:ACCOUNTS]
    query = select(Contract).where(Contract.account_id.in_([account.id for account in named]))
    made = {contract.account_id: contract for contract in db.session.scalars(query)}
    block: dict[str, Any] = {"title": "Accounts", "items": [_account_item(each, made.get(each.id)) for each in named]}
    if len(ordered) > ACCOUNTS:
        block |= {"text": f"{ACCOUNTS} of {len(ordered):,} accounts.", "url": _tab_url(row)}
    return block


def _account_item(account: Account, contract: Contract | None) -> tuple[str, Any]:
    balance = amount(account.balance)
    with_it = contract_link(contract) or ("Main account" if account.is_main else None)
    return account.number, [balance, with_it] if with_it else balance
