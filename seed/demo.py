"""The demo organisation: one user a role and a few dozen customers to try everything on."""

import json
import random
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import ColumnElement, func, select

from customerhub.core import clock
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from customerhub.customers.portal_users import FIRST_PERMISSIONS
from customerhub.customers.records import save_customer
from customerhub.customers.statuses import set_status
from customerhub.users.demo_logins import LOGINS_FILE, DemoLogin
from customerhub.users.passwords import DEMO_PASSWORD, hash_password
from models import (
    Address,
    BilledUser,
    BillingLine,
    BusinessEntity,
    CatalogItem,
    Commodity,
    ComplianceDocument,
    Contact,
    Customer,
    CustomerGroup,
    CustomerStatus,
    Dealer,
    DefaultValueSet,
    Department,
    InvoiceProfile,
    Location,
    NotificationTemplate,
    Organisation,
    PaymentMethod,
    User,
)
from models.base import OrganisationRow, db
from models.enums import (
    AddressKind,
    CatalogType,
    ContactRole,
    CustomerKind,
    CustomerType,
    PortalPermission,
    ProfileStatus,
    Risk,
    Role,
    Stage,
    StatusBehaviour,
    TemplatePurpose,
)
from seed.demo_activity import seed_activity
from seed.demo_approvals import seed_approvals
from seed.demo_contracts import seed_contracts
from seed.demo_custom_fields import seed_custom_fields
from seed.demo_lists import seed_lists
from seed.demo_reviews import seed_reviews
from seed.names import CITIES, COMPANIES, PEOPLE
from seed.reference import find_organisation, seed_reference

NAME = "Demo"
# How many customers are in a status, by what it does.
DEFAULT_SHARES = {
    StatusBehaviour.BILL: 24,
    StatusBehaviour.ACCRUE: 4,
    StatusBehaviour.FINAL: 3,
    StatusBehaviour.NONE: 3,
}


WELCOME_INTERVAL = 8  # every so many customers are new to the portal: saving them sends the mail with the link


def email_of(role: Role) -> str:
    return f"{role.value}@demo.example"


def seed_demo(data_dir: Path) -> Organisation:
    """Make the demo organisation, or complete what is missing of it. The caller commits."""
    organisation = find_organisation(NAME)
    if organisation is None:
        organisation = Organisation(
            name=NAME,
            currency="EUR",
            timezone="Europe/Berlin",
            country="DE",
            sender_email="hub@demo.example",
            signatory_name="Ada Admin",
            signatory_email="admin@demo.example",
        )
        db.session.add(organisation)
        db.session.flush()
        seed_reference(organisation)
    _seed_cost_center(organisation)
    dealer = _seed_dealer(organisation)
    _seed_staff(organisation, dealer)
    if not db.session.scalar(select(func.count()).where(Customer.organisation_id == organisation.id)):
        _seed_customers(organisation, dealer)
    _seed_portal_user(organisation)
    _seed_approvals(organisation)
    seed_lists(organisation)
    seed_custom_fields(organisation.id)
    _write_logins(data_dir)
    return organisation


def _seed_cost_center(organisation: Organisation) -> None:
    if db.session.scalar(select(Commodity.id).where(Commodity.organisation_id == organisation.id).limit(1)):
        return
    key = organisation.id
    for name, unit, minimum, per_unit in (
        ("Internet line", "line", "25.00", "39.9"),
        ("Call minutes", "minute", "0", "0.0185"),
        ("Hosted seats", "seat", "0", "12.5"),
        ("Rack space", "unit", "80.00", "24"),
        ("Electricity", "kWh", "0", "0.3125"),
        ("Support hours", "hour", "0", "95"),
    ):
        db.session.add(
            Commodity(
                organisation_id=key,
                name=name,
                unit=unit,
                default_minimum_cost=Decimal(minimum),
                default_cost_per_unit=Decimal(per_unit),
            )
        )
    db.session.add_all(Location(organisation_id=key, name=name) for name in ("Head office", "Warehouse", "Data centre"))
    db.session.add_all(BilledUser(organisation_id=key, name=name) for name in ("Reception", "Sales team", "Workshop"))
    db.session.add(_build_business_entity(key))
    db.session.add(
        DefaultValueSet(
            organisation_id=key,
            name="Company, monthly",
            values={"kind": "company", "billing_cycle": "monthly", "billing_day": 1, "risk": "Low"},
        )
    )
    db.session.flush()


def _build_business_entity(organisation_id: int) -> BusinessEntity:
    return BusinessEntity(
        organisation_id=organisation_id,
        name="Demo Telecom",
        registered_name="Demo Telecom GmbH",
        registration_number="HRB 123456",
        vat_number="DE136695976",
        address="Musterstrasse 1\n10115 Berlin",
        bank_name="Musterbank",
        bank_account="DE02120300000000202051",
        bank_code="BYLADEM1001",
        footer="Demo Telecom GmbH, Berlin",
    )


