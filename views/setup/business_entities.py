"""Business entities: the legal bodies of ours that issue invoices."""

from models import BusinessEntity
from views.framework.columns import Column
from views.framework.exported import Exported
from views.setup.setup_view import SetupView, active_column, active_filter


class BusinessEntityView(SetupView):
    noun = "business entity"
    title = "Business entities"
    intro = "Our legal entities that issue invoices, and the layout of their invoices."
    empty_text = "Invoices are issued in the name of a business entity."
    columns = (
        Column(
            "name",
            "Name",
            lambda row: {"text": row.name, "sub": row.registered_name},
            sort=BusinessEntity.name,
            export=Exported(BusinessEntity.name),
        ),
        Column(
            "registration_number",
            "Registration no.",
            lambda row: row.registration_number,
            export=Exported(BusinessEntity.registration_number),
        ),
        Column(
            "vat_number",
            "VAT no.",
            lambda row: row.vat_number,
            export=Exported(BusinessEntity.vat_number),
        ),
        Column(
            "invoice_number_format",
            "Invoice numbers",
            lambda row: row.invoice_number_format,
            export=Exported(BusinessEntity.invoice_number_format),
        ),
        active_column(BusinessEntity),
    )
    filters = (active_filter(BusinessEntity),)
    search_columns = (BusinessEntity.name, BusinessEntity.registered_name)
    default_order = (BusinessEntity.name,)
    field_args = {"brand_colour": {"description": ""}}
    own_fields = ("name", "registered_name", "registration_number", "vat_number")
    fields = ("name", "registered_name", "registration_number", "vat_number", "address", "active")
    tabs = (
        ("bank", "Bank", ("bank_name", "bank_account", "bank_code")),
        ("bills", "Invoices", ("brand_colour", "logo_id", "footer", "invoice_number_format")),
    )
