"""The start page of staff, and the choice of the organisation to work in."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, Flask, abort, flash, g, redirect, request, session, url_for
from flask_login import current_user, login_required
from markupsafe import Markup
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from customerhub.core.dates import add_months
from customerhub.core.permissions import Actor, Permission, select_visible
from customerhub.customers.alerts import EXPIRES_SOON_DAYS
from customerhub.reports.charts import BarChart, draw_chart
from models import (
    BusinessEntity,
    CatalogItem,
    ComplianceDocument,
    Customer,
    Department,
    NotificationTemplate,
    Organisation,
    PaymentTerms,
)
from models.base import db
from models.enums import CatalogType, Risk, Stage
from views.cells.customers import customer_link
from views.framework.chips import risk_chip, stage_chip
from views.framework.formatting import format_date, get_today
from views.framework.layout import home_url
from views.framework.list_page import COUNT_LIMIT
from views.http.actor import current_actor
from views.http.urls import parse_id
from views.system.work import EMPTY, list_start_work

bp = Blueprint("home", __name__)
MAX_RECENT = 8
SUMMARY_CHART_SIZE = (340, 140)
P = Permission


@bp.get("/")
def start() -> Any:
    """The start page of the user's role."""
    return redirect(home_url() if current_user.is_authenticated else url_for("sign_in.sign_in"))


@bp.get("/admin/")
@login_required
def home() -> Any:
    from flask import render_template

    if not current_actor().has_permission(P.STAFF_HOME):
        abort(403)
    g.crumbs = [("Start", None)]
    page = {
        "title": f"Good day, {current_user.name.split()[0]}",
        "subtitle": format_date(get_today()),
        "work": list_start_work(current_actor()),
        "empty": EMPTY,
        "tiles": _tiles(),
        "tables": [_recent_customers_table()],
        "summary": _new_customers_chart(),
        "setup": _setup_checklist(),
        "actions": [
            {
                "label": "Add customer",
                "url": url_for("customers.create_view"),
                "icon": "plus",
                "primary": True,
                "key": "new",
            }
        ]
        if current_actor().has_permission(P.CUSTOMERS_EDIT)
        else [],
    }
    return render_template("system/home.html", page=page)


def _format_count(query: Select[Any]) -> str:
    """How many rows `query` has, counted up to a bound."""
    count = db.session.scalar(select(func.count()).select_from(query.limit(COUNT_LIMIT + 1).subquery())) or 0
    return f"{COUNT_LIMIT:,}+" if count > COUNT_LIMIT else f"{count:,}"


def _tiles() -> list[dict[str, Any]]:
    actor = current_actor()
    customers = select_visible(Customer, actor).with_only_columns(Customer.id)
    soon = get_today() + timedelta(days=EXPIRES_SOON_DAYS)
    expiring_customer_ids = select(ComplianceDocument.customer_id).where(ComplianceDocument.expiry_date <= soon)
    list_url = url_for("customers.index_view")
    return [
        {"label": "Customers", "count": _format_count(customers), "url": list_url, "icon": "customers"},
        {
            "label": "Awaiting credit check",
            "count": _format_count(customers.where(Customer.stage == Stage.NEW)),
            "url": f"{list_url}?f=stage:is:{Stage.NEW.value}",
            "icon": "flag",
        },
        {
            "label": "High risk",
            "count": _format_count(customers.where(Customer.risk == Risk.HIGH)),
            "url": f"{list_url}?f=risk:is:{Risk.HIGH.value}",
            "icon": "warning",
            "tone": "red",
        },
        {
            "label": f"Documents expiring in {EXPIRES_SOON_DAYS} days",
            "url": f"{list_url}?f=expiry:to:{soon}",
            "icon": "clock",
            "tone": "amber",
            "count": _format_count(customers.where(Customer.id.in_(expiring_customer_ids))),
        },
    ]


