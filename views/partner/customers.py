"""The pages of partners: the customers with their dealer code, and registering new ones."""

from dataclasses import dataclass, replace
from typing import Any

from flask import Flask, abort, flash, redirect, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import func
from sqlalchemy.orm import joinedload
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from customerhub.approvals import referrals
from customerhub.approvals.referrals import select_asked_customer_ids
from customerhub.core.permissions import Actor, select_visible
from customerhub.customers import change_requests, registration
from customerhub.customers.search import select_matching_ids
from models import Customer
from models.base import db
from models.enums import CustomerKind, Stage
from views.framework.chips import stage_chip
from views.framework.formatting import format_date, local_date
from views.framework.labels import member_label
from views.framework.paging import paginate
from views.framework.portal_page import PortalPage
from views.http import form_tokens
from views.partner import forms
from views.partner.customer_page import build_page, find_question, list_tasks
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
MAX_SEARCH_LENGTH = 200
TAB_ORDER = (Stage.NEW, Stage.REFERRED, Stage.PASSED, Stage.FAILED, Stage.BILLING)
# By the name in the address: what people choose, and the order. The first one is the usual one.
SORTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "name": ("Sort by name", (Customer.sort_name, Customer.id)),
    "newest": ("Newest first", (Customer.id.desc(),)),
    "number": ("Sort by account no.", (Customer.account_number, Customer.id)),
}


@dataclass(frozen=True)
class HomeArgs:
    """What the address of the list asks for."""

    stage: Stage | None = None
    search: str = ""
    sort: str = "name"

    @classmethod
    def parse(cls, parameters: MultiDict[str, str]) -> "HomeArgs":
        stage = next((each for each in Stage if each.value == parameters.get("stage")), None)
        sort = parameters.get("sort", "name")
        search = parameters.get("search", "").strip()[:MAX_SEARCH_LENGTH]
        return cls(stage, search, sort if sort in SORTS else "name")

    def build_url(self) -> str:
        values: dict[str, Any] = {"stage": self.stage.value if self.stage else None, "search": self.search or None}
        return url_for("partner.home", **values, sort=self.sort if self.sort != "name" else None)


# --- The list ----------------------------------------------------------------------------------------------------


@bp.get("/")
@login_required
def home() -> Any:
    actor = require_partner()
    args = HomeArgs.parse(request.args)
    found_customers = select_visible(Customer, actor)
    if args.search:
        found_customers = found_customers.where(Customer.id.in_(select_matching_ids(found_customers, args.search)))
    stage_counts = found_customers.with_only_columns(Customer.stage, func.count()).group_by(Customer.stage)
    counts = {row[0]: row[1] for row in db.session.execute(stage_counts)}
    query = found_customers.where(Customer.stage == args.stage) if args.stage else found_customers
    load = (joinedload(Customer.status), joinedload(Customer.payment_method), joinedload(Customer.category))
    rows, pager = paginate(query.options(*load).order_by(*SORTS[args.sort][1]), PAGE_SIZE)
    table = _live_customers_table(rows) if args.stage is Stage.BILLING else _customers_table(rows)
    if pager and pager["beyond"]:
        table |= {"empty": pager["beyond"]}
    elif args.search:
        table |= {"empty": {"title": "No results", "text": "Try a different name or number."}}
    return PortalPage(
        title=f"Customers of {current_user.dealer}",
        nav=build_menu("customers"),
        actions=[
            {"label": "Register a customer", "url": url, "icon": "plus", "primary": True}
            for _, _, url in list_registration_entries()
        ],
        banners=_registration_banners() + _question_banners(actor),
        tabs=_tabs(args, counts),
        search={
            "label": "Search by name, number or email",
            "value": args.search,
            "sort": args.sort,
            "sorts": [(name, label) for name, (label, _) in SORTS.items()],
            "hidden_fields": [("stage", args.stage.value)] if args.stage else [],
        },
        tables=[table],
        pager=pager,
    ).render()


def _tabs(args: HomeArgs, counts: dict[Stage, int]) -> list[dict[str, Any]]:
    return [
        {
            "label": member_label(stage) if stage else "All",
            "url": replace(args, stage=stage).build_url(),
            "active": stage is args.stage,
            "count": counts.get(stage) if stage else sum(counts.values()) or None,
        }
        for stage in (None, *TAB_ORDER)
    ]


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
                stage_chip(row.stage),
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
        select_visible(Customer, actor)
        .where(Customer.id.in_(select_asked_customer_ids(actor.organisation_id)))
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
    found_tasks = list_tasks(row)
    question = find_question(found_tasks)
    form = forms.AnswerForm(request.form if request.method == "POST" else None) if question is not None else None
    if request.method == "GET":
        return build_page(row, found_tasks, form).render()
    if question is None or form is None:
        flash("Your answer is no longer required.", "info")
        return redirect(record_url, 303)
    errors = list_resubmission_errors(duplicate_submission)
    if not errors and form.validate():
        answer = form.answer.data or ""
        if run_and_commit(
            lambda: referrals.answer_task(question, answer=answer, actor=actor), form, errors, lambda _: record_url
        ):
            flash("Your answer was sent.", "success")
            return redirect(record_url, 303)
    return replace(build_page(row, found_tasks, form), errors=errors).render(), 422


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
