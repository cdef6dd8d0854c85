"""Which entries of the history somebody may see."""

from typing import Final

from sqlalchemy import ColumnElement, true

from customerhub.core.permissions import Actor, Permission
from models import History

# The tables whose screens take more than the permission to see the history.
TABLE_PERMISSIONS: Final = {
    "hub_user": Permission.USERS_VIEW,
    "approval_task": Permission.TASKS_VIEW,
    "task_comment": Permission.TASKS_VIEW,
    "task_file": Permission.TASKS_VIEW,
    "customer_case": Permission.CASES_VIEW,
    "case_note": Permission.CASES_VIEW,
    "envelope": Permission.SIGNATURES_VIEW,
    "envelope_signer": Permission.SIGNATURES_VIEW,
    "signing_settings": Permission.SETUP_VIEW,
    "signing_key": Permission.SETUP_VIEW,
    "saved_view": Permission.VIEWS_SHARE,  # of whatever list
}


def visibility_condition(actor: Actor) -> ColumnElement[bool]:
    """The entries of the history that `actor` may see: none of tables whose screens they may not open."""
    hidden = [table for table, permission in TABLE_PERMISSIONS.items() if not actor.has_permission(permission)]
    return History.table_name.not_in(hidden) if hidden else true()
