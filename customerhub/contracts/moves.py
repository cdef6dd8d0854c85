"""The statuses of contracts and orders and the moves between them, as plain data.

Screens, bulk actions and jobs all ask these tables; docs/contracts.md draws them.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from customerhub.errors import WrongState
from models.enums import ContractStatus, OrderStatus

Status = TypeVar("Status", bound=enum.StrEnum)


@dataclass(frozen=True)
class Move(Generic[Status]):
    """One way on. `needs` is the day that it asks for, by its column."""

    name: str
    label: str
    before: frozenset[Status]
    after: Status
    explain: str
    needs: str | None = None


CONTRACT_MOVES: Final[tuple[Move[ContractStatus], ...]] = (
    Move(
        "passive", "Make passive", frozenset({ContractStatus.LIVE}), ContractStatus.PASSIVE,
        "The contract rests, and can be made live again.",
    ),
    Move(
        "live", "Make live again", frozenset({ContractStatus.PASSIVE}), ContractStatus.LIVE,
        "The contract is live again, if its customer may have one.",
    ),
    Move(
        "end", "End", frozenset({ContractStatus.DRAFT, ContractStatus.LIVE, ContractStatus.PASSIVE}),
        ContractStatus.ENDED, "The contract is over for good. It stays as it is, and nothing more is ordered on it.",
        needs="end_date",
    ),
)  # fmt: skip
ORDER_MOVES: Final[tuple[Move[OrderStatus], ...]] = (
    Move(
        "start", "Start", frozenset({OrderStatus.PLACED}), OrderStatus.IN_PROGRESS,
        "Somebody is at work on it.",
    ),
    Move(
        "deliver", "Deliver", frozenset({OrderStatus.IN_PROGRESS}), OrderStatus.DELIVERED,
        "The connections stand. The order stays as it is from then on.", needs="delivered_on",
    ),
    Move(
        "cancel", "Cancel", frozenset({OrderStatus.PLACED, OrderStatus.IN_PROGRESS}), OrderStatus.CANCELLED,
        "The order is called off for good.",
    ),
)  # fmt: skip
OF_CONTRACTS: Final = {move.name: move for move in CONTRACT_MOVES}
OF_ORDERS: Final = {move.name: move for move in ORDER_MOVES}

# What nobody chooses: the invoice profile of a contract is completed.
BY_PROFILE: Final = {ContractStatus.DRAFT: ContractStatus.LIVE}


def why_not(move: Move[Status], status: Status) -> str | None:
    """Why `move` cannot be made from `status`, or None where it can."""
    if status in move.before:
        return None
    if status is move.after:
        return f"It is {status.value} already"
    ways = " or ".join(each.value for each in type(status) if each in move.before)
    return f"It is {status.value}; only from {ways} it can become {move.after.value}"


def require_move(move: Move[Status], status: Status, moves: Mapping[str, Move[Status]]) -> None:
    """Raises WrongState where `move` cannot be made from `status`, or is none of `moves`."""
    problem = why_not(move, status) if moves.get(move.name) == move else "There is no such move"
    if problem is not None:
        raise WrongState(problem)


def contract_diagram() -> str:
    """The statuses of a contract as a Mermaid state diagram, for docs/contracts.md."""
    begin = [(ContractStatus.DRAFT, "profile open"), (ContractStatus.LIVE, "profile completed")]
    ways = [(before, after, "the profile is completed") for before, after in BY_PROFILE.items()]
    return _diagram(ContractStatus, begin, ways, CONTRACT_MOVES)


def order_diagram() -> str:
    """As `contract_diagram`, of an order."""
    return _diagram(OrderStatus, [(OrderStatus.PLACED, "ordered")], [], ORDER_MOVES)


def _diagram(
    statuses: type[Status],
    begin: Sequence[tuple[Status, str]],
    ways: Sequence[tuple[Status, Status, str]],
    moves: Sequence[Move[Status]],
) -> str:
    names = {status: status.name.title().replace("_", "") for status in statuses}
    lines = ["stateDiagram-v2", *(f'    state "{status.value}" as {name}' for status, name in names.items())]
    lines += [f"    [*] --> {names[status]}: {why}" for status, why in begin]
    lines += [f"    {names[before]} --> {names[after]}: {why}" for before, after, why in ways]
    for move in moves:
        label = move.label + (", with its date" if move.needs else "")
        lines += [f"    {names[each]} --> {names[move.after]}: {label}" for each in statuses if each in move.before]
    return "\n".join(lines)
