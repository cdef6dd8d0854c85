"""The mails about approval tasks: to whom it is given, to who asked."""

from collections.abc import Sequence
from typing import Final

from customerhub import outbox
from customerhub.addresses import address_of
from customerhub.errors import Invalid
from customerhub.notifications import mailing
from customerhub.notifications.letterhead import letterhead_of
from customerhub.notifications.wording import literally
from customerhub.permissions import Actor, knows
from models import ApprovalTask, User
from models.base import db
from models.enums import Role

PURPOSE: Final = "approval task"
TASK_PATH: Final = "/admin/tasks/details/?id={}"
QUEUE_PATH: Final = "/admin/tasks/mine/"
PARTNER_PATH: Final = "/partner/customers/{}/"
MOST_LISTED: Final = 20


def assigned(tasks: Sequence[ApprovalTask], *, giver: Actor | None = None) -> None:
    """Tell the one who got these tasks, all of them by one mail; `giver` is None where they came by turns."""
    assignee = db.session.get_one(User, tasks[0].assignee_id)
    single = len(tasks) == 1
    lines = [f"{task.subject}: {task.kind.value}{_due(task)}" for task in tasks[:MOST_LISTED]]
    if len(tasks) > MOST_LISTED:
        lines.append(f"and {len(tasks) - MOST_LISTED} more")
    who = giver.name if giver is not None and giver.user is not None else "The hub"
    _put(
        assignee,
        key=f"tasks assigned {assignee.id} {tasks[0].id}.{tasks[0].version}",  # it is given once in this version
        subject=f"For you to decide: {tasks[0].subject}" if single else f"For you to decide: {len(tasks)} tasks",
        paragraphs=[f"Hello {assignee.name},", f"{who} gave you:", *lines],
        button=("Open the task", TASK_PATH.format(tasks[0].id)) if single else ("Open my tasks", QUEUE_PATH),
        task=tasks[0],
        why=f"{who} gave {assignee.name} {'an approval task' if single else f'{len(tasks)} approval tasks'}",
    )


def _due(task: ApprovalTask) -> str:
    return f", due {task.due_on.day} {task.due_on:%B %Y}" if task.due_on else ""


def answered(task: ApprovalTask, outcome: str, *, comment: str | None, actor: Actor) -> None:
    """Tell who asked for it what became of a task, or what is asked back, unless the customer is no longer theirs."""
    requester = task.requester
    if requester is None or not requester.active or requester.id == actor.id or not knows(requester, task):
        return
    moves = task.customer.version if task.customer is not None else 0
    path = TASK_PATH.format(task.id)
    if requester.role is Role.PARTNER:
        path = PARTNER_PATH.format(task.customer_id)
    elif requester.role is Role.CUSTOMER:
        path = "/portal/"
    _put(
        requester,
        key=f"task {task.id} {outcome} {task.version}.{moves}",
        subject=f"{task.subject}: {outcome}",
        paragraphs=[f"Hello {requester.name},", f"{task.subject} ({task.kind.value}) is now: {outcome}.",
                    *([comment] if comment else [])],
        button=("Open it", path),
        task=task,
        why=f"{requester.name} asked for it ({task.kind.value}), and it is now: {outcome}",
    )  # fmt: skip


def replied(task: ApprovalTask, answer: str, *, actor: Actor) -> None:
    """Tell who works on a task what was answered to what they asked."""
    assignee = task.assignee
    if assignee is None or not assignee.active:
        return
    _put(
        assignee,
        key=f"task {task.id} answer {task.version}",
        subject=f"{task.subject}: answered",
        paragraphs=[f"Hello {assignee.name},", f"{actor.name} answered what was asked of {task.subject}:", answer],
        button=("Open the task", TASK_PATH.format(task.id)),
        task=task,
        why=f"{actor.name} answered what {assignee.name} had asked",
    )


def _put(
    user: User, *, key: str, subject: str, paragraphs: list[str], button: tuple[str, str], task: ApprovalTask, why: str
) -> None:
    mail = mailing.compose(
        subject=subject,
        body=literally(*paragraphs),
        brand=letterhead_of(task.organisation_id).brand,
        button=(button[0], address_of(button[1])),
    )
    try:
        outbox.put(
            organisation_id=task.organisation_id,
            reason_key=key[:200],
            purpose=PURPOSE,
            recipient=user.email,
            subject=mail.subject,
            text_body=mail.text,
            html_body=mail.html,
            customer_id=task.customer_id,
            why=why,
        )
    except Invalid:
        return  # an address that no mail can be sent to keeps nobody from deciding
