"""Tags of customers."""

from collections.abc import Sequence
from typing import Any

from flask import url_for

from customerhub.core.permissions import Actor, Permission
from customerhub.customers.tags import count_customers, count_customers_by_id, delete_tag
from models import Tag
from models.enums import TagColour
from views.framework.chips import tag_chip
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage
from views.framework.exported import Exported
from views.framework.field_columns import build_member_sort
from views.framework.filters import Filter
from views.framework.labels import member_label
from views.framework.list_page import ListArgs
from views.framework.operation import Operation
from views.setup.setup_view import SetupView, active_column, active_filter


def list_customers_url(tag: Tag) -> str:
    """The list of the customers that have `tag`."""
    return url_for("customers.index_view") + ListArgs(filters=(("tags", "is", str(tag.id)),)).query_string()


def _list_tagged(rows: Sequence[Tag], _values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    """How many customers lose each of these tags."""
    counts = count_customers_by_id(rows)
    return [
        {
            "title": "Customers that lose the tag",
            "columns": [{"label": "Tag"}, {"label": "Customers", "align": "right"}],
            "rows": [[tag_chip(tag), {"text": f"{counts[tag.id]:,}", "url": list_customers_url(tag)}] for tag in rows],
        }
    ]


DELETE = Operation(
    name="delete",
    label="Delete",
    past_tense="deleted",
    permission=Permission.SETUP_EDIT,
    run=delete_tag,
    preview=_list_tagged,
    explanation="Deletes the tag and removes it from all customers that have it. The history of these customers keeps "
    "it. To stop offering the tag but keep it on customers, make it inactive.",
    icon="trash",
    danger=True,
    bulk=False,
    deletes_rows=True,
)


class TagView(SetupView):
    noun = "tag"
    title = "Tags"
    intro = "Coloured labels for customers. A customer can have several."
    empty_text = "Add labels such as Key account or Trade fair, to find such customers again."
    columns = (
        Column("name", "Name", tag_chip, sort=Tag.name_key, export_text=str, export=Exported(Tag.name)),
        Column(
            "colour",
            "Colour",
            lambda row: member_label(row.colour),
            sort=build_member_sort(Tag.colour, TagColour),
            export=Exported(Tag.colour, render=member_label),
        ),
        active_column(Tag),
    )
    filters = (
        Filter("colour", "Colour", Tag.colour, "select", members=TagColour, nullable=False),
        active_filter(Tag),
    )
    search_columns = (Tag.name,)
    default_order = (Tag.name_key,)
    fields = ("name", "colour", "active")
    operations = (DELETE,)

    def fill_details(self, page: DetailsPage, row: Any, tab: str) -> None:
        super().fill_details(page, row, tab)
        customers = {"text": f"{count_customers(row):,}", "url": list_customers_url(row)}
        page.sections[0]["items"] += [("Customers", customers), ("Appearance", tag_chip(row))]
