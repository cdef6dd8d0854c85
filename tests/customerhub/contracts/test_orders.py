"""Orders: placed for live customers, started, delivered or called off, and then left as they are."""

from datetime import date, timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from customerhub.contracts import transitions
from customerhub.contracts.orders import change_order_status, save_order
from customerhub.core import clock
from customerhub.core.errors import Conflict, HubError, Invalid, NotAllowed, NotFound, StillLinked, WrongState
from customerhub.customers.deletion import delete_customer
from models import BlacklistEntry, CustomerOrder, History
from models.base import db
from models.enums import ContractStatus, OrderStatus, Stage
from tests.customerhub.approvals.conftest import make_approval_org
from tests.customerhub.contracts.conftest import DAY, make_contract, make_contract_in, make_order, make_order_in
from tests.customerhub.contracts.test_contracts import problems_by_field

PLACED, IN_PROGRESS, DELIVERED, CANCELLED = OrderStatus


def test_a_new_one_is_placed_and_numbered(approval_org, make_live_customer):
    customer = make_live_customer()
    contract = make_contract(customer)
    first = make_order(customer, status=DELIVERED, delivered_on=DAY, contract_id=contract.id)
    assert (first.number, first.status, first.delivered_on) == ("O100001", PLACED, None)
    assert (make_order(customer, number="O100003").number, make_order(customer).number) == ("O100003", "O100002")
    assert make_order(customer).number == "O100004"
    with pytest.raises(Conflict) as error_info:
        make_order(make_live_customer(), number="O100001")
    assert error_info.value.field == "number"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", ""),
        ("description", "x" * 201),
        ("connections", 0),
        ("connections", -5),
        ("connections", 1_000_001),
        ("ordered_on", None),
        ("ordered_on", date(1800, 1, 1)),
        ("wanted_on", date(2025, 1, 30)),
        ("contract_id", 10**9),
        ("number", "x" * 41),
    ],
)
def test_a_wrong_value_is_shown_at_its_field(make_live_customer, field, value):
    with pytest.raises(Invalid) as error_info:
        make_order(make_live_customer(), **{field: value})
    assert problems_by_field(error_info.value).keys() == {field}
    db.session.rollback()
    assert db.session.scalar(select(func.count(CustomerOrder.id))) == 0


def test_its_contract_is_the_customers_and_has_not_ended(approval_org, make_live_customer):
    customer = make_live_customer()
    over = make_contract_in(customer, ContractStatus.ENDED)
    with pytest.raises(Invalid, match="has ended"):
        make_order(customer, contract_id=over.id)
    db.session.rollback()
    with pytest.raises(Invalid, match="of this customer"):
        make_order(customer, contract_id=make_contract(make_live_customer()).id)
    db.session.rollback()
    stranger = make_approval_org("Another Telecom")
    foreign_contract = make_contract(stranger.make_customer(Stage.BILLING))
    with pytest.raises(Invalid, match="of this customer"):
        make_order(customer, contract_id=foreign_contract.id)


def test_an_order_outlives_the_end_of_its_contract(approval_org, make_live_customer):
    from customerhub.contracts.contracts import change_contract_status

    customer = make_live_customer()
    contract = make_contract_in(customer, ContractStatus.LIVE)
    order = make_order(customer, contract_id=contract.id)
    change_contract_status(
        contract, transitions.CONTRACT_STATUSES.get_transition("end"), end_date=DAY, actor=approval_org.agent
    )
    order.description = "Ten lines, in the cellar"
    save_order(order, actor=approval_org.agent)
    change_order_status(order, transitions.ORDER_STATUSES.get_transition("start"), actor=approval_org.agent)
    assert order.status is IN_PROGRESS


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.BILLING])
def test_only_a_live_customer_orders(approval_org, stage):
    with pytest.raises(WrongState, match=f"in {stage.value}"):
        make_order(approval_org.make_customer(stage))


def test_a_blacklisted_customer_orders_nothing_and_what_is_on_its_way_goes_on(approval_org, make_live_customer):
    customer = make_live_customer()
    order = make_order(customer)
    entry = BlacklistEntry(organisation_id=approval_org.id, name="X", customer_id=customer.id, reason="Never paid")
    db.session.add(entry)
    db.session.commit()
    with pytest.raises(WrongState, match="Never paid"):
        make_order(customer)
    change_order_status(order, transitions.ORDER_STATUSES.get_transition("cancel"), actor=approval_org.agent)
    assert order.status is CANCELLED


