"""Cases in the portal: a customer's own, with what it may read of each, and the forms to open one and to reply."""

from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_login import login_required
from sqlalchemy.orm import joinedload
from wtforms import Form, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from customerhub.cases.cases import open_portal_case
from customerhub.cases.conversation import MAX_TEXT_LENGTH, list_notes, reply_from_portal, require_portal_cases
from customerhub.core.errors import HubError, NotAllowed
from customerhub.core.permissions import Actor, select_visible
from models import CustomerCase
from models.base import column_length, db
from views.cells.cases import status_chip
from views.cells.rich_text import render_text
from views.framework.form_binding import attach_errors
from views.framework.formatting import format_datetime
from views.framework.forms import check_control_characters, clean_input
from views.framework.paging import paginate
from views.framework.panel import Panel
from views.framework.portal_page import PortalPage
from views.http import form_tokens
from views.portal.requests import bp, build_menu, require_portal_user

PAGE_SIZE = 50
MAX_SUBJECT_LENGTH = column_length(CustomerCase.subject)


class CaseForm(Form):
    subject = StringField(
        "Subject",
        [DataRequired("Required"), Length(max=MAX_SUBJECT_LENGTH), check_control_characters],
        filters=[clean_input],
        render_kw={"maxlength": MAX_SUBJECT_LENGTH},
    )
    text = TextAreaField(
        "What can we do for you?",
        [DataRequired("Required"), Length(max=MAX_TEXT_LENGTH), check_control_characters],
        filters=[clean_input],
        render_kw={"rows": 6, "maxlength": MAX_TEXT_LENGTH},
    )


def _require_cases() -> Actor:
    """Who asks. What their access does not include is not there: 404."""
    actor = require_portal_user()
    try:
        require_portal_cases(actor)
    except NotAllowed:
        abort(404)
    return actor


def _get_case(case_id: int, actor: Actor) -> CustomerCase:
    if case_id.bit_length() > 63:  # more than a key can be
        abort(404)
    query = select_visible(CustomerCase, actor).where(CustomerCase.id == case_id)
    case: CustomerCase | None = db.session.scalars(query).first()
    if case is None:
        abort(404)
    return case


@bp.get("/cases/")
@login_required
def list_cases() -> str:
    """The customer's cases, the newest first."""
    actor = _require_cases()
    query = select_visible(CustomerCase, actor).options(joinedload(CustomerCase.requester))
    rows, pager = paginate(query.order_by(CustomerCase.id.desc()), PAGE_SIZE)
    add = {"label": "Open a case", "url": url_for("portal.open_case"), "icon": "plus", "primary": True}
    table = {
        "title": "Your cases",
        "columns": [{"label": label} for label in ("Subject", "Number", "Status", "Opened", "Last reply")],
        "rows": [
            [
                {"text": each.subject, "url": url_for("portal.show_case", case_id=each.id)},
                each.number,
                status_chip(each),
                format_datetime(each.created_at),
                format_datetime(each.replied_at) or None,
            ]
            for each in rows
        ],
        "empty": {"title": "No cases", "text": "Questions and requests that you send us appear here."},
    }
    return PortalPage(title="Cases", nav=build_menu("cases"), actions=[add], tables=[table], pager=pager).render()


@bp.route("/cases/new/", methods=["GET", "POST"])
@login_required
def open_case() -> Any:
    """Send a question or request."""
    actor = _require_cases()
    duplicate = form_tokens.claim_token() if request.method == "POST" else None
    if duplicate is not None and duplicate.is_same:
        return duplicate.redirect_again(url_for("portal.list_cases"))
    errors = [form_tokens.SAVED_WITH_OTHER_ENTRIES] if duplicate is not None else []
    form: Any = CaseForm(request.form if request.method == "POST" else None)
    if request.method == "POST" and not errors and form.validate():
        try:
            case = open_portal_case(form.subject.data, form.text.data, actor=actor)
            address = url_for("portal.show_case", case_id=case.id)
            form_tokens.set_redirect(address)
            db.session.commit()
        except HubError as error:
            db.session.rollback()
            errors += attach_errors(form, error)
        else:
            flash("Your case was sent. We reply here, and by email.", "success")
            return redirect(address, 303)
    page = PortalPage(
        title="Open a case",
        nav=build_menu("cases"),
        form=form,
        errors=errors,
        button="Send",
        back_url=url_for("portal.list_cases"),
    )
    return page.render(), 422 if request.method == "POST" else 200


@bp.route("/cases/<int:case_id>/", methods=["GET", "POST"])
@login_required
def show_case(case_id: int) -> Any:
    """One case: its conversation as far as it is for the customer, and the reply."""
    actor = _require_cases()
    duplicate = form_tokens.claim_token() if request.method == "POST" else None
    case = _get_case(case_id, actor)
    address = url_for("portal.show_case", case_id=case.id)
    if duplicate is not None and duplicate.is_same:
        return duplicate.redirect_again(address)
    errors: list[str] = []
    if request.method == "POST":
        try:
            reply_from_portal(case, request.form.get("text", ""), actor=actor)
            form_tokens.set_redirect(address)
            db.session.commit()
        except HubError as error:
            db.session.rollback()
            errors = [error.message]
        else:
            flash("Your reply was sent.", "success")
            return redirect(address, 303)
    return _build_case_page(case, address, errors, actor).render(), 422 if errors else 200


def _build_case_page(case: CustomerCase, address: str, errors: list[str], actor: Actor) -> PortalPage:
    chip = status_chip(case)
    entries = [
        {
            "id": note.id,
            "who": "You" if note.user_id == actor.id else _describe_author(note),
            "when": format_datetime(note.created_at),
            "text": render_text(note.text),
            "is_visible": True,
            "is_from_customer": note.user is not None and note.user.customer_id is not None,
        }
        for note in list_notes(case, actor=actor)
    ]
    values = {
        "entries": entries,
        "reply_url": address,
        "max_length": MAX_TEXT_LENGTH,
        "portal": True,
        "typed": request.form.get("text", ""),
    }
    return PortalPage(
        title=case.subject,
        subtitle=f"Case {case.number}, opened on {format_datetime(case.created_at)}",
        nav=build_menu("cases"),
        chips=[{"label": chip["chip"], "tone": chip["tone"]}],
        banners=[{"kind": "error", "text": text} for text in errors],
        panel=Panel("cases/conversation.html", values),
    )


def _describe_author(note: Any) -> str:
    """Who wrote a note: people of the customer by name, all others as we."""
    return note.user.name if note.user is not None and note.user.customer_id is not None else "We"
