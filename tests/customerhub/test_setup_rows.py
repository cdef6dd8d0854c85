"""Set-up data: what may be saved, what stays because it is in use, and who may."""

from typing import Any

import pytest
from sqlalchemy import select

from customerhub.errors import Conflict, HubError, Invalid, NotAllowed, NotFound, StillLinked, WrongState
from customerhub.permissions import Actor
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
from models.enums import CatalogType, ProductKind, Role, StatusBehaviour, TemplatePurpose, TermsKind
from tests import factories as make
from tests.customerhub.conftest import actor_in
from tests.world import World


def refused(row: Any, actor: Actor, kind: type[HubError] = Invalid, save: Any = save_row) -> HubError:
    with pytest.raises(kind) as caught:
        save(row, actor=actor)
    db.session.rollback()
    return caught.value


def fields(error: HubError) -> set[str]:
    return {field for field, _ in error.problems} if isinstance(error, Invalid) else {str(error.field)}


def ours(world: World, model: Any, *where: Any) -> Any:
    found = select(model).where(model.organisation_id == world.ours.id, *where).order_by(model.id)
    return db.session.scalars(found).first()


# --- Names -------------------------------------------------------------------------------------------------


def test_a_new_row_is_tidied_and_put_into_the_organisation_of_who_makes_it(world: World, admin: Actor):
    row = save_row(Department(name="  Key \n accounts "), actor=admin)
    db.session.commit()
    assert (row.organisation_id, row.name, row.name_key, row.active) == (
        world.ours.id,
        "Key accounts",
        "key accounts",
        True,
    )


@pytest.mark.parametrize("name", ["", "  ", None, "\u200b", "x" * 121, "a\x00b", "a\x7fb", "a\u202eb", "\ud800"])
def test_a_bad_name_is_told_at_its_field(world: World, admin: Actor, name: Any):
    row = Department(name=name) if name is not None else Department()
    assert fields(refused(row, admin)) == {"name"}


@pytest.mark.parametrize("name", ["sales", " SALES ", "Sáles", "Sales"])
def test_a_name_is_there_once_whatever_its_case_and_accents(world: World, admin: Actor, name: str):
    error = refused(Department(name=name), admin, Conflict)
    assert (error.field, error.message) == ("name", "There is already one with this name")


def test_a_code_that_is_taken_is_told_at_the_code(world: World, admin: Actor):
    dealer = ours(world, Dealer)
    assert refused(Dealer(code=dealer.code, name="Another"), admin, Conflict).field == "code"


ENTITY = {"registered_name": "A", "address": "1 Street", "brand_colour": "#112233", "invoice_number_format": "{number}"}


@pytest.mark.parametrize(
    ("model", "field", "kept", "typed", "rest"),
    [
        (Dealer, "code", "D900", " d900", {"name": "A"}),
        (Product, "code", "P-A", "p-a", {"kind": ProductKind.FEATURE}),
        (CustomerGroup, "name", "Königlich", "KONIGLICH", {}),
        (BusinessEntity, "name", "Ours Ltd", "ours  ltd", ENTITY),
    ],
)
def test_what_differs_in_case_alone_is_one(
    world: World, admin: Actor, model: Any, field: str, kept: str, typed: str, rest: dict[str, Any]
):
    save_row(model(**{"name": "One"} | rest | {field: kept}), actor=admin)
    db.session.commit()
    error = refused(model(**{"name": "Two"} | rest | {field: typed}), admin, Conflict)
    assert (error.field, error.message) == (field, f"There is already one with this {field}")
    save_row(model(**{"name": "Two"} | rest | {field: typed}), actor=Actor(None, world.theirs.id))


def test_the_same_name_in_another_list_or_organisation_is_another(world: World, admin: Actor):
    theirs = make.DepartmentFactory(organisation_id=world.theirs.id, name="Export")
    save_row(Department(name=theirs.name), actor=admin)
    save_row(CatalogItem(type=CatalogType.SEGMENT, name="Europe"), actor=admin)
    db.session.commit()


# --- What each kind of row asks ----------------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["", "red", "#12345", "#1234567", "#12345g", "１２３４５６７", "#fff;}a{", None])
def test_a_colour_is_six_digits(world: World, admin: Actor, colour: Any):
    status = CustomerStatus(name="New", behaviour=StatusBehaviour.BILL, colour=colour)
    assert fields(refused(status, admin)) == {"colour"}


@pytest.mark.parametrize(
    "number_format",
    ["", "INV", "{number", "{}", "{0}", "{number:99999999999d}", "{number:05x}", "{number}{number.__class__}",
     "{number.real}", "{number[0]}", "{number!r}", "{number} {year}", "{number:0>{number}}", "{{number}}"],
)  # fmt: skip
def test_an_invoice_number_has_its_running_number_and_nothing_else_in_braces(world, admin, number_format):
    entity = BusinessEntity(name="New", registered_name="New Ltd", address="1 Street", brand_colour="#112233",
                            invoice_number_format=number_format)  # fmt: skip
    assert fields(refused(entity, admin)) == {"invoice_number_format"}


