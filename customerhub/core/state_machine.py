"""The states of one kind of row and the transitions between them, as data.

A machine is a table: from which states a transition may be made, to which state, by whom, and what the row needs for
it. It answers questions about that table and changes one column, nothing else. What goes with a transition is written
where it is made: a library would hide it behind callbacks.
"""

import enum
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from customerhub.core.errors import HubError, Invalid, WrongState
from customerhub.core.permissions import Actor, Permission, require_permission

Row = TypeVar("Row")
State = TypeVar("State", bound=enum.StrEnum)


@dataclass(frozen=True)
class Requirement(Generic[Row]):
    """What a row needs for a transition, whoever makes it. `name` is for the diagram, `message` for people."""

    name: str
    is_met: Callable[[Row], bool]
    message: str


@dataclass(frozen=True)
class RequiredInput:
    """A field that must be filled for a transition. `name` is for the diagram, `message` for people."""

    field: str
    name: str
    message: str


@dataclass(frozen=True)
class Transition(Generic[Row, State]):
    """A change of state.

    People choose it by its `label`; where there is none it is made by the hub itself, and `explanation` says when.
    `refusal` is what people read where the row is in another state, and `refusals` where it is in that one, if that is
    not the general text of the machine; {state} in it stands for the state of the row.
    """

    name: str
    from_states: frozenset[State]
    to_state: State
    label: str | None = None
    explanation: str = ""
    permission: Permission | None = None
    requirements: tuple[Requirement[Row], ...] = ()
    required_inputs: tuple[RequiredInput, ...] = ()
    refusal: str | None = None
    refusals: Mapping[State, str] = field(default_factory=dict, hash=False)

    def is_possible_in(self, state: State) -> bool:
        return state in self.from_states

    def describe(self) -> str:
        """What the diagram writes at its arrows."""
        input_names = [each.name for each in self.required_inputs]
        return ", ".join([self.label or self.explanation, *input_names, *(each.name for each in self.requirements)])


@dataclass(frozen=True)
class StateMachine(Generic[Row, State]):
    """All transitions of `column`. `initial_states` says of each state that a row may begin in when it does.

    `same_state` and `refusal` are what people read of a transition to the state that a row is in, and of one that
    begins elsewhere; {state}, {to_state} and {from_states} in them stand for these states, by their `labels` where they
    have some.
    """

    column: InstrumentedAttribute[State]
    transitions: tuple[Transition[Row, State], ...]
    initial_states: Mapping[State, str]
    same_state: str = "Already {state}"
    labels: Mapping[State, str] = field(default_factory=dict)
    refusal: str = "The status is {state}. It can change to {to_state} only from {from_states}"

    def __post_init__(self) -> None:
        counts = Counter(transition.name for transition in self.transitions)
        if repeated_names := [name for name, count in counts.items() if count > 1]:
            raise ValueError(f"several transitions are named {', '.join(repeated_names)}")

    @property
    def states(self) -> type[State]:
        return type(next(iter(self.initial_states)))

    @property
    def choices(self) -> tuple[Transition[Row, State], ...]:
        """The transitions that people choose."""
        return tuple(transition for transition in self.transitions if transition.label is not None)

    def get_transition(self, name: str) -> Transition[Row, State]:
        """The transition of this name. Raises KeyError where there is none."""
        return {transition.name: transition for transition in self.transitions}[name]

    def state_of(self, row: Row) -> State:
        state: State = getattr(row, self.column.key)
        return state

    def list_available(self, row: Row, actor: Actor) -> list[Transition[Row, State]]:
        """The transitions that `actor` could choose for `row` now."""
        return [transition for transition in self.choices if self.refusal_reason(transition, row, actor) is None]

    def refusal_reason(self, transition: Transition[Row, State], row: Row, actor: Actor | None) -> str | None:
        """As `check`: why `transition` cannot be made of `row` now, for people to read, or None where it can."""
        try:
            self.check(transition, row, actor)
        except HubError as error:
            return error.message
        return None

    def check(self, transition: Transition[Row, State], row: Row, actor: Actor | None) -> None:
        """Raises NotAllowed where `actor` may not make `transition`; WrongState where it is none of the table, does not
        begin in the state of `row`, or the row lacks what it needs.

        Without an actor it is the hub that makes it by itself: nobody else makes what people do not choose.
        """
        if transition not in (self.transitions if actor is None else self.choices):
            raise WrongState("This step does not exist")
        if actor is not None and transition.permission is not None:
            require_permission(actor, transition.permission)
        state = self.state_of(row)
        if not transition.is_possible_in(state):
            raise WrongState(self._describe_refusal(transition, state))
        for requirement in transition.requirements:
            if not requirement.is_met(row):
                raise WrongState(requirement.message)

    def check_inputs(self, transition: Transition[Row, State], values: Mapping[str, Any]) -> None:
        """Raises Invalid with the field where `values` lack what must be entered with `transition`."""
        for each in transition.required_inputs:
            if not values.get(each.field):
                raise Invalid(each.message, each.field)

    def apply(self, transition: Transition[Row, State], row: Row, actor: Actor | None) -> None:
        """`check`, then give `row` its new state. The caller saves it; the version of the row keeps two apart."""
        self.check(transition, row, actor)
        setattr(row, self.column.key, transition.to_state)

    def begins_in(self, transition: Transition[Row, State]) -> ColumnElement[bool]:
        """The condition of the rows in a state that `transition` begins in: for an UPDATE that makes it of them."""
        return self.column.in_(sorted(transition.from_states))

    def _describe_refusal(self, transition: Transition[Row, State], state: State) -> str:
        specific = transition.refusals.get(state, transition.refusal)
        text = specific or (self.same_state if state is transition.to_state else self.refusal)
        from_states = " or ".join(self._label(each) for each in self.states if each in transition.from_states)
        return text.format(state=self._label(state), to_state=self._label(transition.to_state), from_states=from_states)

    def _label(self, state: State) -> str:
        return self.labels.get(state) or str(state.value)

    def build_diagram(self) -> str:
        """All of it as a Mermaid state diagram, for the documents: an arrow for each state a transition begins in."""
        names = {state: state.name.title().replace("_", "") for state in self.states}
        lines = ["stateDiagram-v2", *(f'    state "{state.value}" as {name}' for state, name in names.items())]
        lines += [f"    [*] --> {names[state]}: {reason}" for state, reason in self.initial_states.items()]
        lines += [
            f"    {names[state]} --> {names[transition.to_state]}: {transition.describe()}"
            for transition in self.transitions
            for state in self.states
            if state in transition.from_states
        ]
        return "\n".join(lines)
