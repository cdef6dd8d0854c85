"""SmartSearch: finding the record that a user means by what they type."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Flask, abort, g, jsonify, redirect, render_template, request, url_for
from flask_login import login_required

from customerhub.core.permissions import Permission
from customerhub.customers.search import find_exact_match, list_suggestions
from customerhub.customers.search_hits import Hit, HitKind, find_matched_text, find_numbered_hit, list_hits
from customerhub.customers.tags import find_tags
from models import Customer, Tag
from models.keys import fold_text
from views.cells.customers import customer_link
from views.framework.labels import capitalize_first
from views.http.actor import current_actor
from views.http.urls import path_to
from views.setup.tags import list_customers_url

bp = Blueprint("search", __name__, url_prefix="/admin/search")
MAX_SUGGESTIONS = 8
MAX_SUGGESTED_HITS = 4  # of each kind beside customers
MAX_FOUND = 20  # of each kind on the page of results
MAX_LENGTH = 100

GROUPS = {
    HitKind.CONTRACT: "Contracts",
    HitKind.ORDER: "Orders",
    HitKind.CONTACT: "Contact persons",
    HitKind.ACCOUNT: "Accounts",
}
SCREENS = {HitKind.CONTRACT: "contracts", HitKind.ORDER: "orders"}  # kinds with a page of their own


def _search_text() -> str:
    if not current_actor().has_permission(Permission.CUSTOMERS_VIEW):
        abort(403)
    return request.args.get("q", "").strip()[:MAX_LENGTH]


@bp.get("/")
@login_required
def results() -> Any:
    """One record: straight to it. Records of one kind: its list. Of several kinds: all of them, in groups. Where there
    is none but a tag with this name: the customers that have it.
    """
    search_text, actor = _search_text(), current_actor()
    if not search_text:
        return redirect(url_for("customers.index_view"))
    customer = find_exact_match(search_text, actor)
    if customer is not None:
        return redirect(path_to("customers.details_view", customer.id))
    hit = find_numbered_hit(search_text, actor)
    if hit is not None:
        return redirect(_hit_url(hit))
    customers = list_suggestions(search_text, actor, MAX_FOUND + 1)
    hits = _leave_out_known(list_hits(search_text, actor, MAX_FOUND + 1), customers)
    if not customers and not hits:
        tags = find_tags(search_text, actor=actor, limit=1)
        if tags and tags[0].name_key == fold_text(search_text):
            return redirect(list_customers_url(tags[0]))
    url = _find_only_target(customers, hits) or _find_only_list(search_text, customers, hits)
    if url is not None:
        return redirect(url)
    g.crumbs = [("Search", None)]
    return render_template(
        "system/found.html",
        title=f"Search: {search_text}",
        tables=_build_tables(search_text, customers, hits),
    )


def _leave_out_known(hits: Sequence[Hit], customers: Sequence[Customer]) -> list[Hit]:
    """`hits` without the contact persons of `customers`: they have the name of their company in their address."""
    known_ids = {customer.id for customer in customers}
    return [hit for hit in hits if hit.kind is not HitKind.CONTACT or hit.customer_id not in known_ids]


def _find_only_target(customers: Sequence[Customer], hits: Sequence[Hit]) -> str | None:
    """The address of the one record that was found; what belongs to the one customer that was found leads there."""
    if len(customers) == 1 and all(hit.customer_id == customers[0].id for hit in hits):
        return path_to("customers.details_view", customers[0].id)
    return _hit_url(hits[0]) if len(hits) == 1 and not customers else None


def _find_only_list(search_text: str, customers: Sequence[Customer], hits: Sequence[Hit]) -> str | None:
    """The address of the list with all that was found, where that is of one kind or nothing."""
    if not hits:
        return url_for("customers.index_view", search=search_text)
    kinds = {hit.kind for hit in hits}
    screen = SCREENS.get(hits[0].kind) if len(kinds) == 1 and not customers else None
    return url_for(f"{screen}.index_view", search=search_text) if screen else None


@bp.get("/suggest")
@login_required
def suggest() -> Any:
    """What may be meant by what was typed so far, as JSON: [{group, label, sub, url, kind, colour}]."""
    search_text, actor = _search_text(), current_actor()
    if not search_text:
        return jsonify([])
    customers = list_suggestions(search_text, actor, MAX_SUGGESTIONS)
    hits = list_hits(search_text, actor, MAX_SUGGESTED_HITS)
    tags = find_tags(search_text, actor=actor, limit=MAX_SUGGESTED_HITS)
    return jsonify(
        [
            *(_suggest_customer(search_text, row) for row in customers),
            *(
                {
                    "group": GROUPS[hit.kind],
                    "label": hit.texts[0],
                    "sub": " · ".join(_list_hit_facts(search_text, hit)),
                    "url": _hit_url(hit),
                }
                for hit in hits
            ),
            *(_suggest_tag(tag) for tag in tags),
        ]
    )


def _suggest_customer(search_text: str, customer: Customer) -> dict[str, str]:
    return {
        "group": "Customers",
        "label": customer.name,
        "sub": " · ".join(_list_customer_facts(search_text, customer)),
        "url": path_to("customers.details_view", customer.id),
        "kind": customer.status.name,
        "colour": customer.status.colour,
    }


def _suggest_tag(tag: Tag) -> dict[str, str]:
    return {
        "group": "Tags",
        "label": tag.name,
        "sub": "Customers with this tag",
        "url": list_customers_url(tag),
    }


def _hit_url(hit: Hit) -> str:
    """The page of the record; contact persons and accounts are on that of their customer."""
    if hit.kind in SCREENS:
        return path_to(f"{SCREENS[hit.kind]}.details_view", hit.id)
    tab = "&tab=contracts" if hit.kind is HitKind.ACCOUNT else ""  # that tab lists the accounts too
    return path_to("customers.details_view", hit.customer_id) + tab


def _list_customer_facts(search_text: str, customer: Customer) -> list[str]:
    """Reference and account number, and what the customer was found by where that is neither."""
    shown = [text for text in (customer.reference, customer.account_number) if text]
    others = {
        "": (customer.email, customer.contact_number),
        "Registration no. ": (customer.registration_number, customer.registration_key),
        "VAT no. ": (customer.vat_number, customer.vat_key),
    }
    for prefix, texts in others.items():
        matched = find_matched_text(search_text, [customer.name, *shown], [text for text in texts if text])
        if matched is not None:
            return [*shown, f"{prefix}{texts[0] if prefix else matched}"]
    return shown


def _list_hit_facts(search_text: str, hit: Hit) -> list[str]:
    """The number of a contract or order, or what a contact person was found by; and the customer."""
    matched = hit.find_matched_text(search_text)
    facts = hit.texts[1:2] if hit.kind in SCREENS else filter(None, [matched])
    return [*facts, hit.customer_name]


def _build_tables(search_text: str, customers: Sequence[Customer], hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """A table of each kind that was found, with the way to all of them."""
    tables = []
    if customers:
        rows = [[customer_link(row), ", ".join(_list_customer_facts(search_text, row))] for row in customers]
        columns = [{"label": "Customer"}, {"label": "Details"}]
        tables.append(_build_table(search_text, "Customers", "customers", columns, rows))
    for kind, title in GROUPS.items():
        rows = [
            [
                {"text": hit.texts[0], "url": _hit_url(hit)},
                ", ".join(hit.texts[1:]),
                {"text": hit.customer_name, "url": path_to("customers.details_view", hit.customer_id)},
            ]
            for hit in hits
            if hit.kind is kind
        ]
        columns = [{"label": capitalize_first(kind.value)}, {"label": "Details"}, {"label": "Customer"}]
        if kind is HitKind.ACCOUNT:
            rows, columns = [[row[0], row[2]] for row in rows], [columns[0], columns[2]]
        if rows:
            tables.append(_build_table(search_text, title, SCREENS.get(kind), columns, rows))
    return tables


def _build_table(
    search_text: str, title: str, screen: str | None, columns: list[dict[str, Any]], rows: list[list[Any]]
) -> dict[str, Any]:
    is_cut = len(rows) > MAX_FOUND
    table: dict[str, Any] = {"title": title, "columns": columns, "rows": rows[:MAX_FOUND]}
    if screen is not None:
        table |= {"more_url": url_for(f"{screen}.index_view", search=search_text), "more_label": "Open as a list"}
    elif is_cut:
        table["text"] = f"The first {MAX_FOUND}. Add a word to find fewer."
    return table


def register(app: Flask) -> None:
    app.register_blueprint(bp)
