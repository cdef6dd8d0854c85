"""The second sheet of the workbook: further accounts of customers, one a row."""

from typing import Final

from customerhub.core.validation import clean_text
from customerhub.core.xlsx.table import Table, TableNames
from customerhub.customers.choice_rules import CHOICE_RULES
from customerhub.customers.importing.columns import ERROR_COLUMNS, CellType, Column, ImportColumns
from customerhub.customers.importing.lookups import Lookup, load_lookup
from models import Account, BusinessEntity, CatalogItem, Customer
from models.base import column_length

ACCOUNTS_SHEET: Final = "Accounts"
OWNER_HEADER: Final = "customer"  # without this column no row of the sheet can be told from another

ACCOUNT_COLUMNS: Final = ImportColumns(
    (
        Column(
            OWNER_HEADER,
            "customer",
            "The reference of the customer, known or in the sheet “customers”; or the customer's account number",
            "ALFKI",
            cell_type=CellType.IDENTIFIER,
            clean=lambda text: clean_text(text, max_length=column_length(Customer.reference)),
            is_required=True,
            width=16,
        ),
        Column(
            "accountNumber",
            "number",
            "The number of a further account. A known number updates that account; a new one adds an account. Without "
            "one the account gets the next free number, unless the customer has one with the same content",
            "L-2041",
            cell_type=CellType.IDENTIFIER,
            clean=lambda text: clean_text(text, max_length=column_length(Account.number)),
            width=18,
        ),
        Column(
            "accountType",
            "type_id",
            "The name of an account type in your set-up",
            "Lease",
            CellType.NAME,
            history_field="type",
            is_cacheable=True,
        ),
        Column(
            "purpose",
            "purpose",
            "What the account is for",
            "Leased switchboard",
            clean=lambda text: clean_text(text, max_length=column_length(Account.purpose)),
            width=32,
        ),
        Column(
            "businessEntity",
            "business_entity_id",
            "The name of the business entity that invoices the account",
            "Example Telecom Ltd",
            CellType.NAME,
            history_field="business_entity",
            is_cacheable=True,
            width=24,
        ),
    )
)

# What an account that is known can be changed in.
ACCOUNT_FIELDS: Final = ("type_id", "purpose", "business_entity_id")


def find_accounts_sheet(table: Table) -> Table | None:
    """The sheet of accounts of the workbook that `table` is in; None where there is none. Raises UnusableFile."""
    names = TableNames(ACCOUNT_COLUMNS.headers, OWNER_HEADER, ERROR_COLUMNS, ACCOUNT_COLUMNS.other_headers)
    return table.find_sheet(ACCOUNTS_SHEET, names)


def load_account_lookups(organisation_id: int) -> dict[str, Lookup]:
    """What the columns that hold names choose from, by the field they fill."""
    of_accounts = CHOICE_RULES["type_id"].build_condition(CatalogItem)
    return {
        "type_id": load_lookup("account type", CatalogItem, organisation_id, of_accounts),
        "business_entity_id": load_lookup("business entity", BusinessEntity, organisation_id),
    }
