"""Making and changing customers: what is completed, and everything that is refused."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from customerhub.core.errors import Conflict, HubError, Invalid, NotAllowed, NotFound
from customerhub.core.number_sequences import FIRST_NUMBER
from customerhub.core.permissions import Actor
from customerhub.customers.account_managers import assign_account_manager
from customerhub.customers.accounts import take_account_numbers
from customerhub.customers.records import save_customer
from models import (
    Account,
    Address,
    BillingLine,
    CatalogItem,
    Commodity,
    ComplianceDocument,
    Contact,
    Customer,
    CustomerStatus,
    Department,
    InvoiceProfile,
    NotificationTemplate,
    NumberSequence,
)
from models.base import db
from models.enums import AddressKind, CatalogType, ProfileStatus, Risk, Role, StatusBehaviour, TemplatePurpose
from tests.customerhub.conftest import actor_of
from tests.support import factories as make
from tests.support.pdfs import store_plain_pdf
from tests.support.two_organisations import TwoOrganisations


def get_row(model: Any, organisations: TwoOrganisations, *where: Any) -> Any:
    return db.session.scalars(select(model).where(model.organisation_id == organisations.own.id, *where)).first()


def build_customer(organisations: TwoOrganisations, **values: Any) -> Customer:
    """A customer with its full particulars that is not saved yet."""
    usual: dict[str, Any] = {
        "name": "Königlich Essen",
        "reference": "KOENE",
        "email": "office@koenig.example",
        "region_id": get_row(CatalogItem, organisations, CatalogItem.type == CatalogType.REGION).id,
        "start_date": date(2025, 1, 31),
        "risk": Risk.LOW,
        "departments": [get_row(Department, organisations)],
    }
    with db.session.no_autoflush:
        return Customer(**(usual | values))


def refused_problems(customer: Customer, actor: Actor, kind: type[HubError] = Invalid) -> dict[str | None, str]:
    """Saving is refused; every problem by its field. Nothing of it stays."""
    with pytest.raises(kind) as error_info:
        save_customer(customer, actor=actor)
    error = error_info.value
    db.session.rollback()
    return dict(error.problems) if isinstance(error, Invalid) else {error.field: error.message}


def test_a_new_customer_is_completed(organisations: TwoOrganisations, admin: Actor):
    customer = save_customer(build_customer(organisations, name="  Königlich\tEssen "), actor=admin)
    db.session.commit()
    assert customer.name == "Königlich Essen"
    assert customer.organisation_id == organisations.own.id
    assert customer.account_number == str(FIRST_NUMBER)
    assert [account.number for account in customer.accounts] == [str(FIRST_NUMBER)]
    assert customer.status.behaviour is StatusBehaviour.BILL
    assert (customer.sort_name, customer.reference_key) == ("koniglich essen", "koene")


def test_whoever_makes_a_customer_makes_it_in_their_organisation(organisations: TwoOrganisations, admin: Actor):
    stranger = build_customer(organisations, organisation_id=organisations.foreign.id)
    with pytest.raises(NotFound):
        save_customer(stranger, actor=admin)


def test_a_prospect_needs_little(organisations: TwoOrganisations, admin: Actor):
    prospect = Customer(name="Maybe", is_prospect=True, identity_number="AB 12", contacts=[Contact(name="Kim")])
    save_customer(prospect, actor=admin)
    db.session.commit()
    assert (prospect.reference, prospect.region_id, prospect.identity_key) == (None, None, "AB12")


def test_everything_missing_is_listed_at_once(organisations: TwoOrganisations, admin: Actor):
    missing = refused_problems(Customer(name=" "), admin)
    assert missing.keys() == {"name", "reference", "email", "region_id", "start_date", "risk", "departments"}


def test_a_prospect_that_becomes_a_customer_needs_the_rest(organisations: TwoOrganisations, admin: Actor):
    prospect = Customer(name="Maybe", is_prospect=True, identity_number="AB 12", contacts=[Contact(name="Kim")])
    save_customer(prospect, actor=admin)
    db.session.commit()
    prospect.is_prospect = False
    missing = refused_problems(prospect, admin)
    assert missing.keys() == {"reference", "email", "region_id", "start_date", "risk", "departments"}
    assert db.session.get_one(Customer, prospect.id).is_prospect


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x" * 201),
        ("name", "a\x00b"),
        ("reference", "x" * 41),
        ("email", "nobody"),
        ("email", "a@x.example, b"),
        ("website", "javascript:alert(1)"),
        ("contact_number", "\x1b[31m"),
        ("reviewer_email", "nobody"),
        ("start_date", date(1, 1, 1)),
        ("start_date", date(9999, 12, 31)),
        ("registration_date", date(1899, 12, 31)),
        ("billing_day", 0),
        ("billing_day", 32),
        ("number_of_users", -1),
        ("credit_limit", Decimal("-0.01")),
        ("total_spend", Decimal(-1)),
        ("low_usage_minimum", Decimal(-1)),
        ("markup", Decimal(-101)),
        ("review_frequency", 3),
        ("year_end_month", 12),
        ("relationship_note", "x" * 1001),
    ],
)
def test_a_bad_value_is_shown_at_its_field(organisations: TwoOrganisations, admin: Actor, field: str, value: Any):
    fields = {"review_frequency": "review_start_date", "year_end_month": "year_end_day"}
    assert refused_problems(build_customer(organisations, **{field: value}), admin).keys() == {fields.get(field, field)}
    assert db.session.scalar(select(Customer.id).where(Customer.reference == "KOENE")) is None


@pytest.mark.parametrize("field", ["region_id", "category_id", "segment_id", "channel_id", "subscription_type_id"])
def test_a_choice_from_the_wrong_list_is_refused(organisations: TwoOrganisations, admin: Actor, field: str):
    of_another_list = get_row(CatalogItem, organisations, CatalogItem.type == CatalogType.ALERT_TYPE).id
    of_another_organisation = organisations.foreign.row_id(CatalogItem)
    for wrong in (of_another_list, of_another_organisation, 10**9):
        assert refused_problems(build_customer(organisations, **{field: wrong}), admin).keys() == {field}


@pytest.mark.parametrize("field", ["responsible_manager_id", "service_manager_id", "account_manager_id"])
def test_a_manager_is_one_of_the_staff(organisations: TwoOrganisations, admin: Actor, field: str):
    for wrong in (
        organisations.own.users[Role.PARTNER],
        organisations.own.users[Role.CUSTOMER],
        organisations.foreign.users[Role.AGENT],
        10**9,
    ):
        assert refused_problems(build_customer(organisations, **{field: wrong}), admin).keys() == {field}


def test_a_template_is_for_its_purpose(organisations: TwoOrganisations, admin: Actor):
    welcome = make.NotificationTemplateFactory(organisation_id=organisations.own.id, purpose=TemplatePurpose.WELCOME).id
    foreign_template_id = organisations.foreign.row_id(NotificationTemplate)
    db.session.commit()
    for wrong in (welcome, foreign_template_id):
        assert refused_problems(build_customer(organisations, review_template_id=wrong), admin).keys() == {
            "review_template_id"
        }
        document = ComplianceDocument(certificate="ISO", expiry_date=date(2030, 1, 1), template_id=wrong)
        problems = refused_problems(build_customer(organisations, compliance_documents=[document]), admin)
        assert problems.keys() == {"compliance_documents.0.template_id"}


def test_a_reference_into_another_organisation_is_refused_by_the_database(
    organisations: TwoOrganisations, admin: Actor
):
    line = BillingLine(commodity_id=organisations.foreign.row_id(Commodity))
    assert refused_problems(build_customer(organisations, billing_lines=[line]), admin, HubError)
    assert refused_problems(
        build_customer(organisations, dealer_id=organisations.foreign.rows["dealer"]), admin, HubError
    )


def test_every_problem_of_every_part_is_shown_at_its_cell(organisations: TwoOrganisations, admin: Actor):
    customer = build_customer(
        organisations,
        contacts=[Contact(name="Kim"), Contact(name=" ", email="nobody", phone="\x07")],
        addresses=[
            Address(kind=AddressKind.MAILING, lines="1 Street", country="xx"),
            Address(kind=AddressKind.MAILING, lines=" "),
        ],
        billing_lines=[
            BillingLine(minimum_cost=Decimal(-1), active_from=date(2025, 2, 1), active_to=date(2025, 1, 31)),
        ],
        compliance_documents=[ComplianceDocument(certificate="", expiry_date=date(9999, 1, 1), reviewer_email="x")],
        invoice_profiles=[
            InvoiceProfile(name="Main", email="a@x.example"),
            InvoiceProfile(name=" MAIN ", email="nobody"),
        ],
    )
    assert refused_problems(customer, admin).keys() == {
        "contacts.1.name",
        "contacts.1.email",
        "contacts.1.phone",
        "addresses.0.country",
        "addresses.1.lines",
        "addresses.1.kind",
        "billing_lines.0.commodity_id",
        "billing_lines.0.minimum_cost",
        "billing_lines.0.active_to",
        "compliance_documents.0.certificate",
        "compliance_documents.0.expiry_date",
        "compliance_documents.0.reviewer_email",
        "invoice_profiles.1.email",
        "invoice_profiles.1.name",
    }


def test_parts_are_tidied(organisations: TwoOrganisations, admin: Actor):
    customer = build_customer(
        organisations,
        contacts=[Contact(name=" Kim ", email=" Kim@X.Example", phone=" ")],
        addresses=[Address(kind=AddressKind.MAILING, lines="1 Street\r\n12345 Town", country="de", city=" ")],
    )
    save_customer(customer, actor=admin)
    db.session.commit()
    contact, address = customer.contacts[0], customer.addresses[0]
    assert (contact.name, contact.email, contact.phone) == ("Kim", "Kim@x.example", None)
    assert (address.lines, address.country, address.city) == ("1 Street\n12345 Town", "DE", None)


def test_a_profile_with_a_file_is_completed(organisations: TwoOrganisations, admin: Actor):
    file = store_plain_pdf(organisations.own.id)
    profiles = [
        InvoiceProfile(name="A", email="a@x.example", nda_file_id=file.id),
        InvoiceProfile(name="B", email="b@x.example"),
    ]
    customer = save_customer(build_customer(organisations, invoice_profiles=profiles), actor=admin)
    db.session.commit()
    assert [profile.status for profile in customer.invoice_profiles] == [
        ProfileStatus.COMPLETED,
        ProfileStatus.NDA_PENDING,
    ]


def test_the_nda_of_a_completed_profile_is_replaced_but_not_removed(organisations: TwoOrganisations, admin: Actor):
    first, second = (store_plain_pdf(organisations.own.id) for _ in range(2))
    profile = InvoiceProfile(name="A", email="a@x.example", nda_file_id=first.id)
    customer = save_customer(build_customer(organisations, invoice_profiles=[profile]), actor=admin)
    db.session.commit()
    profile.nda_file_id = None
    assert refused_problems(customer, admin).keys() == {"invoice_profiles.0.nda_file_id"}
    assert (profile.nda_file_id, profile.status) == (first.id, ProfileStatus.COMPLETED)
    profile.nda_file_id = second.id
    save_customer(customer, actor=admin)
    db.session.commit()
    assert (profile.nda_file_id, profile.status) == (second.id, ProfileStatus.COMPLETED)


# --- What is unique ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "stored_value", "entered_value"),
    [
        ("reference", "ALFKI", " alfki "),
        ("identity_number", "AB-12 34", "ab1234"),
        ("registration_number", "HRB 12", "hrb.12"),
        ("vat_number", "DE 136695976", "de136695976"),
        ("account_number", "ACC-1", "ACC-1"),
    ],
)
def test_a_number_belongs_to_one_customer(
    organisations: TwoOrganisations, admin: Actor, field: str, stored_value: str, entered_value: str
):
    save_customer(
        build_customer(organisations, reference="ONE") if field != "reference" else build_customer(organisations),
        actor=admin,
    )
    first = save_customer(build_customer(organisations, **({"reference": "TWO"} | {field: stored_value})), actor=admin)
    db.session.commit()
    problem = refused_problems(
        build_customer(organisations, **({"reference": "THREE"} | {field: entered_value})), admin, Conflict
    )
    assert problem.keys() == {field}
    assert "Another" in problem[field]
    assert getattr(first, field) == stored_value
    make.CustomerFactory(
        organisation_id=organisations.foreign.id,
        region_id=organisations.foreign.row_id(CatalogItem),
        status_id=organisations.foreign.row_id(CustomerStatus),
        departments=[],
        **{field: stored_value},
    )
    db.session.commit()


def test_references_that_differ_by_a_nought_are_two(organisations: TwoOrganisations, admin: Actor):
    save_customer(build_customer(organisations, reference="7"), actor=admin)
    save_customer(build_customer(organisations, reference="007"), actor=admin)
    db.session.commit()


# --- Account numbers ---------------------------------------------------------------------------------------


def test_account_numbers_pass_over_those_typed_by_hand(organisations: TwoOrganisations, admin: Actor):
    numbered_customer = save_customer(
        build_customer(organisations, reference="A", account_number=str(FIRST_NUMBER)), actor=admin
    )
    db.session.add(
        Account(organisation_id=organisations.own.id, customer_id=numbered_customer.id, number=str(FIRST_NUMBER + 1))
    )
    db.session.flush()
    next_customer = save_customer(build_customer(organisations, reference="B"), actor=admin)
    assert (numbered_customer.account_number, next_customer.account_number) == (
        str(FIRST_NUMBER),
        str(FIRST_NUMBER + 2),
    )


def test_account_numbers_grow_longer_without_a_collision(organisations: TwoOrganisations, admin: Actor):
    db.session.add(NumberSequence(organisation_id=organisations.own.id, name="account", next_value=999_998))
    save_customer(build_customer(organisations, reference="A", account_number="999999"), actor=admin)
    save_customer(build_customer(organisations, reference="B", account_number="1000001"), actor=admin)
    assert take_account_numbers(organisations.own.id, 4) == ["999998", "1000000", "1000002", "1000003"]


def test_each_organisation_counts_for_itself(organisations: TwoOrganisations, admin: Actor):
    assert take_account_numbers(organisations.own.id, 2) == take_account_numbers(organisations.foreign.id, 2)
    assert take_account_numbers(organisations.own.id, 1) == [str(FIRST_NUMBER + 2)]


def test_another_account_number_is_also_that_of_the_first_account(organisations: TwoOrganisations, admin: Actor):
    customer = save_customer(build_customer(organisations), actor=admin)
    customer.account_number = " ACC-9 "
    save_customer(customer, actor=admin)
    db.session.commit()
    assert (customer.account_number, [a.number for a in customer.accounts]) == ("ACC-9", ["ACC-9"])


def test_an_older_account_that_moves_in_is_not_the_main_one(organisations: TwoOrganisations, admin: Actor):
    older, customer = (save_customer(build_customer(organisations, reference=name), actor=admin) for name in ("A", "B"))
    db.session.commit()
    moved = older.accounts[0]
    moved.is_main, moved.customer_id = False, customer.id
    db.session.commit()
    db.session.expire_all()
    assert [account.number for account in customer.accounts] == [moved.number, customer.account_number]
    customer.name = "Renamed"
    save_customer(customer, actor=admin)
    customer.account_number = "ACC-9"
    save_customer(customer, actor=admin)
    db.session.commit()
    assert [(account.number, account.is_main) for account in customer.accounts] == [
        (moved.number, False),
        ("ACC-9", True),
    ]


def test_an_account_number_that_is_taken_by_any_account_is_refused(organisations: TwoOrganisations, admin: Actor):
    other = save_customer(build_customer(organisations, reference="A"), actor=admin)
    db.session.add(Account(organisation_id=organisations.own.id, customer_id=other.id, number="SECOND"))
    db.session.commit()
    assert refused_problems(
        build_customer(organisations, reference="B", account_number="SECOND"), admin, Conflict
    ).keys() == {"account_number"}


# --- Who may -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_others_than_staff_save_nothing(organisations: TwoOrganisations, admin: Actor, role: Role):
    assert refused_problems(build_customer(organisations), actor_of(organisations, role), NotAllowed)


def test_an_agent_edits_but_does_not_assign(organisations: TwoOrganisations, admin: Actor):
    agent = actor_of(organisations, Role.AGENT)
    customer = save_customer(build_customer(organisations), actor=agent)
    with pytest.raises(NotAllowed):
        assign_account_manager(customer, manager=None, actor=agent)


def test_a_customer_of_another_organisation_is_not_there(organisations: TwoOrganisations, admin: Actor):
    foreign_customer = db.session.get_one(Customer, organisations.foreign.customers[0])
    foreign_customer.name = "Ours now"
    with pytest.raises(NotFound):
        save_customer(foreign_customer, actor=admin)
    with pytest.raises(NotFound):
        assign_account_manager(foreign_customer, manager=None, actor=admin)


def test_saving_over_another_change_is_a_conflict(organisations: TwoOrganisations, admin: Actor):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    db.session.connection().execute(update(Customer.__table__).values(version=7))
    customer.website = "www.example.com"
    assert "Another user" in refused_problems(customer, admin, Conflict)[None]