def _seed_dealer(organisation: Organisation) -> Dealer:
    dealer = db.session.scalar(select(Dealer).where(Dealer.organisation_id == organisation.id, Dealer.code == "D100"))
    if dealer is None:
        dealer = Dealer(organisation_id=organisation.id, code="D100", name="Nordwind Partners")
        db.session.add(dealer)
        db.session.flush()
    return dealer


def _seed_staff(organisation: Organisation, dealer: Dealer) -> None:
    for role, name in (
        (Role.ADMIN, "Ada Admin"),
        (Role.MANAGER, "Max Manager"),
        (Role.AGENT, "Aisha Agent"),
        (Role.PARTNER, "Pablo Partner"),
    ):
        if _find_user(role) is None:
            db.session.add(
                User(
                    organisation_id=organisation.id,
                    email=email_of(role),
                    name=name,
                    role=role,
                    dealer_id=dealer.id if role is Role.PARTNER else None,
                    data_protection=role is Role.ADMIN,
                    password_hash=hash_password(DEMO_PASSWORD),
                )
            )
    db.session.flush()


def _find_user(role: Role) -> User | None:
    return db.session.scalar(select(User).where(User.email_key == email_of(role)))


def _seed_portal_user(organisation: Organisation) -> None:
    if _find_user(Role.CUSTOMER) is not None:
        return
    customer = db.session.scalar(
        select(Customer).where(Customer.organisation_id == organisation.id).order_by(Customer.id).limit(1)
    )
    if customer is None:
        return
    customer.portal_access = True
    db.session.add(
        User(
            organisation_id=organisation.id,
            email=email_of(Role.CUSTOMER),
            name="Clara Customer",
            role=Role.CUSTOMER,
            customer_id=customer.id,
            password_hash=hash_password(DEMO_PASSWORD),
            portal_permissions=[
                PortalPermission.DASHBOARD,
                PortalPermission.CONTRACTS,
                PortalPermission.DOCUMENTS,
                PortalPermission.CASES,
            ],
        )
    )
    db.session.flush()


def _seed_approvals(organisation: Organisation) -> None:
    people = {role.value: _find_user(role) for role in (Role.MANAGER, Role.AGENT, Role.PARTNER)}
    active = {name: user for name, user in people.items() if user is not None and user.active}
    if active.keys() == people.keys():
        seed_approvals(organisation.id, **active)
        seed_reviews(organisation.id, agent=active["agent"])
        seed_contracts(organisation.id, agent=active["agent"], partner=active["partner"])
        portal_user = _find_user(Role.CUSTOMER)
        if portal_user is not None and portal_user.active:
            seed_activity(organisation.id, manager=active["manager"], agent=active["agent"], portal_user=portal_user)


def _seed_customers(organisation: Organisation, dealer: Dealer) -> None:
    """Made-up companies in every stage, status and risk. The same ones each time."""
    dice = random.Random(2024)  # noqa: S311  (variety, not secrecy)
    system = Actor(None, organisation.id)
    rows = _Choices(organisation.id)
    group = CustomerGroup(organisation_id=organisation.id, name="Alpenblick Group", note="Same owner, separate bills")
    db.session.add(group)
    db.session.flush()
    password_hash = hash_password(DEMO_PASSWORD)
    for number, name in enumerate(COMPANIES):
        is_invited = number % WELCOME_INTERVAL != WELCOME_INTERVAL - 3
        status = dice.choices(rows.statuses, [DEFAULT_SHARES[status.behaviour] for status in rows.statuses])[0]
        customer = _build_customer(number, name, dice, rows)
        customer.dealer_id = dealer.id if number % 6 == 0 else None
        customer.group_id = group.id if number in (2, 3, 4) else None
        customer.portal_invited_at = clock.get_now() - timedelta(days=number + 4) if is_invited else None
        _add_parts(customer, number, dice, rows)
        save_customer(customer, actor=system)
        if is_invited:
            db.session.add(_build_portal_user(customer, number, password_hash))
        set_status(customer, status)
        if number == 2:
            group.parent_id = customer.id


def _build_customer(number: int, name: str, dice: random.Random, rows: "_Choices") -> Customer:
    today = rows.today
    slug = "".join(
        c for c in name.lower().replace("ü", "ue").replace("ö", "oe").replace("ä", "ae") if c.isascii() and c.isalnum()
    )[:20]
    return Customer(
        name=name,
        reference=f"DM-{number + 1:03d}",
        kind=CustomerKind.COMPANY,
        customer_type=dice.choice([CustomerType.PRIVATE_LIMITED, CustomerType.PUBLIC_LIMITED, CustomerType.LLP]),
        email=f"office@{slug}.example",
        contact_number=f"+49 30 {dice.randrange(1000000, 9999999)}",
        registration_number=f"HRB {200000 + number * 37}",
        registration_date=date(1987 + number, number % 12 + 1, number % 28 + 1),
        payment_method_id=rows.payment_methods[number % len(rows.payment_methods)],
        region_id=dice.choice(rows.regions),
        category_id=dice.choice(rows.categories),
        segment_id=dice.choice(rows.segments),
        start_date=today - timedelta(days=dice.randrange(5, 1500)),
        risk=dice.choices(list(Risk), (6, 3, 1))[0],
        stage=dice.choices(list(Stage), (3, 2, 1, 1, 8))[0],
        credit_limit=Decimal(dice.choice([0, 2500, 10000, 50000])) or None,
        year_end_day=31,
        year_end_month=12,
        reviewer_email="reviewer@demo.example",
        review_start_date=today - timedelta(days=dice.randrange(0, 400)),
        review_frequency=dice.choice([1, 3, 6, 12]),
        review_template_id=rows.review_template,
        account_manager_id=dice.choice(rows.staff),
        portal_access=True,
    )


