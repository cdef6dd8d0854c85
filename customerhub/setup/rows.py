"""Saving and deleting a row of set-up data."""

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import exists, inspect, or_, select

from customerhub.cleaning import Problems, clean_row
from customerhub.customers import rules
from customerhub.database import saving
from customerhub.errors import Invalid, NotAllowed, StillLinked, WrongState, quoted
from customerhub.links import linked_rows, told
from customerhub.notifications.templates import check_template
from customerhub.permissions import Actor, Permission, require, require_own
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
    Tariff,
)
from models.base import db
from models.enums import StatusBehaviour

ONE_BILLS = "One active status has to bill: new customers start in it"
_NUMBER_FORMAT = re.compile(r"[^{}]*\{number(?::0?[1-9][0-9]?d)?\}[^{}]*")

USUAL_REMINDERS = "30, 14, 7, 1"  # days before a document expires


def save_row(row: Any, *, actor: Actor) -> Any:
    """Check one row of set-up data, put it into the actor's organisation where it is new, and flush it.

    Raises Invalid with every problem, Conflict where its name is taken or somebody saved it meanwhile.
    """
    with saving():
        require(actor, Permission.CUSTOMERS_EDIT if isinstance(row, CustomerGroup) else Permission.SETUP_EDIT)
        require_own(actor, row)
        if row.id is None:
            row.organisation_id = actor.organisation_id
        problems = clean_row(row)
        check = CHECKS.get(type(row))
        if check is not None and not problems:
            problems += check(row)
        if problems:
            raise Invalid(problems[0][1], problems[0][0], problems)
        db.session.add(row)
    return row


def delete_row(row: Any, *, actor: Actor) -> None:
    """Delete one row of set-up data. Raises StillLinked, saying what, where anything refers to it.

    Raises WrongState where it is the last status in which new customers can start.
    """
    require(actor, Permission.CUSTOMERS_EDIT if isinstance(row, CustomerGroup) else Permission.SETUP_EDIT)
    require_own(actor, row)
    links = [link for link in linked_rows(row) if link[0] not in OWN_PARTS.get(type(row), ())]
    if links:
        mend = " Make it inactive instead." if hasattr(row, "active") else ""
        raise StillLinked(f"{row} is used by {told(links)}.{mend}")
    if isinstance(row, CustomerStatus) and not _another_bills(row):
        raise WrongState(ONE_BILLS)
    with saving():
        db.session.delete(row)


def save_organisation(organisation: Organisation, *, actor: Actor) -> Organisation:
    """Check and flush an organisation: one's own with set-up rights, a new or another one with `platform`."""
    with saving():
        is_own = organisation.id is not None and organisation.id == actor.organisation_id
        require(actor, Permission.SETUP_EDIT if is_own else Permission.ORGANISATIONS)
        if is_own and not organisation.active:
            raise NotAllowed("You cannot deactivate the organisation you work in.")
        problems = clean_row(organisation) or _organisation_problems(organisation)
        if problems:
            raise Invalid(problems[0][1], problems[0][0], problems)
        db.session.add(organisation)
    return organisation


def _organisation_problems(organisation: Organisation) -> Problems:
    problems = _currency_problems(organisation)
    try:
        organisation.country = rules.clean_country(organisation.country or "") or ""
    except Invalid as error:
        problems.append(("country", error.message))
    zone = organisation.timezone or ""
    if zone not in available_timezones():
        problems.append(("timezone", f"{quoted(zone)} is not a time zone: write one such as Europe/Berlin"))
    try:
        organisation.reminder_days = clean_reminder_days(organisation.reminder_days or USUAL_REMINDERS)
    except Invalid as error:
        problems.append(("reminder_days", error.message))
    return problems


def _currency_problems(organisation: Organisation) -> Problems:
    try:
        organisation.currency = rules.clean_currency(organisation.currency or "")
    except Invalid as error:
        return [("currency", error.message)]
    if _changed(organisation, "currency") and _has_amounts(organisation.id):
        (kept,) = inspect(organisation).attrs.currency.history.deleted or ("another currency",)
        return [("currency", f"There are amounts in {kept} already, so the currency stays")]
    return []


def _has_amounts(organisation_id: int) -> bool:
    """Whether customers owe, may owe or are charged anything: nobody works it out in another currency."""
    amounts = (Customer.credit_limit, Customer.total_spend, Customer.low_usage_minimum)
    found = (
        exists().where(BillingLine.organisation_id == organisation_id),
        exists().where(Account.organisation_id == organisation_id, Account.balance != 0),
        exists().where(Customer.organisation_id == organisation_id, or_(*(each.is_not(None) for each in amounts))),
    )
    with db.session.no_autoflush:
        return bool(db.session.scalar(select(or_(*found))))


