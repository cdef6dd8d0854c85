"""The pages of partners: the customers with their dealer code, and registering new ones."""

from dataclasses import replace
from typing import Any

from flask import Flask, abort, flash, redirect, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from customerhub.approvals import tasks
from customerhub.core.permissions import Actor, select_visible
from customerhub.customers import change_requests, registration
from models import ApprovalTask, Customer
from models.base import db
from models.enums import CustomerKind, Stage, TaskKind
from views.framework.formatting import format_date, local_date
from views.framework.labels import member_label
from views.framework.paging import paginate
from views.framework.portal_page import PortalPage
from views.http import form_tokens
from views.partner import forms
from views.partner.customer_page import LABELS, build_page, stage_chip
from views.partner.requests import (
    bp,
    build_menu,
    list_registration_entries,
    list_resubmission_errors,
    open_customer_request,
    require_partner,
    run_and_commit,
)

PAGE_SIZE = 50


# --- The list ----------------------------------------------------------------------------------------------------


@bp.get("/")
@login_required
def home() -> Any:
    actor = require_partner()
    stage = next((each for each in Stage if each.value == request.args.get("stage")), None)
    own_customers = select_visible(Customer, actor)
    stage_counts = own_customers.with_only_columns(Customer.stage, func.count()).group_by(Customer.stage)
    counts = {row[0]: row[1] for row in db.session.execute(stage_counts)}
    query = own_customers.where(Customer.stage == stage) if stage else own_customers
    load = (joinedload(Customer.status), joinedload(Customer.payment_method), joinedload(Customer.category))
    rows, pager = paginate(query.options(*load).order_by(Customer.sort_name, Customer.id), PAGE_SIZE)
    table = _live_customers_table(rows) if stage is Stage.BILLING else _customers_table(rows)
    if pager and pager["beyond"]:
        table |= {"empty": pager["beyond"]}
    return PortalPage(
        title=f"Customers of {current_user.dealer}",
        nav=build_menu("customers"),
        actions=[
            {"label": "Register a customer", "url": url, "icon": "plus", "primary": True}
            for _, _, url in list_registration_entries()
        ],
        banners=_registration_banners() + _question_banners(actor),
        tabs=_tabs(stage, counts),
        tables=[table],
        pager=pager,
    ).render()


def _tabs(stage: Stage | None, counts: dict[Stage, int]) -> list[dict[str, Any]]:
    home_url = url_for("partner.home")
    tabs = [{"label": "All", "url": home_url, "active": stage is None, "count": sum(counts.values()) or None}]
    for each, label in LABELS.items():
        url = url_for("partner.home", stage=each.value)
        tabs.append({"label": label, "url": url, "active": stage is each, "count": counts.get(each)})
    return tabs


def _name_cell(row: Customer) -> dict[str, Any]:
    return {"text": row.name, "url": url_for("partner.details", customer_id=row.id)}


def _customers_table(rows: list[Customer]) -> dict[str, Any]:
    return {
        "title": "Your customers",
        "columns": [{"label": label} for label in ("Name", "Account no.", "Type", "Progress", "Status", "Registered")],
        "rows": [
            [
                _name_cell(row),
                row.account_number,
                member_label(row.kind),
                stage_chip(row),
                {"chip": row.status.name, "colour": row.status.colour},
                format_date(local_date(row.created_at)),
            ]
            for row in rows
        ],
        "empty": {
            "title": "No customers yet",
            "text": "Register a company or a consumer. The progress of the check is shown here.",
        },
    }


def _live_customers_table(rows: list[Customer]) -> dict[str, Any]:
    labels = ("Name", "Registration no.", "Registration date", "Payment type", "Category", "Status")
    return {
        "title": "Live customers",
        "columns": [{"label": label} for label in labels],
        "rows": [
            [
                _name_cell(row),
                row.registration_number or row.identity_number,
                format_date(row.registration_date) or None,
                str(row.payment_method or "") or None,
                str(row.category or "") or None,
                {"chip": row.status.name, "colour": row.status.colour},
            ]
            for row in rows
        ],
        "empty": {"title": "No live customers yet", "text": "Customers go live after passing the check."},
    }


def _registration_banners() -> list[dict[str, Any]]:
    return [] if list_registration_entries() else [{"kind": "info", "text": f"{registration.DEALER_INACTIVE}."}]


def _question_banners(actor: Actor) -> list[dict[str, Any]]:
    """The customers about which something is asked of the partner."""
    rows = db.session.scalars(
        select(Customer)
        .join(ApprovalTask, ApprovalTask.customer_id == Customer.id)
        .where(
            ApprovalTask.waits_for_requester,
            Customer.id.in_(select_visible(Customer, actor).with_only_columns(Customer.id)),
        )
        .order_by(Customer.sort_name)
        .limit(5)
    )
    return [
        {
            "kind": "warning",
            "text": f"{row.name}: your answer is required.",
            "link": {"label": "Answer", "url": url_for("partner.details", customer_id=row.id)},
        }
        for row in rows
    ]


