"""The command that takes the database back to an older version."""

import sys

import click
from alembic import command
from alembic.util import CommandError as AlembicError
from flask import current_app
from flask.cli import with_appcontext

from jobs.commands.console import CommandError
from models.downgrades import RowsWouldBeDropped, describe_counts


@click.command("downgrade")
@click.argument("revision")
@click.option("--drop-rows", is_flag=True, help="Drop the rows for which the older version has no place.")
@with_appcontext
def downgrade_command(revision: str, drop_rows: bool) -> None:
    """Take the database back to REVISION, such as 0003. Stop the hub first.

    Where that would drop rows it says how many of which tables, and asks; without a terminal it changes nothing.
    """
    try:
        _downgrade(revision, drop_rows=drop_rows)
    except RowsWouldBeDropped as refusal:
        if not is_terminal():
            raise CommandError(f"Nothing was changed: {refusal}.") from None
        click.confirm(f"The older version has no place for {describe_counts(refusal.counts)}. Drop them?", abort=True)
        _downgrade(revision, drop_rows=True)
    click.echo(f"The database is at {revision}.")


def is_terminal() -> bool:
    """Whether somebody sits there who can answer."""
    return sys.stdin.isatty()


def _downgrade(revision: str, *, drop_rows: bool) -> None:
    config = current_app.extensions["migrate"].migrate.get_config(x_arg=["drop-rows"] if drop_rows else [])
    try:
        command.downgrade(config, revision)
    except AlembicError as error:
        raise CommandError(str(error)) from None
