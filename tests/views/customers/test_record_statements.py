"""How often the page of a customer asks the database, whatever hangs on the customer."""

import re

import pytest
from sqlalchemy import inspect

from models import Customer
from models.enums import AddressKind
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, change_row, get_customer, own_organisation

MOST = 12
FACTORIES = {
    "CatalogItem": make.CatalogItemFactory,
    "NotificationTemplate": make.NotificationTemplateFactory,
    "User": make.UserFactory,
    "Dealer": make.DealerFactory,
    "CustomerGroup": make.CustomerGroupFactory,
    "PaymentMethod": make.PaymentMethodFactory,
    "PaymentTerms": make.PaymentTermsFactory,
    "VatRate": make.VatRateFactory,
    "Tariff": make.TariffFactory,
    "BusinessEntity": make.BusinessEntityFactory,
}


def fill_references(organisations: TwoOrganisations, customer: Customer) -> list[str]:
    """Let the customer refer to a row of its own wherever it can; the names of all of them."""
    rows = {}
    for relation in inspect(Customer).relationships:
        factory = FACTORIES.get(relation.mapper.class_.__name__)
        if factory is not None and not relation.uselist:
            column = next(iter(relation.local_columns)).key
            rows[column] = factory(organisation=own_organisation(organisations), name=f"The {relation.key}").id
    change_row(organisations, customer, **rows)
    return [f"The {column.removesuffix('_id')}" for column in rows]


def fill_lists(organisations: TwoOrganisations, customer: Customer, count: int) -> None:
    organisation = own_organisation(organisations)
    for kind in list(AddressKind)[:count]:
        make.AddressFactory(organisation=organisation, customer_id=customer.id, kind=kind)
    for _ in range(count):
        for factory in (
            make.ContactFactory,
            make.ComplianceDocumentFactory,
            make.AccountFactory,
            make.ContractFactory,
            make.CustomerOrderFactory,
            make.BillingLineFactory,
        ):
            factory(organisation=organisation, customer_id=customer.id)
    departments = [
        make.DepartmentFactory(organisation=organisation, name=f"Area {number} of {customer.id}")
        for number in range(count)
    ]
    types = [
        make.InvoiceTypeFactory(organisation=organisation, name=f"Kind {number} of {customer.id}")
        for number in range(count)
    ]
    change_row(organisations, customer, departments=departments, invoice_types=types)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_the_overview_asks_no_more_for_a_customer_with_everything(
    organisations: TwoOrganisations, admin: Browser, count: int
) -> None:
    customer = make.CustomerFactory(organisation=own_organisation(organisations))
    names = fill_references(organisations, customer)
    fill_lists(organisations, customer, count)
    path = f"/admin/customers/details/?id={customer.id}"
    admin.get(path)
    with record_statements() as statements:
        page = admin.get(path).text
    asked = [statement for statement in statements if not statement.startswith(("BEGIN", "SAVEPOINT"))]
    assert len(asked) <= MOST, "\n\n".join(asked)
    shown = [name for name in names if name in page]
    assert len(shown) > 10
    for number in range(count):
        assert f"Area {number}" in page
        assert f"Kind {number}" in page


def test_counts_are_of_this_customer_alone(organisations: TwoOrganisations, admin: Browser) -> None:
    customer, other = (make.CustomerFactory(organisation=own_organisation(organisations)) for _ in range(2))
    change_row(organisations, customer)
    path = f"/admin/customers/details/?id={customer.id}"

    def read_page() -> str:
        return re.sub(r'value="[^"]*"', "", admin.get(path).text)  # tokens of forms are new each time

    before = read_page()
    fill_lists(organisations, other, 3)
    assert read_page() == before
    fill_lists(organisations, customer, 3)
    assert read_page() != before


def test_delete_is_offered_and_its_page_tells_what_is_linked(organisations: TwoOrganisations, admin: Browser) -> None:
    customer = get_customer(organisations)
    make.ContractFactory(organisation=own_organisation(organisations), customer_id=customer.id)
    change_row(organisations, customer)
    address = f"/admin/customers/operation/delete/?id={customer.id}"
    assert address in admin.get(f"/admin/customers/details/?id={customer.id}").text
    page = admin.get(address).text
    assert f"{customer.name} still has" in page
    assert "contract" in page
