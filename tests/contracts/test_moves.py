"""The tables of moves against an account of them that is written down apart: which way leads where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.contracts import moves
from customerhub.contracts.moves import Move
from customerhub.errors import WrongState
from models.enums import ContractStatus, OrderStatus

# From where (a word each) a move leads where; whatever is not here is refused.
CONTRACTS = {
    ("Live", "passive"): "Passive", ("Passive", "live"): "Live", ("Draft", "end"): "Ended", ("Live", "end"): "Ended",
    ("Passive", "end"): "Ended",
}  # fmt: skip
ORDERS = {
    ("placed", "start"): "in progress", ("in progress", "deliver"): "delivered", ("placed", "cancel"): "cancelled",
    ("in progress", "cancel"): "cancelled",
}  # fmt: skip
TABLES = ((ContractStatus, moves.OF_CONTRACTS, CONTRACTS), (OrderStatus, moves.OF_ORDERS, ORDERS))


@pytest.mark.parametrize(("statuses", "table", "account"), TABLES, ids=["contracts", "orders"])
def test_every_move_from_every_status_is_as_written_down(statuses, table, account):
    allowed = {
        (status.value, name): move.after.value
        for status in statuses
        for name, move in table.items()
        if moves.why_not(move, status) is None
    }
    assert allowed == account


@pytest.mark.parametrize(("statuses", "table", "account"), TABLES, ids=["contracts", "orders"])
def test_a_refusal_says_where_it_is_and_from_where_it_could(statuses, table, account):
    for status in statuses:
        for name, move in table.items():
            if (status.value, name) in account:
                moves.require_move(move, status, table)
                continue
            with pytest.raises(WrongState, match=f"It is {status.value}") as refused:
                moves.require_move(move, status, table)
            if status is not move.after:
                ways = [before for before, each in account if each == name]
                assert all(way in refused.value.message for way in ways)


@given(st.sampled_from(TABLES), st.lists(st.integers(0, 2), max_size=8))
def test_no_way_leads_out_of_the_end_or_back_to_the_beginning(which, chosen):
    statuses, table, account = which
    status, names = next(iter(statuses)), list(table)
    for number in chosen:
        move = table[names[number]]
        led = account.get((status.value, move.name))
        assert (moves.why_not(move, status) is None) is (led is not None)
        before, status = status, statuses(led) if led else status
        if before.value in ("Ended", "delivered", "cancelled"):
            assert status is before
    assert status is next(iter(statuses)) or status.value not in ("Draft", "placed")


@pytest.mark.parametrize(("statuses", "table", "account"), TABLES, ids=["contracts", "orders"])
def test_a_move_that_is_none_of_the_table_is_refused(statuses, table, account):
    everything = frozenset(statuses)
    for name in ("live", "deliver", "undo"):
        for status in statuses:
            with pytest.raises(WrongState, match="no such move"):
                moves.require_move(Move(name, "Mine", everything, status, ""), status, table)
