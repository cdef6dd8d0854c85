"""The layout of a screen's form: which fields the organisation at work shows, where, and which it requires."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from flask import g, has_app_context, has_request_context, request
from sqlalchemy import inspect
from wtforms import Form

from customerhub.form_layouts.layouts import FormDescription, Layout, build_layout, find_layout
from models.base import db
from views.framework.custom_values import find_organisation_id

S = TypeVar("S", bound=type)
MAX_REMEMBERED = 256  # organisations and screens


def get_layout(description: FormDescription) -> Layout:
    """The layout in force, or the one that is being tried; the default one where nobody acts."""
    if has_app_context() and description in (tried := g.get("tried_layouts", {})):
        layout: Layout = tried[description]
        return layout
    organisation_id = find_organisation_id()
    return build_layout(description, ()) if organisation_id is None else find_layout(description, organisation_id)


@contextmanager
def try_layout(description: FormDescription, layout: Layout) -> Iterator[None]:
    """Within this block forms are shown with `layout`."""
    g.tried_layouts = {description: layout}
    try:
        yield
    finally:
        del g.tried_layouts


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
            "fields": _Arranged(usual.core, description, lambda layout: layout.core),
            "tabs": _Arranged(usual.tabs, description, lambda layout: layout.tabs),
            "hidden_fields": _Arranged(frozenset(), description, lambda layout: layout.hidden),
        }
        for name, attribute in arranged.items():
            setattr(screen_class, name, attribute)
        return screen_class

    return extend_class


def list_sent_fields(names: frozenset[str]) -> frozenset[str]:
    """Those of `names`, of fields or lists of rows, for which the form that was sent brings anything."""
    if not has_request_context() or request.method != "POST":
        return frozenset()
    sent = (*request.form, *request.files)
    return frozenset(name for name in names if any(each == name or each.startswith(f"{name}-") for each in sent))


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
