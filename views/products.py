"""Products: the numbers and features that are sold."""

from sqlalchemy.orm import joinedload

from models import Product, VatRate
from models.enums import Frequency, ProductKind
from views.choices import Source
from views.columns import Column, Filter, amount
from views.named import SetupView, active_column, active_filter, name_column
from views.words import word


class ProductView(SetupView):
    noun = "product"
    title = "Products"
    intro = "Numbers and features, and what they cost."
    empty_text = "A product has a price and how often it is charged."
    columns = (
        name_column(Product),
        Column("code", "Code", lambda row: row.code, sort=Product.code),
        Column("kind", "Kind", lambda row: word(row.kind), sort=Product.kind),
        Column("price", "Price", lambda row: amount(row.price), sort=Product.price, align="right"),
        Column("frequency", "Charged", lambda row: word(row.frequency), sort=Product.frequency),
        Column(
            "vat_rate", "VAT rate", lambda row: row.vat_rate.name if row.vat_rate else None,
            load=(joinedload(Product.vat_rate),),
        ),
        active_column(Product),
    )  # fmt: skip
    filters = (
        Filter("kind", "Kind", Product.kind, "select", members=ProductKind, nullable=False),
        Filter("frequency", "Charged", Product.frequency, "select", members=Frequency, nullable=False),
        Filter("vat_rate", "VAT rate", Product.vat_rate_id, "select", source=Source(VatRate)),
        active_filter(Product),
    )
    searched = (Product.name, Product.code)
    search_hint = "Search by name or code"
    usual_order = (Product.name_key,)
    fields = ("name", "code", "kind", "price", "frequency", "vat_rate_id", "active")
