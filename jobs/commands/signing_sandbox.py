"""The command that starts the signing sandbox."""

import sys

import click
from flask.cli import with_appcontext

from jobs.commands.console import CommandError, settings_of_app
from jobs.processes import signing_sandbox as program


@click.command("signing-sandbox")
@with_appcontext
def signing_sandbox() -> None:
    """Start the signing sandbox, which stands in for DocuSign, at HUB_SANDBOX_PORT; `up` starts one automatically.

    What is signed there is not valid. It is for hubs that nobody reaches from another machine.
    """
    settings = settings_of_app()
    try:
        program.check_exposure(settings)
    except program.SandboxRefused as error:
        raise CommandError(str(error)) from None
    sys.exit(program.execute(settings))
