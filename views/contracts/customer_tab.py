"""The contracts and orders of a customer, on its page."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import url_for
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from customerhub.contracts.eligibility import refusal_reason
from customerhub.core.permissions import Actor, Permission
from models import Account, Contract, Customer, CustomerOrder
from models.base import db
from models.enums import ContractStatus, OrderStatus
from views.cells.contracts import (
    OPEN_ORDER_STATUSES,
    contract_link,
    number_link,
    overall_risk_chip,
    profile_cell,
    requested_date_cell,
    status_chip,
    value_cell,
)
from views.framework.chips import risk_chip
from views.framework.eager_loading import load_relations
from views.framework.formatting import format_amount, format_date
from views.framework.labels import member_label
from views.http.urls import path_to

TalliesByStatus = dict[Any, tuple[int, int]]  # (number of rows, their connections) by status

MAX_ROWS = 100  # contracts, and orders, on the page of a customer
MAX_ACCOUNTS = 10  # in its summary
TAB = "contracts"
RISK_TITLES = {"RAG": "Overall risk: red, amber or green", "BR": "Business risk", "CR": "Contract risk"}
RIGHT_ALIGNED = ("Balance", "Connections", "Value", "Start", "End", "Ordered", "Requested date", "Delivered")


def columns_of(*labels: str, titles: Mapping[str, str] = {}) -> list[dict[str, Any]]:
    """The columns of a table; `titles` are what short labels stand for."""
    return [
        {"label": label, "align": "right" if label in RIGHT_ALIGNED else "left", "title": titles.get(label)}
        for label in labels
    ]


def list_newest(model: Any, *where: Any, load: Sequence[Any] = ()) -> list[Any]:
    """The newest rows of `model` that meet `where`, as many as a page shows."""
    query = select(model).where(*where).options(*load).order_by(model.id.desc()).limit(MAX_ROWS)
    return list(db.session.scalars(query))


def count_by_status(model: Any, *where: Any) -> TalliesByStatus:
    """The tallies of the contracts, or orders, that meet `where`."""
    query = select(model.status, func.count(), func.sum(model.connections)).where(*where).group_by(model.status)
    return {status: (count, int(connections)) for status, count, connections in db.session.execute(query)}


def describe_tallies(tallies_by_status: TalliesByStatus) -> str | None:
    """The tallies in words: "Live: 2 with 45 connections. Draft: 1 with 10 connections."."""
    sentences = []
    for status in type(next(iter(tallies_by_status))) if tallies_by_status else ():
        if status in tallies_by_status:
            sentences.append(f"{member_label(status)}: {_format_tally(tallies_by_status[status])}.")
    return " ".join(sentences) or None


def _format_tally(tally: tuple[int, int] | None) -> str | None:
    return f"{tally[0]:,} with {_format_connections(tally[1])}" if tally else None


def _format_connections(count: int) -> str:
    return f"{count:,} connection{'' if count == 1 else 's'}"


def format_limit_note(tallies_by_status: TalliesByStatus) -> str:
    """What is said where there are more than are shown."""
    count = sum(each for each, _ in tallies_by_status.values())
    return f" Showing the newest {MAX_ROWS} of {count:,}." if count > MAX_ROWS else ""


def build_contracts_table(row: Customer, actor: Actor) -> dict[str, Any]:
    condition = Contract.customer_id == row.id
    tallies_by_status = count_by_status(Contract, condition)
    contracts = list_newest(Contract, condition, load=(joinedload(Contract.invoice_profile),))
    labels = (
        "Name",
        "RAG",
        "BR",
        "CR",
        "Value",
        "Status",
        "Supplier",
        "Connections",
        "Start",
        "End",
        "Invoice profile",
    )
    return {
        "title": "Contracts",
        "text": (describe_tallies(tallies_by_status) or "") + format_limit_note(tallies_by_status) or None,
        "columns": columns_of(*labels, titles=RISK_TITLES),
        "rows": [
            [
                {"text": each.name, "url": path_to("contracts.details_view", each.id), "sub": each.number},
                overall_risk_chip(each),
                risk_chip(each.business_risk),
                risk_chip(each.contract_risk),
                value_cell(each),
                status_chip(each),
                each.supplier,
                f"{each.connections:,}",
                format_date(each.start_date),
                format_date(each.end_date) or None,
                profile_cell(each.invoice_profile),
            ]
            for each in contracts
        ],
        **_add_action("contracts", "contract", row, actor, bool(contracts), "No contracts yet"),
    }


def build_orders_table(row: Customer, actor: Actor, contract: Contract | None = None) -> dict[str, Any]:
    """The orders of a customer, or those on one contract."""
    condition = CustomerOrder.customer_id == row.id if contract is None else CustomerOrder.contract_id == contract.id
    tallies_by_status = count_by_status(CustomerOrder, condition)
    orders = list_newest(CustomerOrder, condition, load=(joinedload(CustomerOrder.contract),))
    labels = ["Number", "Description", "Contract", "Status", "Connections", "Ordered", "Requested date", "Delivered"]
    rows = [
        [
            number_link(each, "orders"),
            each.description,
            contract_link(each.contract),
            status_chip(each),
            f"{each.connections:,}",
            format_date(each.ordered_on),
            requested_date_cell(each),
            format_date(each.delivered_on) or None,
        ]
        for each in orders
    ]
    if contract is not None:
        labels.remove("Contract")
        rows = [cells[:2] + cells[3:] for cells in rows]
    may_add = contract is None or contract.status is not ContractStatus.ENDED
    key = contract.id if contract is not None else None
    return {
        "title": "Orders",
        "text": (describe_tallies(tallies_by_status) or "") + format_limit_note(tallies_by_status) or None,
        "columns": columns_of(*labels),
        "rows": rows,
        **_add_action("orders", "order", row, actor, bool(orders), "No orders yet", may_add, contract_id=key),
    }


def _add_action(
    screen: str,
    noun: str,
    row: Customer,
    actor: Actor,
    has_rows: bool,
    title: str,
    is_allowed: bool = True,
    **query_args: Any,
) -> dict[str, Any]:
    """A link that adds one, or where there is none yet an empty state; why not where that cannot be."""
    problem = refusal_reason(row, actor=actor)
    can_add = is_allowed and problem is None and actor.has_permission(Permission.CONTRACTS_EDIT)
    url = url_for(f"{screen}.create_view", customer_id=row.id, **query_args) if can_add else None
    if has_rows:
        return {"more_url": url, "more_label": f"Add {noun}"}
    action = {"label": f"Add {noun}", "url": url} if url else None
    return {"empty": {"title": title, "text": f"{problem}." if problem else None, "action": action}}


def build_tables(row: Customer, actor: Actor) -> list[dict[str, Any]]:
    """The tab with contracts, and the orders under them."""
    return [build_contracts_table(row, actor), build_orders_table(row, actor)]


def build_summary_block(row: Customer, contracts: TalliesByStatus, orders: TalliesByStatus) -> dict[str, Any]:
    """The connections of the customer, in its summary."""
    ordered_connections = sum(orders.get(status, (0, 0))[1] for status in OPEN_ORDER_STATUSES)
    items = [
        (member_label(status), each) for status in ContractStatus if (each := _format_tally(contracts.get(status)))
    ]
    items += [("On order", _format_connections(ordered_connections))] if ordered_connections else []
    items += (
        [("Delivered", _format_connections(orders[OrderStatus.DELIVERED][1]))]
        if OrderStatus.DELIVERED in orders
        else []
    )
    return {
        "title": "Contracts",
        "url": _tab_url(row),
        "items": items or None,
        "empty": "No contracts yet.",
    }


def _tab_url(row: Customer) -> str:
    return f"{path_to('customers.details_view', row.id)}&tab={TAB}"


def load_accounts(row: Customer) -> dict[int, Contract]:
    """Load the accounts of the customer; of each the contract that it was made with, by the account's id."""
    query = (
        select(Account, Contract)
        .outerjoin(Contract, Contract.account_id == Account.id)
        .where(Account.customer_id == row.id)
        .order_by(Account.id)
    )
    pairs = db.session.execute(query).all()
    set_committed_value(row, "accounts", [account for account, _ in pairs])
    return {account.id: contract for account, contract in pairs if contract is not None}


