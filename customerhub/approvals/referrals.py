"""Open tasks that somebody else is to say something about: another manager, or the requester.

Onboarding of a new customer, or one that failed, is referred by it: the stage of the customer says so. In any other
stage, and of other requests, only the task changes.
"""

from typing import Any, Final

from sqlalchemy import Select, select

from customerhub.approvals import mails, stages, tasks, transitions
from customerhub.approvals.assignment import check_assignee, get_assignable_user
from customerhub.core import history
from customerhub.core.errors import Invalid, NotAllowed, WrongState, raise_refusal
from customerhub.core.permissions import STAFF, Actor, Permission, can_see, require_access, require_permission
from models import ApprovalTask, User
from models.enums import Role, Stage, TaskKind, TaskState

# The requests that the page of a partner shows, with a form to answer on.
ANSWERED_BY_PARTNERS: Final = (TaskKind.ONBOARDING, TaskKind.PARTICULARS)
NO_QUESTION: Final = "There is no open question to answer"


def refer_task(task: ApprovalTask, *, assignee_id: int | None, comment: str | None, actor: Actor) -> None:
    """Hand a task to another manager, who is notified with the comment; the requester is asked nothing.

    Raises NotAllowed where the task is not the actor's to decide, Invalid with the field where `assignee_id` is nobody
    who may decide it.
    """
    require_access(actor, task)
    check_referral(task, actor)
    cleaned_comment = tasks.require_comment(comment)
    manager = _get_manager(task, assignee_id, actor)
    _refer_customer(task, cleaned_comment, actor)
    with history.with_reason(cleaned_comment), tasks.saving_task():
        task.assignee_id = manager.id
    mails.notify_of_referral(task, manager, cleaned_comment, actor=actor)


def check_referral(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot hand on `task` now. It takes up onboarding that
    was declined.
    """
    if not _is_reopened_by_referral(task):
        tasks.require_open(task)
    tasks.require_decider(task, actor)


def check_manager(task: ApprovalTask, manager: User, actor: Actor) -> None:
    """Raises NotAllowed, saying why, where `actor` cannot hand `task` to `manager`."""
    if manager.id == actor.id:
        raise NotAllowed("Choose another manager than yourself")
    if not Actor.from_user(manager).has_permission(Permission.TASKS_DECIDE):
        raise NotAllowed(f"{manager} cannot decide tasks of others. Choose a manager")
    check_assignee(task, manager)


def _get_manager(task: ApprovalTask, user_id: int | None, actor: Actor) -> User:
    if user_id is None:
        raise Invalid("Choose a manager", "assignee_id")
    manager = get_assignable_user(user_id, actor)
    try:
        check_manager(task, manager, actor)
    except NotAllowed as error:
        raise Invalid(error.message, "assignee_id") from error
    return manager


def request_information(task: ApprovalTask, *, question: str | None, actor: Actor) -> None:
    """Ask the requester of a task, who is notified by mail; the task waits until it is answered or decided.

    Raises WrongState where there is nobody who could answer, NotAllowed where the task is not the actor's to decide.
    """
    require_access(actor, task)
    check_question(task, actor)
    cleaned_question = tasks.require_comment(question, "question")
    _refer_customer(task, cleaned_question, actor)
    with tasks.saving_task():
        task.waits_for_requester = True
    mails.ask_requester(task, cleaned_question, actor=actor)


def check_question(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot ask the requester of `task` now."""
    check_referral(task, actor)
    requester = task.requester
    if requester is None:
        raise WrongState("Created by the system: there is no requester to ask")
    if not requester.active:
        raise WrongState(f"{requester} is deactivated and cannot answer")
    is_without_page = requester.role is Role.PARTNER and task.kind not in ANSWERED_BY_PARTNERS
    if is_without_page or requester.role is Role.CUSTOMER:
        raise WrongState(f"{requester} has no page to answer on. Contact them directly")
    if not can_see(requester, task):
        raise WrongState(f"{requester} no longer has access to this customer")


def answer_task(task: ApprovalTask, *, answer: str | None, actor: Actor) -> None:
    """Answer what was asked: for the partner whose customer it is, or the requester where that is one of the staff."""
    check_answer(task, actor)
    cleaned_answer = tasks.require_comment(answer, "answer")
    with tasks.saving_task():
        task.waits_for_requester = False
    tasks.add_comment(task, cleaned_answer, actor=actor)
    mails.notify_assignee_of_answer(task, cleaned_answer, actor=actor)


def check_answer(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where there is nothing that `actor` could answer about `task`."""
    is_on_staff = actor.user is not None and actor.user.role in STAFF
    if is_on_staff and actor.id not in tasks.list_requesters(task):
        raise NotAllowed("Only the requester can answer")
    require_permission(actor, Permission.TASKS_WORK if is_on_staff else Permission.PARTNER_PAGES)
    require_access(actor, task)
    tasks.require_open(task)
    if not task.waits_for_requester or not (is_on_staff or is_asked_of_partner(task)):
        raise WrongState(NO_QUESTION)


def is_asked_of_partner(task: ApprovalTask) -> bool:
    """Whether the question about a task waits for an answer of the partner."""
    is_partners = task.requester is not None and task.requester.role is Role.PARTNER
    return task.is_open and task.waits_for_requester and is_partners and task.kind in ANSWERED_BY_PARTNERS


def select_asked_customer_ids(organisation_id: int) -> Select[Any]:
    """The ids of the customers about which something `is_asked_of_partner`."""
    return (
        select(ApprovalTask.customer_id)
        .join(User, User.id == ApprovalTask.requester_id)
        .where(
            ApprovalTask.organisation_id == organisation_id,
            ApprovalTask.state == TaskState.OPEN,
            ApprovalTask.waits_for_requester,
            ApprovalTask.kind.in_(ANSWERED_BY_PARTNERS),
            User.role == Role.PARTNER,
        )
    )


def _is_reopened_by_referral(task: ApprovalTask) -> bool:
    return task.kind is TaskKind.ONBOARDING and task.customer is not None and task.customer.stage is Stage.FAILED


def _refer_customer(task: ApprovalTask, comment: str, actor: Actor) -> None:
    """Say `comment` about a task, with a transition of its customer where the stages have one."""
    customer = task.customer if task.kind is TaskKind.ONBOARDING else None
    if customer is None or not stages.REFER.is_possible_in(customer.stage):
        tasks.add_comment(task, comment, actor=actor)
        return
    details = {customer.id: transitions.StageDetails(asks_requester=False)}
    raise_refusal(
        transitions.change_stages([customer], stages.REFER, comment=comment, details_by_customer=details, actor=actor)
    )
    tasks.require_open(task)  # of several requests to take a customer on the transition takes up the last
