"""The tables of moves against an account of them that is written down apart: which way leads where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.contracts import transitions
from customerhub.core.errors import WrongState
from customerhub.core.permissions import Actor
from customerhub.core.state_machine import Transition
from models import Contract, CustomerOrder

# From where (a word each) a move leads where; whatever is not here is refused.
CONTRACTS = {
    ("Live", "passive"): "Passive",
    ("Passive", "live"): "Live",
    ("Draft", "end"): "Ended",
    ("Live", "end"): "Ended",
    ("Passive", "end"): "Ended",
}
ORDERS = {
    ("placed", "start"): "in progress",
    ("in progress", "deliver"): "delivered",
    ("placed", "cancel"): "cancelled",
    ("in progress", "cancel"): "cancelled",
}
SYSTEM = Actor(None, 0)
TABLES = ((Contract, transitions.CONTRACT_STATUSES, CONTRACTS), (CustomerOrder, transitions.ORDER_STATUSES, ORDERS))


@pytest.mark.parametrize(("model", "table", "account"), TABLES, ids=["contracts", "orders"])
def test_every_move_from_every_status_is_as_written_down(model, table, account):
    allowed = {
        (status.value, move.name): move.to_state.value
        for status in table.states
        for move in table.choices
        if table.refusal_reason(move, model(status=status), SYSTEM) is None
    }
    assert allowed == account


@pytest.mark.parametrize(("model", "table", "account"), TABLES, ids=["contracts", "orders"])
def test_a_refusal_says_where_it_is_and_from_where_it_could(model, table, account):
    for status in table.states:
        for move in table.choices:
            if (status.value, move.name) in account:
                table.check(move, model(status=status), SYSTEM)
                continue
            with pytest.raises(WrongState, match=f"(The status is|Already) {status.value}") as error_info:
                table.check(move, model(status=status), SYSTEM)
            if status is not move.to_state:
                ways = [before for before, each in account if each == move.name]
                assert all(way in error_info.value.message for way in ways)


@given(st.sampled_from(TABLES), st.lists(st.integers(0, 2), max_size=8))
def test_no_way_leads_out_of_the_end_or_back_to_the_beginning(which, chosen):
    model, table, account = which
    statuses = table.states
    status = next(iter(statuses))
    for number in chosen:
        move = table.choices[number]
        led = account.get((status.value, move.name))
        assert (table.refusal_reason(move, model(status=status), SYSTEM) is None) is (led is not None)
        before, status = status, statuses(led) if led else status
        if before.value in ("Ended", "delivered", "cancelled"):
            assert status is before
    assert status is next(iter(statuses)) or status.value not in ("Draft", "placed")


@pytest.mark.parametrize(("model", "table", "account"), TABLES, ids=["contracts", "orders"])
def test_a_move_that_is_none_of_the_table_is_refused(model, table, account):
    everything = frozenset(table.states)
    for name in ("live", "deliver", "undo"):
        for status in table.states:
            with pytest.raises(WrongState, match="This step does not exist"):
                table.check(Transition(name, everything, status, label="Mine"), model(status=status), SYSTEM)