@pytest.mark.parametrize("number_format", ["{number}", "INV-{number:05d}", "2026/{number:8d}/A"])
def test_invoice_number_formats(world: World, admin: Actor, number_format: str):
    entity = BusinessEntity(name="New", registered_name="New Ltd", address="1 Street", brand_colour="#112233",
                            invoice_number_format=number_format)  # fmt: skip
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
def test_an_unknown_placeholder_is_refused_by_name(world, admin, purpose, subject, body, field, named):
    error = refused(NotificationTemplate(name="New", purpose=purpose, subject=subject, body=body), admin)
    assert fields(error) == {field}
    assert named in error.message


def test_a_template_in_use_keeps_its_purpose(world: World, admin: Actor):
    customer = db.session.get_one(Customer, world.ours.customers[0])
    template = customer.compliance_documents[0].template
    template.purpose, template.subject, template.body = TemplatePurpose.REVIEW, "x", "x"
    assert fields(refused(template, admin)) == {"purpose"}
    assert template.purpose is TemplatePurpose.COMPLIANCE


@pytest.mark.parametrize(
    ("kind", "value", "allowed"),
    [
        (TermsKind.DAYS, 0, True), (TermsKind.DAYS, 365, True), (TermsKind.DAYS, 366, False),
        (TermsKind.DAYS, -1, False),
        (TermsKind.DAY_OF_MONTH, 31, True), (TermsKind.DAY_OF_MONTH, -1, True), (TermsKind.DAY_OF_MONTH, -28, True),
        (TermsKind.DAY_OF_MONTH, 0, False), (TermsKind.DAY_OF_MONTH, 32, False), (TermsKind.DAY_OF_MONTH, -29, False),
    ],
)  # fmt: skip
def test_payment_terms(world: World, admin: Actor, kind: TermsKind, value: int, allowed: bool):
    terms = PaymentTerms(name="New", kind=kind, value=value)
    if allowed:
        assert save_row(terms, actor=admin).id
    else:
        assert fields(refused(terms, admin)) == {"value"}


@pytest.mark.parametrize("percent", ["-0.01", "100.0001"])
def test_a_vat_rate_is_a_percentage(world: World, admin: Actor, percent: str):
    assert fields(refused(VatRate(name="New", percent=make.Decimal(percent)), admin)) == {"percent"}


@pytest.mark.parametrize(("typed", "kept"), [("+44 20", "4420"), ("0044", "44"), ("44", "44")])
def test_a_prefix_is_kept_as_digits(world: World, admin: Actor, typed: str, kept: str):
    tariff = save_row(Tariff(name="New", rates=[rate(typed)]), actor=admin)
    db.session.commit()
    assert [each.prefix for each in tariff.rates] == [kept]


def rate(prefix: str, price: int = 1) -> TariffRate:
    return TariffRate(prefix=prefix, price_per_minute=make.Decimal(price), valid_from=make.date(2025, 1, 1))


@pytest.mark.parametrize("prefix", ["", "+", "00", "4a", "４４", "-44"])
def test_what_is_no_prefix_is_refused(world: World, admin: Actor, prefix: str):
    assert fields(refused(Tariff(name="New", rates=[rate(prefix)]), admin)) == {"rates"}


def test_rates_that_cannot_be_are_refused(world: World, admin: Actor):
    assert refused(Tariff(name="New", rates=[rate("44"), rate("+44")]), admin, Conflict).field == "rates"
    assert fields(refused(Tariff(name="New", rates=[rate("44", -1)]), admin)) == {"rates"}


def test_the_parent_of_a_group_is_ones_own_customer(world: World, admin: Actor):
    group = CustomerGroup(name="New", parent_id=world.theirs.customers[0])
    assert fields(refused(group, admin)) == {"parent_id"}
    group = save_row(CustomerGroup(name="New", parent_id=world.ours.customers[0]), actor=admin)
    db.session.commit()
    assert str(group.parent) == "Our Telecom customer 0"


def test_an_entry_in_use_stays_in_its_list(world: World, admin: Actor):
    region = db.session.get_one(Customer, world.ours.customers[0]).region
    region.type = CatalogType.SEGMENT
    assert fields(refused(region, admin)) == {"type"}
    unused = make.CatalogItemFactory(organisation_id=world.ours.id)
    unused.type = CatalogType.SEGMENT
    save_row(unused, actor=admin)
    db.session.commit()


# --- The status that must remain ---------------------------------------------------------------------------


