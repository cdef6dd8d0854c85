"""Testing the connection to the signing service: asked for here, done by a worker, whose answer is shown."""

from typing import Any
from urllib.parse import urlencode

from flask import abort, url_for

from customerhub.core import services
from customerhub.core.operation_runs import iterate_results
from customerhub.core.permissions import Actor, Permission, select_visible
from customerhub.core.transaction import after_commit
from customerhub.signing.access import get_oauth_url
from customerhub.signing.setting_up import CONNECTION_TEST, request_connection_test
from jobs import operations
from jobs.queue import try_enqueue
from models import OperationRun, SigningSettings
from models.base import db
from models.enums import RunOutcome
from views.framework.labels import member_label
from views.framework.operation import Operation
from views.http.urls import parse_id, path_of

CONSENT_REQUIRED = "consent_required"  # DocuSign's word


def _test_connection(settings: SigningSettings, *, actor: Actor) -> OperationRun:
    run = request_connection_test(settings, actor=actor)
    run_id = run.id
    after_commit(lambda: try_enqueue(operations.perform, run_id))
    return run


CONNECTION_OPERATION = Operation(
    name="test",
    label="Test connection",
    past_tense="tested",
    permission=Permission.SETUP_EDIT,
    run=_test_connection,
    explanation="Signs in at DocuSign with these settings and asks for the account. No document is sent.",
    button="Test connection",
    icon="run",
    bulk=False,
    result_url=lambda run: url_for("esignature.connection_view", id=run.id),
)


def find_run(key: str, actor: Actor) -> OperationRun:
    """One's own test with this id; ends the request with 404 where there is none."""
    row_id = parse_id(key)
    if row_id is None:
        abort(404)
    query = select_visible(OperationRun, actor).where(
        OperationRun.id == row_id, OperationRun.user_id == actor.id, OperationRun.screen == CONNECTION_TEST
    )
    return db.session.scalars(query).first() or abort(404)


def build_result(run: OperationRun, settings: SigningSettings) -> dict[str, Any]:
    """The answer, as templates/screens/progress.html shows it."""
    back = {"label": "Back to eSignature", "url": path_of("esignature.open_view"), "primary": True}
    text, actions = run.problem or "Cancelled.", [back]
    for label, outcome, message in select_first(run):
        text = f"Connected to the account {label} ({member_label(settings.environment)})."
        if outcome is not RunOutcome.DONE:
            text = message or "Not tested."
            if CONSENT_REQUIRED in text:
                text += ". Sign in at DocuSign as this user and allow access once, then test again"
                actions.insert(0, {"label": "Give consent at DocuSign", "url": build_consent_url(settings)})
    return {"text": text, "actions": actions}


def select_first(run: OperationRun) -> list[tuple[str, RunOutcome | None, str]]:
    """The one result of a test that was done; none of one that was not."""
    return [] if run.problem or not run.done_rows else list(iterate_results(run))


def build_consent_url(settings: SigningSettings) -> str:
    """Where the user of the settings allows the app to act in their name."""
    parameters = {
        "response_type": "code",
        "scope": "signature impersonation",
        "client_id": settings.integration_key or "",
        "redirect_uri": services.get_current().public_url,
    }
    return f"{get_oauth_url(settings.environment)}/oauth/auth?{urlencode(parameters)}"