def test_staff_order_and_nobody_else(approval_org, make_live_customer):
    customer = make_live_customer()
    order = make_order(customer, by=approval_org.agent)
    with pytest.raises(NotAllowed):
        make_order(customer, by=approval_org.partner)
    with pytest.raises(NotAllowed):
        change_order_status(order, transitions.ORDER_STATUSES.get_transition("start"), actor=approval_org.partner)
    with pytest.raises(NotFound):
        change_order_status(
            order, transitions.ORDER_STATUSES.get_transition("start"), actor=make_approval_org("Another Telecom").admin
        )
    assert order.status is PLACED


def test_what_is_not_changed_by_editing(approval_org, make_live_customer):
    order, other = make_order(make_live_customer()), make_live_customer()
    for field, value in {"status": CANCELLED, "delivered_on": DAY, "customer_id": other.id}.items():
        with db.session.no_autoflush:
            setattr(order, field, value)
            with pytest.raises(WrongState, match="can be changed only by"):
                save_order(order, actor=approval_org.admin)
        db.session.rollback()
    for status in (DELIVERED, CANCELLED):
        over = make_order_in(other, status)
        with db.session.no_autoflush:
            over.connections = 99
            with pytest.raises(WrongState, match=status.value):
                save_order(over, actor=approval_org.admin)
        db.session.rollback()


def test_it_is_delivered_on_a_day_that_has_been(approval_org, make_live_customer):
    order = make_order_in(make_live_customer(), IN_PROGRESS, ordered_on=date(2026, 3, 1))
    approval_org.organisation.timezone = "Pacific/Auckland"
    db.session.commit()
    with time_machine.travel("2026-03-10 12:30:00+00:00", tick=False):  # the 11th over there
        for day, message in ((None, "Enter the"), (date(2026, 2, 28), "before"), (date(2026, 3, 12), "in the future")):
            with pytest.raises(Invalid, match=message) as error_info:
                change_order_status(
                    order,
                    transitions.ORDER_STATUSES.get_transition("deliver"),
                    delivered_on=day,
                    actor=approval_org.agent,
                )
            assert error_info.value.field == "delivered_on"
        change_order_status(
            order,
            transitions.ORDER_STATUSES.get_transition("deliver"),
            delivered_on=date(2026, 3, 11),
            reason="By van",
            actor=approval_org.agent,
        )
        db.session.commit()
    query = select(History).where(History.table_name == "customer_order", History.row_id == order.id)
    *_, last = db.session.scalars(query.order_by(History.id))
    assert (last.reason, last.changes) == (
        "By van",
        {"status": ["in progress", "delivered"], "delivered_on": [None, "2026-03-11"]},
    )


EXPECTED_MOVES = {
    "start": ({"placed"}, "in progress"),
    "deliver": ({"in progress"}, "delivered"),
    "cancel": ({"placed", "in progress"}, "cancelled"),
}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(acts=st.lists(st.sampled_from([*EXPECTED_MOVES, "edit"]), max_size=7))
def test_whatever_is_done_in_any_order_agrees_with_the_account(approval_org, make_live_customer, acts):
    order, status = make_order(make_live_customer()), "placed"
    for number, act in enumerate(acts):
        try:
            if act == "edit":
                order.description = f"Lines {number}"
                save_order(order, actor=approval_org.agent)
            else:
                day = {"delivered_on": clock.get_today() - timedelta(days=2)} if act == "deliver" else {}
                change_order_status(
                    order, transitions.ORDER_STATUSES.get_transition(act), actor=approval_org.agent, **day
                )
            db.session.commit()
            done = True
        except HubError:
            db.session.rollback()
            done = False
        expected = status in ("placed", "in progress") if act == "edit" else status in EXPECTED_MOVES[act][0]
        assert done is expected, (acts, number)
        status = EXPECTED_MOVES[act][1] if done and act != "edit" else status
        db.session.expire_all()
        assert (order.status.value, order.delivered_on is not None) == (status, status == "delivered")


def test_a_customer_with_orders_is_not_deleted(approval_org, make_live_customer):
    customer = make_live_customer()
    make_order(customer)
    with pytest.raises(StillLinked, match="1 order"):
        delete_customer(customer, actor=approval_org.manager)
