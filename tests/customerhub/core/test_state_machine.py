"""The mechanism of transitions, on machines made up here, and what holds of every machine of the hub."""

import enum
import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Enum
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from customerhub.approvals.stages import STAGES
from customerhub.contracts.transitions import CONTRACT_STATUSES, ORDER_STATUSES
from customerhub.core.errors import HubError, Invalid, NotAllowed, WrongState
from customerhub.core.permissions import Actor, Permission
from customerhub.core.state_machine import RequiredInput, Requirement, StateMachine, Transition
from customerhub.customers.importing.transitions import IMPORT_STATES
from customerhub.mail.outbox import MESSAGE_STATES
from models import User
from models.enums import Role

SYSTEM = Actor(None, 1)
AGENT = Actor(User(role=Role.AGENT, active=True, organisation_id=1), 1)
ADMIN = Actor(User(role=Role.ADMIN, active=True, organisation_id=1), 1)
ALL_MACHINES = {
    "stages": STAGES,
    "contracts": CONTRACT_STATUSES,
    "orders": ORDER_STATUSES,
    "messages": MESSAGE_STATES,
    "imports": IMPORT_STATES,
}


class Phase(enum.StrEnum):
    OPEN = "Open"
    PAID = "Paid"
    SENT_OUT = "Sent out"
    OVER = "Over"


class Base(DeclarativeBase):
    pass


class Parcel(Base):
    __tablename__ = "parcel"

    id: Mapped[int] = mapped_column(primary_key=True)
    phase: Mapped[Phase] = mapped_column(Enum(Phase))
    weight: Mapped[int]


_HAS_WEIGHT = Requirement[Parcel]("if it was weighed", lambda parcel: parcel.weight > 0, "Weigh the parcel first")
PAY = Transition[Parcel, Phase](
    "pay",
    frozenset({Phase.OPEN}),
    Phase.PAID,
    label="Pay",
    required_inputs=(RequiredInput("amount", "with its amount", "Enter the amount"),),
)
SEND = Transition[Parcel, Phase](
    "send",
    frozenset({Phase.OPEN, Phase.PAID}),
    Phase.SENT_OUT,
    label="Send",
    permission=Permission.OUTBOX_SEND,
    requirements=(_HAS_WEIGHT,),
)
DROP = Transition[Parcel, Phase](
    "drop", frozenset({Phase.OPEN}), Phase.OVER, label="Drop", refusal="Too late: it is {state}"
)
ARRIVE = Transition[Parcel, Phase]("arrive", frozenset({Phase.SENT_OUT}), Phase.OVER, explanation="it has arrived")
PARCELS = StateMachine[Parcel, Phase](Parcel.phase, (PAY, SEND, DROP, ARRIVE), {Phase.OPEN: "ordered"})


def build_parcel(phase: Phase = Phase.OPEN, weight: int = 3) -> Parcel:
    return Parcel(phase=phase, weight=weight)


def test_a_transition_is_made_from_its_states_only() -> None:
    parcel = build_parcel()
    PARCELS.apply(SEND, parcel, ADMIN)
    assert parcel.phase is Phase.SENT_OUT
    with pytest.raises(WrongState, match=r"^Already Sent out$"):
        PARCELS.apply(SEND, parcel, ADMIN)
    with pytest.raises(WrongState, match=r"^The status is Sent out\. It can change to Paid only from Open$"):
        PARCELS.apply(PAY, parcel, ADMIN)
    assert PARCELS.refusal_reason(SEND, build_parcel(Phase.OVER), ADMIN) == (
        "The status is Over. It can change to Sent out only from Open or Paid"
    )
    with pytest.raises(WrongState, match=r"^Too late: it is Sent out$"):
        PARCELS.apply(DROP, parcel, ADMIN)
    assert parcel.phase is Phase.SENT_OUT


def test_who_may_not_and_what_lacks_something_is_refused_with_its_reason() -> None:
    parcel = build_parcel()
    with pytest.raises(NotAllowed, match="send and cancel messages"):
        PARCELS.apply(SEND, parcel, AGENT)
    parcel.weight = 0
    with pytest.raises(WrongState, match=r"^Weigh the parcel first$"):
        PARCELS.apply(SEND, parcel, ADMIN)
    assert parcel.phase is Phase.OPEN


def test_what_nobody_chooses_is_made_by_the_hub_alone() -> None:
    for actor in (AGENT, ADMIN, SYSTEM):
        assert PARCELS.refusal_reason(ARRIVE, build_parcel(Phase.SENT_OUT), actor) == "This step does not exist"
    parcel = build_parcel(Phase.SENT_OUT)
    PARCELS.apply(ARRIVE, parcel, None)
    assert parcel.phase is Phase.OVER
    with pytest.raises(WrongState, match="Already Over"):
        PARCELS.apply(ARRIVE, parcel, None)


def test_a_transition_that_is_none_of_the_table_is_refused() -> None:
    same_name = Transition[Parcel, Phase]("pay", frozenset(Phase), Phase.OVER, label="Pay")
    for actor in (ADMIN, SYSTEM, None):
        with pytest.raises(WrongState, match="This step does not exist"):
            PARCELS.apply(same_name, build_parcel(), actor)


def test_available_is_what_this_actor_could_choose_now() -> None:
    assert PARCELS.list_available(build_parcel(), ADMIN) == [PAY, SEND, DROP]
    assert PARCELS.list_available(build_parcel(), AGENT) == [PAY, DROP]
    assert PARCELS.list_available(build_parcel(weight=0), ADMIN) == [PAY, DROP]
    assert PARCELS.list_available(build_parcel(Phase.PAID), ADMIN) == [SEND]
    assert PARCELS.list_available(build_parcel(Phase.SENT_OUT), ADMIN) == []


