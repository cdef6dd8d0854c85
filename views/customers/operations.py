"""The operations on customers, each as one declaration."""

from collections.abc import Sequence
from typing import Any

from wtforms import Form

from customerhub.core.errors import HubError, raise_refusal
from customerhub.core.permissions import Actor, Permission
from customerhub.customers.account_managers import assign_account_managers
from customerhub.customers.choice_rules import STAFF_ONLY
from models import User
from models.base import db
from views.framework.choices import Source
from views.framework.operation import Operation
from views.framework.row_fields import ExplicitRowField


def _build_assign_form(_rows: Sequence[Any], _actor: Actor) -> type[Form]:
    staff = [(key, name) for key, name, active in Source(User, STAFF_ONLY).list_choices() if active]
    manager = ExplicitRowField("Account manager", choices=staff, none_label="Unassigned")
    return type("AssignForm", (Form,), {"manager_id": manager})


def _assign_managers(customers: Sequence[Any], *, manager_id: int | None, actor: Actor) -> dict[int, HubError]:
    manager = db.session.get(User, manager_id) if manager_id else None
    return assign_account_managers(customers, manager=manager, actor=actor)


ASSIGN = Operation(
    name="assign",
    label="Assign account manager",
    past_tense="assigned",
    button="Assign to {}",
    permission=Permission.CUSTOMERS_ASSIGN,
    run=lambda customer, **values: raise_refusal(_assign_managers([customer], **values)),
    run_many=_assign_managers,
    form=_build_assign_form,
    explanation="Assigns the selected person. The previous account manager is kept in the history.",
    icon="user",
)
