"""The program `customer-hub`: the commands where the hub is installed as a package.

In a checkout `flask --app app COMMAND` does the same.
"""

import click
from flask.cli import ScriptInfo
from flask_migrate.cli import db

from app import create_app
from jobs.commands import COMMANDS


@click.group("customer-hub", commands=[*COMMANDS, db])
@click.version_option(package_name="customer-hub", message="%(package)s %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Customer Hub keeps each business customer from first contact to final bill.

    Settings come from the environment. Data is kept in HUB_DATA_DIR, by default the folder "instance" below the current
    one; it is created by the first command that needs it.
    """
    context.obj = ScriptInfo(create_app=create_app)
