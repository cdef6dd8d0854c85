"""Who may do what. The one table that screens, actions, jobs and operations ask."""

import enum
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, false, select, true

from customerhub.errors import NotAllowed, NotFound
from models import (
    Account,
    Address,
    BillingLine,
    CatalogItem,
    ComplianceDocument,
    Contact,
    Contract,
    Customer,
    CustomerOrder,
    Department,
    InvoiceProfile,
    LegalEntity,
    Organisation,
    OrganisationRow,
    User,
)
from models.base import db
from models.enums import PortalPermission, Role


class Permission(enum.StrEnum):
    STAFF_HOME = "open the staff pages"
    CUSTOMERS_VIEW = "see customers"
    CUSTOMERS_EDIT = "edit customers"
    CUSTOMERS_ASSIGN = "assign customers to account managers"
    CUSTOMERS_DELETE = "delete customers that nothing is linked to"
    CUSTOMERS_IMPORT = "import customers"
    CUSTOMERS_EXPORT = "export lists"
    SETUP_VIEW = "see set-up data"
    SETUP_EDIT = "edit set-up data"
    USERS_VIEW = "see users"
    USERS_EDIT = "edit users"
    HISTORY_VIEW = "see the history"
    OUTBOX_VIEW = "see outgoing messages"
    OUTBOX_SEND = "send and cancel messages"
    TASKS_VIEW = "see approval tasks"
    TASKS_WORK = "work on approval tasks"
    TASKS_ASSIGN = "assign approval tasks"
    TASKS_DECIDE = "decide approval tasks of others"
    BLACKLIST = "decide about the blacklist"
    CUSTOMERS_MERGE = "merge customers"
    CUSTOMERS_REGISTER = "register customers"
    PARTICULARS_ASK = "ask for a change of particulars"
    CONTRACTS_VIEW = "see contracts and orders"
    CONTRACTS_EDIT = "edit contracts and orders"
    CONTRACTS_ADD = "add contracts"
    PARTNER_PAGES = "open the partner pages"
    PORTAL = "open the customer portal"
    ERASE = "delete customers for good"
    ORGANISATIONS = "create organisations and choose one"
    JOBS = "see and steer background jobs"


P = Permission

STAFF: Final = (Role.ADMIN, Role.MANAGER, Role.AGENT)

_AGENT = {
    P.STAFF_HOME,
    P.CUSTOMERS_VIEW,
    P.CUSTOMERS_EDIT,
    P.CUSTOMERS_IMPORT,
    P.CUSTOMERS_EXPORT,
    P.SETUP_VIEW,
    P.HISTORY_VIEW,
    P.TASKS_VIEW,
    P.TASKS_WORK,
    P.PARTICULARS_ASK,
    P.CONTRACTS_VIEW,
    P.CONTRACTS_EDIT,
    P.CONTRACTS_ADD,
}
_MANAGER = _AGENT | {P.CUSTOMERS_ASSIGN, P.CUSTOMERS_DELETE, P.USERS_VIEW, P.OUTBOX_VIEW, P.CUSTOMERS_MERGE}
_MANAGER |= {P.TASKS_ASSIGN, P.TASKS_DECIDE, P.BLACKLIST}
_ADMIN = _MANAGER | {P.SETUP_EDIT, P.USERS_EDIT, P.OUTBOX_SEND}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(_ADMIN),
    Role.MANAGER: frozenset(_MANAGER),
    Role.AGENT: frozenset(_AGENT),
    Role.PARTNER: frozenset({P.PARTNER_PAGES, P.CUSTOMERS_REGISTER, P.PARTICULARS_ASK, P.CONTRACTS_ADD}),
    Role.CUSTOMER: frozenset({P.PORTAL, P.PARTICULARS_ASK}),
}


# What a partner brings in; whose dealer is switched off brings in nothing new, and still sees what is there.
BROUGHT_IN: Final = frozenset({P.CUSTOMERS_REGISTER, P.CONTRACTS_ADD})

# The tables, beside their own customers, whose rows partners and customers may know of: those that hang on these
# customers, and those that their forms choose from. What is not named here they do not know of.
OWN: dict[Role, tuple[type[OrganisationRow], ...]] = {
    Role.PARTNER: (Account, Address, ComplianceDocument, Contact, Contract, CustomerOrder, InvoiceProfile, LegalEntity),
    Role.CUSTOMER: (
        Account, Address, BillingLine, ComplianceDocument, Contact, Contract, CustomerOrder, InvoiceProfile, LegalEntity
    ),
}  # fmt: skip
OFFERED: tuple[type[OrganisationRow], ...] = (CatalogItem, Department)


class Sight(NamedTuple):
    """All that decides which rows somebody may know of; `role` is None for the system, which may know of all."""

    organisation_id: int
    role: Role | None
    dealer_id: int | None
    customer_id: int | None


