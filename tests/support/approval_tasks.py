"""Approval tasks and the addresses of their actions."""

from typing import Any

import models
from models.enums import Stage
from tests.support import factories as make
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations, own_organisation

HOME = "/admin/tasks/"


def operation_url(name: str, *tasks: models.ApprovalTask | int) -> str:
    keys = (task if isinstance(task, int) else task.id for task in tasks)
    return f"{HOME}operation/{name}/?" + "&".join(f"id={key}" for key in keys)


def make_onboarding(organisations: TwoOrganisations, stage: Stage = Stage.NEW, **values: Any) -> models.ApprovalTask:
    """Onboarding of a new customer in a stage, that the system asked for."""
    customer = make_bare_customer(organisations)
    customer.stage = stage
    return make.ApprovalTaskFactory(
        organisation=own_organisation(organisations), customer_id=customer.id, subject=customer.name, **values
    )
