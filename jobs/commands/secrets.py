"""The command that replaces the key by which secrets in the database are encrypted."""

import click
from flask.cli import with_appcontext

from customerhub.core import history
from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor
from customerhub.signing.settings import rotate_secrets
from jobs.commands.console import CommandError
from models.base import db


@click.command("rotate-secrets")
@with_appcontext
def rotate_secrets_command() -> None:
    """Encrypt all stored secrets by the first key of HUB_ENCRYPTION_KEYS.

    Put a new key before the old one, restart the hub, run this, and take the old key away.
    """
    try:
        with history.act_as(Actor(None, 0), "command rotate-secrets"):
            count = rotate_secrets()
            db.session.commit()
    except HubError as error:
        raise CommandError(error.message) from None
    click.echo(f"{count} secrets are encrypted by the first key.")
