"""Saving and deleting a row of set-up data."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import exists, inspect, or_, select

from customerhub.core import storage, validation
from customerhub.core.database import CHECK_MESSAGES, UNIQUE_MESSAGES, save_changes
from customerhub.core.errors import (
    HubError,
    Invalid,
    NotAllowed,
    NotFound,
    StillLinked,
    WrongState,
    quote_text,
    raise_refusal,
)
from customerhub.core.many_rows import delete_rows, lock_accepted
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.picture_limits import describe_excess, find_excess
from customerhub.core.references import describe_references, list_references, list_references_by_id
from customerhub.core.row_validation import Problems, clean_row
from customerhub.mail.nda_template import list_template_problems
from customerhub.mail.templates import check_template
from models import (
    Account,
    BillingLine,
    BusinessEntity,
    CatalogItem,
    Customer,
    CustomerGroup,
    CustomerStatus,
    NotificationTemplate,
    Organisation,
    StoredFile,
    Tag,
    Tariff,
)
from models.base import db
from models.enums import StatusBehaviour

BILLING_STATUS_REQUIRED = "At least one active status must bill, as new customers start in it"
TAG_SEPARATOR_REFUSED = "A tag's name cannot contain a comma or semicolon: they separate tags in imports and exports"
_NUMBER_FORMAT = re.compile(r"[^{}]*\{number(?::0?[1-9][0-9]?d)?\}[^{}]*")

DEFAULT_REMINDER_DAYS = "30, 14, 7, 1"  # days before a document expires


def save_row(row: Any, *, actor: Actor) -> Any:
    """Check one row of set-up data, put it into the actor's organisation where it is new, and flush it.

    Raises Invalid with every problem, Conflict where its name is taken or somebody saved it meanwhile.
    """
    with save_changes():
        require_permission(
            actor, Permission.CUSTOMERS_EDIT if isinstance(row, CustomerGroup) else Permission.SETUP_EDIT
        )
        require_access(actor, row)
        if row.id is None:
            row.organisation_id = actor.organisation_id
        check_row(row)
        db.session.add(row)
    return row


def check_row(row: Any) -> None:
    """Raises Invalid with every problem that keeps `row`, as it now stands, from being saved."""
    problems = clean_row(row)
    check = CHECKS.get(type(row))
    if check is not None and not problems:
        problems += check(row)
    if problems:
        raise Invalid.from_problems(problems)


def delete_row(row: Any, *, actor: Actor) -> None:
    """Delete one row of set-up data. Raises StillLinked, saying what, where anything refers to it.

    Raises WrongState where it is the last status in which new customers can start.
    """
    raise_refusal(delete_many([row], actor=actor))


def delete_many(rows: Sequence[Any], *, actor: Actor) -> dict[int, HubError]:
    """As `delete_row`, of many rows of one table that `can_delete_together`: returns why not, by the id of each that is
    left as it is.
    """
    is_group = isinstance(rows[0], CustomerGroup)
    require_permission(actor, Permission.CUSTOMERS_EDIT if is_group else Permission.SETUP_EDIT)
    links_by_id = list_references_by_id(rows)

    def check(row: Any) -> None:
        require_access(actor, row)
        references = [link for link in links_by_id[row.id] if link[0] not in OWNED_TABLES.get(type(row), ())]
        if references:
            hint = " Make it inactive instead." if hasattr(row, "active") else ""
            raise StillLinked(f"{row} is used by {describe_references(references)}.{hint}")
        if isinstance(row, CustomerStatus) and not _has_other_billing_status(row):
            raise WrongState(BILLING_STATUS_REQUIRED)

    accepted, refusals = lock_accepted(rows, check)
    with save_changes():
        delete_rows(accepted)
    return refusals


def can_delete_together(rows: Sequence[Any]) -> bool:
    """Whether `delete_many` may delete these: which status is the last that bills depends on those deleted before."""
    return not isinstance(rows[0], CustomerStatus)


def save_organisation(organisation: Organisation, *, actor: Actor) -> Organisation:
    """Check and flush an organisation: one's own with set-up rights, a new or another one with `platform`."""
    with save_changes():
        is_own = organisation.id is not None and organisation.id == actor.organisation_id
        require_permission(actor, Permission.SETUP_EDIT if is_own else Permission.ORGANISATIONS)
        if is_own and not organisation.active:
            raise NotAllowed("You cannot deactivate the organisation you work in.")
        problems = clean_row(organisation) or _organisation_problems(organisation)
        if problems:
            raise Invalid.from_problems(problems)
        db.session.add(organisation)
    return organisation


