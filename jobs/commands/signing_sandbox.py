"""The command that starts the signing sandbox: a program of its own, of which nothing is imported here."""

import os
import sys

import click
from flask.cli import with_appcontext

from customerhub.core.pdf import ROOT
from jobs.commands.console import CommandError, settings_of_app


@click.command("signing-sandbox")
@with_appcontext
def signing_sandbox() -> None:
    """Start the signing sandbox, which stands in for DocuSign, at HUB_SANDBOX_PORT.

    What is signed there is not valid. It is for hubs that nobody reaches from another machine.
    """
    settings = settings_of_app()
    if not settings.is_private:
        raise CommandError(f"The signing sandbox is not for a hub that others reach: {settings.exposure}.")
    folder = settings.data_dir / "signing-sandbox"
    words = [sys.executable, "-m", "sandbox", "--folder", str(folder), "--port", str(settings.sandbox_port)]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.execve(sys.executable, words, os.environ | {"PYTHONPATH": os.pathsep.join(paths)})  # noqa: S606  # our words
