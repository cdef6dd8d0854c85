"""Making, changing and deleting the record of a customer."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import func, inspect, select

from customerhub import clock, history
from customerhub.contracts.invoice_profiles import complete_by_file, follow_profile
from customerhub.customers import events, numbers, rules
from customerhub.customers.accounts import take_account_numbers
from customerhub.customers.parts import is_template_for, part_problems
from customerhub.customers.statuses import kept_status_id, status_problems
from customerhub.customers.unused_users import links_with, remove, unused_of
from customerhub.database import saving
from customerhub.errors import Invalid, NotFound, StillLinked
from customerhub.links import links_of, told
from customerhub.permissions import STAFF, Actor, Permission, require, require_own
from models import Account, Alert, ApprovalTask, CatalogItem, Customer, CustomerStatus, InvoiceProfile, User
from models.base import db
from models.enums import AddressKind, StatusBehaviour, TemplatePurpose

# What goes with the customer without a question: the details of the record itself. So do portal users that came with it
# and never signed in.
DETAILS = (
    "account", "address", "alert", "approval_task", "contact", "customer_department", "customer_invoice_type",
    "legal_entity", "merged_customer", "reminder",
)  # fmt: skip

MANAGERS = ("responsible_manager_id", "service_manager_id", "account_manager_id")
DATES = ("registration_date", "vat_registration_date", "start_date", "review_start_date", "annual_increase_date")
BOUNDS: dict[str, tuple[int, int | None]] = {
    "billing_day": (1, 31),
    "number_of_users": (0, None),
    "credit_limit": (0, None),
    "total_spend": (0, None),
    "low_usage_minimum": (0, None),
    "markup": (-100, 1000),
    "annual_increase_percent": (-100, 1000),
}
Cleaner = Callable[[str], Any]
CLEANERS: dict[str, Cleaner] = {
    "name": lambda text: rules.clean_text(text, longest=rules.LONGEST["name"]),
    "reference": lambda text: rules.clean_text(text, longest=rules.LONGEST["reference"]),
    "account_number": lambda text: rules.clean_text(text, longest=40),
    "email": rules.clean_emails,
    "reviewer_email": rules.clean_email,
    "website": rules.clean_website,
    "contact_number": numbers.clean_phone_number,
    "identity_number": lambda text: rules.clean_text(text, longest=40),
    "registration_number": lambda text: rules.clean_text(text, longest=40),
    "vat_number": lambda text: rules.clean_text(text, longest=40),
    "credit_check_company": lambda text: rules.clean_text(text, longest=120),
    "relationship_note": lambda text: rules.clean_text(text, longest=1000, lines=True),
}


def save_customer(customer: Customer, *, actor: Actor) -> Customer:
    """Check `customer` as it now stands, complete it and flush it.

    A new one gets its account number, its main account, the organisation's usual status, and the stage and approval
    task that the organisation's policy gives it. Changing a fact that the credit check rests on sends it back or has it
    checked again. Raises Invalid with every problem found, Conflict where a number is taken or somebody saved it
    meanwhile.
    """
    with saving():
        require(actor, Permission.CUSTOMERS_EDIT)
        require_own(actor, customer)
        return save_record(customer, actor=actor)


def save_record(customer: Customer, *, actor: Actor, comment: str | None = None) -> Customer:
    """As `save_customer`, for operations that have their own permission. `comment` goes to the approval task."""
    with saving():
        is_new = customer.id is None
        what = None
        if is_new:
            customer.organisation_id = actor.organisation_id
        problems = particulars_problems(customer)
        problems += _wrong_entries(customer) + _wrong_managers(customer, MANAGERS) + status_problems(customer)
        problems += part_problems(customer)
        if problems:
            raise Invalid(problems[0][1], problems[0][0], problems)
        completed = _complete(customer, actor)
        _number(customer)
        if is_new:
            events.begin(customer, actor=actor)
            db.session.add(customer)
        else:
            what = events.changing(customer)
        with history.because(what.reason if what else None):
            db.session.flush()
        for profile in completed:
            follow_profile(profile)
    if is_new:
        events.begun(customer, actor=actor, comment=comment)
    else:
        events.changed(customer, what, actor=actor)
    return customer


def particulars_problems(customer: Customer) -> list[tuple[str, str]]:
    """(field, message) of what is wrong with the record itself, as it now stands; what can be tidied is."""
    return _clean(customer) + _wrong_numbers(customer) + rules.missing_particulars(particulars_of(customer))


def _clean(customer: Customer) -> list[tuple[str, str]]:
    problems = []
    for field, cleaner in CLEANERS.items():
        typed = getattr(customer, field)
        if typed is None:
            continue
        try:
            kept = cleaner(typed)
        except Invalid as error:
            problems.append((field, error.message))
            continue
        if kept != typed:
            setattr(customer, field, kept)
    checks: list[Callable[[], object]] = [
        lambda: rules.check_year_end(customer.year_end_day, customer.year_end_month),
        lambda: rules.check_review(customer.review_start_date, customer.review_frequency),
        *(partial(rules.check_reach, getattr(customer, field), field) for field in DATES),
        *(partial(rules.check_bounds, getattr(customer, field), field, *bounds) for field, bounds in BOUNDS.items()),
    ]
    for check in checks:
        try:
            check()
        except Invalid as error:
            problems += error.problems
    return problems


def _wrong_numbers(customer: Customer) -> list[tuple[str, str]]:
    """New numbers that the rules of the customer's country do not allow."""
    country = next((each.country for each in customer.addresses if each.kind is AddressKind.REGISTERED), None)
    problems = []
    for name, check in (
        ("vat_number", numbers.check_vat_number), ("registration_number", numbers.check_registration_number),
    ):  # fmt: skip
        if inspect(customer).attrs[name].history.has_changes():
            try:
                check(getattr(customer, name), country)
            except Invalid as error:
                problems.append((name, error.message))
    return problems


