"""Payment methods."""

from sqlalchemy.orm import joinedload

from models import PaymentMethod
from views.columns import Column
from views.named import SetupView, active_column, active_filter, name_column


class PaymentMethodView(SetupView):
    noun = "payment method"
    title = "Payment methods"
    intro = "How customers pay. Its terms hold for customers that have none of their own."
    empty_text = "Add the ways in which customers pay, such as direct debit."
    columns = (
        name_column(PaymentMethod),
        Column(
            "default_terms", "Default terms", lambda row: row.default_terms.name if row.default_terms else None,
            load=(joinedload(PaymentMethod.default_terms),),
        ),
        active_column(PaymentMethod),
    )  # fmt: skip
    filters = (active_filter(PaymentMethod),)
    searched = (PaymentMethod.name,)
    usual_order = (PaymentMethod.name_key,)
    fields = ("name", "default_terms_id", "active")
