"""The first portal user of a customer, which comes by itself with its first email address.

Every way to save a customer ends here: form, import, registration, approved update, merge. `portal_invited_at` of the
customer tells that this is done, so that whoever was deleted or switched off later does not come back.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Table, select, update
from sqlalchemy.orm.attributes import set_committed_value

from customerhub import clock, history, outbox
from customerhub.approvals import blacklist
from customerhub.database import insert_new
from customerhub.users.accounts import Invited, link_drafts, link_until
from customerhub.users.links import OneTimeLinks
from models import Contact, Customer, CustomerStatus, User
from models.base import db
from models.enums import PortalPermission, Role, StatusBehaviour, TemplatePurpose
from models.keys import exact_key

# Whoever reads the customer's own mail may see what concerns the customer. Who rang whom is its employees' affair.
FIRST_PERMISSIONS: Final = (
    PortalPermission.DASHBOARD,
    PortalPermission.CONTRACTS,
    PortalPermission.INVOICES,
    PortalPermission.BILL_DOWNLOADS,
    PortalPermission.PAYMENTS,
    PortalPermission.DOCUMENTS,
)
TAKEN: Final = "{} already has an account, so no portal user was made. Add another address under Portal users."
UNUSABLE: Final = "{} cannot be signed in with, so no portal user was made. Add another address under Portal users."
LEFT_OUT: Final = "got no portal user"  # what the history says of it
WHY: Final = "The customer was saved with its first email address"

# What the history tells of all of them.
_BEGUN: Final = {
    name: [None, history.shown(value)]
    for name, value in {"role": Role.CUSTOMER, "active": True, "portal_permissions": FIRST_PERMISSIONS}.items()
}
_USER: Final[Table] = User.__table__  # type: ignore[assignment]
_LONGEST_KEY: Final[int] = _USER.c.email_key.type.length  # type: ignore[attr-defined]
_links: OneTimeLinks | None = None


def configure(links: OneTimeLinks) -> None:
    """Welcome mails get their links from these. Called once, at start."""
    global _links
    _links = links


@dataclass(frozen=True, slots=True)
class Wanted:
    """A customer that is to have its first portal user."""

    customer_id: int
    customer: str
    emails: str
    contact: str | None = None

    @property
    def email(self) -> str:
        return first_email(self.emails)

    @property
    def key(self) -> str:
        return exact_key(self.email) or ""


def first_email(emails: str) -> str:
    """The first of a customer's email addresses."""
    return emails.partition(",")[0].strip()


# --- One customer ------------------------------------------------------------------------------------------------


def is_due(customer: Customer) -> bool:
    """Whether `customer`, as it now stands, gets its first portal user when it is saved."""
    return bool(customer.email) and lacks_first(customer)


def lacks_first(customer: Customer) -> bool:
    """Whether `customer` gets its first portal user as soon as it has an email address.

    Whoever is blacklisted or dropped gets none as long as they are.
    """
    if customer.portal_invited_at is not None:
        return False
    status = db.session.get_one(CustomerStatus, customer.status_id)
    if status.behaviour is StatusBehaviour.NONE:
        return False
    return not blacklist.entries_of(customer, as_of=blacklist.today(customer.organisation_id))


def open_portal(customer: Customer) -> None:
    """`customer` is about to be saved: the portal opens with its first portal user, unless it is said otherwise now."""
    if is_due(customer) and "portal_access" not in history.before(customer):
        customer.portal_access = True


def ensure_first(customer: Customer) -> str | None:
    """`customer` was saved: make its first portal user where that is due, with the mail that brings them the link.

    Returns what is to be told where the address has an account already: that one is left as it is.
    """
    if not is_due(customer):
        return None
    moment = clock.now()
    wanted = Wanted(customer.id, customer.name, customer.email or "", _contact(customer))
    told = make_many(_claim([wanted], moment), customer.organisation_id, moment)
    set_committed_value(customer, "portal_invited_at", moment)
    return told.get(customer.id)


def _contact(customer: Customer) -> str | None:
    return _named(customer.email or "", ((contact.name, contact.email) for contact in customer.contacts))


def _named(emails: str, contacts: Iterable[tuple[str, str | None]]) -> str | None:
    """Who reads what is sent to the first address: the contact who has it, else the first one who has no other."""
    key = exact_key(first_email(emails))
    found = None
    for name, email in contacts:
        if email and exact_key(email) == key:
            return name
        if not email and found is None:
            found = name
    return found


# --- Many at once ------------------------------------------------------------------------------------------------


def lacking_among(customer_ids: Collection[int], organisation_id: int) -> set[int]:
    """As `lacks_first`, of many."""
    query = (
        select(Customer.id, Customer.organisation_id, Customer.identity_number, Customer.registration_number)
        .join(CustomerStatus, CustomerStatus.id == Customer.status_id)
        .where(
            Customer.id.in_(customer_ids),
            Customer.portal_invited_at.is_(None),
            CustomerStatus.behaviour != StatusBehaviour.NONE,
        )
    )
    rows: Sequence[Any] = db.session.execute(query).all()
    if not rows:
        return set()
    return {row.id for row in rows} - blacklist.listed_among(rows, as_of=blacklist.today(organisation_id))


