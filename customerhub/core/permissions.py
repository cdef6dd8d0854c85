"""Who may do what. The one table that screens, actions, jobs and operations ask."""

import enum
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, false, select, true

from customerhub.core.errors import NotAllowed, NotFound
from models import (
    Account,
    Address,
    BillingLine,
    CatalogItem,
    ComplianceDocument,
    Contact,
    Contract,
    Customer,
    CustomerCase,
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
    CUSTOMERS_DELETE = "delete unlinked customers"
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
    BLACKLIST = "decide on blacklisting"
    CUSTOMERS_MERGE = "merge customers"
    CUSTOMERS_REGISTER = "register customers"
    PARTICULARS_ASK = "request changes of customer details"
    CONTRACTS_VIEW = "see contracts and orders"
    CONTRACTS_EDIT = "edit contracts and orders"
    CONTRACTS_ADD = "add contracts"
    SIGNATURES_VIEW = "see document signatures"
    SIGNATURES_EDIT = "resend, correct and void document signatures"
    PARTNER_PAGES = "open the partner pages"
    PORTAL = "open the customer portal"
    NOTES_EDIT = "edit notes of others"
    CASES_VIEW = "see cases"
    CASES_EDIT = "work on cases"
    ERASE = "delete personal data"
    ORGANISATIONS = "create and switch organisations"
    DEFAULTS_SAVE = "save default values"
    VIEWS_SHARE = "share views of lists"
    JOBS = "see and manage background jobs"


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
    P.SIGNATURES_VIEW,
    P.SIGNATURES_EDIT,
    P.CASES_VIEW,
    P.CASES_EDIT,
}
_MANAGER = _AGENT | {P.CUSTOMERS_ASSIGN, P.CUSTOMERS_DELETE, P.USERS_VIEW, P.OUTBOX_VIEW, P.CUSTOMERS_MERGE}
_MANAGER |= {P.TASKS_ASSIGN, P.TASKS_DECIDE, P.BLACKLIST, P.DEFAULTS_SAVE, P.VIEWS_SHARE}
_ADMIN = _MANAGER | {P.SETUP_EDIT, P.USERS_EDIT, P.OUTBOX_SEND, P.NOTES_EDIT}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(_ADMIN),
    Role.MANAGER: frozenset(_MANAGER),
    Role.AGENT: frozenset(_AGENT),
    Role.PARTNER: frozenset({P.PARTNER_PAGES, P.CUSTOMERS_REGISTER, P.PARTICULARS_ASK, P.CONTRACTS_ADD}),
    Role.CUSTOMER: frozenset({P.PORTAL, P.PARTICULARS_ASK}),
}


# What a partner brings in; whose dealer is switched off brings in nothing new, and still sees what is there.
NEEDS_ACTIVE_DEALER: Final = frozenset({P.CUSTOMERS_REGISTER, P.CONTRACTS_ADD})

# The tables, beside their own customers, whose rows partners and customers may know of: those that hang on these
# customers, and those that their forms choose from. What is not named here they do not know of.
VISIBLE_TABLES: dict[Role, tuple[type[OrganisationRow], ...]] = {
    Role.PARTNER: (Account, Address, ComplianceDocument, Contact, Contract, CustomerOrder, InvoiceProfile, LegalEntity),
    Role.CUSTOMER: (
        Account,
        Address,
        BillingLine,
        ComplianceDocument,
        Contact,
        Contract,
        CustomerCase,
        CustomerOrder,
        InvoiceProfile,
        LegalEntity,
    ),
}
SELECTABLE: tuple[type[OrganisationRow], ...] = (CatalogItem, Department)


class AccessScope(NamedTuple):
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
    def from_user(cls, user: User, organisation_id: int | None = None) -> "Actor":
        chosen = organisation_id if user.platform and organisation_id else user.organisation_id
        return cls(user, chosen)

    @property
    def id(self) -> int | None:
        return self.user.id if self.user else None

    @property
    def name(self) -> str:
        return self.user.name if self.user else "system"

    @property
    def access_scope(self) -> AccessScope:
        user = self.user
        if user is None:
            return AccessScope(self.organisation_id, None, None, None)
        return AccessScope(self.organisation_id, user.role, user.dealer_id, user.customer_id)

    @cached_property
    def _is_in_only_organisation(self) -> bool:
        """Whether the hub serves one organisation, so that what belongs to the whole hub belongs to it."""
        return len(db.session.scalars(select(Organisation.id).limit(2)).all()) == 1

    def has_permission(self, permission: Permission) -> bool:
        if self.user is None:
            return True
        if not self.user.active:
            return False
        if permission is P.ERASE:
            return self.user.data_protection
        if permission is P.ORGANISATIONS:
            return self.user.platform
        if permission is P.JOBS:
            return self.user.platform or (self.user.role is Role.ADMIN and self._is_in_only_organisation)
        if permission in NEEDS_ACTIVE_DEALER and self.user.dealer is not None and not self.user.dealer.active:
            return False
        return permission in ROLE_PERMISSIONS[self.user.role]