def particulars_of(customer: Customer) -> dict[str, object]:
    """What `rules.missing_particulars` asks about."""
    values: dict[str, object] = {
        name: getattr(customer, name)
        for name in ("is_prospect", "name", "reference", "email", "region_id", "start_date", "risk",
                     "identity_number", "registration_number")
    }  # fmt: skip
    return values | {"departments": customer.departments, "contacts": customer.contacts}


def _wrong_entries(customer: Customer) -> list[tuple[str, str]]:
    """A choice from the wrong list."""
    problems = []
    for field, catalog in rules.CUSTOMER_CATALOGS.items():
        chosen = getattr(customer, field)
        if chosen is not None:
            item = db.session.get(CatalogItem, chosen)
            if item is None or item.type is not catalog or item.organisation_id != customer.organisation_id:
                problems.append((field, f"Choose a {catalog.value} from the list"))
    if not is_template_for(TemplatePurpose.REVIEW, customer.review_template_id, customer.organisation_id):
        problems.append(("review_template_id", "Choose a template for reviews from the list"))
    return problems


def _wrong_managers(customer: Customer, fields: Sequence[str]) -> list[tuple[str, str]]:
    """Those of the manager `fields` in which somebody stands who is not one of the staff."""
    problems = []
    for field in fields:
        chosen = getattr(customer, field)
        if chosen is not None:
            user = db.session.get(User, chosen)
            if user is None or user.role not in STAFF or user.organisation_id != customer.organisation_id:
                problems.append((field, "Choose somebody of the staff"))
    return problems


def _complete(customer: Customer, actor: Actor) -> list[InvoiceProfile]:
    """Fill in what follows from the rest; the invoice profiles that are completed by it."""
    if customer.status_id is None:
        customer.status_id = kept_status_id(customer) or usual_status(customer.organisation_id).id
    for name, value in rules.implied({"relationship_note": customer.relationship_note}).items():
        setattr(customer, name, value)
    if _promotion_changed(customer):
        customer.promotional_set_at, customer.promotional_set_by_id = clock.now(), actor.id
    return [profile for profile in customer.invoice_profiles if complete_by_file(profile)]


