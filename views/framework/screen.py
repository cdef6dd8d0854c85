"""The declarations of a screen, its access check, and its rows."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import abort, g
from flask_login import current_user
from sqlalchemy import ColumnElement, Select, or_
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from customerhub.core.permissions import Actor, Permission, select_visible
from models.base import db
from models.folding import contains_text
from views.framework import list_page
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.filters import Filter
from views.framework.forms import Inline
from views.framework.operation import Operation
from views.http.actor import current_actor
from views.http.urls import parse_id, path_to

ViewResponse = str | Response | tuple[str, int]


class Screen:
    """The base of HubModelView and of the mixins for its pages.

    Every row that it lists, counts, opens, edits, exports, looks up or acts on comes from `base_query()`, so rows
    outside the actor's access scope cannot be reached.
    """

    # Declared by the screen
    noun: str = "row"
    title: str = ""
    intro: str | None = None
    columns: Sequence[Column] = ()
    filters: Sequence[Filter] = ()
    search_columns: Sequence[Any] = ()
    search_hint: str = "Search by name"
    default_order: Sequence[Any] = ()
    load_options: Sequence[Any] = ()
    details_load_options: Sequence[Any] = ()  # beside them, for the details page
    fields: Sequence[str] = ()
    field_args: dict[str, dict[str, Any]] = {}
    tabs: Sequence[tuple[str, str, Sequence[str]]] = ()
    hidden_fields: frozenset[str] = frozenset()  # those that the organisation does not show on the form
    required_fields: frozenset[str] = frozenset()  # those that it requires beyond what every organisation does
    inlines: Sequence[Inline] = ()
    operations: Sequence[Operation] = ()
    choice_sources: Sequence[Source] = ()
    sibling_lists: Sequence[tuple[str, str]] = ()  # (label, endpoint) of lists that are shown as tabs of each other
    view_permission: Permission = Permission.SETUP_VIEW
    edit_permission: Permission | None = Permission.SETUP_EDIT
    save: Callable[..., Any]  # (row, *, actor); of a screen that edits
    empty_text: str = ""

    # Set by Flask-Admin
    model: Any
    endpoint: str
    render: Callable[..., str]
    edit_template: str
    details_template: str

    # --- Who may -------------------------------------------------------------------------------------------

    @property
    def actor(self) -> Actor:
        """Who acts: the person signed in, or the one whose job this is."""
        return g.get("actor") or current_actor()

    def is_accessible(self) -> bool:
        return current_user.is_authenticated and self.actor.has_permission(self.view_permission)

    def may_edit(self) -> bool:
        return (
            self.edit_permission is not None
            and bool(self.fields or self.tabs)
            and self.actor.has_permission(self.edit_permission)
        )

    def may_export(self) -> bool:
        return self.actor.has_permission(Permission.CUSTOMERS_EXPORT)

    @property
    def can_create(self) -> bool:
        return self.may_edit()

    @property
    def can_edit(self) -> bool:
        return self.may_edit()

    # --- What there is -------------------------------------------------------------------------------------

    def all_fields(self) -> list[str]:
        return [*self.fields, *(name for _, _, names in self.tabs for name in names)]

    def base_query(self) -> Select[Any]:
        """Every row that the actor may know of. All else starts here."""
        return select_visible(self.model, self.actor)

    def get_one(self, id: Any, load_options: Sequence[Any] = ()) -> Any:
        """The row with this id; ends the request with 404 where the actor may not know of it."""
        row_id = parse_id(str(id))
        if row_id is None:
            abort(404)
        query = self.base_query().where(self.model.id == row_id).options(*self.load_options, *load_options)
        row = db.session.scalars(query).unique().first()
        if row is None:
            abort(404)
        return row

    def url_of(self, row: Any) -> str:
        return path_to(f"{self.endpoint}.details_view", row.id)

    def list_import_columns(self) -> list[str]:
        """The names of the columns that an import of such rows takes."""
        return []

    # --- What a list asks for ------------------------------------------------------------------------------

    def parse_list_args(self, parameters: MultiDict[str, str]) -> list_page.ListArgs:
        """What `parameters` of an address ask of this list."""
        return list_page.parse_list_args(parameters, self.columns, self.filters)

    def filtered_query(self, args: list_page.ListArgs) -> tuple[Select[Any], list[str]]:
        """What `args` asks for, and what is to be said of filters that do not fit."""
        query, filter_errors = list_page.apply_filters(self.base_query(), args, self.filters)
        return self.apply_search(query, args), filter_errors

    def list_row_ids(
        self, args: list_page.ListArgs, limit: int, keys: Sequence[int] | None = None
    ) -> tuple[list[int], list[str]]:
        """The keys of the first rows of the list, or of those with `keys` whatever the list is filtered by, in its
        order, and what is to be said of filters that do not fit.
        """
        order = list_page.order_of(args, self.columns, self.default_order, self.model)
        rows_query, filter_errors = self.filtered_query(args) if keys is None else (self.base_query(), [])
        if keys is not None:
            rows_query = rows_query.where(self.model.id.in_(keys))
        query = rows_query.with_only_columns(self.model.id, maintain_column_froms=True)
        return list(db.session.scalars(query.order_by(*order).limit(limit))), filter_errors

    def apply_search(self, query: Select[Any], args: list_page.ListArgs) -> Select[Any]:
        """The rows of `query` that the search text of `args` finds."""
        return query.where(self.search_condition(args.search)) if args.search and self.search_columns else query

    def search_condition(self, search: str) -> ColumnElement[bool]:
        """The condition that a search text puts on the list."""
        return or_(*(contains_text(column, search) for column in self.search_columns))
