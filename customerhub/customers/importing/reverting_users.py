"""The portal users that came with an import, when it is reverted."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import select, update

from customerhub.customers import unused_portal_users
from customerhub.customers.importing.saving import CUSTOMER_TABLE
from customerhub.customers.portal_users import NOT_CREATED_ACTION
from customerhub.customers.unused_portal_users import UnusedPortalUser
from models import History, User
from models.base import db

USER_SIGNED_IN: Final = "Its portal user has signed in since the import, so both are kept"
USER_CHANGED: Final = "Its portal user was changed since the import, so it is kept"


class ImportedPortalUsers:
    """The portal users of these customers: those that the import made and nobody used go, the others stay."""

    def __init__(self, customer_ids: Collection[int], organisation_id: int, source: str) -> None:
        customer_conditions = History.organisation_id == organisation_id, History.customer_id.in_(customer_ids)
        user_conditions = *customer_conditions, History.table_name == "hub_user"
        is_import = History.source == source
        created_ids = set(_select_values(History.row_id, *user_conditions, is_import, History.action == "created"))
        changed_ids = set(_select_values(History.row_id, *user_conditions, ~is_import))
        self._not_created_ids = set(
            _select_values(History.row_id, *customer_conditions, is_import, History.action == NOT_CREATED_ACTION)
        )
        self.unused_by_customer = {
            each.customer_id: each
            for each in unused_portal_users.list_unused_users(customer_ids)
            if each.user_id in created_ids and each.user_id not in changed_ids
        }
        self.removed_users: list[UnusedPortalUser] = []
        self.retention_reasons: dict[int, str] = {}
        self.customer_ids_with_user: set[int] = set()  # the customers to whom a portal user is left
        columns: tuple[Any, ...] = (User.id, User.customer_id, User.last_sign_in_at)
        for user_id, owner, signed_in in db.session.execute(select(*columns).where(columns[1].in_(customer_ids))):
            if owner in self.unused_by_customer and self.unused_by_customer[owner].user_id == user_id:
                continue
            self.customer_ids_with_user.add(owner)
            if user_id in created_ids:
                self.retention_reasons[owner] = USER_SIGNED_IN if signed_in else USER_CHANGED

    def remove_unused(self, customer_ids: Collection[int]) -> None:
        """Remove those of these customers that nobody used; to the customers it is as if there had never been one."""
        selected_ids = set(customer_ids)
        unused_of_selected = [each for owner, each in self.unused_by_customer.items() if owner in selected_ids]
        unused_portal_users.delete_unused_users(unused_of_selected)
        self.removed_users += unused_of_selected
        reset_ids = (
            {each.customer_id for each in unused_of_selected} | self._not_created_ids & selected_ids
        ) - self.customer_ids_with_user
        db.session.connection().execute(
            update(CUSTOMER_TABLE).where(CUSTOMER_TABLE.c.id.in_(reset_ids)).values(portal_invited_at=None)
        )


def _select_values(column: Any, *where: Any) -> Any:
    return db.session.scalars(select(column).where(*where))
