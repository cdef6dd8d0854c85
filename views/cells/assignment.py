"""The form that assigns work on customers to one of the staff."""

from collections.abc import Sequence
from typing import Any

from wtforms import Form

from customerhub.activity.mentions import search_colleagues
from customerhub.core.permissions import Actor
from views.framework.row_fields import ExplicitRowField

MAX_COLLEAGUES = 1000  # that the form offers


def build_assign_form(_rows: Sequence[Any], actor: Actor) -> type[Form]:
    """Asks for an assignee: nobody is one unless chosen, and to take one away is a choice of its own."""
    choices = [(each.id, each.name) for each in search_colleagues("", MAX_COLLEAGUES, actor=actor)]
    assignee = ExplicitRowField("Assignee", choices=choices, none_label="Unassigned")
    return type("AssignForm", (Form,), {"assignee_id": assignee})
