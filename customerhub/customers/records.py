"""Making, changing and deleting the record of a customer."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm.attributes import flag_modified

from customerhub.core import history, validation
from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.row_validation import Problems
from customerhub.custom_fields.values import list_value_problems
from customerhub.customers import after_save, alerts, number_checks, portal_users, rules
from customerhub.customers.accounts import complete_accounts, list_main_account_problems
from customerhub.customers.after_save import CreditCheckChange, SaveOutcome
from customerhub.customers.choice_rules import CHOICE_RULES, MANAGER_FIELDS, is_valid_choice
from customerhub.customers.form_layout import CUSTOMER_FORM
from customerhub.customers.invoice_profiles import activate_contracts, complete_by_file
from customerhub.customers.parts import list_names_at_hand, list_part_problems
from customerhub.customers.saving_context import SavingContext, load_context
from customerhub.customers.signature_replacements import require_agreement
from customerhub.customers.signature_requests import ProfileChange, find_change, follow_change
from customerhub.customers.statuses import list_status_problems, require_default_status
from customerhub.form_layouts.layouts import find_layout
from customerhub.form_layouts.required import list_missing_of
from models import CatalogItem, Customer, NotificationTemplate, User
from models.base import db
from models.enums import AddressKind, Stage
from models.keys import remove_invisible

DATE_FIELDS = ("registration_date", "vat_registration_date", "start_date", "review_start_date", "annual_increase_date")
BOUNDS: dict[str, tuple[int, int | None]] = {
    "billing_day": (1, 31),
    "number_of_users": (0, None),
    "credit_limit": (0, None),
    "total_spend": (0, None),
    "estimated_monthly_revenue": (0, None),
    "low_usage_minimum": (0, None),
    "markup": rules.MARKUP_BOUNDS,
    "annual_increase_percent": (-100, 1000),
}
BILLING_REFERENCE_KEPT = "A live customer keeps a billing reference"
Cleaner = Callable[[str], Any]
CLEANERS: dict[str, Cleaner] = {
    "name": lambda text: validation.clean_text(text, max_length=validation.MAX_LENGTHS["name"]),
    "reference": lambda text: validation.clean_text(
        remove_invisible(text), max_length=validation.MAX_LENGTHS["reference"]
    ),
    "account_number": lambda text: validation.clean_text(text, max_length=40),
    "email": validation.clean_emails,
    "reviewer_email": validation.clean_email,
    "website": validation.clean_website,
    "contact_number": number_checks.clean_phone_number,
    "identity_number": lambda text: validation.clean_text(text, max_length=40),
    "registration_number": lambda text: validation.clean_text(text, max_length=40),
    "vat_number": lambda text: validation.clean_text(text, max_length=40),
    "credit_reference": lambda text: validation.clean_text(text, max_length=60),
    "billing_reference": lambda text: validation.clean_text(text, max_length=60),
    "credit_check_company": lambda text: validation.clean_text(text, max_length=120),
    "relationship_note": lambda text: validation.clean_text(text, max_length=1000, multiline=True),
}


def save_customer(customer: Customer, *, actor: Actor) -> Customer:
    """Check `customer` as it now stands, complete it and flush it.

    A new one gets its account number, its main account, the organisation's usual status, and the stage and approval
    task that the organisation's policy gives it. Changing a fact that the credit check rests on sends it back or has it
    checked again. Raises Invalid with every problem found, Conflict where a number is taken or somebody saved it
    meanwhile, ReplacementNotAgreed where a document that is being signed would be voided by it.
    """
    return save_customer_with_outcome(customer, actor=actor).customer


def save_customer_with_outcome(
    customer: Customer, *, actor: Actor, is_entered: bool = False, agreed_replacements: Collection[str] = ()
) -> SaveOutcome:
    """As `save_customer`; what else happened. `is_entered` where all of the customer was in a form, which is asked for
    all that the organisation requires. `agreed_replacements` are the keys of documents that may be voided by it.
    """
    with save_changes():
        require_permission(actor, Permission.CUSTOMERS_EDIT)
        require_access(actor, customer)
        return _save_with_outcome(customer, actor, None, is_entered=is_entered, agreed_replacements=agreed_replacements)


def save_record(customer: Customer, *, actor: Actor, comment: str | None = None) -> Customer:
    """As `save_customer`, for operations that have their own permission. `comment` goes to the approval task."""
    return _save_with_outcome(customer, actor, comment).customer


def _save_with_outcome(
    customer: Customer,
    actor: Actor,
    comment: str | None,
    *,
    is_entered: bool = False,
    agreed_replacements: Collection[str] = (),
) -> SaveOutcome:
    with history.written_together(), save_changes():
        if customer.id is None:
            customer.organisation_id = actor.organisation_id
        problems = list_record_problems(customer, is_entered=is_entered)
        context = load_context(customer, actor)
        check_record(customer, problems, is_entered=is_entered)
        complete_record(customer, context)
        complete_accounts(customer)
        previous_stage = customer.stage
        credit_check_change = after_save.apply_stage(customer, context)
        is_portal_opened = portal_users.open_portal(customer, context)
        signature_outcomes = _flush_record(customer, credit_check_change, actor, agreed_replacements)
        check = after_save.request_checks(customer, credit_check_change, context, comment=comment)
        alerts.refresh_alerts(
            customer, as_of=context.today, is_blacklisted=context.is_blacklisted, is_new=context.is_new
        )
        portal_user_email = portal_users.invite_first_user(customer, context) if is_portal_opened else None
    has_moved = not context.is_new and customer.stage is not previous_stage
    return SaveOutcome(
        customer,
        customer.stage,
        previous_stage if has_moved else None,
        check,
        portal_user_email=portal_user_email,
        signature_outcomes=signature_outcomes,
    )


def check_customer(customer: Customer) -> None:
    """Raises Invalid with every problem that keeps `customer`, as it now stands, from being saved. What only the
    database knows, such as that a number is taken, is not asked.
    """
    check_record(customer, list_record_problems(customer))


def check_record(customer: Customer, problems: Problems, *, is_entered: bool = False) -> None:
    """Raises Invalid with `problems` and every other one."""
    are_profiles_entered = is_entered and _has_profiles_on_form(customer)
    problems = (
        problems
        + _list_choice_problems(customer)
        + list_manager_problems(customer, MANAGER_FIELDS)
        + list_status_problems(customer)
        + list_part_problems(customer, are_profiles_entered=are_profiles_entered)
        + list_main_account_problems(customer)
    )
    if problems:
        raise Invalid.from_problems(problems)


def _has_profiles_on_form(customer: Customer) -> bool:
    """Nobody can fill in what the form of the organisation hides."""
    return find_layout(CUSTOMER_FORM, customer.organisation_id).find_section("invoice_profiles") is not None


def _flush_record(
    customer: Customer,
    credit_check_change: CreditCheckChange | None,
    actor: Actor,
    agreed_replacements: Collection[str],
) -> tuple[str, ...]:
    """Write the record and its parts. The contracts of invoice profiles that are completed by it go live, and those
    without an NDA are sent to be signed: what became of these, in sentences.
    """
    profiles = customer.invoice_profiles if "invoice_profiles" in list_names_at_hand(customer) else []
    completed_profiles = [each for each in profiles if complete_by_file(each)]
    profile_changes = [(each, change) for each in profiles if (change := find_change(each)) is not None]
    require_agreement(
        [profile for profile, change in profile_changes if change is ProfileChange.ADDRESS], agreed_replacements
    )
    db.session.add(customer)
    _mark_changed_links(customer)
    with history.with_reason(credit_check_change.reason if credit_check_change else None):
        db.session.flush()
    for profile in completed_profiles:
        activate_contracts(profile)
    outcomes = [follow_change(profile, change, actor=actor) for profile, change in profile_changes]
    return tuple(each for each in outcomes if each)


def _mark_changed_links(customer: Customer) -> None:
    """Departments, tags and invoice types stand in tables of pairs. Whoever changes them alone changes the customer
    too: its version tells somebody who saves it at the same time.
    """
    state: Any = inspect(customer)
    names = [relation.key for relation in state.mapper.relationships if relation.secondary is not None]
    if state.persistent and any(name in state.dict and state.attrs[name].history.has_changes() for name in names):
        _ = customer.created_at  # read where it was not yet: nothing else can be marked
        flag_modified(customer, "created_at")  # which no history tells


def list_record_problems(customer: Customer, *, is_entered: bool = False) -> list[tuple[str, str]]:
    """(field, message) of what is wrong with the record itself, as it now stands; what can be tidied is."""
    return (
        _clean_fields(customer)
        + _list_number_problems(customer)
        + _list_reference_problems(customer)
        + rules.list_missing_fields(required_values_of(customer))
        + list_missing_of(CUSTOMER_FORM, customer, is_entered=is_entered)
        + list_value_problems(customer)
    )


def _clean_fields(customer: Customer) -> list[tuple[str, str]]:
    problems = []
    for field, cleaner in CLEANERS.items():
        entered_value = getattr(customer, field)
        if entered_value is None:
            continue
        try:
            cleaned_value = cleaner(entered_value)
        except Invalid as error:
            problems.append((field, error.message))
            continue
        if cleaned_value != entered_value:
            setattr(customer, field, cleaned_value)
    checks: list[Callable[[], object]] = [
        lambda: rules.check_year_end(customer.year_end_day, customer.year_end_month),
        lambda: rules.check_annual_increase(customer.annual_increase_profile, customer.annual_increase_percent),
        lambda: rules.check_review_schedule(customer.review_start_date, customer.review_frequency),
        *(partial(validation.check_date_range, getattr(customer, field), field) for field in DATE_FIELDS),
        *(
            partial(validation.check_bounds, getattr(customer, field), field, *bounds)
            for field, bounds in BOUNDS.items()
        ),
    ]
    for check in checks:
        try:
            check()
        except Invalid as error:
            problems += error.problems
    return problems


def _list_number_problems(customer: Customer) -> list[tuple[str, str]]:
    """New numbers that the rules of the customer's country do not allow."""
    problems = []
    for name, check in (
        ("vat_number", number_checks.check_vat_number),
        ("registration_number", number_checks.check_registration_number),
    ):
        if inspect(customer).attrs[name].history.has_changes():
            try:
                check(getattr(customer, name), _find_registered_country(customer))
            except Invalid as error:
                problems.append((name, error.message))
    return problems


