"""The transitions of contracts and orders as operations."""

from collections.abc import Callable, Sequence
from typing import Any

from wtforms import Form, TextAreaField
from wtforms.validators import Length, Optional

from customerhub.contracts.status_changes import LONGEST_REASON
from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor, Permission
from customerhub.core.state_machine import Transition
from views.framework.forms import clean_input
from views.framework.operation import Operation, refusal_reason

PAST_TENSES = {
    "passive": "made passive",
    "live": "made live again",
    "end": "ended",
    "start": "started",
    "deliver": "delivered",
    "cancel": "cancelled",
}


def reason_field(label: str) -> TextAreaField:
    """What somebody may say of a transition."""
    return TextAreaField(label, [Optional(), Length(max=LONGEST_REASON)], filters=[clean_input])


def transition_operation(
    transition: Transition[Any, Any],
    action: Callable[..., object],
    many_action: Callable[..., dict[int, HubError]] | None,
    check: Callable[[Any, Any, Actor], None],
    *,
    form: type[Form],
    icon: str,
    danger: bool = False,
    initial_values: Callable[[Sequence[Any], Actor], dict[str, Any]] | None = None,
) -> Operation:
    """A transition that `action` makes of a contract or order, and `many_action` of many, with what the form asks for.
    `check(transition, row, actor)` raises why not.
    """

    def run(row: Any, *, actor: Actor, **values: Any) -> None:
        action(row, transition, actor=actor, **values)

    def run_many(rows: Sequence[Any], **values: Any) -> dict[int, HubError]:
        return many_action(rows, transition, **values) if many_action is not None else {}

    return Operation(
        name=transition.name,
        label=transition.label or transition.name,
        past_tense=PAST_TENSES[transition.name],
        permission=Permission.CONTRACTS_EDIT,
        run=run,
        run_many=run_many if many_action is not None else None,
        explanation=transition.explanation,
        form=form,
        initial_values=initial_values,
        unavailable_reason=lambda row, actor: refusal_reason(check, transition, row, actor),
        icon=icon,
        danger=danger,
    )
