"""Form layouts: which fields forms show, where, and which of them the organisation requires, with a preview."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask_login import login_required
from werkzeug.datastructures import MultiDict

from customerhub.contracts import form_layout as contract_form
from customerhub.contracts.form_layout import CONTRACT_FORM
from customerhub.core.errors import Conflict, HubError, Invalid
from customerhub.core.permissions import Permission
from customerhub.custom_fields.definitions import list_definitions
from customerhub.customers import required_fields
from customerhub.customers.form_layout import (
    CUSTOMER_FORM,
    DETAILED,
    FIELDS_OF_KIND,
    ReadyLayout,
    build_ready_draft,
)
from customerhub.customers.profile_form import PROFILE_FORM
from customerhub.form_layouts.layouts import CORE, FormDescription, Layout, LayoutDraft, build_layout, find_layout
from customerhub.form_layouts.saving import find_saved_layout, get_version, save_layout
from models.base import db
from models.enums import ContractStatus
from views.framework import timeline
from views.framework.form_layouts import try_layout
from views.framework.list_page import ListArgs
from views.framework.list_preferences import get_screen
from views.http import form_tokens
from views.http.actor import current_actor
from views.http.security import CONTENT_SECURITY_POLICY
from views.http.urls import parse_id
from views.setup.form_layout_rows import EditorRow, build_rows

bp = Blueprint("form-layouts", __name__, url_prefix="/admin/set-up/forms")
FRAMED = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'"),
    "X-Frame-Options": "SAMEORIGIN",
}
GROUP_PREFIX = "section:"  # before the fields of each section the form names the section


Filters = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class LaidOutForm:
    """A form whose layout can be changed: what it is called, whose screen shows it, and what else it can be at once.

    `noun` is what it is a form of, and `list_name` the list of rows of the screen's form where it is that alone. Rows
    that lack what is required are counted by `count_missing(fields, organisation_id)`, and are those of the list that
    `lacking_filters(field)` and the blank field leave.
    """

    description: FormDescription
    label: str
    noun: str
    screen: str
    list_name: str = ""
    explanation: str = ""
    ready: tuple[ReadyLayout, ...] = ()
    count_missing: Callable[..., dict[str, int]] | None = None
    lacking_filters: Callable[[str], Filters] = lambda _name: ()


def _filter_customers(name: str) -> Filters:
    kind = FIELDS_OF_KIND.get(name)
    return (("prospect", "is", "no"), *([("kind", "is", kind.value)] if kind is not None else []))


def _filter_contracts(_name: str) -> Filters:
    return (("status", "not", ContractStatus.ENDED.value),)


FORMS = {
    "customers": LaidOutForm(
        CUSTOMER_FORM,
        "Customers",
        "customer",
        "customers",
        ready=(DETAILED,),
        count_missing=required_fields.count_missing,
        lacking_filters=_filter_customers,
    ),
    "contracts": LaidOutForm(
        CONTRACT_FORM,
        "Contracts",
        "contract",
        "contracts",
        explanation="Partners are asked for what they see of a contract. Staff fill in the rest.",
        count_missing=contract_form.count_missing,
        lacking_filters=_filter_contracts,
    ),
    "invoice-profiles": LaidOutForm(
        PROFILE_FORM,
        "Invoice profiles",
        "invoice profile",
        "customers",
        list_name="invoice_profiles",
        explanation="Invoice profiles are rows on the form of their customer, with these columns. The first six stand "
        "in the row; further ones are shown with “More”. If the client NDA is required, each new profile needs its "
        "file, and partners cannot add profiles.",
    ),
}


@dataclass
class EditorPage:
    """What templates/setup/form_layout.html shows."""

    form: LaidOutForm
    layout: Layout
    version: int
    is_changed: bool = False
    errors: list[tuple[str, str, str]] = field(default_factory=list)  # (field, label, what is wrong)
    conflict: tuple[str, str] | None = None
    focused: str = ""


@bp.get("/")
@login_required
def index() -> Any:
    """To the first of the forms."""
    _get_form("customers")
    return redirect(url_for("form-layouts.edit", name="customers"))


@bp.route("/<name>/", methods=("GET", "POST"))
@login_required
def edit(name: str) -> Any:
    """The layout of a form, to be changed. Without a script each change is a step that shows the page again."""
    form = _get_form(name)
    actor = current_actor()
    layout = find_layout(form.description, actor.organisation_id)
    page = EditorPage(form, layout, get_version(form.description, actor.organisation_id))
    if request.method == "GET":
        return _render(name, page)
    if not actor.has_permission(Permission.SETUP_EDIT):
        abort(403)
    duplicate = form_tokens.claim_token() if request.form.get("step") == "save" else None
    if duplicate is not None and duplicate.is_same:
        return duplicate.redirect_again(request.path)
    page.version = parse_id(request.form.get("version", "")) or 0
    draft = _read_draft(form, request.form)
    page.layout, page.is_changed = _arrange(form, draft), True
    page.focused = request.form.get("move", "")
    if request.form.get("step") != "save":
        return _render(name, page)
    return _save(name, page, draft)


def _get_form(name: str) -> LaidOutForm:
    if not current_actor().has_permission(Permission.SETUP_VIEW):
        abort(403)
    if name not in FORMS:
        abort(404)
    return FORMS[name]


def _save(name: str, page: EditorPage, draft: LayoutDraft | None) -> Any:
    description, actor = page.form.description, current_actor()
    try:
        save_layout(description, draft, version=page.version, actor=actor)
        form_tokens.set_redirect(request.path)
        db.session.commit()
    except HubError as error:
        db.session.rollback()
        return _refuse(name, page, error)
    flash("The form was saved. It is in use from now on.", "success")
    return redirect(request.path, 303)


def _refuse(name: str, page: EditorPage, error: HubError) -> Any:
    description, organisation_id = page.form.description, current_actor().organisation_id
    if isinstance(error, Conflict):
        saved = find_saved_layout(description, organisation_id)
        if saved is not None:
            page.conflict = timeline.describe_last_change(saved)
        page.version = get_version(description, organisation_id)
        return _render(name, page), 409
    labels = {row.name: row.label for row in _build_rows(page.form, page.layout)}
    problems = error.problems if isinstance(error, Invalid) else [(error.field, error.message)]
    page.errors = [(field or "", labels.get(field or "", ""), text) for field, text in problems]
    return _render(name, page), 422


def _arrange(form: LaidOutForm, draft: LayoutDraft | None) -> Layout:
    definitions = list_definitions(form.description.owner, current_actor().organisation_id)
    return build_layout(form.description, definitions, draft)


# --- What was sent -----------------------------------------------------------------------------------------------


def _read_draft(form: LaidOutForm, entries: MultiDict[str, str]) -> LayoutDraft | None:
    """The layout that the page shows after this step; None for the default one."""
    step = entries.get("step", "")
    if step == "default":
        return None
    ready = next((each for each in form.ready if each.name == step), None)
    if ready is not None:
        return build_ready_draft(ready)
    places = _read_places(form.description, entries)
    shown, required = set(entries.getlist("shown")), set(entries.getlist("required"))
    fixed = form.description.needed.keys() | set(entries.getlist("fixed"))
    listed = {name for names in places.values() for name in names}
    return LayoutDraft(
        {section: tuple(names) for section, names in places.items()},
        frozenset(listed - shown - fixed),
        frozenset(required & listed),
    )


def _read_places(description: FormDescription, entries: MultiDict[str, str]) -> dict[str, list[str]]:
    """The fields of each section, as they were listed; those for which another section was chosen come last there."""
    places: dict[str, list[str]] = {section.name: [] for section in description.sections}
    group, moved = CORE, []
    for name in dict.fromkeys(entries.getlist("field")):
        if name.startswith(GROUP_PREFIX):
            group = name.removeprefix(GROUP_PREFIX)
            continue
        chosen = entries.get(f"section-{name}", group)
        if chosen not in places:
            chosen = group if group in places else CORE
        if chosen == group:
            places[chosen].append(name)
        else:
            moved.append((chosen, name))
    for section, name in moved:
        places[section].append(name)
    _move(places, entries.get("move", ""))
    return places


def _move(places: Mapping[str, list[str]], step: str) -> None:
    """Move one field up or down in its section: "website:up"."""
    moved, _, direction = step.partition(":")
    for names in places.values():
        if moved in names:
            place = names.index(moved)
            target = place + (-1 if direction == "up" else 1)
            if 0 <= target < len(names):
                names[place], names[target] = names[target], names[place]


# --- What is shown -----------------------------------------------------------------------------------------------


def _render(name: str, page: EditorPage) -> Any:
    actor = current_actor()
    form, description = page.form, page.form.description
    rows = _build_rows(form, page.layout)
    _add_missing(form, rows)
    rows_by_section: dict[str, list[EditorRow]] = {each.name: [] for each in description.sections}
    for row in rows:
        rows_by_section[row.section].append(row)
    return render_template(
        "setup/form_layout.html",
        title="Form layouts",
        page=page,
        name=name,
        forms=[(each.label, url_for("form-layouts.edit", name=key), key == name) for key, each in FORMS.items()],
        sections=[(each.name, each.label, rows_by_section[each.name]) for each in description.sections],
        can_edit=actor.has_permission(Permission.SETUP_EDIT),
        newly_lacking=[row for row in rows if row.is_required and row.missing and not _is_in_force(form, row.name)],
        is_default=page.layout == _arrange(form, None),
        preview_url=url_for("form-layouts.preview", name=name),
        history_url=_find_history_url(description),
    )


def _build_rows(form: LaidOutForm, layout: Layout) -> list[EditorRow]:
    return build_rows(get_screen(form.screen), form.description, layout, form.list_name)


def _is_in_force(form: LaidOutForm, name: str) -> bool:
    return name in find_layout(form.description, current_actor().organisation_id).required


def _find_history_url(description: FormDescription) -> str | None:
    actor = current_actor()
    saved = find_saved_layout(description, actor.organisation_id)
    if saved is None or not actor.has_permission(Permission.HISTORY_VIEW):
        return None
    return url_for("history.index_view") + ListArgs(filters=(("table", "is", "form_layout"),)).query_string()


def _add_missing(form: LaidOutForm, rows: list[EditorRow]) -> None:
    """Say of each field that may be required how many rows lack it, with the list of these."""
    if form.count_missing is None:
        return
    counts = form.count_missing([row.name for row in rows if row.can_require], current_actor().organisation_id)
    screen = get_screen(form.screen)
    filter_names = {getattr(each.column, "key", ""): each.name for each in screen.filters if each.owner is None}
    for row in rows:
        if counts.get(row.name):
            row.missing = counts[row.name]
            asked = ((filter_names[row.name], "blank", ""), *form.lacking_filters(row.name))
            row.missing_url = url_for(f"{form.screen}.index_view") + ListArgs(filters=asked).query_string()


@bp.route("/<name>/preview", methods=("GET", "POST"))
@login_required
def preview(name: str) -> Any:
    """The form as it would be, in a frame: nothing in it can be saved."""
    form = _get_form(name)
    organisation_id = current_actor().organisation_id
    layout = find_layout(form.description, organisation_id)
    if request.method == "POST":
        layout = _arrange(form, _read_draft(form, request.form))
    # Where a list of rows is previewed, the form that has it is as the hub brings it.
    with try_layout(CUSTOMER_FORM, build_layout(CUSTOMER_FORM, ())), try_layout(form.description, layout):
        html = get_screen(form.screen).render_preview(form.list_name)
    return html, 200, FRAMED


def register(app: Flask) -> None:
    app.register_blueprint(bp)
