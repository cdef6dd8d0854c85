"""The statuses of cases and the transitions between them, as plain data. docs/cases.md draws them."""

from typing import Final

from customerhub.core.permissions import Permission
from customerhub.core.state_machine import StateMachine, Transition
from models import CustomerCase
from models.enums import CaseStatus

S = CaseStatus
CaseTransition = Transition[CustomerCase, CaseStatus]

START: Final = CaseTransition(
    "start",
    frozenset({S.OPEN, S.WAITING}),
    S.IN_PROGRESS,
    label="Start progress",
    explanation="The case is being worked on.",
    permission=Permission.CASES_EDIT,
)
WAIT: Final = CaseTransition(
    "wait",
    frozenset({S.OPEN, S.IN_PROGRESS}),
    S.WAITING,
    label="Wait for customer",
    explanation="The case waits for an answer. It is in progress again as soon as the customer replies.",
    permission=Permission.CASES_EDIT,
)
CLOSE: Final = CaseTransition(
    "close",
    frozenset({S.OPEN, S.IN_PROGRESS, S.WAITING}),
    S.CLOSED,
    label="Close",
    explanation="The case is settled. The customer is notified, and can reopen it with a reply.",
    permission=Permission.CASES_EDIT,
)
REOPEN: Final = CaseTransition(
    "reopen",
    frozenset({S.CLOSED}),
    S.OPEN,
    label="Reopen",
    explanation="The case is worked on again.",
    permission=Permission.CASES_EDIT,
)
ANSWER: Final = CaseTransition("answer", frozenset({S.WAITING}), S.IN_PROGRESS, explanation="the customer replied")
OBJECT: Final = CaseTransition("object", frozenset({S.CLOSED}), S.OPEN, explanation="the customer replied")
CASE_STATUSES: Final = StateMachine[CustomerCase, CaseStatus](
    CustomerCase.status, (START, WAIT, CLOSE, REOPEN, ANSWER, OBJECT), {S.OPEN: "by staff or in the portal"}
)
