"""The moves of contracts and orders as operations."""

from collections.abc import Callable
from typing import Any

from wtforms import Form, TextAreaField
from wtforms.validators import Length, Optional

from customerhub.contracts import moves
from customerhub.contracts.contracts import LONGEST_REASON
from customerhub.contracts.moves import Move
from customerhub.permissions import Actor, Permission
from views.forms import clean_input
from views.operation import Operation


def reason_field(label: str) -> TextAreaField:
    """What somebody may say of a move."""
    return TextAreaField(label, [Optional(), Length(max=LONGEST_REASON)], filters=[clean_input])


def move_operation(
    move: Move[Any], act: Callable[..., object], *, form: type[Form], icon: str, danger: bool = False
) -> Operation:
    """A move that `act` makes of a contract or order, with what the form asks for."""

    def run(row: Any, *, actor: Actor, **told: Any) -> None:
        act(row, move, actor=actor, **told)

    return Operation(
        name=move.name,
        label=move.label,
        permission=Permission.CONTRACTS_EDIT,
        run=run,
        explain=move.explain,
        form=form,
        available=lambda row, _actor: moves.why_not(move, row.status),
        icon=icon,
        danger=danger,
    )
