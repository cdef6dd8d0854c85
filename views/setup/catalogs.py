"""Catalogs: the plain lists that forms choose from, on one screen filtered by type."""

from typing import Any
from urllib.parse import urlencode

from flask import request, url_for

from customerhub.core.references import pluralize
from customerhub.core.spreadsheets import CellKind
from models import CatalogItem
from models.enums import CatalogType
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.filters import Filter
from views.framework.labels import member_label
from views.framework.list_page import ListArgs
from views.framework.list_preferences import ListSettings
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


class CatalogView(SetupView):
    noun = "entry"
    title = "Catalogs"
    intro = "Regions, segments, categories and the other lists that forms choose from."
    empty_text = "Start with the regions: one is required for every customer."
    columns = (
        name_column(CatalogItem),
        Column(
            "type",
            "List",
            lambda row: member_label(row.type),
            sort=CatalogItem.type,
            export=Exported(CatalogItem.type, render=member_label),
        ),
        Column(
            "position",
            "Position",
            lambda row: str(row.position),
            sort=CatalogItem.position,
            align="right",
            export=Exported(CatalogItem.position, kind=CellKind.COUNT),
        ),
        active_column(CatalogItem),
    )
    filters = (
        Filter("type", "List", CatalogItem.type, "select", members=CatalogType, nullable=False),
        active_filter(CatalogItem),
    )
    search_columns = (CatalogItem.name,)
    default_order = (CatalogItem.type, CatalogItem.position, CatalogItem.name_key)
    fields = ("type", "name", "position", "active")

    def initial_values(self) -> dict[str, Any]:
        """A new entry belongs to the list that was being looked at."""
        catalog_type = request.args.get("type", "")
        return {"type": CatalogType(catalog_type)} if catalog_type in set(CatalogType) else {}

    def list_tabs(self, settings: ListSettings, args: ListArgs) -> list[dict[str, Any]]:
        """A tab for each of the lists, and behind them the saved views."""
        list_url, query = url_for(f"{self.endpoint}.index_view"), args.query_string()
        lists = [("All", "?")]
        lists += [(pluralize(member_label(each)), "?" + urlencode({"f": f"type:is:{each}"})) for each in CatalogType]
        tabs = [{"label": label, "url": list_url + asked, "active": query == asked} for label, asked in lists]
        return [*tabs, *settings.view_tabs(self.endpoint, query)[1:]]

    def menu_actions(self, args: ListArgs) -> list[dict[str, Any]]:
        actions = super().menu_actions(args)
        chosen = next((value for name, operator, value in args.filters if (name, operator) == ("type", "is")), None)
        if chosen and actions and actions[0].get("primary"):
            actions[0] |= {
                "url": url_for(f"{self.endpoint}.create_view", type=chosen),
                "label": f"Add {chosen}",
            }
        return actions