def ensure_many(customer_ids: Collection[int], organisation_id: int) -> dict[int, str]:
    """As `ensure_first`, of customers of `lacking_among` that may have an email address by now.

    Returns what is to be told, by customer.
    """
    if not customer_ids:
        return {}
    query = select(Customer.id, Customer.name, Customer.email)
    rows = db.session.execute(
        query.where(Customer.id.in_(customer_ids), Customer.email.is_not(None)).order_by(Customer.id)
    ).all()
    if not rows:
        return {}
    contacts: dict[int, list[tuple[str, str | None]]] = {}
    told = select(Contact.customer_id, Contact.name, Contact.email).order_by(Contact.id)
    for owner, name, email in db.session.execute(told.where(Contact.customer_id.in_([row.id for row in rows]))):
        contacts.setdefault(owner, []).append((name, email))
    wanted = [Wanted(row.id, row.name, row.email, _named(row.email, contacts.get(row.id, ()))) for row in rows]
    moment = clock.now()
    return make_many(_claim(wanted, moment), organisation_id, moment)


def _claim(wanted: Sequence[Wanted], moment: datetime) -> list[Wanted]:
    """Those of `wanted` that nobody else is making a first portal user for, and that have none made by hand.

    Whoever saves the same customer at the same time waits here, and then finds it done.
    """
    ids = [each.customer_id for each in wanted]
    claimed = set(
        db.session.scalars(
            update(Customer)
            .where(Customer.id.in_(ids), Customer.portal_invited_at.is_(None))
            .values(portal_invited_at=moment)
            .returning(Customer.id)
            .execution_options(synchronize_session=False, **history.recorded())
        )
    )
    claimed -= set(db.session.scalars(select(User.customer_id).where(User.customer_id.in_(claimed)).distinct()))
    return [each for each in wanted if each.customer_id in claimed]


def make_many(wanted: Sequence[Wanted], organisation_id: int, moment: datetime) -> dict[int, str]:
    """Make the first portal users of customers whose `portal_invited_at` is `moment`, and the mails to them.

    Of several with one address the first gets it. Returns what is to be told of the others, by customer.
    """
    first: dict[str, Wanted] = {}
    told: dict[int, str] = {}
    for each in wanted:
        if not 0 < len(each.key) <= _LONGEST_KEY:
            told[each.customer_id] = UNUSABLE.format(each.email)
        elif first.setdefault(each.key, each) is not each:
            told[each.customer_id] = TAKEN.format(each.email)
    made = _insert(first, organisation_id, moment)
    told |= {each.customer_id: TAKEN.format(each.email) for key, each in first.items() if key not in made}
    if made:
        users = [
            Invited(made[key], organisation_id, first[key].customer_id, first[key].email, _name(first[key]))
            for key in made
        ]
        outbox.put_many(link_drafts(users, TemplatePurpose.WELCOME, links=_configured(), now=moment, why=WHY))
    history.record(
        [_created(made[key], first[key], organisation_id) for key in made]
        + [_left_out(each, organisation_id) for each in wanted if each.customer_id in told]
    )
    return told


def _insert(first: Mapping[str, Wanted], organisation_id: int, moment: datetime) -> dict[str, int]:
    """Write the users of which nobody has the email address yet; their ids by its key, in the order of `first`.

    Whoever takes one of these addresses at the same time is waited for.
    """
    shared = {
        "organisation_id": organisation_id,
        "role": Role.CUSTOMER,
        "active": True,
        "portal_permissions": [permission.value for permission in FIRST_PERMISSIONS],
        "made_with_customer": True,
        "link_until": link_until(TemplatePurpose.WELCOME, moment),
        "created_at": moment,
    }
    # In one order, so that of two who add the same ones neither waits for the other for ever.
    rows = [
        {**shared, "email": each.email, "email_key": key, "name": _name(each), "customer_id": each.customer_id}
        for key, each in sorted(first.items())
    ]
    if not rows:
        return {}
    written = db.session.execute(
        insert_new(User, on=["email_key"]).returning(User.email_key, User.id),
        rows,
        execution_options=history.recorded(),
    )
    ids = {key: user_id for key, user_id in written}  # noqa: C416  (its rows are no pairs to mypy)
    return {key: ids[key] for key in first if key in ids}


def _name(wanted: Wanted) -> str:
    return wanted.contact or wanted.customer


def _configured() -> OneTimeLinks:
    if _links is None:
        raise RuntimeError("portal_users.configure() was not called: there would be no link in the mail")
    return _links


def _created(user_id: int, wanted: Wanted, organisation_id: int) -> dict[str, Any]:
    begun = {"email": wanted.email, "name": _name(wanted), "customer": wanted.customer}
    return history.entry(
        organisation_id=organisation_id, action="created", table="hub_user", row_id=user_id,
        customer_id=wanted.customer_id, title=_name(wanted),
        changes={name: [None, value] for name, value in begun.items()} | _BEGUN,
    )  # fmt: skip


def _left_out(wanted: Wanted, organisation_id: int) -> dict[str, Any]:
    """What the history keeps of a customer that got none: a sentence would not be seen by whoever comes later."""
    return history.entry(
        organisation_id=organisation_id, action=LEFT_OUT, table="customer", row_id=wanted.customer_id,
        customer_id=wanted.customer_id, title=wanted.customer, changes={"email": [None, wanted.email]},
    )  # fmt: skip
