"""Partners register customers: with little more than a name and a number, for somebody of ours to check."""

from typing import Any, Final

from customerhub.approvals import blacklist, tasks
from customerhub.customers.duplicates import find_duplicates
from customerhub.customers.records import save_record
from customerhub.errors import Invalid, NotAllowed
from customerhub.permissions import Actor, Permission, require
from models import Address, Contact, Customer
from models.enums import AddressKind, CustomerKind
from models.keys import number_key

REFUSED: Final = "We cannot take on a customer with this number. Please ask your contact with us"
SWITCHED_OFF: Final = "Your dealer code is switched off, so nothing new can be registered. Ask your contact with us"
PARTICULARS: Final = frozenset({
    "customer_type", "registration_date", "vat_number", "vat_registration_date", "email", "contact_number", "website",
})  # fmt: skip
ALIKE: Final = "There may be such a customer already. Register it only if you are sure that it is another"


def register_customer(
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
    **particulars: Any,
) -> Customer:
    """Register a prospect with the dealer code of the partner who acts; it waits for approval.

    `particulars` are further columns of the customer: email, contact_number, website, customer_type, the dates. Raises
    Invalid with the field at fault, also where the number is blacklisted or another customer has it; whose it is is not
    told.
    """
    dealer_id = require_dealer(actor)
    unknown = set(particulars) - PARTICULARS
    if unknown:
        raise Invalid(f"These are not told with a registration: {', '.join(sorted(unknown))}")
    said = tasks.tidied(comment)
    _check_numbers(kind, identity_number, registration_number, actor)
    customer = Customer(
        organisation_id=actor.organisation_id,
        dealer_id=dealer_id,
        kind=kind,
        is_prospect=True,
        name=name,
        identity_number=identity_number,
        registration_number=registration_number,
        **particulars,
    )
    customer.contacts = [
        Contact(organisation_id=actor.organisation_id, name=contact_name, email=_first(particulars.get("email")),
                phone=particulars.get("contact_number"))
    ]  # fmt: skip
    if address:
        customer.addresses = [_address(actor, lines=address, city=city, postal_code=postal_code, country=country)]
    return save_record(customer, actor=actor, comment=said)


def require_dealer(actor: Actor) -> int:
    """The dealer for whom `actor` registers. Raises NotAllowed, saying why, where they may not."""
    user = actor.user
    if user is not None and user.dealer is not None and not user.dealer.active:
        raise NotAllowed(SWITCHED_OFF)
    require(actor, Permission.CUSTOMERS_REGISTER)
    if actor.sight.dealer_id is None:
        raise NotAllowed("You have no dealer code. Ask your contact with us")
    return actor.sight.dealer_id


def _check_numbers(kind: CustomerKind, identity: str | None, registration: str | None, actor: Actor) -> None:
    """Raises Invalid where the number that tells such a customer apart is missing, or one of the two is blacklisted."""
    is_consumer = kind is CustomerKind.CONSUMER
    field = "identity_number" if is_consumer else "registration_number"
    if number_key(identity if is_consumer else registration) is None:
        raise Invalid("This is needed", field)
    day = blacklist.today(actor.organisation_id)
    if blacklist.entries_of_numbers(
        actor.organisation_id, identity_number=identity, registration_number=registration, as_of=day
    ):
        raise Invalid(REFUSED, field)


def _address(actor: Actor, **parts: str | None) -> Address:
    return Address(organisation_id=actor.organisation_id, kind=AddressKind.REGISTERED, **parts)


def _first(emails: str | None) -> str | None:
    return (emails or "").split(",")[0].strip() or None


def looks_known(values: dict[str, Any], *, actor: Actor) -> bool:
    """Whether there may be such a customer already, be it another partner's. Which one is not told."""
    require_dealer(actor)
    return bool(find_duplicates(values, organisation_id=actor.organisation_id))
