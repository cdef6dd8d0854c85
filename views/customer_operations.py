"""What can be done to customers, each as one declaration."""

from typing import Any

from wtforms import Form

from customerhub.customers.records import assign_account_manager
from customerhub.permissions import Actor, Permission
from models import User
from models.base import db
from views.choices import Source
from views.fields import RowField
from views.operation import Operation


class AssignForm(Form):
    manager_id = RowField("Account manager", source=Source(User, staff_only=True), blank="Nobody")


def _assign(customer: Any, *, manager_id: int | None, actor: Actor) -> None:
    manager = db.session.get(User, manager_id) if manager_id else None
    assign_account_manager(customer, manager=manager, actor=actor)


ASSIGN = Operation(
    name="assign",
    label="Assign account manager",
    permission=Permission.CUSTOMERS_ASSIGN,
    run=_assign,
    form=AssignForm,
    explain="The chosen person becomes the account manager. The history keeps who it was before.",
    icon="user",
)
