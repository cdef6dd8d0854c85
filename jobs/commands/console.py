"""What commands share: their errors, their output, and how they find an organisation."""

import json
import sys
from collections.abc import Callable
from typing import Any

import click
from flask import current_app
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import select

from customerhub.core.config import Settings
from customerhub.core.errors import HubError
from models import Organisation
from models.base import db
from seed.reference import find_organisation


class CommandError(click.ClickException):
    """Ends a command with one line and exit status 2."""

    exit_code = 2


as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


class command_errors:  # noqa: N801  (reads as a sentence: with command_errors())
    """Turns a HubError into one line on standard error and exit status 2. It ends with the `consequence`."""

    def __init__(self, consequence: str = "") -> None:
        self._consequence = consequence

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, HubError):
            db.session.rollback()
            is_said = self._consequence in error.message
            raise CommandError(
                error.message if is_said else f"{error.message.removesuffix('.')}. {self._consequence}"
            ) from None


def settings_of_app() -> Settings:
    settings: Settings = current_app.config["HUB"]
    return settings


def print_result(result: dict[str, Any], text: str, is_json: bool) -> None:
    """The result, for people or for programs."""
    click.echo(json.dumps(result, ensure_ascii=False) if is_json else text)


def organisation_or_exit(name: str) -> Organisation:
    found = find_organisation(name)
    if found is None:
        existing_names = (
            ", ".join(db.session.scalars(select(Organisation.name).order_by(Organisation.name))) or "none yet"
        )
        raise CommandError(f"There is no organisation {name!r}. Known: {existing_names}.")
    return found


def only_organisation_or_exit() -> Organisation:
    organisations = db.session.scalars(select(Organisation).order_by(Organisation.name).limit(2)).all()
    if len(organisations) != 1:
        raise CommandError(
            "Specify the organisation with --organisation." if organisations else "There is no organisation yet."
        )
    return organisations[0]


def progress_bar(description: str, total: int | None) -> tuple[Progress, Callable[..., None]]:
    """A progress bar on standard error, and what moves it: called with (done) or (done, total)."""
    bar = Progress(
        TextColumn(description),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    task = bar.add_task(description, total=total)

    def update_progress(done: int, of: int | None = None) -> None:
        bar.update(task, completed=done, total=of or bar.tasks[0].total)

    return bar, update_progress
