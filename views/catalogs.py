"""Catalogs: the plain lists that forms choose from, on one screen filtered by type."""

from typing import Any
from urllib.parse import urlencode

from flask import request, url_for

from customerhub.links import plural
from models import CatalogItem
from models.enums import CatalogType
from views.columns import Column, Filter
from views.listing import ListArgs
from views.named import SetupView, active_column, active_filter, name_column
from views.preferences import Kept
from views.words import word


class CatalogView(SetupView):
    noun = "entry"
    title = "Catalogs"
    intro = "Regions, segments, categories and the other lists that forms choose from."
    empty_text = "Start with the regions: every customer needs one."
    columns = (
        name_column(CatalogItem),
        Column("type", "List", lambda row: word(row.type), sort=CatalogItem.type),
        Column("position", "Position", lambda row: str(row.position), sort=CatalogItem.position, align="right"),
        active_column(CatalogItem),
    )
    filters = (
        Filter("type", "List", CatalogItem.type, "select", members=CatalogType, nullable=False),
        active_filter(CatalogItem),
    )
    searched = (CatalogItem.name,)
    usual_order = (CatalogItem.type, CatalogItem.position, CatalogItem.name_key)
    fields = ("type", "name", "position", "active")

    def first_values(self) -> dict[str, Any]:
        """A new entry belongs to the list that was being looked at."""
        wanted = request.args.get("type", "")
        return {"type": CatalogType(wanted)} if wanted in set(CatalogType) else {}

    def list_tabs(self, kept: Kept, args: ListArgs) -> list[dict[str, Any]]:
        """A tab for each of the lists, and behind them the saved views."""
        home, query = url_for(f"{self.endpoint}.index_view"), args.query()
        lists = [("All", "?")]
        lists += [(plural(word(each)), "?" + urlencode({"f": f"type:is:{each}"})) for each in CatalogType]
        tabs = [{"label": label, "url": home + asked, "active": query == asked} for label, asked in lists]
        return [*tabs, *kept.tabs(self.endpoint, query)[1:]]

    def menu_actions(self, args: ListArgs) -> list[dict[str, Any]]:
        actions = super().menu_actions(args)
        chosen = next((value for name, operator, value in args.filters if (name, operator) == ("type", "is")), None)
        if chosen and actions and actions[0].get("primary"):
            actions[0] |= {
                "url": url_for(f"{self.endpoint}.create_view", type=chosen),
                "label": f"Add {chosen}",
            }
        return actions
