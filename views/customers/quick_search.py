"""Quick search: the filters of the list of customers as one form, whose result is that list."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Flask, abort, g, redirect, render_template, request, url_for
from flask_login import login_required
from werkzeug.datastructures import MultiDict

from customerhub.core.permissions import Permission
from views.customers.columns import COLUMNS, FILTERS
from views.framework.choices import preload
from views.framework.filters import Filter, split_values
from views.framework.list_page import ListArgs, parse_list_args
from views.http.actor import current_actor

bp = Blueprint("quick_search", __name__, url_prefix="/admin/quick-search")
SEPARATOR = "~"  # between the name of a filter and its operator, in the name of a control

SECTIONS = (
    (
        "Names and numbers",
        (
            "contact_person",
            "reference",
            "account_number",
            "any_account_number",
            "contract_number",
            "registration_number",
            "vat_number",
            "contact_number",
        ),
    ),
    (
        "Customer",
        ("status", "stage", "risk", "region", "category", "kind", "group", "departments"),
    ),
    ("Account team", ("account_manager", "responsible_manager", "service_manager", "dealer")),
    (
        "Billing",
        ("billing_cycle", "payment_method", "payment_terms", "vat_rate", "invoice_types", "business_entity"),
    ),
    ("Dates", ("start_date", "expiry")),
)
# What a control of each kind asks: text whether it contains, choices whether it is any of them, days from and to.
OPERATORS = {"text": ("has",), "select": ("is",), "date": ("from", "to")}
FILTERS_BY_NAME = {each.name: each for each in FILTERS}
SEARCHED = [FILTERS_BY_NAME[name] for _, names in SECTIONS for name in names]


@dataclass(frozen=True)
class Control:
    """A control of the form: `values` are what is typed or ticked."""

    name: str
    label: str
    kind: str
    options: list[tuple[str, str]]
    values: list[str]

    @property
    def chosen_text(self) -> str:
        """The labels of what is ticked."""
        return ", ".join(label for value, label in self.options if value in self.values)


def _parse_args(parameters: MultiDict[str, str]) -> ListArgs:
    return parse_list_args(parameters, COLUMNS, FILTERS)


@bp.get("/")
@login_required
def index() -> Any:
    """The form, filled in with the search of the list that it is called from."""
    _require_staff()
    args = _parse_args(request.args)
    preload([each.source for each in SEARCHED if each.source is not None])
    values = {f"{name}{SEPARATOR}{operator}": value for name, operator, value in args.filters}
    sections = [
        (title, [control for name in names for control in _build_controls(FILTERS_BY_NAME[name], values)])
        for title, names in SECTIONS
    ]
    shown_names = {control.name for _, controls in sections for control in controls}
    g.crumbs = [("Customers", url_for("customers.index_view")), ("Quick search", None)]
    return render_template(
        "customers/quick_search.html",
        title="Quick search",
        search=args.search,
        sections=sections,
        further=[
            (":".join(condition), FILTERS_BY_NAME[condition[0]].describe(*condition[1:]))
            for condition in args.filters
            if f"{condition[0]}{SEPARATOR}{condition[1]}" not in shown_names
        ],
        hidden_fields=[pair for pair in args.form_fields() if pair[0] != "f"],
        results_url=url_for("quick_search.find"),
        empty_url=url_for("quick_search.index") if args.filters or args.search else None,
    )


def _build_controls(item: Filter, values: dict[str, str]) -> Iterator[Control]:
    operators = OPERATORS[item.kind]
    for operator in operators:
        name = f"{item.name}{SEPARATOR}{operator}"
        value = values.get(name, "")
        label = item.label if len(operators) == 1 else f"{item.label} {operator}"
        is_choice = item.kind == "select"
        options = (item.list_options() or []) if is_choice else []
        yield Control(name, label, item.kind, options, split_values(value) if is_choice else [value])


@bp.get("/find")
@login_required
def find() -> Any:
    """To the list of customers with what the form asks for."""
    _require_staff()
    args = _parse_args(request.args)
    composed = MultiDict((name, value) for name, value in request.args.items(multi=True) if name in ("f", "search"))
    for name in dict.fromkeys(request.args):
        field, separator, operator = name.partition(SEPARATOR)
        value = ",".join(text.strip() for text in request.args.getlist(name) if text.strip())
        if separator and value:
            composed.add("f", f"{field}:{operator}:{value}")
    query = replace(args, filters=_parse_args(composed).filters).query_string()
    return redirect(url_for("customers.index_view") + query.removesuffix("?"))


def _require_staff() -> None:
    if not current_actor().has_permission(Permission.CUSTOMERS_VIEW):
        abort(403)


def register(app: Flask) -> None:
    app.register_blueprint(bp)
