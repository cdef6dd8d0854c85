"""Payment methods."""

from sqlalchemy.orm import joinedload

from models import PaymentMethod, PaymentTerms
from views.framework.columns import Column
from views.framework.exported import Exported, Related
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


class PaymentMethodView(SetupView):
    noun = "payment method"
    title = "Payment methods"
    intro = "How customers pay. The default terms apply to customers without their own payment terms."
    empty_text = "Add payment methods such as direct debit."
    columns = (
        name_column(PaymentMethod),
        Column(
            "default_terms",
            "Default terms",
            lambda row: row.default_terms.name if row.default_terms else None,
            load_options=(joinedload(PaymentMethod.default_terms),),
            export=Exported(Related(PaymentMethod.default_terms, PaymentTerms.name)),
        ),
        active_column(PaymentMethod),
    )
    filters = (active_filter(PaymentMethod),)
    search_columns = (PaymentMethod.name,)
    default_order = (PaymentMethod.name_key,)
    fields = ("name", "default_terms_id", "active")