def _list_reference_problems(customer: Customer) -> list[tuple[str, str]]:
    """Who is live went live with a billing reference, and keeps one."""
    is_taken_away = customer.billing_reference is None and "billing_reference" in history.previous_values_of(customer)
    return [("billing_reference", BILLING_REFERENCE_KEPT)] if is_taken_away and customer.stage is Stage.BILLING else []


def _find_registered_country(customer: Customer) -> str | None:
    return next((each.country for each in customer.addresses if each.kind is AddressKind.REGISTERED), None)


def required_values_of(customer: Customer) -> dict[str, object]:
    """What `rules.list_missing_fields` asks about."""
    values: dict[str, object] = {
        name: getattr(customer, name)
        for name in (
            "is_prospect",
            "name",
            "reference",
            "email",
            "region_id",
            "start_date",
            "risk",
            "identity_number",
            "registration_number",
        )
    }
    name = "contacts" if customer.is_prospect else "departments"  # of the other nothing is required
    return values | {name: getattr(customer, name)}


def _list_choice_problems(customer: Customer) -> list[tuple[str, str]]:
    """A choice from the wrong list."""
    choices: list[tuple[str, Any, str]] = [
        (field, CatalogItem, f"Choose a {catalog.value} from the list")
        for field, catalog in rules.CUSTOMER_CATALOGS.items()
    ]
    choices.append(("review_template_id", NotificationTemplate, "Choose a template for reviews from the list"))
    return _list_wrong_choices(customer, choices)