def _build_portal_user(customer: Customer, number: int, password_hash: str) -> User:
    """Somebody who was invited some time ago. One of them never used the link, another is switched off."""
    invited_at = clock.get_now() - timedelta(days=number + 4)
    has_signed_in = number != 4
    return User(
        organisation_id=customer.organisation_id,
        email=customer.email or "",
        name=customer.contacts[0].name,
        role=Role.CUSTOMER,
        customer_id=customer.id,
        portal_permissions=[each.value for each in FIRST_PERMISSIONS],
        made_with_customer=True,
        active=number != 6,
        created_at=invited_at,
        password_hash=password_hash if has_signed_in else None,
        last_sign_in_at=clock.get_now() - timedelta(hours=7 * number + 3) if has_signed_in else None,
        link_until=None if has_signed_in else invited_at + timedelta(hours=72),
    )


class _Choices:
    """The ids of what a customer chooses from, and the day it is for the organisation."""

    def __init__(self, organisation_id: int) -> None:
        def ids(model: type[OrganisationRow], *where: ColumnElement[bool]) -> list[int]:
            query = select(model.id).where(model.organisation_id == organisation_id, *where)
            return list(db.session.scalars(query.order_by(model.id)))

        self.today = organisation_today(organisation_id)
        self.regions = ids(CatalogItem, CatalogItem.type == CatalogType.REGION)
        self.categories = ids(CatalogItem, CatalogItem.type == CatalogType.CATEGORY)
        self.segments = ids(CatalogItem, CatalogItem.type == CatalogType.SEGMENT)
        self.statuses = _list_statuses(organisation_id)
        self.staff = ids(User, User.role.in_([Role.MANAGER, Role.AGENT]))
        self.commodities = ids(Commodity)
        self.payment_methods = ids(PaymentMethod)
        self.locations = ids(Location)
        self.review_template = ids(NotificationTemplate, NotificationTemplate.purpose == TemplatePurpose.REVIEW)[0]
        self.compliance_template = ids(
            NotificationTemplate, NotificationTemplate.purpose == TemplatePurpose.COMPLIANCE
        )[0]
        self.departments = list(
            db.session.scalars(select(Department).where(Department.organisation_id == organisation_id))
        )


def _list_statuses(organisation_id: int) -> list[CustomerStatus]:
    query = select(CustomerStatus).where(CustomerStatus.organisation_id == organisation_id)
    return list(db.session.scalars(query.order_by(CustomerStatus.position, CustomerStatus.id)))


def _add_parts(customer: Customer, number: int, dice: random.Random, rows: _Choices) -> None:
    street, postal_code, city, country = CITIES[number % len(CITIES)]
    customer.departments = dice.sample(rows.departments, dice.choice([1, 1, 2]))
    customer.addresses = [
        Address(
            kind=AddressKind.MAILING,
            lines=f"{street} {dice.randrange(1, 120)}",
            postal_code=postal_code,
            city=city,
            country=country,
        )
    ]
    person = PEOPLE[number % len(PEOPLE)]
    customer.contacts = [Contact(name=person, role=dice.choice(list(ContactRole)), email=customer.email)]
    expires = rows.today + timedelta(days=dice.choice([-12, 5, 20, 45, 160, 300, 400]))
    if number % 2 == 0:
        customer.compliance_documents = [
            ComplianceDocument(
                certificate=dice.choice(["ISO 27001 certificate", "Trade licence", "Insurance policy"]),
                expiry_date=expires,
                reviewer_email="reviewer@demo.example",
                template_id=rows.compliance_template,
            )
        ]
    if number % 3 == 0:
        customer.billing_lines = [
            BillingLine(
                commodity_id=key,
                minimum_cost=Decimal(10),
                cost_per_unit=Decimal("1.25"),
                location_id=dice.choice(rows.locations),
                active_from=customer.start_date,
            )
            for key in dice.sample(rows.commodities, 2)
        ]
        customer.invoice_profiles = [
            InvoiceProfile(name="Main", email=customer.email or "", status=ProfileStatus.NDA_PENDING)
        ]


def _write_logins(data_dir: Path) -> None:
    """What the sign-in page and the start of the program show: one login a role."""
    logins = [asdict(DemoLogin(role.value, email_of(role), DEMO_PASSWORD)) for role in Role]
    (data_dir / LOGINS_FILE).write_text(json.dumps(logins), encoding="utf-8")