def build_accounts_block(row: Customer, contracts_by_account: dict[int, Contract]) -> dict[str, Any]:
    """Its accounts with their balances, and the contract that each was made with: the main one first, then those with
    the largest balances, then the newest.
    """
    ordered = sorted(row.accounts, key=lambda account: (not account.is_main, -abs(account.balance), -account.id))
    listed_accounts = ordered[:MAX_ACCOUNTS]
    block: dict[str, Any] = {
        "title": "Accounts",
        "items": [_account_item(each, contracts_by_account.get(each.id)) for each in listed_accounts],
    }
    if len(ordered) > MAX_ACCOUNTS:
        block |= {"text": f"Showing {MAX_ACCOUNTS} of {len(ordered):,} accounts.", "url": _tab_url(row)}
    return block


def build_accounts_table(row: Customer, form_url: str | None) -> dict[str, Any]:
    """All its accounts, with the contract that each was made with. `form_url` is where they can be changed."""
    contracts_by_account = load_accounts(row)
    labels = ("Number", "Account type", "Purpose", "Business entity", "Contract", "Balance")
    return {
        "title": "Accounts",
        "columns": columns_of(*labels),
        "rows": [
            [
                {"text": each.number, "sub": "Main account" if each.is_main else None},
                each.type.name if each.type else None,
                each.purpose,
                each.business_entity.name if each.business_entity else None,
                contract_link(contracts_by_account.get(each.id)),
                format_amount(each.balance),
            ]
            for each in load_relations(row.accounts)
        ],
        "more_url": form_url,
        "more_label": "Add or edit accounts",
    }


def _account_item(account: Account, contract: Contract | None) -> tuple[str, Any]:
    balance = format_amount(account.balance)
    contract_cell = contract_link(contract) or ("Main account" if account.is_main else None)
    return account.number, [balance, contract_cell] if contract_cell else balance
