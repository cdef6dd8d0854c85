"""Organisations and the people in them, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.users import passwords
from models import Customer, CustomerStatus, Dealer, Organisation, User
from models.base import db
from models.enums import Role, StatusBehaviour

PASSWORD = "plum sofa ticket nine"
_HASHES: dict[str, str] = {}
_numbers = count(1)


def system_actor(organisation: Organisation) -> Actor:
    return Actor(None, organisation.id)


def make_organisation(name: str = "Example Telecom") -> Organisation:
    organisation = Organisation(name=name)
    with history.act_as(Actor(None, 0), "test"):
        db.session.add(organisation)
        db.session.flush()
    return organisation


def make_user(
    organisation: Organisation,
    role: Role = Role.ADMIN,
    *,
    email: str | None = None,
    name: str = "Robin Sample",
    password: str | None = PASSWORD,
    platform: bool = False,
    active: bool = True,
) -> User:
    """A user with PASSWORD; a partner gets a dealer and a customer's user a customer."""
    number = next(_numbers)
    user = User(
        organisation_id=organisation.id,
        email=email or f"{role.value}{number}@hub.example",
        name=name,
        role=role,
        platform=platform,
        active=active,
        password_hash=_hash(password) if password else None,
    )
    if role is Role.PARTNER:
        user.dealer_id = make_dealer(organisation).id
    if role is Role.CUSTOMER:
        user.customer_id = make_customer(organisation).id
    with history.act_as(system_actor(organisation), "test"):
        db.session.add(user)
        db.session.flush()
    return user


def _hash(password: str) -> str:
    if password not in _HASHES:
        _HASHES[password] = passwords.hash_password(password)
    return _HASHES[password]


def make_dealer(organisation: Organisation) -> Dealer:
    with history.act_as(system_actor(organisation), "test"):
        dealer = Dealer(organisation_id=organisation.id, code=f"D{next(_numbers)}", name="Dealer")
        db.session.add(dealer)
        db.session.flush()
    return dealer


def make_customer(organisation: Organisation) -> Customer:
    number = next(_numbers)
    with history.act_as(system_actor(organisation), "test"):
        status = CustomerStatus(
            organisation_id=organisation.id, name=f"Active {number}", behaviour=StatusBehaviour.BILL
        )
        db.session.add(status)
        db.session.flush()
        customer = Customer(
            organisation_id=organisation.id,
            name=f"Customer {number}",
            account_number=str(number),
            is_prospect=True,
            registration_number=f"R{number}",
            status_id=status.id,
        )
        db.session.add(customer)
        db.session.flush()
    return customer


@contextmanager
def acting_user(user: User) -> Iterator[Actor]:
    actor = Actor.from_user(user)
    with history.act_as(actor, "screen users"):
        yield actor