def billing_statuses(world: World) -> list[CustomerStatus]:
    found = select(CustomerStatus).where(
        CustomerStatus.organisation_id == world.ours.id, CustomerStatus.behaviour == StatusBehaviour.BILL
    )
    return list(db.session.scalars(found))


@pytest.mark.parametrize("change", [{"active": False}, {"behaviour": StatusBehaviour.NONE}])
def test_the_last_status_that_bills_stays_one(world: World, admin: Actor, change: dict[str, Any]):
    (status,) = billing_statuses(world)
    for name, value in change.items():
        setattr(status, name, value)
    assert fields(refused(status, admin)) == {"behaviour"}
    other = make.CustomerStatusFactory(organisation_id=world.ours.id)
    for name, value in change.items():
        setattr(other, name, value)
    save_row(other, actor=admin)


def test_the_last_status_that_bills_is_not_deleted(world: World, admin: Actor):
    lonely = make.OrganisationFactory()
    status = make.CustomerStatusFactory(organisation=lonely)
    with pytest.raises(WrongState, match="has to bill"):
        delete_row(status, actor=Actor(None, lonely.id))
    make.CustomerStatusFactory(organisation=lonely)
    delete_row(status, actor=Actor(None, lonely.id))
    assert db.session.get(CustomerStatus, status.id) is None


# --- Deleting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("department", "3 billing lines and 3 customers"), ("customer_status", "3 customers"),
        ("catalog_item", "3 customers"), ("commodity", "1 billing line"), ("location", "1 billing line"),
        ("billed_user", "1 billing line"), ("notification_template", "3 compliance documents"),
        ("payment_terms", "1 payment method"), ("vat_rate", "1 product"), ("invoice_type", "3 customers"),
        ("tariff", "1 customer"), ("business_entity", "1 legal entity"), ("dealer", "1 user and 3 customers"),
        ("customer_group", "1 customer"),
    ],
)  # fmt: skip
def test_a_row_in_use_is_not_deleted_and_says_by_what(world: World, admin: Actor, table: str, told: str):
    row = in_use(world, table)
    with pytest.raises(StillLinked) as caught:
        delete_row(row, actor=admin)
    advice = "" if table == "customer_group" else " Make it inactive instead."
    assert caught.value.message == f"{row} is used by {told}.{advice}"
    db.session.rollback()
    assert db.session.get(type(row), row.id) is not None


def in_use(world: World, table: str) -> Any:
    """The row of this table that our first customer, its parts or our first product names."""
    customer = db.session.get_one(Customer, world.ours.customers[0])
    line = customer.billing_lines[0]
    named = {
        "catalog_item": customer.region, "commodity": line.commodity, "location": line.location,
        "billed_user": line.billed_user, "notification_template": customer.compliance_documents[0].template,
        "tariff": customer.default_tariff, "business_entity": customer.legal_entities[0].business_entity,
        "dealer": customer.dealer, "customer_group": customer.group, "customer_status": customer.status,
        "department": customer.departments[0], "invoice_type": customer.invoice_types[0],
        "vat_rate": ours(world, make.models.Product).vat_rate,
        "payment_terms": ours(world, make.models.PaymentMethod, make.models.PaymentMethod.name == "Card").default_terms,
    }  # fmt: skip
    return named[table]


def test_an_unused_row_is_deleted_with_its_own_parts(world: World, admin: Actor):
    tariff = save_row(Tariff(name="New", rates=[rate("44")]), actor=admin)
    db.session.commit()
    delete_row(tariff, actor=admin)
    db.session.commit()
    assert db.session.get(Tariff, tariff.id) is None
    assert db.session.scalar(select(TariffRate.id).where(TariffRate.tariff_id == tariff.id)) is None


# --- Who may -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.PARTNER, Role.CUSTOMER])
def test_only_administrators_change_set_up_data(world: World, admin: Actor, role: Role):
    actor = actor_in(world, role)
    assert refused(Department(name="New"), actor, NotAllowed)
    unused = make.DepartmentFactory(organisation_id=world.ours.id)
    with pytest.raises(NotAllowed):
        delete_row(unused, actor=actor)


def test_agents_keep_groups(world: World, admin: Actor):
    group = save_row(CustomerGroup(name="New"), actor=actor_in(world, Role.AGENT))
    delete_row(group, actor=actor_in(world, Role.AGENT))
    assert refused(CustomerGroup(name="New"), actor_in(world, Role.PARTNER), NotAllowed)


def test_a_row_of_another_organisation_is_not_there(world: World, admin: Actor):
    theirs = make.DepartmentFactory(organisation_id=world.theirs.id)
    with pytest.raises(NotFound):
        delete_row(theirs, actor=admin)
    theirs.name = "Ours now"
    assert refused(theirs, admin, NotFound)