def _promotion_changed(customer: Customer) -> bool:
    """Whether promotional emails are allowed now and were not, or the other way round."""
    changes = inspect(customer).attrs.promotional_emails.history
    before = (changes.deleted or changes.unchanged or [False])[0]
    return bool(customer.promotional_emails) != bool(before)


def _number(customer: Customer) -> None:
    """The customer's account number is the number of its main account."""
    if not customer.account_number:
        customer.account_number = take_account_numbers(customer.organisation_id, 1)[0]
    main = customer.main_account
    if main is None:
        main = Account(organisation_id=customer.organisation_id, number=customer.account_number, is_main=True)
        customer.accounts.append(main)
    elif main.number != customer.account_number:
        main.number = customer.account_number


def usual_status(organisation_id: int) -> CustomerStatus:
    """The status in which a new customer starts. Raises Invalid, saying where to add one, where there is none."""
    found = find_usual_status(organisation_id)
    if found is None:
        raise Invalid("There is no active customer status that bills. Add one under Set-up, Statuses", "status_id")
    return found


def find_usual_status(organisation_id: int) -> CustomerStatus | None:
    """The status of a new customer: the first active one that bills."""
    return db.session.scalar(
        select(CustomerStatus)
        .where(
            CustomerStatus.organisation_id == organisation_id,
            CustomerStatus.behaviour == StatusBehaviour.BILL,
            CustomerStatus.active,
        )
        .order_by(CustomerStatus.position, CustomerStatus.id)
        .limit(1)
    )


def why_not_deleted(customers: Sequence[Customer]) -> dict[int, str]:
    """What is linked to each of `customers` beyond the details of its record, in a sentence; others are left out."""
    if not customers:
        return {}
    found = links_of(customers)
    accounts = (
        select(Account.customer_id, func.count(), func.sum(Account.balance))
        .where(Account.customer_id.in_([customer.id for customer in customers]))
        .group_by(Account.customer_id)
    )
    counted = {key: (count, balance) for key, count, balance in db.session.execute(accounts)}
    going = links_with(unused_of([key for key, links in found.items() if "hub_user" in dict(links)]))
    reasons = {}
    for customer in customers:
        rest = Counter(dict(found[customer.id])) - going.get(customer.id, Counter())
        links = [(table, rest[table]) for table, _ in found[customer.id] if rest[table] and table not in DETAILS]
        count, balance = counted.get(customer.id, (0, 0))
        if count > 1 or balance:
            links.append(("account", count))
        if links:
            reasons[customer.id] = f"{customer.name} still has {told(links)}. Drop the customer instead of deleting it."
    return reasons


def delete_customer(customer: Customer, *, actor: Actor) -> None:
    """Delete `customer` at once, with the details of its record.

    Raises StillLinked, saying what is linked, where anything more hangs on it: then it is dropped instead. Raises
    NotFound where somebody else has deleted it.
    """
    require(actor, Permission.CUSTOMERS_DELETE)
    require_own(actor, customer)
    with db.session.no_autoflush:
        # Whoever is adding something to this customer is waited for and seen; whoever comes later finds it gone.
        locked = select(Customer.id).where(Customer.id == customer.id).with_for_update()
        if db.session.scalar(locked) is None:
            raise NotFound("There is no such customer any more")
        db.session.expire(customer)
        reason = why_not_deleted([customer]).get(customer.id)
    if reason is not None:
        raise StillLinked(reason)
    with saving():
        for model in (ApprovalTask, Alert):
            for row in db.session.scalars(select(model).where(model.customer_id == customer.id)):
                db.session.delete(row)
        remove(unused_of([customer.id]))
        db.session.delete(customer)


def assign_account_manager(customer: Customer, *, manager: User | None, actor: Actor) -> None:
    """Make `manager`, one of the staff, the account manager of `customer`; None takes the present one away."""
    with saving():
        require(actor, Permission.CUSTOMERS_ASSIGN)
        require_own(actor, customer)
        customer.account_manager_id = manager.id if manager else None
        problems = _wrong_managers(customer, ("account_manager_id",))
        if problems:
            raise Invalid(problems[0][1], problems[0][0], problems)
