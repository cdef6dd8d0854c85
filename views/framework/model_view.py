"""The base of all screens: a Flask-Admin ModelView that checks the permission table and one access scope."""

from collections.abc import Sequence
from typing import Any

from flask import abort, current_app, redirect, request, url_for
from flask_admin import expose
from flask_admin.contrib.sqla import ModelView
from flask_login import current_user
from sqlalchemy import Select, select
from werkzeug.wrappers import Response
from wtforms import Form

from customerhub.core.permissions import Permission
from customerhub.core.references import pluralize
from models.base import db
from views.framework import choices, list_page, list_preferences
from views.framework.bulk_edit import BulkEditMixin
from views.framework.columns import Column
from views.framework.export import ExportMixin
from views.framework.export_choice import choice_url
from views.framework.form_preview import PreviewMixin
from views.framework.forms import build_form
from views.framework.row_fields import MAX_LOOKED_UP
from views.framework.screen import ViewResponse


class HubModelView(PreviewMixin, BulkEditMixin, ExportMixin, ModelView):
    """A screen over one table. A subclass declares columns, filters, fields, inlines and operations."""

    # How Flask-Admin is set up under all of it
    column_auto_select_related = False
    can_view_details = True
    list_template = "screens/list.html"
    create_template = edit_template = "screens/edit.html"
    details_template = "screens/details.html"
    named_filter_urls = True

    def __init__(self, model: type[Any], endpoint: str, **kwargs: Any) -> None:
        self.column_list = [column.name for column in self.columns]
        self.column_sortable_list: list[str] = []
        self.form_columns: list[str] = []
        super().__init__(model, db, name=self.title, endpoint=endpoint, url=f"/admin/{endpoint}", **kwargs)

    def scaffold_list_columns(self) -> list[str]:
        return [column.name for column in self.columns]

    def scaffold_form(self) -> type[Form]:
        return build_form(self.model, self.all_fields(), inlines=self.inlines, args=self.field_args)

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Response:
        if current_user.is_authenticated:
            abort(403)
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]

    can_delete = False  # deleting is an operation like any other

    def get_query(self) -> Any:
        return db.session.query(self.model).filter(
            self.model.id.in_(self.base_query().with_only_columns(self.model.id))
        )

    def get_count_query(self) -> Any:
        return self.get_query().with_entities(self.model.id).count

    # --- The list ------------------------------------------------------------------------------------------

    def find_page(self, query: Select[Any], args: list_page.ListArgs, order: Sequence[Any]) -> tuple[int, Select[Any]]:
        """How many rows `query` has that are searched for, as far as they are counted; and the ids of one page of them,
        with one row more. A long list may have a quicker way.
        """
        found = self.apply_search(query, args)
        total, known_ids = list_page.count_rows(
            found.with_only_columns(self.model.id, maintain_column_froms=True), args
        )
        if known_ids:
            found = select(self.model).where(self.model.id.in_(known_ids))
        elif total > list_page.COUNT_LIMIT:
            found = self._expect_many(found, args)
        column = list_page.find_sorted_column(args, self.columns)
        if column is not None and column.find_keys is not None and not known_ids:
            offset, limit = args.page * args.page_size, args.page_size + 1
            keys = column.find_keys(found, offset, limit, args.descending)
            return total, select(self.model.id).where(self.model.id.in_(keys))
        return total, list_page.select_page(found, self.model, order, args)

    def _expect_many(self, found: Select[Any], args: list_page.ListArgs) -> Select[Any]:
        """`found`, or the same rows by conditions that are quicker where there are many."""
        names = {name for name, _, _ in args.filters}
        filters = [each.expect_many() if each.name in names else each for each in self.filters]
        if all(each is other for each, other in zip(filters, self.filters, strict=True)):
            return found
        return self.apply_search(list_page.apply_filters(self.base_query(), args, filters)[0], args)

    @expose("/")
    def index_view(self) -> ViewResponse:
        args = self.parse_list_args(request.args)
        if list_page.is_filter_form():
            return redirect(url_for(f"{self.endpoint}.index_view") + args.query_string())
        settings = list_preferences.load_settings(self)
        visible_columns = settings.visible_columns(self.columns)
        filtered, filter_errors = list_page.apply_filters(self.base_query(), args, self.filters)
        list_page.flash_filter_errors(filter_errors)
        order = list_page.order_of(args, self.columns, self.default_order, self.model)
        total, page = self.find_page(filtered, args, order)
        load_options = [*self.load_options, *(option for column in visible_columns for option in column.load_options)]
        rows = list_page.load_rows(page, self.model, order, load_options) if total else []
        for load_values in dict.fromkeys(column.load_values for column in visible_columns if column.load_values):
            load_values(rows)
        has_more = len(rows) > args.page_size
        return self.render(
            self.list_template,
            page=self._build_list_page(args, settings, visible_columns, rows[: args.page_size], total, has_more),
        )

    def _build_list_page(
        self,
        args: list_page.ListArgs,
        settings: list_preferences.ListSettings,
        visible_columns: list[Column],
        rows: list[Any],
        total: int,
        has_more: bool,
    ) -> list_page.ListPage:
        choices.preload([*list_page.list_filter_sources(self.filters, args), *self.choice_sources])
        is_unfiltered = not args.search and not args.filters
        page = list_page.ListPage(
            title=self.title,
            subtitle=self.intro,
            total_text=list_page.format_total(total, (self.noun, pluralize(self.noun)), args.exact),
            exact_url=args.query_string(exact=True) if total > list_page.COUNT_LIMIT and not args.exact else None,
            columns=list_page.column_headings(args, visible_columns),
            rows=[self._build_list_row(row, visible_columns) for row in rows],
            search={"value": args.search, "placeholder": self.search_hint} if self.search_columns else None,
            chips=list_page.filter_chips(args, self.filters, settings.pinned_filters(self.filters)),
            clear_url=args.query_string(filters=(), search=""),
            search_links=self.list_search_links(args),
            siblings=self.list_siblings(),
            filters_url=url_for(f"{self.endpoint}.filter_view") + args.query_string() if self.filters else None,
            list_url=url_for(f"{self.endpoint}.index_view"),
            query=args.query_string(page=args.page),
            hidden_fields=args.form_fields(),
            tabs=self.list_tabs(settings, args),
            save_view_url=url_for("saved_views.save", screen=self.endpoint),
            own_views=[view for view in settings.views if view.is_own],
            may_share_views=self.actor.has_permission(Permission.VIEWS_SHARE),
            columns_url=url_for("preferences.columns_page", screen=self.endpoint) + args.query_string(),
            page_sizes=[(n, args.query_string(page_size=n), n == args.page_size) for n in list_page.PAGE_SIZES],
            pager=list_page.build_list_pager(args, total, len(rows), has_more),
            menu_actions=self.menu_actions(args),
            empty=self._empty_state(is_unfiltered),
            banners=self.list_banners(),
        )
        self._offer_operations(page, args, total)
        return page

    def _offer_operations(self, page: list_page.ListPage, args: list_page.ListArgs, total: int) -> None:
        """Give `page` the bar of what can be done to several rows, and the export, where the actor may do anything."""
        if self.may_export():
            page.export_url = choice_url(self, args)
        page.bulk = list_page.describe_operations(self.bulk_operations())
        if page.bulk:
            page.bulk_url = url_for(f"{self.endpoint}.action_view")
            page.available_url = url_for(f"{self.endpoint}.available_view")
            page.export_ticked_url = url_for("export_choice.choose_for_ticked", screen=self.endpoint)
            page.matching_text = list_page.format_matching(args, total, len(page.rows))

    @expose("/filter/")
    def filter_view(self) -> ViewResponse:
        """The filters to choose from, or the form of the one that is named: pages of their own for browsers without
        scripts, of which the menus of the list take their part when they are opened.
        """
        item = next((each for each in self.filters if each.name == request.args.get("name")), None)
        if item is None and ("name" in request.args or not self.filters):
            abort(404)
        args = self.parse_list_args(request.args)
        filters_url = url_for(f"{self.endpoint}.filter_view")
        query = args.query_string().removeprefix("?")
        return self.render(
            "screens/filter.html",
            title=self.title,
            list_url=url_for(f"{self.endpoint}.index_view"),
            links=[(each.label, f"{filters_url}?name={each.name}&{query}") for each in self.filters],
            choose_url=f"{url_for('preferences.filters_page', screen=self.endpoint)}?{query}",
            form=None if item is None else list_page.build_filter_form(item),
            hidden_fields=args.form_fields(),
            search={"value": args.search},
        )

    def _build_list_row(self, row: Any, visible_columns: list[Column]) -> dict[str, Any]:
        return {
            "id": row.id,
            "label": str(row),
            "url": self.url_of(row),
            "cells": [column.value(row) for column in visible_columns],
            "folded": [
                (column.collapse_class, cell) for column in visible_columns if (cell := column.collapsed_value(row))
            ],
        }

    def list_tabs(self, settings: list_preferences.ListSettings, args: list_page.ListArgs) -> list[dict[str, Any]]:
        """The saved views of this person, and those that are shared with them."""
        return settings.view_tabs(self.endpoint, args.query_string())

    def menu_actions(self, args: list_page.ListArgs) -> list[dict[str, Any]]:
        """What the grid button offers."""
        actions = []
        if self.can_create:
            add = {
                "label": f"Add {self.noun}",
                "url": url_for(f"{self.endpoint}.create_view"),
                "icon": "plus",
            }
            actions.append({**add, "primary": True, "key": "new"})
        if self.may_export():
            actions.append({"label": "Export", "url": choice_url(self, args), "icon": "download"})
        return actions

    def list_search_links(self, args: list_page.ListArgs) -> list[tuple[str, str]]:
        """(label, address) of ways to change what is searched for, beside the filters in use."""
        return []

    def list_siblings(self) -> list[dict[str, Any]]:
        """The tabs of the lists that belong together with this one, this one among them."""
        lists = [(label, f"{endpoint}.index_view", endpoint) for label, endpoint in self.sibling_lists]
        return [{"label": label, "url": url_for(view), "active": name == self.endpoint} for label, view, name in lists]

    def list_banners(self) -> list[dict[str, Any]]:
        """What people must know before they work on this list."""
        return []

    def _empty_state(self, is_unfiltered: bool) -> dict[str, Any]:
        if not is_unfiltered:
            return {
                "title": "No results",
                "text": "Try fewer filters or a different search term.",
                "action": {"label": "Clear all", "url": "?"},
            }
        add = {"label": f"Add {self.noun}", "url": url_for(f"{self.endpoint}.create_view")} if self.can_create else None
        return {"title": f"No {pluralize(self.noun)} yet", "text": self.empty_text, "action": add}

    # --- Look-ups ------------------------------------------------------------------------------------------

    @expose("/ajax/lookup/")
    def ajax_lookup(self) -> Any:
        """[[id, label], …] of rows that match what was typed into a look-up field, twenty at the most."""
        form_sources = self.lookup_sources() if self.may_edit() else {}
        source = (form_sources | self.operation_lookups()).get(request.args.get("name", ""))
        if source is None:
            abort(404)
        text = request.args.get("query", "").strip()[:100]
        limit = min(max(request.args.get("limit", 10, type=int), 1), MAX_LOOKED_UP)
        return [[key, label] for key, label in source.search(text, limit)]

    @expose("/ajax/update/", methods=("POST",))
    def ajax_update(self) -> Any:
        abort(404)

    @expose("/delete/", methods=("POST",))
    def delete_view(self) -> Any:
        abort(404)