# --- One customer ------------------------------------------------------------------------------------------------


@bp.route("/customers/<int:customer_id>/", methods=["GET", "POST"])
@login_required
def details(customer_id: int) -> Any:
    """How far a customer has got; on POST the answer to what was asked."""
    actor, row, record_url, duplicate_submission = open_customer_request(customer_id)
    task = tasks.find_latest_task(row, TaskKind.ONBOARDING)
    is_asked = task is not None and task.waits_for_requester
    form = forms.AnswerForm(request.form if request.method == "POST" else None) if is_asked else None
    if request.method == "GET":
        return build_page(row, task, form).render()
    if task is None or form is None:
        flash("Your answer is no longer required.", "info")
        return redirect(record_url, 303)
    errors = list_resubmission_errors(duplicate_submission)
    if not errors and form.validate():
        answer = form.answer.data or ""
        if run_and_commit(
            lambda: tasks.answer_task(task, answer=answer, actor=actor), form, errors, lambda _: record_url
        ):
            flash("Your answer was sent.", "success")
            return redirect(record_url, 303)
    return replace(build_page(row, task, form), errors=errors).render(), 422


@bp.route("/customers/<int:customer_id>/update/", methods=["GET", "POST"])
@login_required
def update(customer_id: int) -> Any:
    """Ask for a change of particulars."""
    actor, row, record_url, duplicate_submission = open_customer_request(customer_id)
    form = forms.UPDATE[row.kind](request.form if request.method == "POST" else None, obj=row)
    errors = list_resubmission_errors(duplicate_submission)
    page = PortalPage(
        title=f"Request a change for {row.name}",
        subtitle="Enter the new values. You will be notified of the decision.",
        nav=build_menu("customers"),
        form=form,
        errors=errors,
        button="Request change",
        back_url=record_url,
    )
    if request.method == "GET":
        return page.render()
    if duplicate_submission is None and form.validate():
        values = {name: form[name].data for name in change_requests.FIELDS if name in form}
        comment = form.comment.data

        def propose() -> Any:
            return change_requests.propose_update(row, values=values, comment=comment, actor=actor)

        if run_and_commit(propose, form, errors, lambda _: record_url):
            flash("Your request was sent.", "success")
            return redirect(record_url, 303)
    return page.render(), 422


# --- A new one ---------------------------------------------------------------------------------------------------


@bp.route("/register/<kind>/", methods=["GET", "POST"])
@login_required
def register_view(kind: str) -> Any:
    """Register a company or a consumer."""
    actor = require_partner()
    if kind not in set(CustomerKind):
        abort(404)
    registration.require_dealer(actor)
    duplicate_submission = form_tokens.claim_token() if request.method == "POST" else None
    if duplicate_submission is not None and duplicate_submission.is_same:
        return duplicate_submission.redirect_again(url_for("partner.home"))
    customer_kind = CustomerKind(kind)
    form = forms.find_registration_form(customer_kind)(request.form if request.method == "POST" else None)
    errors = list_resubmission_errors(duplicate_submission)
    page = PortalPage(
        title=f"Register a {member_label(customer_kind).lower()}",
        subtitle="A name, a number and a contact person are sufficient. You will be notified of the result.",
        nav=build_menu("register"),
        tabs=[
            {
                "label": member_label(each),
                "url": url_for("partner.register_view", kind=each.value),
                "active": each is customer_kind,
            }
            for each in reversed(CustomerKind)
        ],
        form=form,
        errors=errors,
        button="Register",
        back_url=url_for("partner.home"),
    )
    if request.method == "GET":
        return page.render()
    response = _register_customer(customer_kind, form, errors, actor) if not errors and form.validate() else None
    return response or (page.render(), 422)


def _register_customer(kind: CustomerKind, form: Any, errors: list[str], actor: Actor) -> Response | None:
    values = {name: value for name, value in form.data.items() if name != "sure"}
    if not form.sure.data and registration.has_possible_duplicate(values, actor=actor):
        errors.append(f"{registration.POSSIBLE_DUPLICATE}.")
        form.show_confirmation()
        return None

    def record_url(customer: Customer) -> str:
        return url_for("partner.details", customer_id=customer.id)

    address = run_and_commit(
        lambda: registration.register_customer(kind, **values, actor=actor), form, errors, record_url
    )
    if address is None:
        return None
    flash(f"{values['name']} was registered. The progress is shown here.", "success")
    return redirect(address, 303)


def register(app: Flask) -> None:
    app.register_blueprint(bp)
