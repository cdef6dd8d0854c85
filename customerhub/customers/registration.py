"""Registration of customers by partners: with little more than a name and a number, for staff to check."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from customerhub.approvals import blacklist, tasks
from customerhub.core.errors import Invalid, NotAllowed
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.custom_fields.definitions import list_definitions
from customerhub.customers.duplicates import find_duplicates
from customerhub.customers.records import save_record
from models import Address, Contact, Customer
from models.enums import AddressKind, CustomerKind
from models.keys import number_key

NUMBER_REFUSED: Final = "We cannot accept a customer with this number. Please contact us"
DEALER_INACTIVE: Final = "Your dealer code is inactive, so you cannot register anything new. Please contact us"
OPTIONAL_FIELDS: Final = frozenset(
    {
        "customer_type",
        "registration_date",
        "vat_number",
        "vat_registration_date",
        "email",
        "contact_number",
        "website",
    }
)
POSSIBLE_DUPLICATE: Final = (
    "This customer may already exist. Register it only if you are sure it is a different customer"
)


def register_customer(  # noqa: PLR0913  (the fields of the form, by keyword)
    kind: CustomerKind,
    *,
    name: str,
    contact_name: str,
    identity_number: str | None = None,
    registration_number: str | None = None,
    comment: str | None = None,
    address: str | None = None,
    city: str | None = None,
    postal_code: str | None = None,
    country: str | None = None,
    actor: Actor,
    **optional_values: Any,
) -> Customer:
    """Register a prospect with the dealer code of the partner who acts; it waits for approval.

    `optional_values` are further columns of the customer, and custom fields that are required of prospects. Raises
    Invalid with the field at fault, also where the number is blacklisted or another customer, not named, has it.
    """
    dealer_id = require_dealer(actor)
    custom_values = _take_custom_values(optional_values, actor.organisation_id)
    cleaned_comment = tasks.clean_comment(comment)
    _check_numbers(kind, identity_number, registration_number, actor)
    customer = Customer(
        organisation_id=actor.organisation_id,
        dealer_id=dealer_id,
        kind=kind,
        is_prospect=True,
        name=name,
        identity_number=identity_number,
        registration_number=registration_number,
        **optional_values,
    )
    for field, value in custom_values.items():
        setattr(customer, field, value)
    customer.contacts = [_build_contact(actor, contact_name, optional_values)]
    if address:
        customer.addresses = [_build_address(actor, lines=address, city=city, postal_code=postal_code, country=country)]
    return save_record(customer, actor=actor, comment=cleaned_comment)


def _take_custom_values(values: dict[str, Any], organisation_id: int) -> dict[str, Any]:
    """What `values` have for the custom fields that a registration asks for; it is taken out of them. Raises Invalid
    where something is left that is no column that may be set.
    """
    definitions = list_definitions(Customer.field_owner, organisation_id)
    names = [each.name for each in definitions if each.is_required(of_prospect=True)]
    custom_values = {name: values.pop(name) for name in names if name in values}
    _check_optional_fields(values)
    return custom_values


def _check_optional_fields(optional_values: Collection[str]) -> None:
    unknown = set(optional_values) - OPTIONAL_FIELDS
    if unknown:
        raise Invalid(f"Not allowed in a registration: {', '.join(sorted(unknown))}")


def _build_contact(actor: Actor, name: str, optional_values: Mapping[str, Any]) -> Contact:
    return Contact(
        organisation_id=actor.organisation_id,
        name=name,
        email=_first_email_of(optional_values.get("email")),
        phone=optional_values.get("contact_number"),
    )


def require_dealer(actor: Actor) -> int:
    """The dealer for whom `actor` registers. Raises NotAllowed, saying why, where they may not."""
    user = actor.user
    if user is not None and user.dealer is not None and not user.dealer.active:
        raise NotAllowed(DEALER_INACTIVE)
    require_permission(actor, Permission.CUSTOMERS_REGISTER)
    if actor.access_scope.dealer_id is None:
        raise NotAllowed("You have no dealer code. Please contact us")
    return actor.access_scope.dealer_id


def _check_numbers(kind: CustomerKind, identity: str | None, registration: str | None, actor: Actor) -> None:
    """Raises Invalid where the number that identifies such a customer is missing, or one of the two is blacklisted."""
    is_consumer = kind is CustomerKind.CONSUMER
    field = "identity_number" if is_consumer else "registration_number"
    if number_key(identity if is_consumer else registration) is None:
        raise Invalid("Required", field)
    day = organisation_today(actor.organisation_id)
    if blacklist.list_entries_by_numbers(
        actor.organisation_id, identity_number=identity, registration_number=registration, as_of=day
    ):
        raise Invalid(NUMBER_REFUSED, field)


def _build_address(actor: Actor, **parts: str | None) -> Address:
    return Address(organisation_id=actor.organisation_id, kind=AddressKind.REGISTERED, **parts)


def _first_email_of(emails: str | None) -> str | None:
    return (emails or "").split(",")[0].strip() or None


def has_possible_duplicate(values: dict[str, Any], *, actor: Actor) -> bool:
    """Whether there may be such a customer already, including other partners' customers."""
    require_dealer(actor)
    return bool(find_duplicates(values, organisation_id=actor.organisation_id))
