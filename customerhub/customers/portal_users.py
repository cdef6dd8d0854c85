"""The first portal user of a customer, created automatically with its first email address.

Every way to save a customer ends here: form, import, registration, approved update, merge. `portal_invited_at` of the
customer records that this is done, so that a portal user deleted or switched off later does not come back.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm.attributes import set_committed_value

from customerhub.approvals import blacklist
from customerhub.core import clock, history
from customerhub.core.database import insert_new
from customerhub.core.notices import notify_listener
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Permission
from customerhub.customers.saving_context import SavingContext
from customerhub.mail import outbox
from customerhub.users.invitations import InvitedUser, build_link_drafts, link_expiry_of
from customerhub.users.links import get_one_time_links
from models import Contact, Customer, CustomerStatus, User
from models.base import column_length, db
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
    PortalPermission.CASES,
)
EMAIL_TAKEN: Final = "{} already has an account, so no portal user was created. Add another address under Portal users."
EMAIL_UNUSABLE: Final = (
    "{} cannot be used to sign in, so no portal user was created. Add another address under Portal users."
)
NOT_CREATED_ACTION: Final = "got no portal user"  # what the history says of it
INVITATION_REASON: Final = "The customer was saved with its first email address"

# What the history tells of all of them.
_INITIAL_CHANGES: Final = {
    name: [None, history.display_value(value)]
    for name, value in {"role": Role.CUSTOMER, "active": True, "portal_permissions": FIRST_PERMISSIONS}.items()
}
_MAX_KEY_LENGTH: Final = column_length(User.email_key)


@dataclass(frozen=True, slots=True)
class PortalUserDraft:
    """A customer that is to have its first portal user."""

    customer_id: int
    customer_name: str
    emails: str
    contact_name: str | None = None

    @property
    def email(self) -> str:
        return first_email_of(self.emails)

    @property
    def email_key(self) -> str:
        return exact_key(self.email) or ""


def first_email_of(emails: str) -> str:
    """The first of a customer's email addresses."""
    return emails.partition(",")[0].strip()


# --- One customer ------------------------------------------------------------------------------------------------


def is_first_user_due(customer: Customer, context: SavingContext | None = None) -> bool:
    """Whether `customer`, as it now stands, gets its first portal user when it is saved."""
    return bool(customer.email) and can_get_first_user(customer, context)


def can_get_first_user(customer: Customer, context: SavingContext | None = None) -> bool:
    """Whether `customer` gets its first portal user as soon as it has an email address. `context` is that of its save.

    A blacklisted or dropped customer gets none for as long as it is.
    """
    if customer.portal_invited_at is not None:
        return False
    status = context.status if context is not None else db.session.get_one(CustomerStatus, customer.status_id)
    if status is None or status.behaviour is StatusBehaviour.NONE:
        return False
    if context is not None:
        return not context.is_blacklisted
    return not blacklist.list_entries(customer, as_of=organisation_today(customer.organisation_id))


def open_portal(customer: Customer, context: SavingContext) -> bool:
    """`customer` is about to be saved: whether it gets its first portal user with it, by `invite_first_user`.

    The portal opens with them, unless it is said otherwise now.
    """
    if not is_first_user_due(customer, context):
        return False
    if "portal_access" not in history.previous_values_of(customer):
        customer.portal_access = True
    if context.is_new:
        customer.portal_invited_at = context.now  # nobody else knows of it
    return True


def invite_first_user(customer: Customer, context: SavingContext) -> str | None:
    """`customer` was saved: make its first portal user, with the mail that brings them the link; their email address.

    Where the address has an account already, that one is left as it is, and staff are told; None then.
    """
    drafts = [PortalUserDraft(customer.id, customer.name, customer.email or "", _find_contact_name(customer))]
    if not context.is_new:
        drafts = _claim_drafts(drafts, context.now)
        set_committed_value(customer, "portal_invited_at", context.now)
    notice = create_first_users(drafts, customer.organisation_id, context.now).get(customer.id)
    if notice is not None and context.actor.has_permission(Permission.CUSTOMERS_EDIT):
        notify_listener(notice)
    return drafts[0].email if drafts and notice is None else None


def _find_contact_name(customer: Customer) -> str | None:
    return _choose_contact_name(customer.email or "", ((contact.name, contact.email) for contact in customer.contacts))


def _choose_contact_name(emails: str, contacts: Iterable[tuple[str, str | None]]) -> str | None:
    """Who reads what is sent to the first address: the contact who has it, else the first one who has no other."""
    key = exact_key(first_email_of(emails))
    fallback_name = None
    for name, email in contacts:
        if email and exact_key(email) == key:
            return name
        if not email and fallback_name is None:
            fallback_name = name
    return fallback_name


# --- Many at once ------------------------------------------------------------------------------------------------


def list_eligible_ids(customer_ids: Collection[int], organisation_id: int) -> set[int]:
    """As `can_get_first_user`, of many."""
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
    return {row.id for row in rows} - blacklist.blacklisted_ids(rows, as_of=organisation_today(organisation_id))


