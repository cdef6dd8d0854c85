"""What happened beside the record when a customer was saved, as the screen says it."""

from customerhub.customers.after_save import RequestedCheck, SaveOutcome
from views.framework.labels import member_label


def describe_outcome(outcome: SaveOutcome) -> list[str]:
    """One sentence for each thing that happened."""
    sentences = []
    if outcome.previous_stage is not None:
        stages = member_label(outcome.previous_stage), member_label(outcome.stage)
        sentences.append("The stage changed from {} to {}.".format(*stages))
    if outcome.check is not None:
        sentences.append(_describe_check(outcome.check))
    if outcome.portal_user_email is not None:
        sentences.append(f"A portal user was created for {outcome.portal_user_email} and an invitation was queued.")
    sentences += outcome.signature_outcomes
    return sentences


def _describe_check(check: RequestedCheck) -> str:
    kind = check.kind.value
    if not check.is_new:
        return f"The open approval task ({kind}) was updated."
    if check.assignee_name is None:
        return f"An approval task ({kind}) was opened. It is unassigned."
    return f"An approval task ({kind}) was opened for {check.assignee_name} and an email was queued."
