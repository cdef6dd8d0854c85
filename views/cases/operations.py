"""The operations on cases: assigning, and each transition that people choose."""

from collections.abc import Sequence
from typing import Any

from customerhub.cases import cases
from customerhub.cases.statuses import CASE_STATUSES, CaseTransition
from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor, Permission
from models import CustomerCase
from views.cells.assignment import build_assign_form
from views.framework.operation import Operation, refusal_check

ICONS = {"start": "run", "wait": "clock", "close": "ok", "reopen": "undo"}
PAST_TENSES = {"start": "in progress", "wait": "waiting for the customer", "close": "closed", "reopen": "reopened"}


def _transition_operation(transition: CaseTransition) -> Operation:
    def run(case: CustomerCase, *, actor: Actor) -> None:
        cases.change_case_status(case, transition, actor=actor)

    def run_many(rows: Sequence[CustomerCase], *, actor: Actor) -> dict[int, HubError]:
        return cases.change_case_statuses(rows, transition, actor=actor)

    def unavailable(case: CustomerCase, actor: Actor) -> str | None:
        return CASE_STATUSES.refusal_reason(transition, case, actor)

    return Operation(
        name=transition.name,
        label=transition.label or transition.name,
        past_tense=PAST_TENSES[transition.name],
        permission=Permission.CASES_EDIT,
        run=run,
        run_many=run_many,
        unavailable_reason=unavailable,
        explanation=transition.explanation,
        icon=ICONS[transition.name],
    )


def _check_assignment(case: CustomerCase, _actor: Any) -> None:
    cases.check_assignment(case)


OPERATIONS = (
    *(_transition_operation(each) for each in CASE_STATUSES.choices),
    Operation(
        name="assign",
        label="Assign",
        past_tense="assigned",
        permission=Permission.CASES_EDIT,
        run=cases.assign_case,
        run_many=cases.assign_cases,
        unavailable_reason=refusal_check(_check_assignment),
        form=build_assign_form,
        explanation="The assignee receives one email about all selected cases.",
        icon="user",
    ),
)
