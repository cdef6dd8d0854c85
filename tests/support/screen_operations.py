"""The operations of the screens: who may run each, a row for it, and how to see that it was done."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import models
from customerhub.approvals.tasks import CHANGED_BY
from customerhub.core import clock
from models.base import db
from models.enums import CaseStatus, ContractStatus, OrderStatus, Role, Stage, TaskKind, TaskState
from tests.support import factories as make
from tests.support.screen_rows import (
    UPDATE_VALUES,
    make_agent,
    make_bare_customer,
    make_blacklisted_customer,
    make_case,
    make_contract,
    make_customer_in_stage,
    make_note,
    make_order,
    make_portal_user,
    make_task,
)
from tests.support.two_organisations import TwoOrganisations, own_organisation

STAFF = frozenset({"agent", "manager", "admin", "platform"})
MANAGERS = frozenset({"manager", "admin", "platform"})
ADMINS = frozenset({"admin", "platform"})
NOBODY: frozenset[str] = frozenset()


def no_values(_world: TwoOrganisations) -> dict[str, Any]:
    return {}


def no_rows(_world: TwoOrganisations) -> list[int]:
    return []


@dataclass(frozen=True)
class ScreenOperation:
    """An operation of a screen: who may run it, a row to run it on, what to enter, and how to see that it was done."""

    roles: frozenset[str]
    row: Callable[[TwoOrganisations], Any]
    is_done: Callable[[Any], bool]  # asked with the row as it is afterwards, or None
    form_values: Callable[[TwoOrganisations], dict[str, Any]] = no_values
    further_rows: Callable[[TwoOrganisations], list[int]] = no_rows  # the ids of further rows that it is run on


def is_deleted(row: Any) -> bool:
    return row is None


def delete_operation(factory: Any, roles: frozenset[str] = ADMINS) -> dict[str, ScreenOperation]:
    return {
        "delete": ScreenOperation(
            roles, lambda organisations: factory(organisation=own_organisation(organisations)), is_deleted
        )
    }


def was_invited(user: models.User) -> bool:
    mails = db.session.query(models.OutboxMessage).filter_by(recipient=user.email)
    return mails.count() == 1


def is_in_stage(stage: Stage) -> Callable[[Any], bool]:
    return lambda customer: customer.stage is stage


def is_requested(kind: TaskKind) -> Callable[[Any], bool]:
    return lambda customer: db.session.query(models.ApprovalTask).filter_by(customer_id=customer.id, kind=kind).count()


def has_requested_report(customer: models.Customer) -> bool:
    queries = [each.query for each in db.session.query(models.ListExport).filter_by(screen="report", format="pdf")]
    return queries.count({"customer": customer.id, "as_of": "2025-06-30"}) == 1


def comment_values(text: str) -> Callable[[TwoOrganisations], dict[str, Any]]:
    return lambda _world: {"comment": text}


def make_tagged_customer(organisations: TwoOrganisations) -> models.Customer:
    tag = db.session.get_one(models.Tag, organisations.own.row_id(models.Tag))
    return make_bare_customer(organisations, tags=[tag])


def tag_values(organisations: TwoOrganisations) -> dict[str, Any]:
    return {"tags": [str(organisations.own.row_id(models.Tag))]}


CUSTOMER_OPERATIONS = {
    "assign": ScreenOperation(
        MANAGERS,
        make_bare_customer,
        lambda row: row.account_manager_id is not None,
        lambda organisations: {"manager_id": str(organisations.own.users[Role.AGENT])},
    ),
    "delete": ScreenOperation(MANAGERS, make_bare_customer, is_deleted),
    "add-tags": ScreenOperation(STAFF, make_bare_customer, lambda row: bool(row.tags), tag_values),
    "remove-tags": ScreenOperation(STAFF, make_tagged_customer, lambda row: not row.tags, tag_values),
    "pass": ScreenOperation(STAFF, make_customer_in_stage(Stage.NEW), is_in_stage(Stage.PASSED)),
    "refer": ScreenOperation(
        STAFF, make_customer_in_stage(Stage.NEW), is_in_stage(Stage.REFERRED), comment_values("Who signs?")
    ),
    "fail": ScreenOperation(
        STAFF, make_customer_in_stage(Stage.REFERRED), is_in_stage(Stage.FAILED), comment_values("Never pays")
    ),
    "bill": ScreenOperation(
        STAFF,
        make_customer_in_stage(Stage.PASSED),
        is_in_stage(Stage.BILLING),
        lambda _world: {"billing_reference": "B 1"},
    ),
    "alert": ScreenOperation(
        STAFF,
        make_bare_customer,
        lambda row: db.session.query(models.Alert).filter_by(customer_id=row.id).count() == 1,
        lambda _world: {"text": "Ring first", "severity": "info"},
    ),
    "review": ScreenOperation(
        STAFF,
        make_bare_customer,
        lambda row: db.session.query(models.Review).filter_by(customer_id=row.id).count() == 1,
        lambda _world: {"done_on": "2025-06-30", "risk": "High"},
    ),
    "report": ScreenOperation(STAFF, make_bare_customer, has_requested_report, lambda _world: {"as_of": "2025-06-30"}),
    "blacklist": ScreenOperation(
        STAFF, make_bare_customer, is_requested(TaskKind.BLACKLIST), lambda _world: {"reason": "Never paid"}
    ),
    "unblacklist": ScreenOperation(
        STAFF, make_blacklisted_customer, is_requested(TaskKind.REMOVAL), lambda _world: {"reason": "Paid all"}
    ),
    "merge": ScreenOperation(
        MANAGERS,
        make_bare_customer,
        is_deleted,
        lambda _world: {"survivor": "second"},
        lambda organisations: [make_bare_customer(organisations).id],
    ),
}


def make_onboarding_of(stage: Stage) -> Callable[[TwoOrganisations], models.ApprovalTask]:
    """The onboarding of a customer in a stage, which a partner asked for and the agent decides."""

    def build_task(organisations: TwoOrganisations) -> models.ApprovalTask:
        dealer = db.session.get_one(models.User, organisations.own.users[Role.PARTNER]).dealer_id
        customer = make_bare_customer(organisations, stage=stage, dealer_id=dealer)
        return make_task(assignee_id=Role.AGENT, customer_id=customer.id)(organisations)

    return build_task


def make_question_to_staff(organisations: TwoOrganisations) -> models.ApprovalTask:
    """A task about which something is asked of everybody on the staff."""
    staff = [organisations.own.users[role] for role in (Role.AGENT, Role.MANAGER, Role.ADMIN)]
    proposal = {CHANGED_BY: [*staff, organisations.platform_user]}
    return make_task(requester_id=Role.AGENT, waits_for_requester=True, proposal=proposal)(organisations)


def is_customer_in_stage(stage: Stage) -> Callable[[Any], bool]:
    return lambda task: task.customer.stage is stage


def add_manager(organisations: TwoOrganisations) -> int:
    return make.UserFactory(organisation=own_organisation(organisations), role=Role.MANAGER).id


def has_file(task: models.ApprovalTask) -> bool:
    return [(each.file.name, each.note) for each in task.files] == [("report.pdf", "Creditsafe")]


def agent_values(organisations: TwoOrganisations) -> dict[str, Any]:
    return {"assignee_id": str(organisations.own.users[Role.AGENT])}


DUE = date(2030, 1, 31)
NOTE_OPERATIONS = {
    "done": ScreenOperation(STAFF, make_note(follow_up_on=DUE), lambda row: row.done_at is not None),
    "reopen": ScreenOperation(
        STAFF, make_note(follow_up_on=DUE, done_at=clock.get_now()), lambda row: row.done_at is None
    ),
    "assign": ScreenOperation(
        STAFF, make_note(follow_up_on=DUE), lambda row: row.assignee_id is not None, agent_values
    ),
    "delete": ScreenOperation(ADMINS, make_note(author_id=Role.ADMIN), is_deleted),
}


def is_case(status: CaseStatus) -> Callable[[Any], bool]:
    return lambda case: case.status is status


CASE_OPERATIONS = {
    "start": ScreenOperation(STAFF, make_case(CaseStatus.OPEN), is_case(CaseStatus.IN_PROGRESS)),
    "wait": ScreenOperation(STAFF, make_case(CaseStatus.OPEN), is_case(CaseStatus.WAITING)),
    "close": ScreenOperation(STAFF, make_case(CaseStatus.WAITING), is_case(CaseStatus.CLOSED)),
    "reopen": ScreenOperation(STAFF, make_case(CaseStatus.CLOSED), is_case(CaseStatus.OPEN)),
    "assign": ScreenOperation(STAFF, make_case(CaseStatus.OPEN), lambda row: row.assignee_id is not None, agent_values),
}


TASK_OPERATIONS = {
    "pass": ScreenOperation(STAFF, make_onboarding_of(Stage.NEW), is_customer_in_stage(Stage.PASSED)),
    "bill": ScreenOperation(
        STAFF,
        make_onboarding_of(Stage.PASSED),
        is_customer_in_stage(Stage.BILLING),
        lambda _world: {"billing_reference": "B 1"},
    ),
    "refer": ScreenOperation(
        STAFF,
        make_onboarding_of(Stage.NEW),
        is_customer_in_stage(Stage.REFERRED),
        lambda organisations: {"assignee_id": str(add_manager(organisations)), "comment": "Too large for me"},
    ),
    "question": ScreenOperation(
        STAFF,
        make_onboarding_of(Stage.REFERRED),
        lambda row: row.waits_for_requester,
        lambda _world: {"question": "Who signs?"},
    ),
    "answer": ScreenOperation(
        STAFF,
        make_question_to_staff,
        lambda row: [each.text for each in row.comments] == ["I do"],
        lambda _world: {"answer": "I do"},
    ),
    "attach": ScreenOperation(
        STAFF,
        make_onboarding_of(Stage.NEW),
        has_file,
        lambda _world: {"file": (io.BytesIO(b"%PDF-1.7"), "report.pdf"), "note": "Creditsafe"},
    ),
    "delete": ScreenOperation(MANAGERS, make_onboarding_of(Stage.NEW), is_deleted),
    "claim": ScreenOperation(STAFF, make_task(), lambda row: row.assignee_id is not None),
    "approve": ScreenOperation(
        STAFF,
        make_task(assignee_id=Role.AGENT, **UPDATE_VALUES),
        lambda row: row.customer.website == "https://new.example",
    ),
    "decline": ScreenOperation(
        STAFF,
        make_task(assignee_id=Role.AGENT, **UPDATE_VALUES),
        lambda row: row.state is TaskState.DECLINED,
        comment_values("No"),
    ),
    "assign": ScreenOperation(
        MANAGERS,
        make_task(),
        lambda row: row.assignee_id is not None,
        lambda organisations: {"assignee_id": str(organisations.own.users[Role.AGENT])},
    ),
    "release": ScreenOperation(STAFF, make_task(assignee_id=Role.AGENT), lambda row: row.assignee_id is None),
    "due": ScreenOperation(
        MANAGERS, make_task(), lambda row: str(row.due_on) == "2031-05-01", lambda _world: {"due_on": "2031-05-01"}
    ),
    "comment": ScreenOperation(
        STAFF, make_task(), lambda row: [each.text for each in row.comments] == ["Look"], comment_values("Look")
    ),
    "withdraw": ScreenOperation(
        STAFF,
        make_task(requester_id=Role.AGENT, kind=TaskKind.BLACKLIST, proposal={"reason": "Never paid"}),
        lambda row: row.state is TaskState.WITHDRAWN,
    ),
}


def has_status(status: Any) -> Callable[[Any], bool]:
    return lambda row: row.status is status


CONTRACT_OPERATIONS = {
    "passive": ScreenOperation(STAFF, make_contract(ContractStatus.LIVE), has_status(ContractStatus.PASSIVE)),
    "live": ScreenOperation(STAFF, make_contract(ContractStatus.PASSIVE), has_status(ContractStatus.LIVE)),
    "end": ScreenOperation(
        STAFF,
        make_contract(ContractStatus.LIVE),
        has_status(ContractStatus.ENDED),
        lambda _world: {"end_date": "2025-12-31"},
    ),
}


ORDER_OPERATIONS = {
    "start": ScreenOperation(STAFF, make_order(OrderStatus.PLACED), has_status(OrderStatus.IN_PROGRESS)),
    "deliver": ScreenOperation(
        STAFF,
        make_order(OrderStatus.IN_PROGRESS),
        has_status(OrderStatus.DELIVERED),
        lambda _world: {"delivered_on": "2025-02-28"},
    ),
    "cancel": ScreenOperation(STAFF, make_order(OrderStatus.PLACED), has_status(OrderStatus.CANCELLED)),
}


USER_OPERATIONS = {
    "invite": ScreenOperation(ADMINS, make_agent(), was_invited),
    "sign-out": ScreenOperation(ADMINS, make_agent(), lambda user: user.sign_in_epoch == 1),
    "deactivate": ScreenOperation(ADMINS, make_agent(), lambda user: not user.active),
    "activate": ScreenOperation(ADMINS, make_agent(active=False), lambda user: user.active),
    "delete": ScreenOperation(ADMINS, make_agent(), is_deleted),
}


def has_link(user: models.User) -> bool:
    return was_invited(user) and user.sign_in_epoch == 1


PORTAL_USER_OPERATIONS = {
    "invite": ScreenOperation(STAFF, make_portal_user(), has_link),
    "reset": ScreenOperation(STAFF, make_portal_user(password_hash="kept"), has_link),
    "disable": ScreenOperation(STAFF, make_portal_user(), lambda user: not user.active),
    "enable": ScreenOperation(STAFF, make_portal_user(active=False), lambda user: user.active),
}
