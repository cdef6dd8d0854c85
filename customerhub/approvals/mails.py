"""The mails about approval tasks, to the assignee and to the requester."""

from collections.abc import Sequence
from typing import Final

from customerhub.core.permissions import Actor, can_see
from customerhub.core.public_urls import build_url
from customerhub.mail import composition, outbox
from customerhub.mail.letterhead import Brand, get_letterhead
from customerhub.mail.markup import render_literal
from customerhub.mail.recipients import is_mailable
from models import ApprovalTask, User
from models.base import db
from models.enums import Role

PURPOSE: Final = "approval task"
TASK_PATH: Final = "/admin/tasks/details/?id={}"
QUEUE_PATH: Final = "/admin/tasks/mine/"
PARTNER_PATH: Final = "/partner/customers/{}/"
MOST_LISTED: Final = 20


def notify_assignee(tasks: Sequence[ApprovalTask], *, assigner: Actor | None = None) -> None:
    """Notify the assignee of these tasks, by one mail for all; `assigner` is None for automatic assignment."""
    assignee = db.session.get_one(User, tasks[0].assignee_id)
    is_single = len(tasks) == 1
    lines = [f"{task.subject}: {task.kind.value}{_format_due_date(task)}" for task in tasks[:MOST_LISTED]]
    if len(tasks) > MOST_LISTED:
        lines.append(f"and {len(tasks) - MOST_LISTED} more")
    assigner_name = assigner.name if assigner is not None and assigner.user is not None else "The system"
    mail = _build_mail(
        assignee,
        key=f"tasks assigned {assignee.id} {tasks[0].id}.{tasks[0].version}",  # it is given once in this version
        subject=f"Approval required: {tasks[0].subject}" if is_single else f"Approval required: {len(tasks)} tasks",
        paragraphs=[f"Hello {assignee.name},", f"{assigner_name} assigned to you:", *lines],
        button=("Open the task", TASK_PATH.format(tasks[0].id)) if is_single else ("Open my tasks", QUEUE_PATH),
        task=tasks[0],
        why=f"{assigner_name} assigned {assignee.name} "
        f"{'an approval task' if is_single else f'{len(tasks)} approval tasks'}",
    )
    _enqueue_mails([mail])


def _format_due_date(task: ApprovalTask) -> str:
    return f", due {task.due_on.day} {task.due_on:%B %Y}" if task.due_on else ""


def notify_requester(task: ApprovalTask, outcome: str, *, comment: str | None, actor: Actor) -> None:
    """Notify the requester of a task's outcome, or of a question, unless the customer is no longer theirs."""
    notify_requesters([(task, outcome)], comment=comment, actor=actor)


def notify_requesters(outcomes: Sequence[tuple[ApprovalTask, str]], *, comment: str | None, actor: Actor) -> None:
    """As `notify_requester`, of many tasks of one organisation, each with what became of it."""
    heard = [
        (task, outcome, task.requester)
        for task, outcome in outcomes
        if task.requester is not None and _is_told(task.requester, task, actor)
    ]
    if heard:
        brand = get_letterhead(heard[0][0].organisation_id).brand
        _enqueue_mails([_build_outcome_mail(*each, comment, brand) for each in heard])


def _is_told(requester: User, task: ApprovalTask, actor: Actor) -> bool:
    return requester.active and requester.id != actor.id and can_see(requester, task)


def _build_outcome_mail(
    task: ApprovalTask, outcome: str, requester: User, comment: str | None, brand: Brand
) -> outbox.Draft:
    customer_version = task.customer.version if task.customer is not None else 0
    path = TASK_PATH.format(task.id)
    if requester.role is Role.PARTNER:
        path = PARTNER_PATH.format(task.customer_id)
    elif requester.role is Role.CUSTOMER:
        path = "/portal/"
    return _build_mail(
        requester,
        key=f"task {task.id} {outcome} {task.version}.{customer_version}",
        subject=f"{task.subject}: {outcome}",
        paragraphs=[
            f"Hello {requester.name},",
            f"{task.subject} ({task.kind.value}) is now: {outcome}.",
            *([comment] if comment else []),
        ],
        button=("View details", path),
        task=task,
        why=f"Requested by {requester.name} ({task.kind.value}), now: {outcome}",
        brand=brand,
    )


def notify_of_referral(task: ApprovalTask, manager: User, comment: str, *, actor: Actor) -> None:
    """Notify a manager of a task that was referred to them."""
    mail = _build_mail(
        manager,
        key=f"task {task.id} referral {task.version}",
        subject=f"Referred to you: {task.subject}",
        paragraphs=[
            f"Hello {manager.name},",
            f"{actor.name} referred to you: {task.subject} ({task.kind.value}){_format_due_date(task)}",
            comment,
        ],
        button=("Open the task", TASK_PATH.format(task.id)),
        task=task,
        why=f"{actor.name} referred an approval task to {manager.name}",
    )
    _enqueue_mails([mail])


def ask_requester(task: ApprovalTask, question: str, *, actor: Actor) -> None:
    """Notify the requester of a question about their request, unless the customer is no longer theirs."""
    requester = task.requester
    if requester is None or not _is_told(requester, task, actor):
        return
    is_partner = requester.role is Role.PARTNER
    asker = "We" if is_partner else actor.name  # of the staff partners are told no names
    mail = _build_mail(
        requester,
        key=f"task {task.id} question {task.version}",
        subject=f"Your answer is required: {task.subject}",
        paragraphs=[
            f"Hello {requester.name},",
            f"{asker} {'have' if is_partner else 'has'} a question about {task.subject} ({task.kind.value}):",
            question,
        ],
        button=("Answer", PARTNER_PATH.format(task.customer_id) if is_partner else TASK_PATH.format(task.id)),
        task=task,
        why=f"{actor.name} asked {requester.name} for information",
    )
    _enqueue_mails([mail])


def notify_assignee_of_answer(task: ApprovalTask, answer: str, *, actor: Actor) -> None:
    """Notify the assignee of a task of the answer to their question."""
    assignee = task.assignee
    if assignee is None or not assignee.active:
        return
    mail = _build_mail(
        assignee,
        key=f"task {task.id} answer {task.version}",
        subject=f"{task.subject}: answered",
        paragraphs=[f"Hello {assignee.name},", f"{actor.name} answered your question about {task.subject}:", answer],
        button=("Open the task", TASK_PATH.format(task.id)),
        task=task,
        why=f"{actor.name} answered a question from {assignee.name}",
    )
    _enqueue_mails([mail])


def _build_mail(
    user: User,
    *,
    key: str,
    subject: str,
    paragraphs: list[str],
    button: tuple[str, str],
    task: ApprovalTask,
    why: str,
    brand: Brand | None = None,
) -> outbox.Draft:
    """`brand` is that of the organisation, where it is known already."""
    mail = composition.compose(
        subject=subject,
        body=render_literal(*paragraphs),
        brand=brand or get_letterhead(task.organisation_id).brand,
        button=(button[0], build_url(button[1])),
    )
    return outbox.Draft(
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


def _enqueue_mails(drafts: Sequence[outbox.Draft]) -> None:
    """An address that no mail can be sent to keeps nobody from deciding."""
    outbox.enqueue_many(draft for draft in drafts if is_mailable(draft.recipient))
