"""The stages of a customer and the moves between them, as plain data.

Screens, bulk actions, imports and jobs all ask this table; DOMAIN, section 4, is its source.
"""

from dataclasses import dataclass
from typing import Final

from customerhub.errors import WrongState
from models.enums import Stage, TaskKind, TaskState


@dataclass(frozen=True)
class Move:
    """One way on. `needs` are the columns without which it is refused, `closes` what becomes of the onboarding task;
    `asks` says that a comment must tell why.
    """

    name: str
    label: str
    before: frozenset[Stage]
    after: Stage
    explain: str
    needs: tuple[str, ...] = ()
    asks: bool = False
    closes: TaskState | None = None


MOVES: Final = (
    Move(
        "pass", "Pass credit ref", frozenset({Stage.NEW, Stage.REFERRED}), Stage.PASSED,
        "The credit check is passed. What is left is a billing reference.",
    ),
    Move(
        "refer", "Refer", frozenset({Stage.NEW, Stage.FAILED}), Stage.REFERRED,
        "Something is open. Say what; whoever registered the customer reads it and can answer.", asks=True,
    ),
    Move(
        "fail", "Fail credit ref", frozenset({Stage.NEW, Stage.REFERRED}), Stage.FAILED,
        "The credit check is failed. Say why; it can still be referred.", asks=True, closes=TaskState.DECLINED,
    ),
    Move(
        "bill", "Make live", frozenset({Stage.PASSED}), Stage.BILLING,
        "The customer is live: contracts may be added. This needs the reference in the billing system.",
        needs=("billing_reference",), closes=TaskState.APPROVED,
    ),
)  # fmt: skip
BY_NAME: Final = {move.name: move for move in MOVES}

# What nobody chooses: a fact that the credit check rests on has changed.
FALLBACK: Final = {Stage.PASSED: Stage.NEW}
# In which stages there is something for a task to decide; a task of any other kind is about customers in any stage.
UNDECIDED: Final = {
    TaskKind.ONBOARDING: frozenset({Stage.NEW, Stage.REFERRED, Stage.PASSED}),
    TaskKind.RECHECK: frozenset({Stage.BILLING}),
}
FACTS: Final = ("name", "kind", "identity_number", "registration_number")


def diagram() -> str:
    """The stages and moves as a Mermaid state diagram, for docs/approvals.md."""
    names = {stage: stage.name.capitalize() for stage in Stage}
    lines = ["stateDiagram-v2", *(f'    state "{stage.value}" as {name}' for stage, name in names.items())]
    lines.append(f"    [*] --> {names[Stage.NEW]}: needs approval")
    lines.append(f"    [*] --> {names[Stage.BILLING]}: needs none")
    for move in MOVES:
        marks = [*(f"needs a {name.replace('_', ' ')}" for name in move.needs), *(["says why"] if move.asks else [])]
        label = ", ".join([move.label, *marks])
        lines += [f"    {names[stage]} --> {names[move.after]}: {label}" for stage in Stage if stage in move.before]
    lines += [f"    {names[before]} --> {names[after]}: a fact changed" for before, after in FALLBACK.items()]
    return "\n".join(lines)


def next_stages(stage: Stage) -> frozenset[Stage]:
    """The stages that people may move a customer to from `stage`."""
    return frozenset(move.after for move in MOVES if stage in move.before)


def why_not(move: Move, stage: Stage) -> str | None:
    """Why `move` cannot be made from `stage`, or None where it can."""
    if stage in move.before:
        return None
    if stage is move.after:
        return f"It is in {stage.value} already"
    ways = " or ".join(sorted(each.value for each in move.before))
    return f"It is in {stage.value}; only from {ways} it can move to {move.after.value}"


def require_move(move: Move, stage: Stage) -> None:
    """Raises WrongState where `move` cannot be made from `stage`, or is none of the table."""
    problem = why_not(move, stage) if BY_NAME.get(move.name) == move else "There is no such move"
    if problem is not None:
        raise WrongState(problem)
