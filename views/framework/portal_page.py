"""The layout of the pages of partners and portal users."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template
from wtforms import Form

from views.framework.paging import Pager
from views.framework.panel import Panel


@dataclass(frozen=True)
class PortalPage:
    """The context of templates/portal/page.html. `button` submits the form; `back_url` is the address of Cancel.
    `search` narrows and sorts the table below: {label, value, sort, sorts: [(name, label)], hidden_fields}.
    """

    title: str
    subtitle: str | None = None
    nav: Sequence[dict[str, Any]] = ()
    chips: Sequence[dict[str, Any]] = ()
    actions: Sequence[dict[str, Any]] = ()
    banners: Sequence[dict[str, Any]] = ()
    tabs: Sequence[dict[str, Any]] = ()
    search: dict[str, Any] | None = None
    cards: Sequence[dict[str, Any]] = ()
    tables: Sequence[dict[str, Any]] = ()
    form: Form | None = None
    errors: Sequence[str] = ()
    button: str = "Send"
    back_url: str | None = None
    sections: Sequence[dict[str, Any]] = ()
    pager: Pager | None = None
    panel: Panel | None = None

    def render(self) -> str:
        return render_template("portal/page.html", page=self)
