"""Invoice types."""

from models import InvoiceType
from views.named import SetupView, active_column, active_filter, name_column


class InvoiceTypeView(SetupView):
    noun = "invoice type"
    title = "Invoice types"
    intro = "The kinds of invoices that a customer may get."
    empty_text = "Add kinds such as recurring or usage."
    columns = (name_column(InvoiceType), active_column(InvoiceType))
    filters = (active_filter(InvoiceType),)
    searched = (InvoiceType.name,)
    usual_order = (InvoiceType.name_key,)
    fields = ("name", "active")
