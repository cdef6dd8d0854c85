"""Set-up data: what may be saved, what stays because it is in use, and who may."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

import models
from customerhub.core.errors import Conflict, HubError, Invalid, NotAllowed, NotFound, StillLinked, WrongState
from customerhub.core.permissions import Actor
from customerhub.setup.rows import delete_row, save_row
from models import (
    BusinessEntity,
    CatalogItem,
    Customer,
    CustomerGroup,
    CustomerStatus,
    Dealer,
    Department,
    NotificationTemplate,
    PaymentTerms,
    Product,
    Tariff,
    TariffRate,
    VatRate,
)
from models.base import db
from models.enums import CatalogType, ProductKind, Role, StatusBehaviour, TemplatePurpose
from tests.customerhub.conftest import actor_of
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations


def refused_error(row: Any, actor: Actor, kind: type[HubError] = Invalid, save: Any = save_row) -> HubError:
    with pytest.raises(kind) as error_info:
        save(row, actor=actor)
    db.session.rollback()
    return error_info.value


def problem_fields(error: HubError) -> set[str]:
    return {field for field, _ in error.problems} if isinstance(error, Invalid) else {str(error.field)}


def get_own_row(organisations: TwoOrganisations, model: Any, *where: Any) -> Any:
    found = select(model).where(model.organisation_id == organisations.own.id, *where).order_by(model.id)
    return db.session.scalars(found).first()


# --- Names -------------------------------------------------------------------------------------------------


def test_a_new_row_is_tidied_and_put_into_the_organisation_of_who_makes_it(
    organisations: TwoOrganisations, admin: Actor
):
    row = save_row(Department(name="  Key \n accounts "), actor=admin)
    db.session.commit()
    assert (row.organisation_id, row.name, row.name_key, row.active) == (
        organisations.own.id,
        "Key accounts",
        "key accounts",
        True,
    )


@pytest.mark.parametrize("name", ["", "  ", None, "\u200b", "x" * 121, "a\x00b", "a\x7fb", "a\u202eb", "\ud800"])
def test_a_bad_name_is_shown_at_its_field(organisations: TwoOrganisations, admin: Actor, name: Any):
    row = Department(name=name) if name is not None else Department()
    assert problem_fields(refused_error(row, admin)) == {"name"}


@pytest.mark.parametrize("name", ["sales", " SALES ", "Sáles", "Sales"])
def test_a_name_is_there_once_whatever_its_case_and_accents(organisations: TwoOrganisations, admin: Actor, name: str):
    error = refused_error(Department(name=name), admin, Conflict)
    assert (error.field, error.message) == ("name", "This name is already in use")


def test_a_taken_code_is_shown_at_the_code(organisations: TwoOrganisations, admin: Actor):
    dealer = get_own_row(organisations, Dealer)
    assert refused_error(Dealer(code=dealer.code, name="Another"), admin, Conflict).field == "code"


ENTITY = {"registered_name": "A", "address": "1 Street", "brand_colour": "#112233", "invoice_number_format": "{number}"}


@pytest.mark.parametrize(
    ("model", "field", "stored_value", "entered_value", "rest"),
    [
        (Dealer, "code", "D900", " d900", {"name": "A"}),
        (Product, "code", "P-A", "p-a", {"kind": ProductKind.FEATURE}),
        (CustomerGroup, "name", "Königlich", "KONIGLICH", {}),
        (BusinessEntity, "name", "Ours Ltd", "ours  ltd", ENTITY),
    ],
)
def test_what_differs_in_case_alone_is_one(
    organisations: TwoOrganisations,
    admin: Actor,
    model: Any,
    field: str,
    stored_value: str,
    entered_value: str,
    rest: dict[str, Any],
):
    save_row(model(**{"name": "One"} | rest | {field: stored_value}), actor=admin)
    db.session.commit()
    error = refused_error(model(**{"name": "Two"} | rest | {field: entered_value}), admin, Conflict)
    assert (error.field, error.message) == (field, f"This {field} is already in use")
    save_row(model(**{"name": "Two"} | rest | {field: entered_value}), actor=Actor(None, organisations.foreign.id))


def test_the_same_name_in_another_list_or_organisation_is_another(organisations: TwoOrganisations, admin: Actor):
    foreign_department = make.DepartmentFactory(organisation_id=organisations.foreign.id, name="Export")
    save_row(Department(name=foreign_department.name), actor=admin)
    save_row(CatalogItem(type=CatalogType.SEGMENT, name="Europe"), actor=admin)
    db.session.commit()


# --- What each kind of row asks ----------------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["", "red", "#12345", "#1234567", "#12345g", "１２３４５６７", "#fff;}a{", None])
def test_a_colour_is_six_digits(organisations: TwoOrganisations, admin: Actor, colour: Any):
    status = CustomerStatus(name="New", behaviour=StatusBehaviour.BILL, colour=colour)
    assert problem_fields(refused_error(status, admin)) == {"colour"}


@pytest.mark.parametrize(
    "number_format",
    [
        "",
        "INV",
        "{number",
        "{}",
        "{0}",
        "{number:99999999999d}",
        "{number:05x}",
        "{number}{number.__class__}",
        "{number.real}",
        "{number[0]}",
        "{number!r}",
        "{number} {year}",
        "{number:0>{number}}",
        "{{number}}",
    ],
)
def test_an_invoice_number_has_its_running_number_and_nothing_else_in_braces(organisations, admin, number_format):
    entity = BusinessEntity(
        name="New",
        registered_name="New Ltd",
        address="1 Street",
        brand_colour="#112233",
        invoice_number_format=number_format,
    )
    assert problem_fields(refused_error(entity, admin)) == {"invoice_number_format"}


@pytest.mark.parametrize("number_format", ["{number}", "INV-{number:05d}", "2026/{number:8d}/A"])
def test_invoice_number_formats(organisations: TwoOrganisations, admin: Actor, number_format: str):
    entity = BusinessEntity(
        name="New",
        registered_name="New Ltd",
        address="1 Street",
        brand_colour="#112233",
        invoice_number_format=number_format,
    )
    assert save_row(entity, actor=admin).invoice_number_format.format(number=7)


@pytest.mark.parametrize(
    ("purpose", "subject", "body", "field", "named"),
    [
        (TemplatePurpose.REVIEW, "{{customer}}", "{{nobody}}", "body", "{{nobody}}"),
        (TemplatePurpose.REVIEW, "{{expiry_date}}", "x", "subject", "{{expiry_date}}"),
        (TemplatePurpose.REVIEW, "x", "{{customer.name}}", "body", "{{customer.name}}"),
        (TemplatePurpose.REVIEW, "x", "{{customer", "body", "two braces"),
        (TemplatePurpose.COMPLIANCE, "x", "{% for a in b %}", "body", "only placeholders"),
    ],
)
def test_an_unknown_placeholder_is_refused_by_name(organisations, admin, purpose, subject, body, field, named):
    error = refused_error(NotificationTemplate(name="New", purpose=purpose, subject=subject, body=body), admin)
    assert problem_fields(error) == {field}
    assert named in error.message


def test_a_template_in_use_keeps_its_purpose(organisations: TwoOrganisations, admin: Actor):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    template = customer.compliance_documents[0].template
    template.purpose, template.subject, template.body = TemplatePurpose.REVIEW, "x", "x"
    assert problem_fields(refused_error(template, admin)) == {"purpose"}
    assert template.purpose is TemplatePurpose.COMPLIANCE


@pytest.mark.parametrize(
    ("days", "fixed_day", "wrong_fields"),
    [
        (0, None, set()),
        (365, None, set()),
        (366, None, {"days"}),
        (-1, None, {"days"}),
        (0, 31, set()),
        (60, -1, set()),
        (0, -28, set()),
        (0, 0, {"fixed_day"}),
        (0, 32, {"fixed_day"}),
        (0, -29, {"fixed_day"}),
    ],
)
def test_payment_terms(
    organisations: TwoOrganisations, admin: Actor, days: int, fixed_day: int | None, wrong_fields: set[str]
):
    terms = PaymentTerms(name="New", days=days, fixed_day=fixed_day)
    if wrong_fields:
        assert problem_fields(refused_error(terms, admin)) == wrong_fields
    else:
        assert save_row(terms, actor=admin).id


@pytest.mark.parametrize("percent", ["-0.01", "100.0001"])
def test_a_vat_rate_is_a_percentage(organisations: TwoOrganisations, admin: Actor, percent: str):
    assert problem_fields(refused_error(VatRate(name="New", percent=Decimal(percent)), admin)) == {"percent"}


@pytest.mark.parametrize(("entered_prefix", "stored_prefix"), [("+44 20", "4420"), ("0044", "44"), ("44", "44")])
def test_a_prefix_is_kept_as_digits(
    organisations: TwoOrganisations, admin: Actor, entered_prefix: str, stored_prefix: str
):
    tariff = save_row(Tariff(name="New", rates=[build_rate(entered_prefix)]), actor=admin)
    db.session.commit()
    assert [each.prefix for each in tariff.rates] == [stored_prefix]


def build_rate(prefix: str, price: int = 1) -> TariffRate:
    return TariffRate(prefix=prefix, price_per_minute=Decimal(price), valid_from=date(2025, 1, 1))


@pytest.mark.parametrize("prefix", ["", "+", "00", "4a", "４４", "-44"])
def test_what_is_no_prefix_is_refused(organisations: TwoOrganisations, admin: Actor, prefix: str):
    assert problem_fields(refused_error(Tariff(name="New", rates=[build_rate(prefix)]), admin)) == {"rates.0.prefix"}


def test_rates_that_cannot_be_are_refused(organisations: TwoOrganisations, admin: Actor):
    rates = [build_rate("44"), build_rate("+44"), build_rate("45", -1)]
    assert problem_fields(refused_error(Tariff(name="New", rates=rates), admin)) == {
        "rates.1.prefix",
        "rates.2.price_per_minute",
    }


def test_the_parent_of_a_group_is_ones_own_customer(organisations: TwoOrganisations, admin: Actor):
    group = CustomerGroup(name="New", parent_id=organisations.foreign.customers[0])
    assert problem_fields(refused_error(group, admin)) == {"parent_id"}
    group = save_row(CustomerGroup(name="New", parent_id=organisations.own.customers[0]), actor=admin)
    db.session.commit()
    assert str(group.parent) == "Our Telecom customer 0"


def test_an_entry_in_use_stays_in_its_list(organisations: TwoOrganisations, admin: Actor):
    region = db.session.get_one(Customer, organisations.own.customers[0]).region
    region.type = CatalogType.SEGMENT
    assert problem_fields(refused_error(region, admin)) == {"type"}
    unused = make.CatalogItemFactory(organisation_id=organisations.own.id)
    unused.type = CatalogType.SEGMENT
    save_row(unused, actor=admin)
    db.session.commit()


# --- The status that must remain ---------------------------------------------------------------------------


def list_billing_statuses(organisations: TwoOrganisations) -> list[CustomerStatus]:
    found = select(CustomerStatus).where(
        CustomerStatus.organisation_id == organisations.own.id, CustomerStatus.behaviour == StatusBehaviour.BILL
    )
    return list(db.session.scalars(found))


@pytest.mark.parametrize("change", [{"active": False}, {"behaviour": StatusBehaviour.NONE}])
def test_the_last_status_that_bills_stays_one(organisations: TwoOrganisations, admin: Actor, change: dict[str, Any]):
    (status,) = list_billing_statuses(organisations)
    for name, value in change.items():
        setattr(status, name, value)
    assert problem_fields(refused_error(status, admin)) == {"behaviour"}
    other = make.CustomerStatusFactory(organisation_id=organisations.own.id)
    for name, value in change.items():
        setattr(other, name, value)
    save_row(other, actor=admin)


def test_the_last_status_that_bills_is_not_deleted(organisations: TwoOrganisations, admin: Actor):
    lonely = make.OrganisationFactory()
    status = make.CustomerStatusFactory(organisation=lonely)
    with pytest.raises(WrongState, match="must bill"):
        delete_row(status, actor=Actor(None, lonely.id))
    make.CustomerStatusFactory(organisation=lonely)
    delete_row(status, actor=Actor(None, lonely.id))
    assert db.session.get(CustomerStatus, status.id) is None


# --- Deleting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "references"),
    [
        ("department", "3 billing lines and 3 customers"),
        ("customer_status", "3 customers"),
        ("catalog_item", "3 customers"),
        ("commodity", "1 billing line"),
        ("location", "1 billing line"),
        ("billed_user", "1 billing line"),
        ("notification_template", "3 compliance documents"),
        ("payment_terms", "1 payment method"),
        ("vat_rate", "1 product"),
        ("invoice_type", "3 customers"),
        ("tariff", "1 customer"),
        ("business_entity", "1 legal entity"),
        ("dealer", "1 user and 3 customers"),
        ("customer_group", "1 customer"),
    ],
)
def test_a_row_in_use_is_not_deleted_and_says_by_what(
    organisations: TwoOrganisations, admin: Actor, table: str, references: str
):
    row = row_in_use(organisations, table)
    with pytest.raises(StillLinked) as error_info:
        delete_row(row, actor=admin)
    advice = "" if table == "customer_group" else " Make it inactive instead."
    assert error_info.value.message == f"{row} is used by {references}.{advice}"
    db.session.rollback()
    assert db.session.get(type(row), row.id) is not None


def row_in_use(organisations: TwoOrganisations, table: str) -> Any:
    """The row of this table that our first customer, its parts or our first product names."""
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    line = customer.billing_lines[0]
    named = {
        "catalog_item": customer.region,
        "commodity": line.commodity,
        "location": line.location,
        "billed_user": line.billed_user,
        "notification_template": customer.compliance_documents[0].template,
        "tariff": customer.default_tariff,
        "business_entity": customer.legal_entities[0].business_entity,
        "dealer": customer.dealer,
        "customer_group": customer.group,
        "customer_status": customer.status,
        "department": customer.departments[0],
        "invoice_type": customer.invoice_types[0],
        "vat_rate": get_own_row(organisations, models.Product).vat_rate,
        "payment_terms": get_own_row(
            organisations, models.PaymentMethod, models.PaymentMethod.name == "Card"
        ).default_terms,
    }
    return named[table]


def test_an_unused_row_is_deleted_with_its_own_parts(organisations: TwoOrganisations, admin: Actor):
    tariff = save_row(Tariff(name="New", rates=[build_rate("44")]), actor=admin)
    db.session.commit()
    delete_row(tariff, actor=admin)
    db.session.commit()
    assert db.session.get(Tariff, tariff.id) is None
    assert db.session.scalar(select(TariffRate.id).where(TariffRate.tariff_id == tariff.id)) is None


# --- Who may -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.PARTNER, Role.CUSTOMER])
def test_only_administrators_change_set_up_data(organisations: TwoOrganisations, admin: Actor, role: Role):
    actor = actor_of(organisations, role)
    assert refused_error(Department(name="New"), actor, NotAllowed)
    unused = make.DepartmentFactory(organisation_id=organisations.own.id)
    with pytest.raises(NotAllowed):
        delete_row(unused, actor=actor)


def test_agents_keep_groups(organisations: TwoOrganisations, admin: Actor):
    group = save_row(CustomerGroup(name="New"), actor=actor_of(organisations, Role.AGENT))
    delete_row(group, actor=actor_of(organisations, Role.AGENT))
    assert refused_error(CustomerGroup(name="New"), actor_of(organisations, Role.PARTNER), NotAllowed)


def test_a_row_of_another_organisation_is_not_there(organisations: TwoOrganisations, admin: Actor):
    foreign_department = make.DepartmentFactory(organisation_id=organisations.foreign.id)
    with pytest.raises(NotFound):
        delete_row(foreign_department, actor=admin)
    foreign_department.name = "Ours now"
    assert refused_error(foreign_department, admin, NotFound)
