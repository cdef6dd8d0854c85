"""The board of approvals: the registrations in the queue, by the stage of their customers."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from customerhub.approvals import referrals, stages, task_board
from customerhub.core import clock
from customerhub.core.permissions import Actor, Permission
from customerhub.customers import approval_decisions
from models import ApprovalTask
from models.enums import Stage
from views.cells.tasks import due_cell, format_age
from views.framework.chips import STAGE_TONES, risk_chip
from views.framework.formatting import current_formats, format_amount
from views.framework.labels import member_label
from views.framework.operation import refusal_reason

DECIDED_DAYS = 30  # how long failed and live customers stay on the board
MAX_CARDS = 200  # of one stage; the list has all of them
ORDER = (Stage.NEW, Stage.REFERRED, Stage.PASSED, Stage.FAILED, Stage.BILLING)
BACK_TO_NEW = "A customer returns to New only when a fact of its credit check changes"

UrlOf = Callable[[str, ApprovalTask], str]
# By the stage that a card is moved to: the operation, its label, and what refuses it.
MOVES: dict[Stage, tuple[str, str, Callable[[ApprovalTask, Actor], None]]] = {
    Stage.PASSED: (
        "pass",
        "Pass credit check",
        lambda task, actor: approval_decisions.check_step(task, stages.PASS, actor),
    ),
    Stage.BILLING: (
        "bill",
        "Make live",
        lambda task, actor: approval_decisions.check_step(task, stages.MAKE_LIVE, actor),
    ),
    Stage.REFERRED: ("refer", "Refer", referrals.check_referral),
    Stage.FAILED: ("decline", "Decline", approval_decisions.check_declining),
}


def get_limits(parameters: MultiDict[str, str]) -> dict[Stage, int]:
    """How many cards of each stage to show: some more each time that `parameters` name it."""
    names = parameters.getlist("more")
    return {stage: min(task_board.PAGE_SIZE * (1 + names.count(stage.name)), MAX_CARDS) for stage in Stage}


def get_start() -> datetime:
    """Since when what was decided is on the board."""
    return clock.get_now() - timedelta(days=DECIDED_DAYS)


def build_columns(
    board: Mapping[Stage, task_board.StageTasks], actor: Actor, url_of: UrlOf, query: str
) -> list[dict[str, Any]]:
    """The columns of the template; `query` is that of the list."""
    return [
        {
            "stage": stage.name,
            "title": member_label(stage),
            "tone": STAGE_TONES[stage],
            "note": f"Last {DECIDED_DAYS} days" if stage in task_board.DECIDED_STAGES else None,
            "count": board[stage].count,
            "revenue": f"{format_amount(board[stage].revenue)} {current_formats().currency} a month",
            "cards": [_build_card(task, actor, url_of) for task in board[stage].tasks],
            "more_url": _build_more_url(stage, board[stage], query),
        }
        for stage in ORDER
    ]


def _build_more_url(stage: Stage, column: task_board.StageTasks, query: str) -> str | None:
    if column.count <= len(column.tasks) or len(column.tasks) >= MAX_CARDS:
        return None
    more = "".join(f"&more={name}" for name in [*request.args.getlist("more"), stage.name])
    return f"{query}{more}#stage-{stage.name}"


def _build_card(task: ApprovalTask, actor: Actor, url_of: UrlOf) -> dict[str, Any]:
    customer = task.customer
    assert customer is not None
    moves = _list_moves(task, actor, url_of)
    return {
        "id": task.id,
        "name": task.subject,
        "url": url_of("", task),
        "number": customer.account_number,
        "age": format_age(task),
        "revenue": format_amount(customer.estimated_monthly_revenue) or None,
        "assignee": task.assignee.name if task.assignee else None,
        "risk": risk_chip(customer.risk),
        "due": due_cell(task) if task.is_open else None,
        "waits": task.is_open and task.waits_for_requester,
        "moves": moves,
        "targets": {each["stage"]: {"url": each["url"], "reason": each["reason"]} for each in moves}
        | ({Stage.NEW.name: {"url": None, "reason": BACK_TO_NEW}} if customer.stage is not Stage.NEW else {}),
        "links": _list_links(task, actor, url_of),
    }


def _list_moves(task: ApprovalTask, actor: Actor, url_of: UrlOf) -> list[dict[str, Any]]:
    """The moves of a card to the other stages, each with its address, or why it cannot be made."""
    assert task.customer is not None
    moves = []
    for stage, (operation, label, check) in MOVES.items():
        if stage is task.customer.stage:
            continue
        reason = _find_refusal(stage, check, task, actor)
        url = url_of(operation, task) if reason is None else None
        moves.append({"stage": stage.name, "label": label, "url": url, "reason": reason})
    return moves


def _find_refusal(
    stage: Stage, check: Callable[[ApprovalTask, Actor], None], task: ApprovalTask, actor: Actor
) -> str | None:
    """Why a card cannot be moved to a stage: what the stages say comes before what is said of the task."""
    assert task.customer is not None
    transition = next(each for each in stages.STAGES.choices if each.to_state is stage)
    return stages.STAGES.refusal_reason(transition, task.customer, actor) or refusal_reason(check, task, actor)


def _list_links(task: ApprovalTask, actor: Actor, url_of: UrlOf) -> list[dict[str, str]]:
    """What can be done to a card that moves it nowhere."""
    links = []
    if task.is_open and actor.has_permission(Permission.TASKS_ASSIGN):
        links.append({"label": "Reassign" if task.assignee else "Assign", "url": url_of("assign", task)})
    if refusal_reason(referrals.check_question, task, actor) is None:
        links.append({"label": "Request information", "url": url_of("question", task)})
    return links
