"""Making a transition of the tables in transitions.py, of one contract or order or of many."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError
from customerhub.core.many_rows import lock_accepted, write_changes
from customerhub.core.permissions import Actor, require_access
from customerhub.core.state_machine import StateMachine, Transition
from customerhub.core.validation import clean_text
from models import Contract, CustomerOrder

LONGEST_REASON: Final = 2000

R = TypeVar("R", Contract, CustomerOrder)


def change_statuses(
    machine: StateMachine[R, Any],
    transition: Transition[R, Any],
    rows: Sequence[R],
    *,
    inputs: Mapping[str, Any],
    check: Callable[[R], None],
    reason: str | None,
    actor: Actor,
) -> dict[int, HubError]:
    """Make `transition` of each of `rows` that neither the table nor `check` refuses, for the `reason` that the history
    keeps. Of the `inputs`, by column, those are saved that the transition requires.

    Returns why it could not be done, by the id of each row that is left as it is.
    """

    def check_row(row: R) -> None:
        require_access(actor, row)
        machine.check(transition, row, actor)
        _clean_reason(reason)
        machine.check_inputs(transition, inputs)
        check(row)

    accepted, refusals = lock_accepted(rows, check_row)
    if accepted:
        with history.with_reason(_clean_reason(reason)), save_changes():
            for row in accepted:
                for each in transition.required_inputs:
                    setattr(row, each.field, inputs[each.field])
                machine.apply(transition, row, actor)
            write_changes(accepted)
    return refusals


def _clean_reason(reason: str | None) -> str | None:
    return clean_text(reason or "", max_length=LONGEST_REASON, multiline=True, field="reason")
