"""The kinds of work that wait for somebody, the most urgent first: what belongs to each, and what of it is new.

A kind has one query. Counts, lists, the bell and the digest all ask that one, and the list behind its address is
filtered by the same conditions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, and_, false, or_
from sqlalchemy.orm import joinedload, selectinload

from customerhub.activity.follow_ups import select_own_follow_ups
from customerhub.activity.mentions import select_unseen_mentions
from customerhub.approvals.task_queue import select_others_late_tasks, select_own_tasks
from customerhub.cases.cases import select_own_cases
from customerhub.core.job_runs import select_failing_runs
from customerhub.core.permissions import Actor, Permission
from customerhub.customers.attention import (
    compute_documents_until,
    is_expiring,
    list_expiring_documents,
    select_customers_with_expiring_documents,
    select_first_expiry,
    select_overdue_reviews,
)
from customerhub.customers.review_schedule import find_latest_due_date
from customerhub.customers.signature_attention import (
    UNSIGNED_STATUSES,
    list_waiting_signers,
    needs_attention,
    select_own_waiting_signatures,
    select_signatures_needing_attention,
)
from customerhub.mail.outbox import select_failed_messages
from customerhub.work.visits import SeenMarks, WorkTimes
from models import (
    Alert,
    ApprovalTask,
    Customer,
    CustomerCase,
    Envelope,
    Note,
    NoteMention,
    OutboxMessage,
    PeriodicRun,
)
from models.enums import AlertRule, OutboxState, TaskState

P = Permission
CUSTOMER_PATH: Final = "/admin/customers/details/?id={}"
RECORD_PATH: Final = "/admin/{}/details/?id={}"


class WorkItem(NamedTuple):
    """One thing that waits: what it is, whose, where it is, when it is due, and its state in words where that says more
    than a day. `is_late` is what should have been done by now. `mention_id` is set for a note that mentions the user.
    """

    text: str
    path: str
    customer: Customer | None = None
    due_on: date | None = None
    state: str | None = None
    is_late: bool = False
    mention_id: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class WorkKind:
    """A kind of work. `select` gives its rows for an actor on a day, `is_new` what came after somebody looked, `order`
    puts the most urgent first, and `path` leads to the list of exactly these rows; None where there is no such list.
    """

    name: str
    title: str
    permission: Permission
    select: Callable[[Actor, WorkTimes], Select[Any]]
    is_new: Callable[[SeenMarks, WorkTimes], ColumnElement[bool]]
    order: tuple[Any, ...]
    describe: Callable[[Any, date], WorkItem]
    path: Callable[[Actor, date], str]
    key: Any
    load_options: tuple[Any, ...] = ()
    new_selector: Callable[[Actor, WorkTimes, SeenMarks], Select[Any]] | None = None  # where there is a quicker one

    def select_new(self, actor: Actor, times: WorkTimes, marks: SeenMarks) -> Select[Any]:
        """The rows that came after somebody looked."""
        if self.new_selector is not None:
            return self.new_selector(actor, times, marks)
        return self.select(actor, times).where(self.is_new(marks, times))


def describe_lateness(due_on: date | None, today: date) -> str | None:
    """Such as "3 days late" or "Due today"; None where there is time, or no day."""
    if due_on is None or due_on > today:
        return None
    days = (today - due_on).days
    if not days:
        return "Due today"
    return f"{days} day{'' if days == 1 else 's'} late"


def _build_path(screen: str, *filters: str, **more: str) -> str:
    return f"/admin/{screen}/?" + urlencode([*(("f", each) for each in filters), *more.items()])


def _has_become_late(column: Any, marks: SeenMarks, times: WorkTimes) -> ColumnElement[bool]:
    """What was not late yet on the day of `marks`."""
    return and_(column >= marks.on, column < times.today)


def _describe_dated(text: str, path: str, customer: Customer | None, due_on: date | None, today: date) -> WorkItem:
    is_late = due_on is not None and due_on < today
    return WorkItem(text, path, customer, due_on, describe_lateness(due_on, today), is_late)


# --- What each kind shows ----------------------------------------------------------------------------------------


def _describe_task(task: ApprovalTask, today: date) -> WorkItem:
    kind = task.kind.value[:1].upper() + task.kind.value[1:]
    text = kind if task.customer is not None else f"{kind}: {task.subject}"
    return _describe_dated(text, RECORD_PATH.format("tasks", task.id), task.customer, task.due_on, today)


def _describe_note(note: Note, today: date) -> WorkItem:
    path = RECORD_PATH.format("notes", note.id)
    return _describe_dated(str(note), path, note.customer, note.follow_up_on, today)


def _describe_case(case: CustomerCase, _today: date) -> WorkItem:
    return WorkItem(
        str(case), RECORD_PATH.format("cases", case.id), case.customer, state=case.status.value.capitalize()
    )


def _describe_mention(mention: NoteMention, _today: date) -> WorkItem:
    note = mention.note
    text = f"{note.author or 'System'} mentioned you: {note}"
    return WorkItem(text, RECORD_PATH.format("notes", note.id), note.customer, mention_id=mention.id)


def _describe_review(alert: Alert, today: date) -> WorkItem:
    customer, due_on = alert.customer, None
    if customer.review_start_date is not None and customer.review_frequency is not None:
        due_on = find_latest_due_date(customer.review_start_date, customer.review_frequency, today)
    path = CUSTOMER_PATH.format(customer.id) + "&tab=reviews"
    return WorkItem("Review", path, customer, due_on, describe_lateness(due_on, today) or "Overdue", is_late=True)


def _describe_documents(customer: Customer, today: date) -> WorkItem:
    documents = list_expiring_documents(customer, today=today)
    first, more = documents[0], len(documents) - 1
    text = first.certificate + (f" and {more} more" if more else "")
    path = CUSTOMER_PATH.format(customer.id) + "&tab=compliance"
    is_late = first.expiry_date < today
    state = "Expired" if is_late else None
    if first.expiry_date == today:
        state = "Expires today"
    return WorkItem(text, path, customer, first.expiry_date, state, is_late)


def _describe_message(message: OutboxMessage, _today: date) -> WorkItem:
    text = f"{message.subject} to {message.recipient}"
    path = RECORD_PATH.format("outbox", message.id)
    return WorkItem(text, path, message.customer, state="Not delivered", is_late=True)


def _describe_unsigned(envelope: Envelope, _today: date) -> WorkItem:
    """How it ended; what is still open failed."""
    state = envelope.status.value.capitalize() if envelope.status in UNSIGNED_STATUSES else "Failed"
    return _build_signature_item(envelope, state, is_late=True)


def _describe_waiting(envelope: Envelope, _today: date) -> WorkItem:
    names = " and ".join(each.name for each in list_waiting_signers(envelope))
    return _build_signature_item(envelope, f"Waiting for {names}", is_late=False)


def _build_signature_item(envelope: Envelope, state: str, *, is_late: bool) -> WorkItem:
    path = RECORD_PATH.format("signatures", envelope.id)
    return WorkItem(str(envelope), path, envelope.customer, state=state, is_late=is_late)


def _describe_run(run: PeriodicRun, _today: date) -> WorkItem:
    """By the name of its function, such as "Mail: make reports"."""
    noun, _, verb = run.name.removeprefix("jobs.").partition(".")
    return WorkItem(f"{noun.capitalize()}: {verb.replace('_', ' ')}", FAILED_JOBS_PATH, state="Failed", is_late=True)


# --- The kinds ---------------------------------------------------------------------------------------------------

FAILED_JOBS_PATH: Final = "/admin/schedule/?state=failed"
_OPEN_TASKS: Final = f"state:is:{TaskState.OPEN.value}"

_LOAD_ENVELOPE: Final = (
    joinedload(Envelope.customer).joinedload(Customer.status),
    joinedload(Envelope.invoice_profile),
)

TASKS = WorkKind(
    name="tasks",
    title="My tasks",
    permission=P.TASKS_WORK,
    select=lambda actor, _times: select_own_tasks(actor),
    is_new=lambda marks, times: or_(
        ApprovalTask.assigned_at > marks.at, _has_become_late(ApprovalTask.due_on, marks, times)
    ),
    order=(ApprovalTask.due_on.is_(None), ApprovalTask.due_on, ApprovalTask.id),
    describe=_describe_task,
    path=lambda actor, _today: _build_path("tasks", _OPEN_TASKS, f"assignee:is:{actor.id}"),
    key=ApprovalTask.id,
    load_options=(joinedload(ApprovalTask.customer).joinedload(Customer.status),),
)
OTHERS_LATE_TASKS = WorkKind(
    name="late-tasks",
    title="Late tasks of others",
    permission=P.TASKS_ASSIGN,
    select=lambda actor, times: select_others_late_tasks(actor, today=times.today),
    is_new=lambda marks, times: _has_become_late(ApprovalTask.due_on, marks, times),
    order=(ApprovalTask.due_on, ApprovalTask.id),
    describe=_describe_task,
    path=lambda actor, _today: _build_path("tasks", _OPEN_TASKS, f"assignee:not:{actor.id}", "due_on:in:past"),
    key=ApprovalTask.id,
    load_options=(joinedload(ApprovalTask.customer).joinedload(Customer.status),),
)
FOLLOW_UPS = WorkKind(
    name="follow-ups",
    title="Follow-ups due",
    permission=P.CUSTOMERS_VIEW,
    select=lambda actor, times: select_own_follow_ups(actor, until=times.today),
    is_new=lambda marks, times: or_(
        Note.assigned_at > marks.at, and_(Note.follow_up_on > marks.on, Note.follow_up_on <= times.today)
    ),
    order=(Note.follow_up_on, Note.id),
    describe=_describe_note,
    path=lambda actor, _today: _build_path(
        "notes",
        "follow_up_on:in:until_today",
        "done_at:blank:",
        f"assignee:is:{actor.id}",
        sort="follow_up_on",
    ),
    key=Note.id,
    load_options=(joinedload(Note.customer).joinedload(Customer.status),),
)
CASES = WorkKind(
    name="cases",
    title="My cases",
    permission=P.CASES_VIEW,
    select=lambda actor, _times: select_own_cases(actor),
    is_new=lambda marks, _times: CustomerCase.assigned_at > marks.at,
    order=(CustomerCase.id,),
    describe=_describe_case,
    path=lambda actor, _today: _build_path("cases", "status:not:closed", f"assignee:is:{actor.id}"),
    key=CustomerCase.id,
    load_options=(joinedload(CustomerCase.customer).joinedload(Customer.status),),
)
MENTIONS = WorkKind(
    name="mentions",
    title="Mentions",
    permission=P.CUSTOMERS_VIEW,
    select=lambda actor, _times: select_unseen_mentions(actor),
    is_new=lambda marks, _times: NoteMention.created_at > marks.at,
    order=(NoteMention.id.desc(),),
    describe=_describe_mention,
    path=lambda actor, _today: _build_path("notes", f"unread_by:is:{actor.id}"),
    key=NoteMention.id,
    load_options=(
        joinedload(NoteMention.note).joinedload(Note.author),
        joinedload(NoteMention.note).joinedload(Note.customer).joinedload(Customer.status),
    ),
)


def _filter_own_signatures(actor: Actor) -> tuple[str, ...]:
    return () if actor.has_permission(P.OUTBOX_VIEW) else (f"requester:is:{actor.id}",)


SIGNATURES = WorkKind(
    name="signatures",
    title="Document signatures that failed or were declined",
    permission=P.SIGNATURES_VIEW,
    select=lambda actor, _times: select_signatures_needing_attention(actor),
    is_new=lambda marks, _times: needs_attention(marks.organisation_id, since=marks.at),
    new_selector=lambda actor, _times, marks: select_signatures_needing_attention(actor, since=marks.at),
    order=(Envelope.id.desc(),),
    describe=_describe_unsigned,
    path=lambda actor, _today: _build_path("signatures", "attention:is:yes", *_filter_own_signatures(actor)),
    key=Envelope.id,
    load_options=_LOAD_ENVELOPE,
)
WAITING_SIGNATURES = WorkKind(
    name="waiting-signatures",
    title="My documents waiting for a signature",
    permission=P.SIGNATURES_VIEW,
    select=lambda actor, _times: select_own_waiting_signatures(actor),
    is_new=lambda _marks, _times: false(),  # what one asked for oneself is no news
    order=(Envelope.sent_at, Envelope.id),
    describe=_describe_waiting,
    path=lambda actor, _today: _build_path("signatures", "status:is:sent,delivered", f"requester:is:{actor.id}"),
    key=Envelope.id,
    load_options=(*_LOAD_ENVELOPE, selectinload(Envelope.signers)),
)
REVIEWS = WorkKind(
    name="reviews",
    title="Overdue reviews",
    permission=P.CUSTOMERS_VIEW,
    select=lambda actor, _times: select_overdue_reviews(actor),
    is_new=lambda marks, _times: Alert.created_at > marks.at,
    order=(Alert.created_at, Alert.id),
    describe=_describe_review,
    path=lambda actor, _today: _build_path(
        "alerts", f"rule:is:{AlertRule.REVIEW.value}", "closed:blank:", *_list_manager_filters(actor)
    ),
    key=Alert.id,
    load_options=(joinedload(Alert.customer).joinedload(Customer.status),),
)
DOCUMENTS = WorkKind(
    name="documents",
    title="Expiring documents",
    permission=P.CUSTOMERS_VIEW,
    select=lambda actor, times: select_customers_with_expiring_documents(actor, until=times.documents_until),
    is_new=lambda marks, times: is_expiring(
        marks.organisation_id, until=times.documents_until, after=marks.documents_until
    ),
    new_selector=lambda actor, times, marks: select_customers_with_expiring_documents(
        actor, until=times.documents_until, after=marks.documents_until
    ),
    order=(select_first_expiry(), Customer.id),
    describe=_describe_documents,
    path=lambda actor, today: _build_path(
        "customers", f"expiry:to:{compute_documents_until(today)}", *_list_manager_filters(actor)
    ),
    key=Customer.id,
    load_options=(joinedload(Customer.status), selectinload(Customer.compliance_documents)),
)
MESSAGES = WorkKind(
    name="messages",
    title="Failed messages",
    permission=P.OUTBOX_VIEW,
    select=lambda actor, _times: select_failed_messages(actor),
    is_new=lambda marks, _times: OutboxMessage.failed_at > marks.at,
    order=(OutboxMessage.failed_at.desc(), OutboxMessage.id.desc()),
    describe=_describe_message,
    path=lambda _actor, _today: _build_path("outbox", f"state:is:{OutboxState.FAILED.value}"),
    key=OutboxMessage.id,
    load_options=(joinedload(OutboxMessage.customer).joinedload(Customer.status),),
)
JOBS = WorkKind(
    name="jobs",
    title="Failed jobs",
    permission=P.JOBS,
    select=lambda _actor, times: select_failing_runs(since=times.jobs_since),
    is_new=lambda marks, _times: PeriodicRun.failed_since > marks.at,
    order=(PeriodicRun.failed_since, PeriodicRun.name),
    describe=_describe_run,
    path=lambda _actor, _today: FAILED_JOBS_PATH,
    key=PeriodicRun.name,
)
KINDS: Final = (
    JOBS,
    MESSAGES,
    SIGNATURES,
    TASKS,
    OTHERS_LATE_TASKS,
    FOLLOW_UPS,
    CASES,
    MENTIONS,
    WAITING_SIGNATURES,
    REVIEWS,
    DOCUMENTS,
)
VISITOR_KINDS: Final = (TASKS, FOLLOW_UPS)  # of a visitor's own; others are given to own staff only


def _list_manager_filters(actor: Actor) -> list[str]:
    return [] if actor.has_permission(P.CUSTOMERS_ASSIGN) else [f"account_manager:is:{actor.id}"]


def list_kinds(actor: Actor) -> list[WorkKind]:
    """The kinds of work that `actor` may have, the most urgent first."""
    if not actor.has_permission(P.STAFF_HOME):
        return []
    return [kind for kind in KINDS if actor.has_permission(kind.permission)]
