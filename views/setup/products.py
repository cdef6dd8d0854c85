"""Products: the numbers and features that are sold."""

from sqlalchemy.orm import joinedload

from customerhub.core.spreadsheets import CellKind
from models import Product, VatRate
from models.enums import Frequency, ProductKind
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.exported import Exported, Related
from views.framework.filters import Filter
from views.framework.formatting import format_amount
from views.framework.labels import member_label
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


class ProductView(SetupView):
    noun = "product"
    title = "Products"
    intro = "Numbers and features with their prices."
    empty_text = "A product has a price and a charging frequency."
    columns = (
        name_column(Product),
        Column(
            "code",
            "Code",
            lambda row: row.code,
            sort=Product.code,
            export=Exported(Product.code),
        ),
        Column(
            "kind",
            "Kind",
            lambda row: member_label(row.kind),
            sort=Product.kind,
            export=Exported(Product.kind, render=member_label),
        ),
        Column(
            "price",
            "Price",
            lambda row: format_amount(row.price),
            sort=Product.price,
            align="right",
            export=Exported(Product.price, kind=CellKind.AMOUNT),
        ),
        Column(
            "frequency",
            "Charged",
            lambda row: member_label(row.frequency),
            sort=Product.frequency,
            export=Exported(Product.frequency, render=member_label),
        ),
        Column(
            "vat_rate",
            "VAT rate",
            lambda row: row.vat_rate.name if row.vat_rate else None,
            load_options=(joinedload(Product.vat_rate),),
            export=Exported(Related(Product.vat_rate, VatRate.name)),
        ),
        active_column(Product),
    )
    filters = (
        Filter("kind", "Kind", Product.kind, "select", members=ProductKind, nullable=False),
        Filter("frequency", "Charged", Product.frequency, "select", members=Frequency, nullable=False),
        Filter("vat_rate", "VAT rate", Product.vat_rate_id, "select", source=Source(VatRate)),
        active_filter(Product),
    )
    search_columns = (Product.name, Product.code)
    search_hint = "Search by name or code"
    default_order = (Product.name_key,)
    fields = ("name", "code", "kind", "price", "frequency", "vat_rate_id", "active")
