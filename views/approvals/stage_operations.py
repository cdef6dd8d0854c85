"""The stage transitions of customers, each as one declaration."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import g
from wtforms import Form

from customerhub.approvals import transitions
from customerhub.approvals.stages import STAGES, StageTransition
from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor, Permission
from models import Customer
from views.approvals.forms import CommentForm, CreditForm, ReasonForm, find_billing_form
from views.framework.operation import Operation, refusal_reason

FORMS: dict[str, type[Form]] = {"refer": ReasonForm, "fail": ReasonForm}
PAST_TENSES = {"pass": "passed", "refer": "referred", "fail": "failed", "bill": "made live"}
ROW_FORMS: dict[str, Callable[[Customer], type[Form]]] = {
    "pass": lambda _customer: CreditForm,
    "bill": find_billing_form,
}


def initial_row_values(customer: Customer | None) -> dict[str, Any]:
    """The references and revenue that a customer has."""
    if customer is None:
        return {}
    names = ("credit_reference", "billing_reference", "estimated_monthly_revenue")
    return {name: getattr(customer, name) for name in names}


def _onboarding_contexts(customers: Sequence[Customer]) -> dict[int, transitions.OnboardingContext]:
    """What stands behind these customers; looked up once a request."""
    contexts: dict[int, transitions.OnboardingContext] = g.setdefault("onboarding_contexts", {})
    contexts |= transitions.load_onboarding_contexts(
        [customer for customer in customers if customer.id not in contexts]
    )
    return contexts


def build_details(values_by_id: Mapping[int, dict[str, Any]]) -> dict[int, transitions.StageDetails]:
    """What was entered for each row by itself."""
    return {key: transitions.StageDetails(**values) for key, values in values_by_id.items()}


def _transition_operation(transition: StageTransition) -> Operation:
    def run(customer: Customer, *, actor: Actor, **values: Any) -> None:
        transitions.change_stage(customer, transition, actor=actor, **values)

    def run_many(customers: Sequence[Customer], **values: Any) -> dict[int, HubError]:
        details = build_details(values.pop("values_by_id", {}))
        return transitions.change_stages(customers, transition, details_by_customer=details, **values)

    def unavailable(customers: Sequence[Customer], actor: Actor) -> dict[int, str]:
        contexts = _onboarding_contexts(customers)
        refusals = {
            row.id: refusal_reason(transitions.check_transition, transition, row, contexts[row.id], actor)
            for row in customers
        }
        return {key: reason for key, reason in refusals.items() if reason is not None}

    return Operation(
        name=transition.name,
        label=transition.label or transition.name,
        past_tense=PAST_TENSES[transition.name],
        permission=Permission.TASKS_WORK,
        run=run,
        run_many=run_many,
        explanation=transition.explanation,
        form=FORMS.get(transition.name, CommentForm),
        row_form=ROW_FORMS.get(transition.name),
        initial_row_values=initial_row_values,
        unavailable_reasons=unavailable,
        icon="flag",
        danger=transition.name == "fail",
    )


STAGE_OPERATIONS = tuple(_transition_operation(each) for each in STAGES.choices)