def ensure_first_users(customer_ids: Collection[int], organisation_id: int) -> dict[int, str]:
    """As `invite_first_user`, of customers of `list_eligible_ids` that may have an email address by now.

    Returns notices by customer.
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
    contact_query = select(Contact.customer_id, Contact.name, Contact.email).order_by(Contact.id)
    for owner, name, email in db.session.execute(
        contact_query.where(Contact.customer_id.in_([row.id for row in rows]))
    ):
        contacts.setdefault(owner, []).append((name, email))
    drafts = [
        PortalUserDraft(row.id, row.name, row.email, _choose_contact_name(row.email, contacts.get(row.id, ())))
        for row in rows
    ]
    moment = clock.get_now()
    return create_first_users(_claim_drafts(drafts, moment), organisation_id, moment)


def _claim_drafts(drafts: Sequence[PortalUserDraft], moment: datetime) -> list[PortalUserDraft]:
    """Those of `drafts` that nobody else is making a first portal user for, and that have none made by hand.

    A concurrent save of the same customer waits here, and then finds it done.
    """
    ids = [each.customer_id for each in drafts]
    claimed_ids = set(
        db.session.scalars(
            update(Customer)
            .where(Customer.id.in_(ids), Customer.portal_invited_at.is_(None))
            .values(portal_invited_at=moment)
            .returning(Customer.id)
            .execution_options(synchronize_session=False, **history.bulk_options())
        )
    )
    claimed_ids -= set(db.session.scalars(select(User.customer_id).where(User.customer_id.in_(claimed_ids)).distinct()))
    return [each for each in drafts if each.customer_id in claimed_ids]


def create_first_users(drafts: Sequence[PortalUserDraft], organisation_id: int, moment: datetime) -> dict[int, str]:
    """Make the first portal users of customers whose `portal_invited_at` is `moment`, and the mails to them.

    Of several with one address the first gets it. Returns notices about the others, by customer.
    """
    drafts_by_key: dict[str, PortalUserDraft] = {}
    notices: dict[int, str] = {}
    for each in drafts:
        if not 0 < len(each.email_key) <= _MAX_KEY_LENGTH:
            notices[each.customer_id] = EMAIL_UNUSABLE.format(each.email)
        elif drafts_by_key.setdefault(each.email_key, each) is not each:
            notices[each.customer_id] = EMAIL_TAKEN.format(each.email)
    user_ids = _insert_users(drafts_by_key, organisation_id, moment)
    notices |= {
        each.customer_id: EMAIL_TAKEN.format(each.email) for key, each in drafts_by_key.items() if key not in user_ids
    }
    if user_ids:
        users = [
            InvitedUser(
                user_ids[key],
                organisation_id,
                drafts_by_key[key].customer_id,
                drafts_by_key[key].email,
                _display_name_of(drafts_by_key[key]),
            )
            for key in user_ids
        ]
        outbox.enqueue_many(
            build_link_drafts(
                users, TemplatePurpose.WELCOME, links=get_one_time_links(), now=moment, why=INVITATION_REASON
            )
        )
    history.record(
        [_build_created_entry(user_ids[key], drafts_by_key[key], organisation_id) for key in user_ids]
        + [_build_not_created_entry(each, organisation_id) for each in drafts if each.customer_id in notices]
    )
    return notices


def _insert_users(
    drafts_by_key: Mapping[str, PortalUserDraft], organisation_id: int, moment: datetime
) -> dict[str, int]:
    """Write the users of which nobody has the email address yet; their ids by its key, in the order of `drafts_by_key`.

    Waits for concurrent transactions that take one of these addresses.
    """
    common_values = {
        "organisation_id": organisation_id,
        "role": Role.CUSTOMER,
        "active": True,
        "portal_permissions": [permission.value for permission in FIRST_PERMISSIONS],
        "made_with_customer": True,
        "link_until": link_expiry_of(TemplatePurpose.WELCOME, moment),
        "created_at": moment,
    }
    # In one order, so that of two who add the same ones neither waits for the other for ever.
    rows = [
        {
            **common_values,
            "email": each.email,
            "email_key": key,
            "name": _display_name_of(each),
            "customer_id": each.customer_id,
        }
        for key, each in sorted(drafts_by_key.items())
    ]
    if not rows:
        return {}
    inserted_rows = db.session.execute(
        insert_new(User, on=["email_key"]).returning(User.email_key, User.id),
        rows,
        execution_options=history.bulk_options(),
    )
    ids = {key: user_id for key, user_id in inserted_rows}  # noqa: C416  (its rows are no pairs to mypy)
    return {key: ids[key] for key in drafts_by_key if key in ids}


def _display_name_of(draft: PortalUserDraft) -> str:
    return draft.contact_name or draft.customer_name


def _build_created_entry(user_id: int, draft: PortalUserDraft, organisation_id: int) -> dict[str, Any]:
    initial_values = {"email": draft.email, "name": _display_name_of(draft), "customer": draft.customer_name}
    return history.build_entry(
        organisation_id=organisation_id,
        action="created",
        table="hub_user",
        row_id=user_id,
        customer_id=draft.customer_id,
        title=_display_name_of(draft),
        changes={name: [None, value] for name, value in initial_values.items()} | _INITIAL_CHANGES,
    )


def _build_not_created_entry(draft: PortalUserDraft, organisation_id: int) -> dict[str, Any]:
    """The history entry of a customer that got none: a notice would not be seen later."""
    return history.build_entry(
        organisation_id=organisation_id,
        action=NOT_CREATED_ACTION,
        table="customer",
        row_id=draft.customer_id,
        customer_id=draft.customer_id,
        title=draft.customer_name,
        changes={"email": [None, draft.email]},
    )