def _list_wrong_choices(customer: Customer, choices: Sequence[tuple[str, Any, str]]) -> list[tuple[str, str]]:
    """(field, message) of each of `choices`, (field, table, message), that the rule of its field does not allow."""
    return [
        (field, message)
        for field, model, message in choices
        if not is_valid_choice(CHOICE_RULES[field], model, getattr(customer, field), customer.organisation_id)
    ]


def list_manager_problems(customer: Customer, fields: Sequence[str]) -> list[tuple[str, str]]:
    """Those of the manager `fields` in which somebody stands who is not one of the staff."""
    return _list_wrong_choices(customer, [(field, User, "Choose a staff member") for field in fields])


def complete_record(customer: Customer, context: SavingContext) -> None:
    """Fill in what follows from the rest."""
    if customer.status_id is None:
        customer.status_id = require_default_status(context.status).id
    names = ("relationship_note", "annual_increase_profile")
    for name, value in rules.derive_values({name: getattr(customer, name) for name in names}).items():
        if getattr(customer, name) != value:
            setattr(customer, name, value)
    if _has_promotion_changed(customer):
        customer.promotional_set_at, customer.promotional_set_by_id = context.now, context.actor.id


def _has_promotion_changed(customer: Customer) -> bool:
    """Whether promotional emails are allowed now and were not, or the other way round."""
    changes = inspect(customer).attrs.promotional_emails.history
    previous_value = (changes.deleted or changes.unchanged or [False])[0]
    return bool(customer.promotional_emails) != bool(previous_value)
