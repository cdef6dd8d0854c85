"""The start page of the staff, and the choice of the organisation to work in."""

from typing import Any

from flask import Blueprint, Flask, abort, flash, g, redirect, request, session, url_for
from flask_login import current_user, login_required
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from customerhub.customers.reviews import after_months
from customerhub.permissions import Permission, scope
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
from views.actor import current_actor
from views.columns import day, risk_chip, stage_chip
from views.customer_cells import customer_link
from views.customer_form import today
from views.frame import home_url
from views.listing import COUNTED

bp = Blueprint("home", __name__)
RECENT = 8
P = Permission


@bp.get("/")
def start() -> Any:
    """Everybody's own start page."""
    return redirect(home_url() if current_user.is_authenticated else url_for("sign_in.sign_in"))


@bp.get("/admin/")
@login_required
def home() -> Any:
    from flask import render_template

    if not current_actor().may(P.STAFF_HOME):
        abort(403)
    g.crumbs = [("Start", None)]
    page = {
        "title": f"Good day, {current_user.name.split()[0]}",
        "subtitle": day(today()),
        "tiles": _tiles(),
        "tables": [_recent()],
        "summary": _started(),
        "setup": _setup(),
        "actions": [
            {
                "label": "Add customer",
                "url": url_for("customers.create_view"),
                "icon": "plus",
                "primary": True,
            }
        ]
        if current_actor().may(P.CUSTOMERS_EDIT)
        else [],
    }
    return render_template("home.html", page=page)


def _count(query: Select[Any]) -> str:
    """How many rows `query` has, counted up to a bound."""
    found = db.session.scalar(select(func.count()).select_from(query.limit(COUNTED + 1).subquery())) or 0
    return f"{COUNTED:,}+" if found > COUNTED else f"{found:,}"


def _tiles() -> list[dict[str, Any]]:
    actor = current_actor()
    customers = scope(Customer, actor).with_only_columns(Customer.id)
    soon = after_months(today(), 1)
    due = select(ComplianceDocument.customer_id).where(ComplianceDocument.expiry_date <= soon)
    home = url_for("customers.index_view")
    return [
        {"label": "Customers", "count": _count(customers), "url": home, "icon": "customers"},
        {"label": "New, not checked yet", "count": _count(customers.where(Customer.stage == Stage.NEW)),
         "url": f"{home}?f=stage:is:{Stage.NEW.value}", "icon": "flag"},
        {"label": "High risk", "count": _count(customers.where(Customer.risk == Risk.HIGH)),
         "url": f"{home}?f=risk:is:{Risk.HIGH.value}", "icon": "warning", "tone": "red"},
        {"label": "With a document due within a month", "url": f"{home}?f=expiry:to:{soon}", "icon": "clock",
         "tone": "amber", "count": _count(customers.where(Customer.id.in_(due)))},
    ]  # fmt: skip


def _recent() -> dict[str, Any]:
    rows = db.session.scalars(
        scope(Customer, current_actor()).options(joinedload(Customer.status)).order_by(Customer.id.desc()).limit(RECENT)
    ).all()
    return {
        "title": "Latest customers",
        "columns": [{"label": label} for label in ("Name", "Reference", "Risk", "Stage")],
        "rows": [[customer_link(row), row.reference, risk_chip(row.risk), stage_chip(row.stage)] for row in rows],
        "more_url": url_for("customers.index_view"),
        "empty": {"title": "No customers yet", "text": "Add the first one, or import a spreadsheet.",
                  "action": {"label": "Add customer", "url": url_for("customers.create_view")}},
    }  # fmt: skip


def _started() -> list[dict[str, Any]]:
    """New customers by the month of their start, over the last twelve months."""
    first = after_months(today().replace(day=1), -11)
    month = func.extract("month", Customer.start_date)
    counts = dict(
        db.session.execute(
            scope(Customer, current_actor())
            .with_only_columns(month, func.count())
            .where(Customer.start_date >= first, Customer.start_date < after_months(first, 12))
            .group_by(month)
        ).all()
    )
    months = [after_months(first, step) for step in range(12)]
    values = [counts.get(each.month, 0) for each in months]
    if not any(values):
        return []
    chart = {
        "title": "New customers, last 12 months",
        "desc": "Customers by the month of their start date",
        "labels": [each.strftime("%b") for each in months],
        "series": [{"label": "New customers", "values": values}],
    }
    return [{"title": chart["title"], "chart": chart}]


def _setup() -> dict[str, Any] | None:
    """What is still to be set up; None where everything is there."""
    actor = current_actor()
    if not actor.may(P.SETUP_EDIT):
        return None
    wanted = (
        ("Regions", scope(CatalogItem, actor).where(CatalogItem.type == CatalogType.REGION),
         url_for("catalogs.create_view", type="region"), "Every customer belongs to one"),
        ("Departments", scope(Department, actor), url_for("departments.create_view"), "At least one for each customer"),
        ("Notification templates", scope(NotificationTemplate, actor), url_for("templates.create_view"),
         "What reminders say"),
        ("Business entity", scope(BusinessEntity, actor), url_for("business-entities.create_view"),
         "Who issues your invoices"),
        ("Payment terms", scope(PaymentTerms, actor), url_for("payment-terms.create_view"), "When invoices are due"),
    )  # fmt: skip
    items = [
        {"label": label, "done": db.session.scalar(select(query.exists())), "url": url, "text": text}
        for label, query, url, text in wanted
    ]
    return None if all(item["done"] for item in items) else {"title": "Finish setting up", "items": items}


@bp.post("/admin/organisation/")
@login_required
def switch_organisation() -> Any:
    """Work in another organisation; only with the grant `platform`."""
    if not current_user.platform:
        abort(404)
    wanted = request.form.get("organisation", "")
    chosen = db.session.get(Organisation, int(wanted)) if wanted.isdecimal() and len(wanted) < 19 else None
    if chosen is None:
        abort(404)
    session["organisation_id"] = chosen.id
    flash(f"You now work in {chosen.name}.", "success")
    return redirect(url_for("home.home"), 303)


def register(app: Flask) -> None:
    app.register_blueprint(bp)
