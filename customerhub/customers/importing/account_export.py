"""The sheet of accounts of an export: what an import reads again without finding a change."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select

from customerhub.core.spreadsheets import Row, SheetColumn
from models import Account, BusinessEntity, CatalogItem, Customer
from models.base import db

SHEET_COLUMNS: Final = tuple(
    map(SheetColumn, ("Customer", "Account number", "Account type", "Purpose", "Business entity"))
)


def load_account_rows(customer_ids: Sequence[int]) -> Sequence[Row]:
    """The further accounts of customers, in the order of these: the customer's reference, or account number where it
    has none, and what each account has.
    """
    owner = func.coalesce(Customer.reference, Customer.account_number)
    query = (
        select(Customer.id, owner, Account.number, CatalogItem.name, Account.purpose, BusinessEntity.name)
        .join(Customer, Customer.id == Account.customer_id)
        .outerjoin(CatalogItem, CatalogItem.id == Account.type_id)
        .outerjoin(BusinessEntity, BusinessEntity.id == Account.business_entity_id)
        .where(Account.customer_id.in_(customer_ids), ~Account.is_main)
        .order_by(Account.id)
    )
    places = {key: place for place, key in enumerate(customer_ids)}
    found = sorted(db.session.execute(query), key=lambda row: places[row[0]])
    return [tuple(row[1:]) for row in found]
