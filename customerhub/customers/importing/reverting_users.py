"""What becomes of the portal users that came with an import when it is taken back."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import select, update

from customerhub.customers import unused_users
from customerhub.customers.importing.saving import CUSTOMER
from customerhub.customers.portal_users import LEFT_OUT
from customerhub.customers.unused_users import Unused
from models import History, User
from models.base import db

SIGNED_IN: Final = "Its portal user has signed in since, so both stay"
USER_CHANGED: Final = "Its portal user was changed since the import and stays"


class PortalUsers:
    """The portal users of these customers: those that the import made and nobody used go, the others stay."""

    def __init__(self, customer_ids: Collection[int], organisation_id: int, source: str) -> None:
        theirs = History.organisation_id == organisation_id, History.customer_id.in_(customer_ids)
        of_users = *theirs, History.table_name == "hub_user"
        of_import = History.source == source
        made = set(_read(History.row_id, *of_users, of_import, History.action == "created"))
        changed = set(_read(History.row_id, *of_users, ~of_import))
        self._left_out = set(_read(History.row_id, *theirs, of_import, History.action == LEFT_OUT))
        self.unused = {
            each.customer_id: each
            for each in unused_users.unused_of(customer_ids)
            if each.user_id in made and each.user_id not in changed
        }
        self.gone: list[Unused] = []
        self.why_staying: dict[int, str] = {}
        self.having: set[int] = set()  # the customers to whom a portal user is left
        columns: tuple[Any, ...] = (User.id, User.customer_id, User.last_sign_in_at)
        for user_id, owner, signed_in in db.session.execute(select(*columns).where(columns[1].in_(customer_ids))):
            if owner in self.unused and self.unused[owner].user_id == user_id:
                continue
            self.having.add(owner)
            if user_id in made:
                self.why_staying[owner] = SIGNED_IN if signed_in else USER_CHANGED

    def take_back(self, customer_ids: Collection[int]) -> None:
        """Remove those of these customers that nobody used; to the customers it is as if there had never been one."""
        wanted = set(customer_ids)
        gone = [each for owner, each in self.unused.items() if owner in wanted]
        unused_users.remove(gone)
        self.gone += gone
        owners = ({each.customer_id for each in gone} | self._left_out & wanted) - self.having
        db.session.connection().execute(
            update(CUSTOMER).where(CUSTOMER.c.id.in_(owners)).values(portal_invited_at=None)
        )


def _read(column: Any, *where: Any) -> Any:
    return db.session.scalars(select(column).where(*where))
