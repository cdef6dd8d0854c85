"""The stages of a customer and the transitions between them, as plain data.

Screens, bulk actions, imports and jobs all ask this table; DOMAIN, section 4, is its source.
"""

from typing import Final

from customerhub.core.permissions import Permission
from customerhub.core.state_machine import RequiredInput, StateMachine, Transition
from models import Customer
from models.enums import STAGE_LABELS, Stage, TaskKind, TaskState

StageTransition = Transition[Customer, Stage]

_REASON: Final = RequiredInput("comment", "needs a reason", "Enter a reason")
_BILLING_REFERENCE: Final = RequiredInput("billing_reference", "needs a billing reference", "Enter a billing reference")

PASS: Final = StageTransition(
    "pass",
    frozenset({Stage.NEW, Stage.REFERRED}),
    Stage.PASSED,
    label="Pass credit check",
    explanation="Credit check passed (Passed Credit Ref). The next step is a billing reference.",
    permission=Permission.TASKS_WORK,
)
REFER: Final = StageTransition(
    "refer",
    frozenset({Stage.NEW, Stage.FAILED}),
    Stage.REFERRED,
    label="Refer",
    explanation="More information is needed. The requester can read and answer your comment.",
    permission=Permission.TASKS_WORK,
    required_inputs=(_REASON,),
)
FAIL: Final = StageTransition(
    "fail",
    frozenset({Stage.NEW, Stage.REFERRED}),
    Stage.FAILED,
    label="Fail credit check",
    explanation="Credit check failed (Failed Credit Ref). Enter a reason. The customer can still be referred.",
    permission=Permission.TASKS_WORK,
    required_inputs=(_REASON,),
)
MAKE_LIVE: Final = StageTransition(
    "bill",
    frozenset({Stage.PASSED}),
    Stage.BILLING,
    label="Make live",
    explanation="The customer goes live and contracts can be added. Requires the billing system reference.",
    permission=Permission.TASKS_WORK,
    required_inputs=(_BILLING_REFERENCE,),
)
# A fact that the credit check rests on has changed.
FALL_BACK: Final = StageTransition("fall back", frozenset({Stage.PASSED}), Stage.NEW, explanation="a fact changed")
STAGES: Final = StateMachine[Customer, Stage](
    Customer.stage,
    (PASS, REFER, FAIL, MAKE_LIVE, FALL_BACK),
    {Stage.NEW: "needs approval", Stage.BILLING: "needs none"},
    same_state="Already in {state}",
    labels=STAGE_LABELS,
    refusal="The stage is {state}. It can change to {to_state} only from {from_states}",
)

# What becomes of the onboarding task of a customer that comes into one of these stages.
TASK_OUTCOMES: Final = {Stage.FAILED: TaskState.DECLINED, Stage.BILLING: TaskState.APPROVED}
FALLBACK_STAGES: Final = dict.fromkeys(FALL_BACK.from_states, FALL_BACK.to_state)
# In which stages there is something for a task to decide; a task of any other kind is about customers in any stage.
UNDECIDED_STAGES: Final = {
    TaskKind.ONBOARDING: frozenset({Stage.NEW, Stage.REFERRED, Stage.PASSED}),
    TaskKind.RECHECK: frozenset({Stage.BILLING}),
}
CREDIT_CHECK_FACTS: Final = ("name", "kind", "identity_number", "registration_number")
