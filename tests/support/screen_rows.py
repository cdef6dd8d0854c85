"""Rows that screens are tested with, and the values of new ones."""

from collections.abc import Callable
from hashlib import sha256
from itertools import count
from typing import Any

import models
from models.base import db
from models.enums import CaseStatus, ContractStatus, OrderStatus, ProfileStatus, Role, Stage, TaskKind, TaskState
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations, own_organisation

numbers = count(1)


def numbered(word: str) -> str:
    return f"{word} {next(numbers)}"


def unique_name() -> str:
    """A name that is like no other, so that nobody is warned of a duplicate."""
    return sha256(str(next(numbers)).encode()).hexdigest()[:16]


def new_customer_values(organisations: TwoOrganisations) -> dict[str, Any]:
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    return {
        "name": unique_name(),
        "reference": numbered("N"),
        "email": f"{unique_name()}@customer.example",
        "start_date": "2025-01-31",
        "risk": "Low",
        "region_id": str(customer.region_id),
        "departments": [str(customer.departments[0].id)],
        "kind": "company",
    }


def make_bare_customer(organisations: TwoOrganisations, **values: Any) -> models.Customer:
    """One that nothing hangs on."""
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    chosen = {
        "region_id": customer.region_id,
        "status_id": customer.status_id,
        "departments": list(customer.departments),
    }
    return make.CustomerFactory(organisation=own_organisation(organisations), **chosen, **values)


def make_agent(active: bool = True) -> Callable[[TwoOrganisations], models.User]:
    return lambda organisations: make.UserFactory(organisation_id=organisations.own.id, role=Role.AGENT, active=active)


def make_customer_in_stage(stage: Stage) -> Callable[[TwoOrganisations], models.Customer]:
    """A customer in a stage, whose onboarding is the agent's to decide."""

    def make_customer(organisations: TwoOrganisations) -> models.Customer:
        customer = make_bare_customer(organisations)
        customer.stage = stage
        is_open = stage is not Stage.FAILED
        make.ApprovalTaskFactory(
            organisation=own_organisation(organisations),
            customer_id=customer.id,
            assignee_id=organisations.own.users[Role.AGENT],
            state=TaskState.OPEN if is_open else TaskState.DECLINED,
        )
        return customer

    return make_customer


FIRST, SECOND = 1001, 1002  # positions that fields do not have once they were moved


def make_field(position: int) -> Callable[[TwoOrganisations], models.CustomField]:
    """One of two custom fields."""

    def make_fields(organisations: TwoOrganisations) -> models.CustomField:
        organisation = own_organisation(organisations)
        fields = {each: make.CustomFieldFactory(organisation=organisation, position=each) for each in (FIRST, SECOND)}
        return fields[position]

    return make_fields


def make_blacklisted_customer(organisations: TwoOrganisations) -> models.Customer:
    customer = make_bare_customer(organisations)
    make.BlacklistEntryFactory(organisation=own_organisation(organisations), customer_id=customer.id)
    return customer


def make_task(**values: Any) -> Callable[[TwoOrganisations], models.ApprovalTask]:
    """A task that a partner asked for and nobody has; `values` that end with _id may be roles."""

    def build_task(organisations: TwoOrganisations) -> models.ApprovalTask:
        users = organisations.own.users
        values_with_ids = {name: users[value] if isinstance(value, Role) else value for name, value in values.items()}
        defaults = {"requester_id": users[Role.PARTNER], "customer_id": make_bare_customer(organisations).id}
        return make.ApprovalTaskFactory(organisation=own_organisation(organisations), **defaults | values_with_ids)

    return build_task


UPDATE_VALUES = {"kind": TaskKind.PARTICULARS, "proposal": {"website": [None, "https://new.example"]}}


def make_alert(organisations: TwoOrganisations) -> models.Alert:
    return make.AlertFactory(organisation=own_organisation(organisations), customer_id=organisations.own.customers[0])


def make_note(**values: Any) -> Callable[[TwoOrganisations], models.Note]:
    """A note of the agent; `values` that end with _id may be roles."""

    def build_note(organisations: TwoOrganisations) -> models.Note:
        users = organisations.own.users
        chosen = {name: users[value] if isinstance(value, Role) else value for name, value in values.items()}
        defaults = {"customer_id": organisations.own.customers[0], "author_id": users[Role.AGENT]}
        return make.NoteFactory(organisation=own_organisation(organisations), **defaults | chosen)

    return build_note


def make_attachment(organisations: TwoOrganisations) -> models.Attachment:
    return make.AttachmentFactory(
        organisation=own_organisation(organisations), customer_id=organisations.own.customers[0]
    )


def make_case(status: CaseStatus) -> Callable[[TwoOrganisations], models.CustomerCase]:
    return lambda organisations: make.CustomerCaseFactory(
        organisation=own_organisation(organisations), customer_id=organisations.own.customers[0], status=status
    )


def new_case_values(organisations: TwoOrganisations) -> dict[str, Any]:
    return {"customer_id": str(organisations.own.customers[0]), "subject": numbered("New")}


def make_live_customer(organisations: TwoOrganisations, **values: Any) -> models.Customer:
    """One that may enter a contract."""
    return make_bare_customer(organisations, stage=Stage.BILLING, **values)


def new_contract_values(organisations: TwoOrganisations) -> dict[str, Any]:
    customer = make_live_customer(organisations)
    profile = make.InvoiceProfileFactory(organisation=own_organisation(organisations), customer_id=customer.id)
    return {
        "customer_id": str(customer.id),
        "name": numbered("New"),
        "start_date": "2025-01-31",
        "invoice_profile_id": str(profile.id),
        "connections": "5",
    }


def new_order_values(organisations: TwoOrganisations) -> dict[str, Any]:
    return {
        "customer_id": str(make_live_customer(organisations).id),
        "description": numbered("New"),
        "ordered_on": "2025-01-31",
        "connections": "5",
    }


def make_contract(status: ContractStatus) -> Callable[[TwoOrganisations], models.Contract]:
    def build_contract(organisations: TwoOrganisations) -> models.Contract:
        owned = {"organisation": own_organisation(organisations), "customer_id": make_live_customer(organisations).id}
        profile = make.InvoiceProfileFactory(
            **owned,
            status=ProfileStatus.COMPLETED,
            nda_file_id=make.StoredFileFactory(organisation=own_organisation(organisations)).id,
        )
        return make.ContractFactory(**owned, status=status, invoice_profile_id=profile.id)

    return build_contract


def make_order(status: OrderStatus) -> Callable[[TwoOrganisations], models.CustomerOrder]:
    return lambda organisations: make.CustomerOrderFactory(
        organisation=own_organisation(organisations), customer_id=make_live_customer(organisations).id, status=status
    )


def make_portal_user(**values: Any) -> Callable[[TwoOrganisations], models.User]:
    owned = {"role": Role.CUSTOMER, **values}
    return lambda organisations: make.UserFactory(
        organisation=own_organisation(organisations), customer_id=organisations.own.customers[1], **owned
    )


def make_done_import(organisations: TwoOrganisations) -> models.CustomerImport:
    return make.CustomerImportFactory(
        organisation=own_organisation(organisations), state=models.enums.TransferState.DONE
    )


def make_failed_message(organisations: TwoOrganisations) -> models.OutboxMessage:
    return make.OutboxMessageFactory(
        organisation=own_organisation(organisations),
        state=models.enums.OutboxState.FAILED,
        next_attempt_at=None,
        last_error="550 no",
    )
