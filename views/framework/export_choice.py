"""Which columns and rows of a list go into a file: a page for browsers without scripts, of which the menu of the list
takes its part. Sets of columns are kept by each person as presets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Flask, abort, flash, g, redirect, request, url_for
from flask_login import login_required
from werkzeug.datastructures import MultiDict

from customerhub.core.errors import HubError, Invalid
from customerhub.core.references import pluralize
from customerhub.users import export_presets
from models.base import db
from views.framework import list_page
from views.framework.columns import Column
from views.framework.formatting import current_formats
from views.framework.list_page import ListArgs
from views.framework.list_preferences import ListSettings, get_screen, list_url, load_settings
from views.framework.operation import MAX_ROWS
from views.framework.operation_page import MAX_ADDRESS_LENGTH, TOO_MANY_ROWS
from views.http.actor import current_actor
from views.http.urls import parse_id

bp = Blueprint("export_choice", __name__, url_prefix="/admin/list")

DIRECT_ROWS = 5000  # rows that are written while the browser waits
NO_COLUMN = "Choose at least one column."
NO_ROW = "Select one or more rows first."
ADDRESS_TOO_LONG = "This list has too many filters for an export of the ticked rows. Remove some of them."


@dataclass(frozen=True)
class ColumnPreset:
    """A set of columns that is ticked at once. `key` is what addresses call it; what `is_own` can be deleted."""

    key: str
    label: str
    columns: Sequence[str]
    is_own: bool = False


@dataclass(frozen=True)
class ExportPage:
    """What templates/screens/export.html shows."""

    title: str
    choices: Sequence[tuple[str, str, bool]]  # (name, label, ticked) of each column
    presets: Sequence[tuple[ColumnPreset, str, bool]]  # (preset, its address, whether its columns are ticked)
    file_urls: dict[str, str]
    presets_url: str
    query: str
    keys: Sequence[int]
    total: str
    back_url: str
    separator: str
    direct_rows: int
    is_long: bool


def list_presets(
    settings: ListSettings, columns: Sequence[Column], import_columns: Iterable[str]
) -> list[ColumnPreset]:
    """The presets that everybody has, and those that this person keeps, with what there is of their columns."""
    names = [column.name for column in columns]
    importable = {*import_columns}
    presets = [
        ColumnPreset("shown", "As shown", [column.name for column in settings.visible_columns(columns)]),
        ColumnPreset("all", "All fields", names),
        ColumnPreset("import", "As for import", [name for name in names if name in importable]),
        *(
            ColumnPreset(f"own:{each['name']}", each["name"], [name for name in names if name in each["columns"]], True)
            for each in settings.export_presets
        ),
    ]
    if {*presets[0].columns} == {*names}:
        del presets[1]
    return [preset for preset in presets if preset.columns or preset.is_own] + [ColumnPreset("none", "None", ())]


def require_export(view: Any) -> None:
    """Ends the request with 403 where the actor may not export the list of the screen `view`."""
    if not view.may_export():
        abort(403)


def parse_keys(texts: Iterable[str]) -> list[int]:
    """The rows that an address or a form names. Raises Invalid where they are too many."""
    keys = list(dict.fromkeys(key for text in texts if (key := parse_id(text)) is not None))
    if len(keys) > MAX_ROWS:
        raise Invalid(TOO_MANY_ROWS)
    return keys


def choice_url(view: Any, args: ListArgs, keys: Sequence[int] = (), preset: str = "") -> str:
    """The page that asks, for the list that `args` asks for or these rows of it."""
    pairs = [("id", key) for key in keys] + ([("preset", preset)] if preset else [])
    query = args.query_string(page=args.page).removeprefix("?")
    url = url_for("export_choice.choose", screen=view.endpoint)
    return f"{url}?{'&'.join(filter(None, (query, urlencode(pairs))))}".removesuffix("?")


def render_choice(view: Any, args: ListArgs, keys: Sequence[int], ticked: Iterable[str] | None = None) -> str:
    """The page that asks, with the columns of the preset that the address names, or these, ticked."""
    settings = load_settings(view)
    presets = list_presets(settings, view.columns, view.list_import_columns())
    if ticked is None:
        requested = request.args.get("preset")
        ticked = next((preset.columns for preset in presets if preset.key == requested), presets[0].columns)
    names = {*ticked}
    query, filter_errors = view.filtered_query(args)
    list_page.flash_filter_errors(filter_errors)
    total, _ = list_page.count_rows(query.with_only_columns(view.model.id, maintain_column_froms=True), args)
    g.crumbs = [(view.title, list_url(view)), ("Export", None)]
    address = args.query_string(page=args.page)
    page = ExportPage(
        title=f"Export {pluralize(view.noun)}",
        choices=[(each.name, each.label, each.name in names) for each in settings.order_columns(view.columns)],
        presets=[(each, choice_url(view, args, keys, each.key), {*each.columns} == names) for each in presets],
        file_urls={
            kind: url_for(f"{view.endpoint}.export", export_type=kind) + address.removesuffix("?")
            for kind in ("xlsx", "csv")
        },
        presets_url=url_for("export_choice.save_preset", screen=view.endpoint),
        query=address.removeprefix("?"),
        keys=keys,
        total=list_page.format_total(total, (view.noun, pluralize(view.noun)), args.exact),
        back_url=list_url(view) + address.removesuffix("?"),
        separator=f"{current_formats().list_separator.value}s",
        direct_rows=DIRECT_ROWS,
        is_long=total > DIRECT_ROWS,
    )
    rendered: str = view.render("screens/export.html", page=page)
    return rendered


@bp.get("/<screen>/export")
@login_required
def choose(screen: str) -> Any:
    """The columns and rows to choose from."""
    view = _get_exported_screen(screen)
    return render_choice(view, view.parse_list_args(request.args), parse_keys(request.args.getlist("id")))


@bp.post("/<screen>/export")
@login_required
def choose_for_ticked(screen: str) -> Any:
    """The same from the bar below a list: for its ticked rows, or for all it has."""
    view = _get_exported_screen(screen)
    keys = [] if request.form.get("all") == "1" else parse_keys(request.form.getlist("rowid"))
    return _lead_to(choice_url(view, _parse_left_list(view, "back"), keys))


@bp.post("/<screen>/export/presets")
@login_required
def save_preset(screen: str) -> Any:
    """Keep the ticked columns under a name, or forget the preset that is named, and come back to the page."""
    view = _get_exported_screen(screen)
    args, keys = _parse_left_list(view, "query"), parse_keys(request.form.getlist("id"))
    names = {column.name for column in view.columns}
    ticked = [name for name in dict.fromkeys(request.form.getlist("column")) if name in names]
    try:
        if "delete" in request.form:
            name = request.form["delete"]
            export_presets.delete_preset(screen, name, actor=current_actor())
            message, preset = f"Preset “{name}” was deleted.", ""
        else:
            name = export_presets.save_preset(
                screen, name=request.form.get("name", ""), columns=ticked, actor=current_actor()
            )
            message, preset = f"Preset “{name}” was saved.", f"own:{name}"
        db.session.commit()
    except HubError as error:
        db.session.rollback()
        flash(error.message, "error")
        return render_choice(view, args, keys, ticked), 422
    flash(message, "success")
    return _lead_to(choice_url(view, args, keys, preset))


def _lead_to(url: str) -> Any:
    """Raises Invalid where the address is too long to be followed."""
    if len(url) > MAX_ADDRESS_LENGTH:
        raise Invalid(ADDRESS_TOO_LONG)
    return redirect(url, 303)


def _get_exported_screen(name: str) -> Any:
    view = get_screen(name)
    require_export(view)
    return view


def _parse_left_list(view: Any, field: str) -> ListArgs:
    """What the list showed that was left for the page, by the query in a field of the form."""
    args: ListArgs = view.parse_list_args(MultiDict(parse_qsl(request.form.get(field, "").removeprefix("?"))))
    return args


def register(app: Flask) -> None:
    app.register_blueprint(bp)
