"""Orders: placed for live customers, started, delivered or called off, and then left as they are."""

from datetime import date, timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from customerhub import clock
from customerhub.contracts import moves
from customerhub.contracts.orders import move_order, save_order
from customerhub.customers.records import delete_customer
from customerhub.errors import Conflict, HubError, Invalid, NotAllowed, NotFound, StillLinked, WrongState
from models import BlacklistEntry, CustomerOrder, History
from models.base import db
from models.enums import ContractStatus, OrderStatus, Stage
from tests.approvals.conftest import make_office
from tests.contracts.conftest import DAY, contract_in, contract_of, order_in, order_of
from tests.contracts.test_contracts import problems

PLACED, IN_PROGRESS, DELIVERED, CANCELLED = OrderStatus


def test_a_new_one_is_placed_and_numbered(office, live):
    customer = live()
    contract = contract_of(customer)
    first = order_of(customer, status=DELIVERED, delivered_on=DAY, contract_id=contract.id)
    assert (first.number, first.status, first.delivered_on) == ("O100001", PLACED, None)
    assert (order_of(customer, number="O100003").number, order_of(customer).number) == ("O100003", "O100002")
    assert order_of(customer).number == "O100004"
    with pytest.raises(Conflict) as caught:
        order_of(live(), number="O100001")
    assert caught.value.field == "number"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", ""), ("description", "x" * 201), ("connections", 0), ("connections", -5),
        ("connections", 1_000_001), ("ordered_on", None), ("ordered_on", date(1800, 1, 1)),
        ("wanted_on", date(2025, 1, 30)), ("contract_id", 10**9), ("number", "x" * 41),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_at_its_field(live, field, value):
    with pytest.raises(Invalid) as caught:
        order_of(live(), **{field: value})
    assert problems(caught.value).keys() == {field}
    db.session.rollback()
    assert db.session.scalar(select(func.count(CustomerOrder.id))) == 0


def test_its_contract_is_the_customers_and_has_not_ended(office, live):
    customer = live()
    over = contract_in(customer, ContractStatus.ENDED)
    with pytest.raises(Invalid, match="has ended"):
        order_of(customer, contract_id=over.id)
    db.session.rollback()
    with pytest.raises(Invalid, match="of this customer"):
        order_of(customer, contract_id=contract_of(live()).id)
    db.session.rollback()
    stranger = make_office("Another Telecom")
    theirs = contract_of(stranger.customer(Stage.BILLING))
    with pytest.raises(Invalid, match="of this customer"):
        order_of(customer, contract_id=theirs.id)


def test_an_order_outlives_the_end_of_its_contract(office, live):
    from customerhub.contracts.contracts import move_contract

    customer = live()
    contract = contract_in(customer, ContractStatus.LIVE)
    order = order_of(customer, contract_id=contract.id)
    move_contract(contract, moves.OF_CONTRACTS["end"], end_date=DAY, actor=office.agent)
    order.description = "Ten lines, in the cellar"
    save_order(order, actor=office.agent)
    move_order(order, moves.OF_ORDERS["start"], actor=office.agent)
    assert order.status is IN_PROGRESS


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.BILLING])
def test_only_a_live_customer_orders(office, stage):
    with pytest.raises(WrongState, match=f"in {stage.value}"):
        order_of(office.customer(stage))


def test_a_blacklisted_customer_orders_nothing_and_what_is_on_its_way_goes_on(office, live):
    customer = live()
    order = order_of(customer)
    entry = BlacklistEntry(organisation_id=office.id, name="X", customer_id=customer.id, reason="Never paid")
    db.session.add(entry)
    db.session.commit()
    with pytest.raises(WrongState, match="Never paid"):
        order_of(customer)
    move_order(order, moves.OF_ORDERS["cancel"], actor=office.agent)
    assert order.status is CANCELLED


def test_staff_order_and_nobody_else(office, live):
    customer = live()
    order = order_of(customer, by=office.agent)
    with pytest.raises(NotAllowed):
        order_of(customer, by=office.partner)
    with pytest.raises(NotAllowed):
        move_order(order, moves.OF_ORDERS["start"], actor=office.partner)
    with pytest.raises(NotFound):
        move_order(order, moves.OF_ORDERS["start"], actor=make_office("Another Telecom").admin)
    assert order.status is PLACED


def test_what_is_not_changed_by_editing(office, live):
    order, other = order_of(live()), live()
    for field, value in {"status": CANCELLED, "delivered_on": DAY, "customer_id": other.id}.items():
        with db.session.no_autoflush:
            setattr(order, field, value)
            with pytest.raises(WrongState, match="not by editing"):
                save_order(order, actor=office.admin)
        db.session.rollback()
    for status in (DELIVERED, CANCELLED):
        over = order_in(other, status)
        with db.session.no_autoflush:
            over.connections = 99
            with pytest.raises(WrongState, match=status.value):
                save_order(over, actor=office.admin)
        db.session.rollback()


def test_it_is_delivered_on_a_day_that_has_been(office, live):
    order = order_in(live(), IN_PROGRESS, ordered_on=date(2026, 3, 1))
    office.organisation.timezone = "Pacific/Auckland"
    db.session.commit()
    with time_machine.travel("2026-03-10 12:30:00+00:00", tick=False):  # the 11th over there
        for day, said in ((None, "which day"), (date(2026, 2, 28), "before"), (date(2026, 3, 12), "yet to come")):
            with pytest.raises(Invalid, match=said) as caught:
                move_order(order, moves.OF_ORDERS["deliver"], delivered_on=day, actor=office.agent)
            assert caught.value.field == "delivered_on"
        move_order(
            order, moves.OF_ORDERS["deliver"], delivered_on=date(2026, 3, 11), reason="By van", actor=office.agent
        )
        db.session.commit()
    query = select(History).where(History.table_name == "customer_order", History.row_id == order.id)
    *_, last = db.session.scalars(query.order_by(History.id))
    assert (last.reason, last.changes) == (
        "By van", {"status": ["in progress", "delivered"], "delivered_on": [None, "2026-03-11"]},
    )  # fmt: skip


LEADS = {"start": ({"placed"}, "in progress"), "deliver": ({"in progress"}, "delivered"),
         "cancel": ({"placed", "in progress"}, "cancelled")}  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(acts=st.lists(st.sampled_from([*LEADS, "edit"]), max_size=7))
def test_whatever_is_done_in_any_order_agrees_with_the_account(office, live, acts):
    order, status = order_of(live()), "placed"
    for number, act in enumerate(acts):
        try:
            if act == "edit":
                order.description = f"Lines {number}"
                save_order(order, actor=office.agent)
            else:
                day = {"delivered_on": clock.today() - timedelta(days=2)} if act == "deliver" else {}
                move_order(order, moves.OF_ORDERS[act], actor=office.agent, **day)
            db.session.commit()
            done = True
        except HubError:
            db.session.rollback()
            done = False
        expected = status in ("placed", "in progress") if act == "edit" else status in LEADS[act][0]
        assert done is expected, (acts, number)
        status = LEADS[act][1] if done and act != "edit" else status
        db.session.expire_all()
        assert (order.status.value, order.delivered_on is not None) == (status, status == "delivered")


def test_a_customer_with_orders_is_not_deleted(office, live):
    customer = live()
    order_of(customer)
    with pytest.raises(StillLinked, match="1 order"):
        delete_customer(customer, actor=office.manager)