def clean_reminder_days(text: str) -> str:
    """Days before an expiry on which to remind, each once, the longest first: "30, 14, 7, 1"."""
    parts = [part.strip() for part in (text or "").replace(";", ",").split(",") if part.strip()]
    if not parts or not all(
        part.isascii() and part.isdigit() and len(part) < 4 and 1 <= int(part) <= 365 for part in parts
    ):
        raise Invalid("Write days from 1 to 365 with commas between them, such as 30, 14, 7, 1", "reminder_days")
    if len(parts) > 12:
        raise Invalid("Twelve reminders are the most", "reminder_days")
    return ", ".join(str(days) for days in sorted({int(part) for part in parts}, reverse=True))


def _colour_problem(field: str, colour: str | None) -> Problems:
    digits = (colour or "")[1:]
    if len(colour or "") == 7 and colour and colour[0] == "#" and all(c in "0123456789abcdefABCDEF" for c in digits):
        return []
    return [(field, "Write a colour such as #1a7f4b")]


def _status_problems(status: CustomerStatus) -> Problems:
    """There is always an active status that bills: new customers start in it."""
    problems = _colour_problem("colour", status.colour)
    bills = status.active and status.behaviour is StatusBehaviour.BILL
    if status.id is not None and not bills and not _another_bills(status):
        problems.append(("behaviour", ONE_BILLS))
    return problems


def _another_bills(status: CustomerStatus) -> bool:
    """Whether new customers can start in another status than this."""
    # Locked, so that two who each take away one of the last two do not both succeed.
    organisation = select(Organisation.id).where(Organisation.id == status.organisation_id)
    others = select(CustomerStatus.id).where(
        CustomerStatus.organisation_id == status.organisation_id,
        CustomerStatus.id != status.id,
        CustomerStatus.active,
        CustomerStatus.behaviour == StatusBehaviour.BILL,
    )
    with db.session.no_autoflush:
        db.session.execute(organisation.with_for_update(key_share=True))
        return db.session.scalar(others.limit(1)) is not None


def _entity_problems(entity: BusinessEntity) -> Problems:
    problems = _colour_problem("brand_colour", entity.brand_colour)
    if not _NUMBER_FORMAT.fullmatch(entity.invoice_number_format):
        problems.append(("invoice_number_format", "Write {number} or {number:05d} where the running number goes"))
    return problems


def _tariff_problems(tariff: Tariff) -> Problems:
    for rate in tariff.rates:
        rate.organisation_id = tariff.organisation_id
        rate.prefix = (rate.prefix or "").replace(" ", "").removeprefix("+").removeprefix("00")
        if not rate.prefix.isascii() or not rate.prefix.isdigit():
            return [
                (
                    "rates",
                    f"{quoted(rate.prefix)} is not a prefix: write digits with the country code, such as 4420",
                )
            ]
    return []


def _group_problems(group: CustomerGroup) -> Problems:
    if group.parent_id is None:
        return []
    parent = db.session.get(Customer, group.parent_id)
    if parent is None or parent.organisation_id != group.organisation_id:
        return [("parent_id", "Choose a customer from the list")]
    return []


def _template_problems(template: NotificationTemplate) -> Problems:
    if _changed(template, "purpose") and linked_rows(template):
        return [("purpose", "It is in use, so it stays for this purpose. Add a new template for the other")]
    try:
        check_template(template.purpose, template.subject, template.body)
    except Invalid as error:
        return error.problems or [("body", error.message)]
    return []


def _catalog_problems(item: CatalogItem) -> Problems:
    """An entry in use stays in the list it is used from."""
    if _changed(item, "type") and linked_rows(item):
        return [("type", "It is in use, so it stays in its list. Add a new entry to the other list")]
    return []


def _changed(row: Any, name: str) -> bool:
    return row.id is not None and bool(inspect(row).attrs[name].history.deleted)


CHECKS: dict[type[Any], Callable[[Any], Problems]] = {
    CustomerStatus: _status_problems,
    BusinessEntity: _entity_problems,
    Tariff: _tariff_problems,
    CustomerGroup: _group_problems,
    NotificationTemplate: _template_problems,
    CatalogItem: _catalog_problems,
}
OWN_PARTS: dict[type[Any], tuple[str, ...]] = {Tariff: ("tariff_rate",)}
