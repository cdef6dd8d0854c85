"""What the demo's people have set up for themselves: views of lists, default values, accounts, markups, tags."""

from decimal import Decimal

from sqlalchemy import select

from models import (
    Account,
    BusinessEntity,
    CallMarkup,
    CatalogItem,
    Commodity,
    Customer,
    DefaultValueSet,
    Department,
    ListPreference,
    Organisation,
    SavedView,
    Tag,
    User,
)
from models.base import OrganisationRow, db
from models.enums import CallClass, CatalogType, Role, TagColour

TAGS = (("Key account", TagColour.VIOLET), ("Trade fair", TagColour.TEAL), ("Newsletter", TagColour.GREY))
TAGGED = ((0, 2), (1,), (2,), (0, 1), (2,), (1, 2), (0,), (2,))  # which of them the first customers have


def seed_lists(organisation: Organisation) -> None:
    """Once for an organisation: later runs find a saved view."""
    people = {
        person.role: person.id
        for person in db.session.scalars(select(User).where(User.organisation_id == organisation.id))
    }
    if db.session.scalar(select(SavedView.id).where(SavedView.user_id.in_(people.values())).limit(1)):
        return
    for role, name, query, is_shared in (
        (Role.MANAGER, "High risk", "f=risk%3Ais%3AHigh&sort=start_date&desc=1", True),
        (Role.ADMIN, "Started this year", "f=start_date%3Ain%3Athis_year", False),
    ):
        db.session.add(
            SavedView(
                user_id=people[role],
                screen="customers",
                name=name,
                query=query,
                shared_with_id=organisation.id if is_shared else None,
            )
        )
    db.session.add(ListPreference(user_id=people[Role.ADMIN], screen="customers", filters=["status", "region", "risk"]))
    db.session.add(_build_default_values(organisation.id))
    _add_to_first_customer(organisation.id)
    _add_tags(organisation.id)
    db.session.flush()


def _build_default_values(organisation_id: int) -> DefaultValueSet:
    commodity_id = _first_id(Commodity, organisation_id, "Internet line")
    values = {
        "kind": "company",
        "billing_cycle": "quarterly",
        "departments": [_first_id(Department, organisation_id)],
        "billing_lines": [{"commodity_id": commodity_id, "minimum_cost": "25.00", "cost_per_unit": "39.90"}],
        "call_markups": [{"call_class": "mobile", "percent": "12"}, {"call_class": "international", "percent": "20"}],
    }
    return DefaultValueSet(organisation_id=organisation_id, name="Office with internet line", values=values)


def _add_to_first_customer(organisation_id: int) -> None:
    customer = db.session.scalars(
        select(Customer).where(Customer.organisation_id == organisation_id).order_by(Customer.id).limit(1)
    ).first()
    if customer is None:
        return
    account_type = select(CatalogItem.id).where(
        CatalogItem.organisation_id == organisation_id, CatalogItem.type == CatalogType.ACCOUNT_TYPE
    )
    owned = {"organisation_id": organisation_id, "customer_id": customer.id}
    account = Account(**owned, number="L-2001", purpose="Lease of telephone systems")
    account.type_id = db.session.scalar(account_type.order_by(CatalogItem.position).limit(1))
    account.business_entity_id = _first_id(BusinessEntity, organisation_id)
    db.session.add(account)
    for call_class, percent in ((CallClass.NATIONAL, "5"), (CallClass.MOBILE, "12.5")):
        db.session.add(CallMarkup(**owned, call_class=call_class, percent=Decimal(percent)))


def _add_tags(organisation_id: int) -> None:
    tags = [Tag(organisation_id=organisation_id, name=name, colour=colour) for name, colour in TAGS]
    db.session.add_all(tags)
    query = select(Customer).where(Customer.organisation_id == organisation_id).order_by(Customer.id)
    customers = db.session.scalars(query.limit(len(TAGGED))).all()
    for customer, numbers in zip(customers, TAGGED, strict=False):
        customer.tags = [tags[number] for number in numbers]


def _first_id(model: type[OrganisationRow], organisation_id: int, name: str | None = None) -> int | None:
    query = select(model.id).where(model.organisation_id == organisation_id).order_by(model.id).limit(1)
    return db.session.scalar(query if name is None else query.filter_by(name=name))
