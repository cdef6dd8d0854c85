"""What a partner sees and does: the customers with their dealer code, and new ones."""

from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from customerhub.approvals import particulars, tasks
from customerhub.customers import registration
from customerhub.permissions import Actor, scope
from models import ApprovalTask, Customer
from models.base import db
from models.enums import CustomerKind, Stage, TaskKind
from views import once, partner_forms
from views.columns import day, local_date
from views.partner_customer import LABELS, page_of, stage_chip
from views.partner_pages import asked_of, bp, done, nav, partner, registering
from views.words import word

PAGE = 50


# --- The list ----------------------------------------------------------------------------------------------------


@bp.get("/")
@login_required
def home() -> Any:
    actor = partner()
    stage = next((each for each in Stage if each.value == request.args.get("stage")), None)
    number = min(max(request.args.get("page", 0, type=int), 0), 100_000)
    own = scope(Customer, actor)
    counted = own.with_only_columns(Customer.stage, func.count()).group_by(Customer.stage)
    counts = {row[0]: row[1] for row in db.session.execute(counted)}
    query = own.where(Customer.stage == stage) if stage else own
    load = (joinedload(Customer.status), joinedload(Customer.payment_method), joinedload(Customer.category))
    rows = list(
        db.session.scalars(
            query.options(*load).order_by(Customer.sort_name, Customer.id).limit(PAGE + 1).offset(number * PAGE)
        )
    )
    page = {
        "title": f"Customers of {current_user.dealer}",
        "nav": nav("customers"),
        "actions": [
            {"label": "Register a customer", "url": url, "icon": "plus", "primary": True}
            for _, _, url in registering()
        ],
        "banners": _switched_off() + _waiting(actor),
        "tabs": _tabs(stage, counts),
        "tables": [_live(rows[:PAGE]) if stage is Stage.BILLING else _followed(rows[:PAGE])],
        "pager": _pager(number, len(rows) > PAGE),
    }  # fmt: skip
    return render_template("portal.html", page=page)


def _tabs(stage: Stage | None, counts: dict[Stage, int]) -> list[dict[str, Any]]:
    home_url = url_for("partner.home")
    tabs = [{"label": "All", "url": home_url, "active": stage is None, "count": sum(counts.values()) or None}]
    for each, label in LABELS.items():
        url = url_for("partner.home", stage=each.value)
        tabs.append({"label": label, "url": url, "active": stage is each, "count": counts.get(each)})
    return tabs


def _pager(number: int, more: bool) -> dict[str, Any] | None:
    if not number and not more:
        return None

    def link(to: int) -> str:
        return url_for("partner.home", stage=request.args.get("stage"), page=to or None)

    return {"first_text": f"Page {number + 1}", "prev": link(number - 1) if number else None,
            "next": link(number + 1) if more else None, "pages": []}  # fmt: skip


def _name(row: Customer) -> dict[str, Any]:
    return {"text": row.name, "url": url_for("partner.details", customer_id=row.id)}


def _followed(rows: list[Customer]) -> dict[str, Any]:
    return {
        "title": "Your customers",
        "columns": [{"label": label} for label in ("Name", "Account no.", "Type", "How far", "Status", "Registered")],
        "rows": [
            [_name(row), row.account_number, word(row.kind), stage_chip(row),
             {"chip": row.status.name, "colour": row.status.colour}, day(local_date(row.created_at))]
            for row in rows
        ],
        "empty": {"title": "No customers yet", "text": "Register a company or a consumer. You follow here how far the "
                  "check has got."},
    }  # fmt: skip


def _live(rows: list[Customer]) -> dict[str, Any]:
    labels = ("Name", "Registration no.", "Registration date", "Payment type", "Category", "Status")
    return {
        "title": "Live customers",
        "columns": [{"label": label} for label in labels],
        "rows": [
            [_name(row), row.registration_number or row.identity_number, day(row.registration_date) or None,
             str(row.payment_method or "") or None, str(row.category or "") or None,
             {"chip": row.status.name, "colour": row.status.colour}]
            for row in rows
        ],
        "empty": {"title": "None is live yet", "text": "A customer is live once it has passed the check."},
    }  # fmt: skip


def _switched_off() -> list[dict[str, Any]]:
    return [] if registering() else [{"kind": "info", "text": f"{registration.SWITCHED_OFF}."}]


def _waiting(actor: Actor) -> list[dict[str, Any]]:
    """The customers about which something is asked of the partner."""
    rows = db.session.scalars(
        select(Customer)
        .join(ApprovalTask, ApprovalTask.customer_id == Customer.id)
        .where(ApprovalTask.waits_for_requester, Customer.id.in_(scope(Customer, actor).with_only_columns(Customer.id)))
        .order_by(Customer.sort_name)
        .limit(5)
    )
    return [
        {
            "kind": "warning",
            "text": f"{row.name} waits for your answer.",
            "link": {"label": "Answer", "url": url_for("partner.details", customer_id=row.id)},
        }
        for row in rows
    ]