def _organisation_problems(organisation: Organisation) -> Problems:
    problems = _currency_problems(organisation)
    problems += [("nda_template", text) for text in list_template_problems(organisation.nda_template)]
    try:
        organisation.country = validation.clean_country(organisation.country or "") or ""
    except Invalid as error:
        problems.append(("country", error.message))
    zone = organisation.timezone or ""
    if zone not in available_timezones():
        problems.append(("timezone", f"{quote_text(zone)} is not a time zone: enter one such as Europe/Berlin"))
    try:
        organisation.reminder_days = clean_reminder_days(organisation.reminder_days or DEFAULT_REMINDER_DAYS)
    except Invalid as error:
        problems.append(("reminder_days", error.message))
    return problems + [("nda_template", text) for text in list_template_problems(organisation.nda_template)]


def _currency_problems(organisation: Organisation) -> Problems:
    try:
        organisation.currency = validation.clean_currency(organisation.currency or "")
    except Invalid as error:
        return [("currency", error.message)]
    if _has_changed(organisation, "currency") and _has_amounts(organisation.id):
        (saved_currency,) = inspect(organisation).attrs.currency.history.deleted or ("another currency",)
        return [("currency", _describe_fixed_currency(saved_currency))]
    return []


def _describe_fixed_currency(currency: str) -> str:
    return f"The currency cannot be changed: there are amounts in {currency}"


def _has_amounts(organisation_id: int) -> bool:
    """Whether customers owe, may owe or are charged anything: nobody works it out in another currency."""
    amounts = (Customer.credit_limit, Customer.total_spend, Customer.low_usage_minimum)
    conditions = (
        exists().where(BillingLine.organisation_id == organisation_id),
        exists().where(Account.organisation_id == organisation_id, Account.balance != 0),
        exists().where(Customer.organisation_id == organisation_id, or_(*(each.is_not(None) for each in amounts))),
    )
    with db.session.no_autoflush:
        return bool(db.session.scalar(select(or_(*conditions))))


def clean_reminder_days(text: str) -> str:
    """Days before an expiry on which to remind, each once, the longest first: "30, 14, 7, 1"."""
    parts = [part.strip() for part in (text or "").replace(";", ",").split(",") if part.strip()]
    if not parts or not all(
        part.isascii() and part.isdigit() and len(part) < 4 and 1 <= int(part) <= 365 for part in parts
    ):
        raise Invalid("Enter days from 1 to 365, separated by commas, e.g. 30, 14, 7, 1", "reminder_days")
    if len(parts) > 12:
        raise Invalid("Enter at most 12 reminders", "reminder_days")
    return ", ".join(str(days) for days in sorted({int(part) for part in parts}, reverse=True))


def _colour_problem(field: str, colour: str | None) -> Problems:
    digits = (colour or "")[1:]
    if len(colour or "") == 7 and colour and colour[0] == "#" and all(c in "0123456789abcdefABCDEF" for c in digits):
        return []
    return [(field, "Enter a colour, e.g. #1a7f4b")]


def _status_problems(status: CustomerStatus) -> Problems:
    """There is always an active status that bills: new customers start in it."""
    problems = _colour_problem("colour", status.colour)
    is_billing = status.active and status.behaviour is StatusBehaviour.BILL
    if status.id is not None and not is_billing and not _has_other_billing_status(status):
        problems.append(("behaviour", BILLING_STATUS_REQUIRED))
    return problems


def _has_other_billing_status(status: CustomerStatus, *, is_changing: bool = True) -> bool:
    """Whether new customers can start in another status than this."""
    organisation = select(Organisation.id).where(Organisation.id == status.organisation_id)
    other_statuses = select(CustomerStatus.id).where(
        CustomerStatus.organisation_id == status.organisation_id,
        CustomerStatus.id != status.id,
        CustomerStatus.active,
        CustomerStatus.behaviour == StatusBehaviour.BILL,
    )
    with db.session.no_autoflush:
        if is_changing:  # locked, so that two who each take away one of the last two do not both succeed
            db.session.execute(organisation.with_for_update(key_share=True))
        return db.session.scalar(other_statuses.limit(1)) is not None


def _entity_problems(entity: BusinessEntity) -> Problems:
    problems = _colour_problem("brand_colour", entity.brand_colour)
    if not _NUMBER_FORMAT.fullmatch(entity.invoice_number_format):
        problems.append(("invoice_number_format", "Use {number} or {number:05d} for the sequential number"))
    return problems + _logo_problems(entity)


