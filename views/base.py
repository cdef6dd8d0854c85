"""The one base of all screens: a Flask-Admin ModelView that asks the permission table and one scope for everything."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import abort, current_app, g, redirect, request, url_for
from flask_admin import expose
from flask_admin.contrib.sqla import ModelView
from flask_login import current_user
from sqlalchemy import Select, or_, select
from werkzeug.wrappers import Response
from wtforms import Form

from customerhub.links import plural
from customerhub.permissions import Actor, Permission, scope
from jobs import exports
from models.base import db
from views import choices, listing, preferences
from views.actor import current_actor
from views.choices import Source
from views.columns import Column, Filter
from views.editing import Editing
from views.exporting import Exporting
from views.forms import Inline, build_form
from views.operating import Operating
from views.operation import Operation
from views.paths import path_to

Answer = str | Response | tuple[str, int]


class HubModelView(Editing, Operating, Exporting, ModelView):
    """A screen over one table.

    A subclass declares columns, filters, fields, inlines and operations; every row it lists, counts, opens, edits,
    exports, looks up or acts on comes out of `rows()`, so nothing outside of the actor's scope can be reached.
    """

    # Declared by the screen
    noun: str = "row"
    title: str = ""
    intro: str | None = None
    columns: Sequence[Column] = ()
    filters: Sequence[Filter] = ()
    searched: Sequence[Any] = ()
    search_hint: str = "Search by name"
    usual_order: Sequence[Any] = ()
    load: Sequence[Any] = ()
    fields: Sequence[str] = ()
    field_args: dict[str, dict[str, Any]] = {}
    tabs: Sequence[tuple[str, str, Sequence[str]]] = ()
    inlines: Sequence[Inline] = ()
    operations: Sequence[Operation] = ()
    needs: Sequence[Source] = ()
    view_permission: Permission = Permission.SETUP_VIEW
    edit_permission: Permission | None = Permission.SETUP_EDIT
    save: Callable[..., Any] | None = None
    empty_text: str = ""

    # How Flask-Admin is set up under all of it
    column_auto_select_related = False
    can_view_details = True
    list_template = "list.html"
    create_template = edit_template = "edit.html"
    details_template = "details.html"
    named_filter_urls = True

    def __init__(self, model: type[Any], endpoint: str, **kwargs: Any) -> None:
        self.column_list = [column.name for column in self.columns]
        self.column_sortable_list: list[str] = []
        self.form_columns: list[str] = []
        super().__init__(model, db, name=self.title, endpoint=endpoint, url=f"/admin/{endpoint}", **kwargs)
        exports.SOURCES[endpoint] = self.listing_for_job

    def scaffold_list_columns(self) -> list[str]:
        return [column.name for column in self.columns]

    def scaffold_form(self) -> type[Form]:
        return build_form(self.model, self.all_fields(), inlines=self.inlines, args=self.field_args)

    def all_fields(self) -> list[str]:
        return [*self.fields, *(name for _, _, names in self.tabs for name in names)]

    # --- Who may -------------------------------------------------------------------------------------------

    @property
    def actor(self) -> Actor:
        """Who acts: the person signed in, or the one whose job this is."""
        return g.get("actor") or current_actor()

    def is_accessible(self) -> bool:
        return current_user.is_authenticated and self.actor.may(self.view_permission)

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Response:
        if current_user.is_authenticated:
            abort(403)
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]

    def may_edit(self) -> bool:
        return self.edit_permission is not None and bool(self.fields) and self.actor.may(self.edit_permission)

    @property
    def can_create(self) -> bool:
        return self.may_edit()

    @property
    def can_edit(self) -> bool:
        return self.may_edit()

    can_delete = False  # deleting is an operation like any other

    # --- What there is -------------------------------------------------------------------------------------

    def rows(self) -> Select[Any]:
        """Every row that the actor may know of. All else starts here."""
        return scope(self.model, self.actor)

    def get_query(self) -> Any:
        return db.session.query(self.model).filter(self.model.id.in_(self.rows().with_only_columns(self.model.id)))

    def get_count_query(self) -> Any:
        return self.get_query().with_entities(self.model.id).count

    def get_one(self, id: Any) -> Any:
        """The row with this id; ends the request with 404 where the actor may not know of it."""
        text = str(id)
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            abort(404)
        row = db.session.scalars(self.rows().where(self.model.id == int(text)).options(*self.load)).unique().first()
        if row is None:
            abort(404)
        return row

    def find(self, search: str) -> Any:
        """The condition that a search text puts on the list."""
        escaped = search.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        return or_(*(column.ilike(f"%{escaped}%", escape="\\") for column in self.searched))

    def url_of(self, row: Any) -> str:
        return path_to(f"{self.endpoint}.details_view", row.id)

    # --- The list ------------------------------------------------------------------------------------------

    def list_query(self, args: listing.ListArgs) -> tuple[Select[Any], list[str]]:
        """What `args` asks for, and what is to be said of filters that do not fit."""
        query, unfit = listing.narrowed(self.rows(), args, self.filters)
        return self.found(query, args), unfit

    def found(self, query: Select[Any], args: listing.ListArgs) -> Select[Any]:
        """The rows of `query` that the search text of `args` finds."""
        return query.where(self.find(args.search)) if args.search and self.searched else query

    def counted(self, query: Select[Any], args: listing.ListArgs) -> Select[Any]:
        """The ids of what is `found`, to be counted. A long list may have a quicker way for that."""
        return self.found(query, args).with_only_columns(self.model.id, maintain_column_froms=True)

    def paged(self, query: Select[Any], args: listing.ListArgs, total: int) -> Select[Any]:
        """As `found`, to be read a page at a time."""
        return self.found(query, args)

    @expose("/")
    def index_view(self) -> Answer:
        args = listing.read_args(request.args, self.columns, self.filters, listing.PAGE_SIZES[0])
        if listing.asks_canonical():
            return redirect(url_for(f"{self.endpoint}.index_view") + args.query())
        kept = preferences.of(current_user.id, self.endpoint)
        shown = kept.columns_of(self.columns)
        narrowed, unfit = listing.narrowed(self.rows(), args, self.filters)
        listing.say(unfit)
        total, known = listing.count(self.counted(narrowed, args), args)
        order = listing.order_of(args, self.columns, self.usual_order, self.model)
        load = [*self.load, *(option for column in shown for option in column.load)]
        query = select(self.model).where(self.model.id.in_(known)) if known else self.paged(narrowed, args, total)
        rows = listing.page_of(query, self.model, order, args, load) if total else []
        more = len(rows) > args.page_size
        return self.render(
            self.list_template, page=self._list_page(args, kept, shown, rows[: args.page_size], total, more)
        )

    def _list_page(
        self,
        args: listing.ListArgs,
        kept: preferences.Kept,
        shown: list[Column],
        rows: list[Any],
        total: int,
        more: bool,
    ) -> listing.ListPage:
        choices.read([*listing.sources(self.filters), *self.needs])
        plain = not args.search and not args.filters
        bulk = [
            {"name": operation.name, "label": operation.label, "danger": operation.danger}
            for operation in self.all_operations()
            if operation.bulk
        ]
        return listing.ListPage(
            title=self.title,
            subtitle=self.intro,
            total_text=listing.total_text(total, (self.noun, plural(self.noun)), args.exact),
            exact_url=args.query(exact=True) if total > listing.COUNTED and not args.exact else None,
            columns=listing.headings(args, shown),
            rows=[
                {
                    "id": row.id,
                    "label": str(row),
                    "url": self.url_of(row),
                    "cells": [column.value(row) for column in shown],
                    "folded": [(column.width, cell) for column in shown if (cell := column.folded(row))],
                }
                for row in rows
            ],
            search={"value": args.search, "placeholder": self.search_hint} if self.searched else None,
            chips=listing.chips(args, self.filters),
            clear_url=args.query(filters=(), search=""),
            filters=listing.offered(self.filters),
            keep=args.keep(),
            tabs=self.list_tabs(kept, args),
            save_view_url=url_for("preferences.save_view", screen=self.endpoint),
            column_picker=kept.picker(self.endpoint, self.columns),
            page_sizes=[(n, args.query(page_size=n), n == args.page_size) for n in listing.PAGE_SIZES],
            pager=listing.pager(args, total, len(rows), more),
            bulk=bulk,
            bulk_url=url_for(f"{self.endpoint}.action_view") if bulk else None,
            menu_actions=self.menu_actions(args),
            empty=self._empty(plain),
            banners=self.banners(),
        )

    def list_tabs(self, kept: preferences.Kept, args: listing.ListArgs) -> list[dict[str, Any]]:
        """The saved views of this person."""
        return kept.tabs(self.endpoint, args.query())

    def menu_actions(self, args: listing.ListArgs) -> list[dict[str, Any]]:
        """What the grid button offers."""
        actions = []
        if self.can_create:
            add = {
                "label": f"Add {self.noun}",
                "url": url_for(f"{self.endpoint}.create_view"),
                "icon": "plus",
            }
            actions.append({**add, "primary": True})
        if self.actor.may(Permission.CUSTOMERS_EXPORT):
            for kind, label in (("xlsx", "Export to Excel"), ("csv", "Export to CSV")):
                url = url_for(f"{self.endpoint}.export", export_type=kind) + args.query()
                actions.append({"label": label, "url": url, "icon": "download"})
        return actions

    def banners(self) -> list[dict[str, Any]]:
        """What people must know before they work on this list."""
        return []

    def _empty(self, plain: bool) -> dict[str, Any]:
        if not plain:
            return {"title": "Nothing matches", "text": "Try fewer filters or another word.",
                    "action": {"label": "Clear all", "url": "?"}}  # fmt: skip
        add = {"label": f"Add {self.noun}", "url": url_for(f"{self.endpoint}.create_view")} if self.can_create else None
        return {"title": f"No {plural(self.noun)} yet", "text": self.empty_text, "action": add}

    # --- Look-ups ------------------------------------------------------------------------------------------

    @expose("/ajax/lookup/")
    def ajax_lookup(self) -> Any:
        """[[id, label], …] of rows that match what was typed into a look-up field, twenty at the most."""
        own = self.lookup_sources() if self.may_edit() else {}
        field = (own | self.operation_lookups()).get(request.args.get("name", ""))
        if field is None:
            abort(404)
        text = request.args.get("query", "").strip()[:100]
        limit = min(max(request.args.get("limit", 10, type=int), 1), 20)
        return [[key, label] for key, label in field.found(text, limit)]

    @expose("/ajax/update/", methods=("POST",))
    def ajax_update(self) -> Any:
        abort(404)

    @expose("/delete/", methods=("POST",))
    def delete_view(self) -> Any:
        abort(404)