# --- One customer ------------------------------------------------------------------------------------------------


@bp.route("/customers/<int:customer_id>/", methods=["GET", "POST"])
@login_required
def details(customer_id: int) -> Any:
    """How far a customer has got; on POST the answer to what was asked."""
    actor, row, here, sent = asked_of(customer_id)
    task = tasks.find_latest(row, TaskKind.ONBOARDING)
    is_asked = task is not None and task.waits_for_requester
    form = partner_forms.AnswerForm(request.form if request.method == "POST" else None) if is_asked else None
    menu = {"nav": nav("customers")}
    if request.method == "GET":
        return render_template("portal.html", page=page_of(row, task, form) | menu)
    if task is None or form is None:
        flash("Nothing is asked of you any more.", "info")
        return redirect(here, 303)
    errors: list[str] = [once.OTHERWISE] if sent is not None else []
    if not errors and form.validate():
        answer = form.answer.data or ""
        if done(lambda: tasks.answer_task(task, answer=answer, actor=actor), form, errors, lambda _: here):
            flash("Your answer was sent.", "success")
            return redirect(here, 303)
    return render_template("portal.html", page=page_of(row, task, form) | menu | {"errors": errors}), 422


@bp.route("/customers/<int:customer_id>/update/", methods=["GET", "POST"])
@login_required
def update(customer_id: int) -> Any:
    """Ask for a change of particulars."""
    actor, row, here, sent = asked_of(customer_id)
    form = partner_forms.UPDATE[row.kind](request.form if request.method == "POST" else None, obj=row)
    page = {
        "title": f"Ask for a change of {row.name}",
        "subtitle": "Write what it should be. Somebody decides, and you are told.",
        "nav": nav("customers"),
        "form": form,
        "errors": [once.OTHERWISE] if sent is not None else [],
        "button": "Ask for this change",
        "back_url": here,
    }
    if request.method == "GET":
        return render_template("portal.html", page=page)
    if sent is None and form.validate():
        values = {name: form[name].data for name in particulars.FIELDS if name in form}
        said = form.comment.data

        def ask() -> Any:
            return particulars.propose_update(row, values=values, comment=said, actor=actor)

        if done(ask, form, page["errors"], lambda _: here):
            flash("Your request was sent.", "success")
            return redirect(here, 303)
    return render_template("portal.html", page=page), 422


# --- A new one ---------------------------------------------------------------------------------------------------


@bp.route("/register/<kind>/", methods=["GET", "POST"])
@login_required
def register_view(kind: str) -> Any:
    """Register a company or a consumer."""
    actor = partner()
    if kind not in set(CustomerKind):
        abort(404)
    registration.require_dealer(actor)
    sent = once.claim() if request.method == "POST" else None
    if sent is not None and sent.is_same:
        return sent.lead_on(url_for("partner.home"))
    chosen = CustomerKind(kind)
    form = partner_forms.REGISTRATION[chosen](request.form if request.method == "POST" else None)
    page: dict[str, Any] = {
        "title": f"Register a {word(chosen).lower()}",
        "subtitle": "A name, a number and whom to ask are enough. We check it and tell you.",
        "nav": nav("register"),
        "tabs": [
            {"label": word(each), "url": url_for("partner.register_view", kind=each.value), "active": each is chosen}
            for each in reversed(CustomerKind)
        ],
        "form": form,
        "errors": [once.OTHERWISE] if sent is not None else [],
        "banners": [],
        "button": "Register",
        "back_url": url_for("partner.home"),
    }
    if request.method == "GET":
        return render_template("portal.html", page=page)
    answer = _registered(chosen, form, page, actor) if sent is None and form.validate() else None
    return answer or (render_template("portal.html", page=page), 422)


def _registered(kind: CustomerKind, form: Any, page: dict[str, Any], actor: Actor) -> Response | None:
    values = {name: value for name, value in form.data.items() if name != "sure"}
    if not form.sure.data and registration.looks_known(values, actor=actor):
        page["errors"].append(f"{registration.ALIKE}.")
        form.ask()
        return None

    def leads_to(made: Customer) -> str:
        return url_for("partner.details", customer_id=made.id)

    address = done(lambda: registration.register_customer(kind, **values, actor=actor), form, page["errors"], leads_to)
    if address is None:
        return None
    flash(f"{values['name']} was registered. You follow here how far it is.", "success")
    return redirect(address, 303)


def register(app: Flask) -> None:
    app.register_blueprint(bp)
