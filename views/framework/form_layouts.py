"""The layout of a screen's form: which fields the organisation at work shows, where, and which it requires."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from flask import g, has_app_context, has_request_context, request
from sqlalchemy import inspect
from wtforms import Form

from customerhub.form_layouts.layouts import FormDescription, Layout, build_layout, find_layout
from models.base import db
from views.framework.custom_values import find_organisation_id
from views.framework.forms import Inline
from views.framework.inline_rows import LINE_FIELDS

S = TypeVar("S", bound=type)
MAX_REMEMBERED = 256  # organisations and screens


def get_layout(description: FormDescription, list_name: str = "") -> Layout:
    """The layout in force, or the one that is being tried; the default one where nobody acts. Fields that a form brings
    which was opened before they were hidden are shown, so that nothing that was typed is lost; `list_name` where they
    are columns of that list of rows.
    """
    if has_app_context() and description in (tried := g.get("tried_layouts", {})):
        tried_layout: Layout = tried[description]
        return tried_layout
    organisation_id = find_organisation_id()
    if organisation_id is None:
        return build_layout(description, ())
    layout = find_layout(description, organisation_id)
    sent = layout.hidden & _list_sent(list_name) if layout.hidden else None
    return replace(layout, hidden=layout.hidden - sent) if sent else layout


def _list_sent(list_name: str) -> AbstractSet[str]:
    """The fields and lists for which the form that was sent brings anything, or the columns of one of its lists."""
    if not has_request_context() or request.method != "POST":
        return frozenset()
    if "sent_fields" not in g:
        g.sent_fields = {"": set()}
        for key in (*request.form, *request.files):
            name, _, cell = key.partition("-")
            g.sent_fields[""].add(name)
            if cell:
                g.sent_fields.setdefault(name, set()).add(cell.partition("-")[2])
    columns: AbstractSet[str] = g.sent_fields.get(list_name, frozenset())
    return columns


@contextmanager
def try_layout(description: FormDescription, layout: Layout) -> Iterator[None]:
    """Within this block forms are shown with `layout`."""
    before = g.get("tried_layouts", {})
    g.tried_layouts = {**before, description: layout}
    try:
        yield
    finally:
        g.tried_layouts = before


class _Arranged:
    """What the class of a screen declares; of the screen itself what the layout says."""

    def __init__(self, declared: Any, description: FormDescription, read: Callable[[Layout], Any]) -> None:
        self._declared, self._description, self._read = declared, description, read

    def __get__(self, screen: Any, _owner: Any = None) -> Any:
        return self._declared if screen is None else self._read(get_layout(self._description))


def arrange_screen(description: FormDescription) -> Callable[[S], S]:
    """A decorator of a screen whose form an administrator arranges: its fields, its tabs and what is hidden follow."""

    def extend_class(screen_class: S) -> S:
        usual = build_layout(description, ())
        arranged = {
            "fields": _Arranged(
                (*description.leading, *usual.core), description, lambda layout: (*description.leading, *layout.core)
            ),
            "tabs": _Arranged(usual.tabs, description, lambda layout: layout.tabs),
            "hidden_fields": _Arranged(frozenset(), description, lambda layout: layout.hidden),
            "required_fields": _Arranged(frozenset(), description, lambda layout: layout.required),
        }
        for name, attribute in arranged.items():
            setattr(screen_class, name, attribute)
        return screen_class

    return extend_class


class _ArrangedRows:
    """What the class of a screen declares as its lists of rows; of the screen itself with one as the layout says."""

    def __init__(self, declared: Sequence[Inline], description: FormDescription, list_name: str) -> None:
        self._declared, self._description, self._list_name = declared, description, list_name

    def __get__(self, screen: Any, _owner: Any = None) -> Sequence[Inline]:
        if screen is None:
            return self._declared
        layout = get_layout(self._description, self._list_name)
        return tuple(
            _arrange_rows(each, self._description, layout) if each.name == self._list_name else each
            for each in self._declared
        )


@lru_cache(maxsize=MAX_REMEMBERED)
def _arrange_rows(inline: Inline, description: FormDescription, layout: Layout) -> Inline:
    """`inline` with the columns of `layout`; what has no room in a line is shown on demand, unless it is needed."""
    shown = layout.core
    later = tuple(name for name in shown[LINE_FIELDS:] if name not in description.needed.keys() | layout.required)
    return replace(inline, fields=shown, folded=later, marked=tuple(name for name in shown if name in layout.required))


def arrange_rows(description: FormDescription, list_name: str) -> Callable[[S], S]:
    """A decorator of a screen: an administrator arranges the columns of the list of rows `list_name` of its form."""

    def extend_class(screen_class: S) -> S:
        declared: Any = screen_class
        declared.inlines = _ArrangedRows(declared.inlines, description, list_name)
        return screen_class

    return extend_class


def mark_required_fields(form: Form, names: Collection[str]) -> None:
    """Mark the fields that the organisation requires: the operation says what is missing, not the browser."""
    for field in form:
        if field.short_name in names:
            field.flags.required = True
            field.render_kw = {**(field.render_kw or {}), "required": False}


@lru_cache(maxsize=MAX_REMEMBERED)
def leave_out_fields(form_class: type[Form], names: frozenset[str]) -> type[Form]:
    """`form_class` without these fields."""
    return type(form_class.__name__, (form_class,), dict.fromkeys(names)) if names else form_class


def fill_hidden_fields(row: Any, names: frozenset[str], values: Mapping[str, Any]) -> None:
    """Give a new row those of `values`, with which its form would begin, that it does not show; related rows may be
    given by their ids.
    """
    relations = inspect(type(row)).relationships
    for name in names & values.keys():
        value = values[name]
        if name in relations:
            target = relations[name].mapper.class_
            value = [db.session.get_one(target, each) if isinstance(each, int) else each for each in value]
        setattr(row, name, value)
