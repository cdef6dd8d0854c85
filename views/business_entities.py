"""Business entities: the legal bodies of ours that issue invoices."""

from models import BusinessEntity
from views.columns import Column
from views.named import SetupView, active_column, active_filter


class BusinessEntityView(SetupView):
    noun = "business entity"
    title = "Business entities"
    intro = "Legal bodies of ours that issue invoices, and how their bills look."
    empty_text = "Invoices are issued in the name of a business entity."
    columns = (
        Column(
            "name",
            "Name",
            lambda row: {"text": row.name, "sub": row.registered_name},
            sort=BusinessEntity.name,
        ),
        Column("registration_number", "Registration no.", lambda row: row.registration_number),
        Column("vat_number", "VAT no.", lambda row: row.vat_number),
        Column("invoice_number_format", "Invoice numbers", lambda row: row.invoice_number_format),
        active_column(BusinessEntity),
    )
    filters = (active_filter(BusinessEntity),)
    searched = (BusinessEntity.name, BusinessEntity.registered_name)
    usual_order = (BusinessEntity.name,)
    field_args = {"brand_colour": {"description": ""}}
    fields = ("name", "registered_name", "registration_number", "vat_number", "address", "active")
    tabs = (
        ("bank", "Bank", ("bank_name", "bank_account", "bank_code")),
        ("bills", "Bills", ("brand_colour", "logo_id", "footer", "invoice_number_format")),
    )
