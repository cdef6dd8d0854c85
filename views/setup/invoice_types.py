"""Invoice types."""

from models import InvoiceType
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


class InvoiceTypeView(SetupView):
    noun = "invoice type"
    title = "Invoice types"
    intro = "Types of invoices for customers."
    empty_text = "Add types such as recurring or usage."
    columns = (name_column(InvoiceType), active_column(InvoiceType))
    filters = (active_filter(InvoiceType),)
    search_columns = (InvoiceType.name,)
    default_order = (InvoiceType.name_key,)
    fields = ("name", "active")