def _recent_customers_table() -> dict[str, Any]:
    rows = db.session.scalars(
        select_visible(Customer, current_actor())
        .options(joinedload(Customer.status))
        .order_by(Customer.id.desc())
        .limit(MAX_RECENT)
    ).all()
    return {
        "title": "Latest customers",
        "columns": [{"label": label} for label in ("Name", "Reference", "Risk", "Stage")],
        "rows": [[customer_link(row), row.reference, risk_chip(row.risk), stage_chip(row.stage)] for row in rows],
        "more_url": url_for("customers.index_view"),
        "empty": {
            "title": "No customers yet",
            "text": "Add your first customer or import a spreadsheet.",
            "action": {"label": "Add customer", "url": url_for("customers.create_view")},
        },
    }


def _new_customers_chart() -> list[dict[str, Any]]:
    """New customers by the month of their start, over the last twelve months."""
    first = add_months(get_today().replace(day=1), -11)
    month = func.extract("month", Customer.start_date)
    counts = dict(
        db.session.execute(
            select_visible(Customer, current_actor())
            .with_only_columns(month, func.count())
            .where(Customer.start_date >= first, Customer.start_date < add_months(first, 12))
            .group_by(month)
        ).all()
    )
    months = [add_months(first, step) for step in range(12)]
    values = [counts.get(each.month, 0) for each in months]
    if not any(values):
        return []
    title = "New customers, last 12 months"
    labels = tuple(each.strftime("%b") for each in months)
    picture = draw_chart(
        BarChart(labels, (tuple(map(Decimal, values)),), title=title, size=SUMMARY_CHART_SIZE, font_size=10)
    )
    chart = {
        "picture": Markup(picture.decode()),  # noqa: S704  (drawn from numbers and names of months)
        "title": title,
        "desc": "Customers by the month of their start date",
        "labels": labels,
        "series": [{"label": "New customers", "values": values}],
    }
    return [{"title": title, "chart": chart}]


def _list_setup_steps(actor: Actor) -> tuple[tuple[str, Select[Any], str, str], ...]:
    """(label, what is there once it is done, where it is done, what it is for) of each step."""
    return (
        (
            "Regions",
            select_visible(CatalogItem, actor).where(CatalogItem.type == CatalogType.REGION),
            url_for("catalogs.create_view", type="region"),
            "Required for every customer",
        ),
        (
            "Departments",
            select_visible(Department, actor),
            url_for("departments.create_view"),
            "At least one for each customer",
        ),
        (
            "Notification templates",
            select_visible(NotificationTemplate, actor),
            url_for("templates.create_view"),
            "Texts of reminders",
        ),
        (
            "Business entity",
            select_visible(BusinessEntity, actor),
            url_for("business-entities.create_view"),
            "Issuer of your invoices",
        ),
        (
            "Payment terms",
            select_visible(PaymentTerms, actor),
            url_for("payment-terms.create_view"),
            "When invoices are due",
        ),
    )


def _setup_checklist() -> dict[str, Any] | None:
    """What is still to be set up; None where everything is there."""
    actor = current_actor()
    if not actor.has_permission(P.SETUP_EDIT):
        return None
    items = [
        {"label": label, "done": db.session.scalar(select(query.exists())), "url": url, "text": text}
        for label, query, url, text in _list_setup_steps(actor)
    ]
    return None if all(item["done"] for item in items) else {"title": "Finish setup", "items": items}


@bp.post("/admin/organisation/")
@login_required
def switch_organisation() -> Any:
    """Work in another organisation; only with the grant `platform`."""
    if not current_user.platform:
        abort(404)
    requested_id = parse_id(request.form.get("organisation", ""))
    organisation = None if requested_id is None else db.session.get(Organisation, requested_id)
    if organisation is None:
        abort(404)
    session["organisation_id"] = organisation.id
    flash(f"Switched to {organisation.name}.", "success")
    return redirect(url_for("home.home"), 303)


def register(app: Flask) -> None:
    app.register_blueprint(bp)