@pytest.mark.parametrize("values", [{}, {"amount": None}, {"amount": ""}, {"other": 1}])
def test_what_must_be_entered_is_asked_for_by_its_field(values: dict[str, object]) -> None:
    with pytest.raises(Invalid, match=r"^Enter the amount$") as error_info:
        PARCELS.check_inputs(PAY, values)
    assert error_info.value.field == "amount"
    PARCELS.check_inputs(PAY, {"amount": 5})
    PARCELS.check_inputs(SEND, values)


def test_two_of_one_name_are_no_machine() -> None:
    with pytest.raises(ValueError, match="pay"):
        StateMachine[Parcel, Phase](Parcel.phase, (PAY, SEND, PAY), {Phase.OPEN: ""})
    with pytest.raises(KeyError):
        PARCELS.get_transition("steal")
    assert PARCELS.get_transition("pay") is PAY


def test_an_update_begins_where_the_transition_does() -> None:
    condition = str(PARCELS.begins_in(SEND).compile(compile_kwargs={"literal_binds": True}))
    assert condition == "parcel.phase IN ('OPEN', 'PAID')"


def test_the_diagram_says_what_is_chosen_and_what_is_needed() -> None:
    assert PARCELS.build_diagram() == "\n".join(
        [
            "stateDiagram-v2",
            '    state "Open" as Open',
            '    state "Paid" as Paid',
            '    state "Sent out" as SentOut',
            '    state "Over" as Over',
            "    [*] --> Open: ordered",
            "    Open --> Paid: Pay, with its amount",
            "    Open --> SentOut: Send, if it was weighed",
            "    Paid --> SentOut: Send, if it was weighed",
            "    Open --> Over: Drop",
            "    SentOut --> Over: it has arrived",
        ]
    )


# --- Any machine -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """What a made-up machine is tried with."""

    machine: StateMachine[Parcel, Phase]
    chosen: list[Transition[Parcel, Phase]]


@st.composite
def ways(draw: st.DrawFn) -> Way:
    phases = st.sampled_from(Phase)
    transitions = tuple(
        Transition[Parcel, Phase](
            f"t{number}",
            draw(st.frozensets(phases, min_size=1)),
            draw(phases),
            label=draw(st.sampled_from([None, f"Label {number}"])),
            explanation=f"event {number}",
            permission=draw(st.sampled_from([None, Permission.OUTBOX_SEND])),
            requirements=draw(st.sampled_from([(), (_HAS_WEIGHT,)])),
        )
        for number in range(draw(st.integers(1, 6)))
    )
    machine = StateMachine[Parcel, Phase](Parcel.phase, transitions, {draw(phases): "made"})
    return Way(machine, draw(st.lists(st.sampled_from(transitions), max_size=12)))


def list_reachable(machine: StateMachine[Parcel, Phase]) -> set[Phase]:
    reachable, last_size = set(machine.initial_states), 0
    while last_size != len(reachable):
        last_size = len(reachable)
        reachable |= {each.to_state for each in machine.transitions if reachable & each.from_states}
    return reachable


@given(ways(), st.sampled_from([AGENT, ADMIN, SYSTEM, None]), st.integers(0, 1))
def test_a_refused_transition_changes_nothing_and_a_made_one_leads_to_its_state(
    way: Way, actor: Actor | None, weight: int
) -> None:
    [start] = way.machine.initial_states
    parcel, reachable = build_parcel(start, weight), list_reachable(way.machine)
    for transition in way.chosen:
        before, reason = parcel.phase, way.machine.refusal_reason(transition, parcel, actor)
        expected = (
            before in transition.from_states
            and (actor is None or transition.label is not None)
            and (actor is not AGENT or transition.permission is None)
            and (weight > 0 or not transition.requirements)
        )
        assert (reason is None) is expected
        if actor is not None:
            assert (transition in way.machine.list_available(parcel, actor)) is expected
        if reason is None:
            way.machine.apply(transition, parcel, actor)
            assert parcel.phase is transition.to_state
        else:
            with pytest.raises(HubError) as error_info:
                way.machine.apply(transition, parcel, actor)
            assert (error_info.value.message, parcel.phase) == (reason, before)
        assert parcel.weight == weight
        assert parcel.phase in reachable


def count_arrows(diagram: str) -> list[tuple[str, str, str]]:
    return sorted(re.findall(r"^    (\w+) --> (\w+): (.+)$", diagram, re.MULTILINE))


@given(ways())
def test_the_diagram_draws_every_transition_exactly_once_from_each_state(way: Way) -> None:
    names = {phase: phase.value.title().replace(" ", "") for phase in Phase}
    assert count_arrows(way.machine.build_diagram()) == sorted(
        (names[state], names[each.to_state], each.describe())
        for each in way.machine.transitions
        for state in each.from_states
    )


@pytest.mark.parametrize("machine", ALL_MACHINES.values(), ids=ALL_MACHINES)
class TestEveryMachineOfTheHub:
    def test_its_diagram_draws_every_transition_once(self, machine: StateMachine) -> None:
        arrows = count_arrows(machine.build_diagram())
        assert len(arrows) == len(set(arrows)) == sum(len(each.from_states) for each in machine.transitions)
        for transition in machine.transitions:
            texts = [text for _, _, text in arrows if text == transition.describe()]
            assert len(texts) >= len(transition.from_states)

    def test_every_state_can_be_reached(self, machine: StateMachine) -> None:
        assert list_reachable(machine) == set(machine.states)

    def test_who_chooses_needs_a_permission_and_can_read_what_it_is(self, machine: StateMachine) -> None:
        for transition in machine.transitions:
            if transition.label is None:
                assert (transition.permission, bool(transition.explanation)) == (None, True)
            else:
                assert transition.permission is not None