def has_portal_permission(user: User, permission: PortalPermission) -> bool:
    """Whether a portal user has an ability; "deny all" takes every one away."""
    portal_permissions = user.portal_permissions
    return permission.value in portal_permissions and PortalPermission.DENY_ALL.value not in portal_permissions


def require_permission(actor: Actor, permission: Permission) -> None:
    """Raises NotAllowed unless `actor` may."""
    if not actor.has_permission(permission):
        raise NotAllowed(f"You may not {permission}. Ask an administrator of your organisation.")


def restore_actor(user: User, organisation_id: int) -> Actor:
    """`user` as the actor of work that they asked for earlier in this organisation.

    Raises NotAllowed where they may no longer sign in, or no longer work there.
    """
    home = db.session.get_one(Organisation, user.organisation_id)
    if not user.active or not home.active:
        raise NotAllowed(f"The account of {user.name} is deactivated.")
    actor = Actor.from_user(user, organisation_id)
    if actor.organisation_id != organisation_id:
        raise NotAllowed(f"{user.name} may no longer work in this organisation.")
    return actor


def require_access(actor: Actor, row: Any) -> None:
    """Raises NotFound where `row` is none that `actor` may know of: another organisation's, or, for a partner or a
    portal user, another's customer or what hangs on one.
    """
    is_same_organisation = row.organisation_id is None or row.organisation_id == actor.organisation_id
    if not is_same_organisation or not _is_visible(row, actor.access_scope):
        raise NotFound("This record does not exist, or you do not have access to it.")


def can_see(user: User, row: Any) -> bool:
    """Whether `row`, of their own organisation, is one that `user` may know of."""
    return _is_visible(row, Actor.from_user(user).access_scope)


def can_see_person(actor: Actor, person: User | None) -> bool:
    """Whether `actor` may see comments and requests of `person`. Partners see those of staff and their own dealer's
    people, portal users the staff and those of their own customer, and all of them the system.
    """
    if person is None or person.role in STAFF or actor.access_scope.role in (None, *STAFF):
        return True
    person_scope = Actor.from_user(person).access_scope
    return (person_scope.role, person_scope.dealer_id, person_scope.customer_id) == actor.access_scope[1:]


def _is_visible(row: Any, access_scope: AccessScope) -> bool:
    """As `_visibility_condition`, of a row at hand."""
    if access_scope.role not in VISIBLE_TABLES:
        return True
    customer = row if isinstance(row, Customer) else getattr(row, "customer", None)
    if access_scope.role is Role.PARTNER:
        return (
            customer is not None and access_scope.dealer_id is not None and customer.dealer_id == access_scope.dealer_id
        )
    return customer is not None and access_scope.customer_id is not None and customer.id == access_scope.customer_id


def select_visible(model: type[OrganisationRow], actor: Actor) -> Select[Any]:
    """The rows of `model` that `actor` may know of. Every list, count, look-up and action starts from it."""
    return scoped_query(actor.access_scope, model)


def scoped_query(access_scope: AccessScope, model: type[OrganisationRow]) -> Select[Any]:
    """As `select_visible`, for everybody with the same access scope."""
    query = select(model).where(model.organisation_id == access_scope.organisation_id)
    if access_scope.role in (None, *STAFF):
        return query
    return query.where(_visibility_condition(model, access_scope))


def _visibility_condition(model: type[OrganisationRow], access_scope: AccessScope) -> Any:
    """What a partner or a customer may see: their own customers, what is theirs of these, and what forms offer."""
    if model in SELECTABLE:
        return true()
    is_partner = access_scope.role is Role.PARTNER
    key, column = (
        (access_scope.dealer_id, Customer.dealer_id) if is_partner else (access_scope.customer_id, Customer.id)
    )
    if key is None:
        return false()
    is_own_customer = column == key
    if model is Customer:
        return is_own_customer
    if access_scope.role is None or model not in VISIBLE_TABLES[access_scope.role]:
        return false()
    owned: Any = model  # every model of VISIBLE_TABLES has a customer
    return owned.customer_id.in_(select(Customer.id).where(is_own_customer))