@dataclass(frozen=True)
class Actor:
    """Who acts, in which organisation. `user` is None for the system itself, which may do everything.

    A user with the grant `platform` acts in the organisation they chose; everybody else in their own.
    """

    user: User | None
    organisation_id: int

    @classmethod
    def of(cls, user: User, organisation_id: int | None = None) -> "Actor":
        chosen = organisation_id if user.platform and organisation_id else user.organisation_id
        return cls(user, chosen)

    @property
    def id(self) -> int | None:
        return self.user.id if self.user else None

    @property
    def name(self) -> str:
        return self.user.name if self.user else "system"

    @property
    def sight(self) -> Sight:
        user = self.user
        if user is None:
            return Sight(self.organisation_id, None, None, None)
        return Sight(self.organisation_id, user.role, user.dealer_id, user.customer_id)

    def may(self, permission: Permission) -> bool:
        if self.user is None:
            return True
        if not self.user.active:
            return False
        if permission is P.ERASE:
            return self.user.data_protection
        if permission is P.ORGANISATIONS:
            return self.user.platform
        if permission is P.JOBS:
            return self.user.platform or (self.user.role is Role.ADMIN and _is_only_organisation())
        if permission in BROUGHT_IN and self.user.dealer is not None and not self.user.dealer.active:
            return False
        return permission in ROLE_PERMISSIONS[self.user.role]


def _is_only_organisation() -> bool:
    """Whether the hub serves one organisation, so that what belongs to the whole hub belongs to it."""
    return len(db.session.scalars(select(Organisation.id).limit(2)).all()) == 1


def has_ability(user: User, ability: PortalPermission) -> bool:
    """Whether a portal user has an ability; "deny all" takes every one away."""
    given = user.portal_permissions
    return ability.value in given and PortalPermission.DENY_ALL.value not in given


def require(actor: Actor, permission: Permission) -> None:
    """Raises NotAllowed unless `actor` may."""
    if not actor.may(permission):
        raise NotAllowed(f"You may not {permission}. Ask an administrator of your organisation.")


def actor_again(user: User, organisation_id: int) -> Actor:
    """`user` as the actor of work that they asked for earlier in this organisation.

    Raises NotAllowed where they may no longer sign in, or no longer work there.
    """
    home = db.session.get_one(Organisation, user.organisation_id)
    if not user.active or not home.active:
        raise NotAllowed(f"The account of {user.name} is switched off.")
    actor = Actor.of(user, organisation_id)
    if actor.organisation_id != organisation_id:
        raise NotAllowed(f"{user.name} may no longer work in this organisation.")
    return actor


def require_own(actor: Actor, row: Any) -> None:
    """Raises NotFound where `row` is none that `actor` may know of: another organisation's, or, for a partner or a
    portal user, another's customer or what hangs on one.
    """
    is_ours = row.organisation_id is None or row.organisation_id == actor.organisation_id
    if not is_ours or not _is_in_sight(row, actor.sight):
        raise NotFound("There is nothing here that you may see.")


def knows(user: User, row: Any) -> bool:
    """Whether `row`, of their own organisation, is one that `user` may know of."""
    return _is_in_sight(row, Actor.of(user).sight)


def hears(actor: Actor, person: User | None) -> bool:
    """Whether `actor` may know what `person` has said and asked for. Partners hear the staff and their own dealer's
    people, portal users the staff and those of their own customer, and all of them the system.
    """
    if person is None or person.role in STAFF or actor.sight.role in (None, *STAFF):
        return True
    theirs = Actor.of(person).sight
    return (theirs.role, theirs.dealer_id, theirs.customer_id) == actor.sight[1:]


def _is_in_sight(row: Any, sight: Sight) -> bool:
    """As `_own_rows`, of a row at hand."""
    if sight.role not in OWN:
        return True
    customer = row if isinstance(row, Customer) else getattr(row, "customer", None)
    if sight.role is Role.PARTNER:
        return customer is not None and sight.dealer_id is not None and customer.dealer_id == sight.dealer_id
    return customer is not None and sight.customer_id is not None and customer.id == sight.customer_id


def scope(model: type[OrganisationRow], actor: Actor) -> Select[Any]:
    """The rows of `model` that `actor` may know of. Every list, count, look-up and action starts from it."""
    return rows_in(actor.sight, model)


def rows_in(sight: Sight, model: type[OrganisationRow]) -> Select[Any]:
    """As `scope`, for everybody with the same sight."""
    query = select(model).where(model.organisation_id == sight.organisation_id)
    if sight.role in (None, *STAFF):
        return query
    return query.where(_own_rows(model, sight))


def _own_rows(model: type[OrganisationRow], sight: Sight) -> Any:
    """What a partner or a customer may see: their own customers, what is theirs of these, and what forms offer."""
    if model in OFFERED:
        return true()
    is_partner = sight.role is Role.PARTNER
    key, column = (sight.dealer_id, Customer.dealer_id) if is_partner else (sight.customer_id, Customer.id)
    if key is None:
        return false()
    mine = column == key
    if model is Customer:
        return mine
    if sight.role is None or model not in OWN[sight.role]:
        return false()
    owner: Any = getattr(model, "customer_id")  # noqa: B009  # every model of OWN has it
    return owner.in_(select(Customer.id).where(mine))
