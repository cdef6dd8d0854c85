"""The commands, run by hand: `flask --app app COMMAND` in a checkout, `customer-hub COMMAND` where it is installed."""

import click

from jobs.commands.customers import import_customers, remind, report, synthesize_command
from jobs.commands.database import downgrade_command
from jobs.commands.installation import create_user, demo, init, password_link, up, worker
from jobs.commands.secrets import rotate_secrets_command
from jobs.commands.signing_sandbox import signing_sandbox

COMMANDS: tuple[click.Command, ...] = (
    init,
    demo,
    up,
    worker,
    downgrade_command,
    create_user,
    password_link,
    rotate_secrets_command,
    signing_sandbox,
    import_customers,
    synthesize_command,
    remind,
    report,
)
