"""The markups per call class of customers as columns and filters of their list."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from customerhub.core.spreadsheets import CellKind
from customerhub.customers.importing.columns import MARKUP_CLASSES
from models import CallMarkup, Customer
from models.enums import CallClass
from views.cells.customers import describe_call_markups
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.filters import Filter, LinkFilter
from views.framework.formatting import format_percent


def _select_call_markup(call_class: CallClass) -> Any:
    is_of_class = (CallMarkup.customer_id == Customer.id) & (CallMarkup.call_class == call_class)
    return select(CallMarkup.percent).where(is_of_class).correlate(Customer).scalar_subquery()


def _name_markup(call_class: CallClass) -> str:
    return f"Markup {call_class.value}"


def _build_markup_reader(call_class: CallClass) -> Callable[[Customer], str]:
    """What reads the markup of one class of a customer, as it is shown; blank where there is none."""
    return lambda customer: format_percent(
        next((each.percent for each in customer.call_markups if each.call_class is call_class), None)
    )


MARKUP_COLUMNS = (
    Column(
        "call_markups",
        "Markups per call class",
        lambda row: describe_call_markups(row.call_markups),
        sort=_select_call_markup(CallClass.INBOUND),
        default_visible=False,
        load_options=(selectinload(Customer.call_markups),),
        export=Exported(
            *(_select_call_markup(each) for each in CallClass),
            render=lambda *percents: describe_call_markups(
                CallMarkup(call_class=each, percent=percent)
                for each, percent in zip(CallClass, percents, strict=True)
                if percent is not None
            ),
        ),
    ),
    # One column a class: so they can be imported again, which the column of all of them cannot.
    *(
        Column(
            name,
            _name_markup(call_class),
            _build_markup_reader(call_class),
            sort=_select_call_markup(call_class),
            align="right",
            default_visible=False,
            load_options=(selectinload(Customer.call_markups),),
            export=Exported(_select_call_markup(call_class), kind=CellKind.PERCENT),
        )
        for name, call_class in MARKUP_CLASSES.items()
    ),
)
MARKUP_FILTERS = (
    Filter(
        "call_class",
        "Markups per call class",
        CallMarkup.call_class,
        "select",
        members=CallClass,
        nullable=False,
        owner=CallMarkup.customer_id,
        model=Customer,
    ),
    *(
        LinkFilter(
            name,
            _name_markup(call_class),
            CallMarkup.percent,
            "number",
            row_key=CallMarkup.customer_id,
            condition=CallMarkup.call_class == call_class,
            model=Customer,
        )
        for name, call_class in MARKUP_CLASSES.items()
    ),
)
