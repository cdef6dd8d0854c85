"""Commands that set up a hub, run it and add its first users."""

import sqlite3
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_migrate import upgrade
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from customerhub.core import clock, history
from customerhub.core.config import Settings
from customerhub.core.permissions import Actor
from customerhub.mail import outbox
from customerhub.setup.rows import save_organisation
from customerhub.users import accounts, demo_logins
from customerhub.users.demo_logins import DemoLogin
from customerhub.users.links import VALID_HOURS, get_one_time_links
from jobs import demo_signing
from jobs.commands.console import (
    CommandError,
    as_json,
    command_errors,
    organisation_or_exit,
    print_result,
    settings_of_app,
)
from jobs.processes import launcher, signing_sandbox
from jobs.processes.worker import run as run_worker
from jobs.queue import DEFAULT, close_connection, try_enqueue
from models import Organisation, User
from models.base import db
from models.enums import Role, TemplatePurpose
from models.sqlite import write_log_into_database
from seed.demo import seed_demo
from seed.reference import find_organisation, seed_reference

# The passwords of the demo are known to everybody, so nobody gets it unasked where others can reach the hub.
FIRST_STEPS = (
    "No users yet. Create the first administrator with `{0} init --organisation NAME`, then "
    "`{0} create-user --organisation NAME --email EMAIL --name NAME`; `{0} demo` adds a demo."
)


def prepare_database(settings: Settings, *, with_demo: bool) -> bool:
    """Bring the tables to the newest version; with `with_demo` a new database gets the demo, which is told."""
    upgrade()
    gets_demo = with_demo and not has_any_row(Organisation)
    if gets_demo:
        # The queue does not run yet; the schedule sends what the demo writes.
        with outbox.without_dispatch(), history.act_as(Actor(None, 0), "command init"):
            seed_demo(settings.data_dir)
            db.session.commit()
    complete_database_file()
    return gets_demo


def complete_database_file() -> None:
    """Leave nothing of the database in SQLite's log alone: who copies the one file then has everything."""
    db.session.rollback()
    with suppress(SQLAlchemyError, sqlite3.Error):  # busy or away: the nightly job makes up for it
        write_log_into_database(db.engine)


def has_any_row(model: type[Organisation | User]) -> bool:
    found = db.session.scalar(select(model.id).limit(1)) is not None
    db.session.rollback()
    return found


@click.command()
@click.option("--organisation", help="Also create an organisation with this name.")
@click.option("--currency", default="EUR", show_default=True, help="Currency of the organisation.")
@click.option("--country", default="DE", show_default=True, help="Country of the organisation, two-letter code.")
@click.option("--timezone", default="Europe/Berlin", show_default=True, help="Time zone of the organisation.")
@as_json
@with_appcontext
def init(organisation: str | None, currency: str, country: str, timezone: str, as_json: bool) -> None:
    """Upgrade the database to the latest version. New organisations get default statuses, lists and templates."""
    prepare_database(settings_of_app(), with_demo=False)
    if organisation and find_organisation(organisation) is None:
        new_organisation = Organisation(name=organisation, currency=currency, country=country, timezone=timezone)
        with history.act_as(Actor(None, 0), "command init"), command_errors():
            save_organisation(new_organisation, actor=Actor(None, 0))
            seed_reference(new_organisation)
            db.session.commit()
        complete_database_file()
    names = list(db.session.scalars(select(Organisation.name).order_by(Organisation.name)))
    print_result(
        {"organisations": names},
        f"The database is ready. Organisations: {', '.join(names) or 'none yet'}.",
        as_json,
    )


@click.command()
@as_json
@with_appcontext
def demo(as_json: bool) -> None:
    """Create the demo organisation with its users and customers, or complete it."""
    settings = settings_of_app()
    upgrade()
    with history.act_as(Actor(None, 0), "command demo"):
        organisation = seed_demo(settings.data_dir)
        db.session.commit()
    name = organisation.name
    complete_database_file()
    logins = demo_logins.list_valid_logins(settings)
    print_result(
        {"organisation": name, "logins": [asdict(login) for login in logins]},
        "\n".join([f"Organisation {name} is ready.", *describe_demo(settings)]),
        as_json,
    )