def _logo_problems(entity: BusinessEntity) -> Problems:
    """A new logo is small enough to be decoded, for each report and in each mail."""
    file = db.session.get(StoredFile, entity.logo_id) if entity.logo_id else None
    if file is None or not (entity.id is None or inspect(entity).attrs.logo_id.history.has_changes()):
        return []
    try:
        with storage.open_file(file) as stream:
            excess = find_excess(stream.read())
    except NotFound:
        return []
    return [("logo_id", describe_excess(excess))] if excess else []


def _tariff_problems(tariff: Tariff) -> Problems:
    problems: Problems = []
    known: set[tuple[str, date]] = set()
    for position, rate in enumerate(tariff.rates):
        rate.organisation_id = tariff.organisation_id
        rate.prefix = (rate.prefix or "").replace(" ", "").removeprefix("+").removeprefix("00")
        if not rate.prefix.isascii() or not rate.prefix.isdigit():
            text = f"{quote_text(rate.prefix)} is not a prefix: enter digits with the country code, e.g. 4420"
            problems.append((f"rates.{position}.prefix", text))
        elif (rate.prefix, rate.valid_from) in known:
            _, text = UNIQUE_MESSAGES["uq_tariff_rate_tariff_id_prefix_valid_from"]
            problems.append((f"rates.{position}.prefix", text))
        if (rate.price_per_minute or 0) < 0:
            _, text = CHECK_MESSAGES["ck_tariff_rate_price_per_minute"]
            problems.append((f"rates.{position}.price_per_minute", text))
        known.add((rate.prefix, rate.valid_from))
    return problems


def _tag_problems(tag: Tag) -> Problems:
    """Lists of tags, in imports and exports, have commas between the names. Who has one of old keeps it."""
    is_named = tag.id is None or _has_changed(tag, "name")
    return [("name", TAG_SEPARATOR_REFUSED)] if is_named and any(each in tag.name for each in ",;") else []


def _group_problems(group: CustomerGroup) -> Problems:
    if group.parent_id is None:
        return []
    parent = db.session.get(Customer, group.parent_id)
    if parent is None or parent.organisation_id != group.organisation_id:
        return [("parent_id", "Choose a customer from the list")]
    return []


def find_fixed_field(row: Any) -> tuple[str, str] | None:
    """(field, why) of what cannot be changed of `row` as it is now; None where everything can."""
    if row.id is None:
        return None
    if isinstance(row, Organisation):
        return ("currency", _describe_fixed_currency(row.currency)) if _has_amounts(row.id) else None
    if isinstance(row, CustomerStatus):
        is_billing = row.active and row.behaviour is StatusBehaviour.BILL
        is_last = is_billing and not _has_other_billing_status(row, is_changing=False)
        return ("behaviour", BILLING_STATUS_REQUIRED) if is_last else None
    return _FIXED_IN_USE.get(type(row)) if type(row) in _FIXED_IN_USE and list_references(row) else None


def _list_fixed_problems(row: Any) -> Problems:
    """What was changed that cannot be, as the row is in use."""
    field, _ = _FIXED_IN_USE[type(row)]
    fixed = find_fixed_field(row) if _has_changed(row, field) else None
    return [fixed] if fixed else []


def _template_problems(template: NotificationTemplate) -> Problems:
    problems = _list_fixed_problems(template)
    if problems:
        return problems
    try:
        check_template(template.purpose, template.subject, template.body)
    except Invalid as error:
        return error.problems or [("body", error.message)]
    return []


def _has_changed(row: Any, name: str) -> bool:
    return row.id is not None and bool(inspect(row).attrs[name].history.deleted)


CHECKS: dict[type[Any], Callable[[Any], Problems]] = {
    CustomerStatus: _status_problems,
    BusinessEntity: _entity_problems,
    Tariff: _tariff_problems,
    CustomerGroup: _group_problems,
    NotificationTemplate: _template_problems,
    CatalogItem: _list_fixed_problems,
    Tag: _tag_problems,
}
# What stays as it is while anything refers to the row: the lists that it is chosen from go by it.
_FIXED_IN_USE: dict[type[Any], tuple[str, str]] = {
    NotificationTemplate: (
        "purpose",
        "The template is in use, so its purpose cannot be changed. Add a new template instead",
    ),
    CatalogItem: ("type", "The entry is in use, so it cannot be moved. Add a new entry to the other list"),
}
OWNED_TABLES: dict[type[Any], tuple[str, ...]] = {Tariff: ("tariff_rate",)}