@click.command()
@click.option(
    "--demo/--no-demo",
    "with_demo",
    default=None,
    help="Load demo data into a new database; default if only this machine reaches HUB_HOST and HUB_PUBLIC_URL.",
)
@with_appcontext
def up(with_demo: bool | None) -> None:
    """Run everything: web, workers, scheduler, without REDIS_URL the queue server, and the signing sandbox."""
    settings = settings_of_app()
    loads_demo = settings.is_private if with_demo is None else with_demo
    first_steps = FIRST_STEPS.format(program_name())
    has_sandbox, sandbox_line = plan_sandbox(settings)
    has_new_demo = False

    def prepare() -> None:
        nonlocal has_new_demo
        has_new_demo = prepare_database(settings, with_demo=loads_demo)

    def describe_start() -> list[str]:
        hints = describe_demo(settings) if has_any_row(User) else [first_steps]
        lines = [f"Customer Hub is running at {settings.public_url}", *hints, *filter(None, [sandbox_line])]
        return ["", *lines, "Press Ctrl-C to stop.", ""]

    def show_signatures() -> None:
        if has_new_demo and has_sandbox:
            try_enqueue(demo_signing.show_signatures)
            close_connection()

    app: Any = current_app
    exit_code = launcher.run(
        app._get_current_object(),
        settings,
        prepare,
        describe_start,
        has_sandbox=has_sandbox,
        when_ready=show_signatures,
    )
    complete_database_file()
    sys.exit(exit_code)


def plan_sandbox(settings: Settings) -> tuple[bool, str]:
    """Whether the signing sandbox is started, and what is said of it."""
    if not settings.starts_sandbox or not settings.is_private:
        return False, ""
    try:
        signing_sandbox.check_port(settings)
    except signing_sandbox.SandboxRefused as error:
        return False, str(error)
    return True, f"Documents are signed in the sandbox at {signing_sandbox.get_address(settings)}"


def program_name() -> str:
    """How the commands of the hub are called here."""
    program = click.get_current_context().find_root().info_name
    return program if program == "customer-hub" else "flask --app app"


def describe_demo(settings: Settings) -> list[str]:
    """The logins of the demo, or why they are not valid."""
    logins = demo_logins.list_valid_logins(settings)
    return login_lines(logins) or demo_logins.describe_exposure(settings, program_name())


def login_lines(logins: list[DemoLogin]) -> list[str]:
    return [f"  {login.role:<9} {login.email:<24} {login.password}" for login in logins]


@click.command()
@click.option("--queue", default=DEFAULT, show_default=True, help="Queue to process.")
@with_appcontext
def worker(queue: str) -> None:
    """Process the jobs of a queue; `up` starts the workers automatically."""
    app: Any = current_app
    sys.exit(run_worker(app._get_current_object(), settings_of_app(), queue))


@click.command("create-user")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.ADMIN.value, show_default=True)
@click.option("--organisation", required=True, help="Organisation of the user.")
@click.option("--platform", is_flag=True, help="May create organisations and switch between them.")
@click.option("--data-protection", is_flag=True, help="Reserved for deleting personal data; no action uses it yet.")
@as_json
@with_appcontext
def create_user(
    email: str, name: str, role: str, organisation: str, platform: bool, data_protection: bool, as_json: bool
) -> None:
    """Create a user and print the link to set the password."""
    system = Actor(None, organisation_or_exit(organisation).id)
    user = User(email=email, name=name, role=Role(role), platform=platform, data_protection=data_protection)
    with history.act_as(system, "command create-user"), command_errors():
        accounts.save_user(user, actor=system)
        link = get_one_time_links().create(user, TemplatePurpose.WELCOME, now=clock.get_now())
        db.session.commit()
        email_address = user.email
    complete_database_file()
    text = f"{email_address} was added. Set the password within 72 hours:\n{link}"
    print_result({"email": email_address, "link": link}, text, as_json)


@click.command("password-link")
@click.option("--email", required=True)
@as_json
@with_appcontext
def password_link(email: str, as_json: bool) -> None:
    """Print a link with which a user sets a new password, for one who gets no mail."""
    user = accounts.find_account(email)
    if user is None:
        raise CommandError(f"There is no user {email!r}.")
    link = get_one_time_links().create(user, TemplatePurpose.WELCOME, now=clock.get_now())
    text = f"{user.email} sets a new password within {VALID_HOURS[TemplatePurpose.WELCOME]} hours:\n{link}"
    print_result({"email": user.email, "link": link}, text, as_json)
