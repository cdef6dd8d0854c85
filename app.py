"""The composition root: the application, its wiring and its command line. Nothing imports it."""

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_migrate import Migrate, upgrade
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import select
from werkzeug.middleware.proxy_fix import ProxyFix

import jobs.imports
import jobs.organisations
import jobs.processes
import jobs.reminders
import jobs.reports
import jobs.worker
import views
from customerhub import addresses, clock, history, outbox, storage
from customerhub.config import SettingError, Settings, load_settings
from customerhub.customers import alerts, portal_users
from customerhub.customers.importing.one_pass import ImportResult
from customerhub.errors import HubError
from customerhub.notifications import reminders
from customerhub.permissions import Actor
from customerhub.rendering import NotTypeset
from customerhub.users import accounts
from customerhub.users.links import OneTimeLinks
from jobs.queue import DEFAULT, init_queue
from models import Customer, Organisation, User
from models.base import db
from models.enums import Role, TemplatePurpose
from seed.demo import LOGINS_FILE, seed_demo
from seed.reference import find_organisation, seed_reference
from seed.synthesize import synthesize

MIGRATIONS = str(Path(__file__).parent / "models" / "migrations")


# The passwords of the demo are known to everybody, so nobody gets it unasked where others can reach the hub.
FIRST_STEPS = (
    "Nobody can sign in yet: `flask --app app init --organisation NAME`, then `flask --app app create-user "
    "--organisation NAME --email EMAIL --name NAME` make the first administrator; `flask --app app demo` adds a demo."
)


def create_app(settings: Settings | None = None) -> Flask:
    """The application over `settings`, or over the environment's; one of these that is wrong ends the program."""
    settings = settings or settings_or_exit()
    app = Flask(__name__, template_folder="templates", static_folder="views/static")
    app.config.update(
        HUB=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        MAX_CONTENT_LENGTH=settings.max_upload_bytes,
        MAX_FORM_MEMORY_SIZE=4 * 1024 * 1024,
        MAX_FORM_PARTS=20_000,
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.init_app(app)
    Migrate(app, db, directory=MIGRATIONS)
    init_queue(app, settings)
    configure(settings)
    views.register(app)
    for command in COMMANDS:
        app.cli.add_command(command)
    return app


def configure(settings: Settings) -> None:
    """Tell the business what it needs of the settings. It is one for the process: the app made last has its say."""
    addresses.configure(public_url=settings.public_url)
    outbox.configure(most_attached=settings.max_attachment_bytes)
    portal_users.configure(OneTimeLinks.of(settings))
    storage.configure(storage.FolderStore(settings.files_dir), limit=settings.max_upload_bytes)


# --- Command line ------------------------------------------------------------------------------------------


class Refused(click.ClickException):
    """Ends a command with one line and exit status 2."""

    exit_code = 2


as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def settings_or_exit() -> Settings:
    try:
        return load_settings(os.environ)
    except SettingError as error:
        raise click.ClickException(str(error)) from None


def settings_of_app() -> Settings:
    settings: Settings = current_app.config["HUB"]
    return settings


def answer(result: dict[str, Any], text: str, is_json: bool) -> None:
    """The result, for people or for programs."""
    click.echo(json.dumps(result, ensure_ascii=False) if is_json else text)


def organisation_or_exit(name: str) -> Organisation:
    found = find_organisation(name)
    if found is None:
        known = ", ".join(db.session.scalars(select(Organisation.name).order_by(Organisation.name))) or "none yet"
        raise Refused(f"There is no organisation {name!r}. Known: {known}.")
    return found


def only_organisation_or_exit() -> Organisation:
    several = db.session.scalars(select(Organisation).order_by(Organisation.name).limit(2)).all()
    if len(several) != 1:
        raise Refused("Name the organisation with --organisation." if several else "There is no organisation yet.")
    return several[0]


def progress_bar(description: str, total: int | None) -> tuple[Progress, Callable[..., None]]:
    """A progress bar on standard error, and what moves it: called with (done) or (done, total)."""
    bar = Progress(
        TextColumn(description), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip
    task = bar.add_task(description, total=total)

    def move(done: int, of: int | None = None) -> None:
        bar.update(task, completed=done, **({"total": of} if of else {}))

    return bar, move


def prepare_database(settings: Settings, *, with_demo: bool) -> None:
    """Bring the tables to the newest version; with `with_demo` a new database gets the demo."""
    upgrade()
    if with_demo and not has_any(Organisation):
        # The queue does not run yet; the schedule sends what the demo writes.
        with outbox.unannounced(), history.acting(Actor(None, 0), "command init"):
            seed_demo(settings.data_dir)
            db.session.commit()


def has_any(model: type[Organisation | User]) -> bool:
    found = db.session.scalar(select(model.id).limit(1)) is not None
    db.session.rollback()
    return found


@click.command()
@click.option("--organisation", help="Also make an organisation with this name.")
@click.option("--currency", default="EUR", show_default=True, help="Its currency.")
@click.option("--country", default="DE", show_default=True, help="Its country, two letters.")
@click.option("--timezone", default="Europe/Berlin", show_default=True, help="Its time zone.")
@as_json
@with_appcontext
def init(organisation: str | None, currency: str, country: str, timezone: str, as_json: bool) -> None:
    """Bring the database to the newest version. An organisation begins with the usual statuses, lists and templates."""
    from customerhub.setup.rows import save_organisation

    prepare_database(settings_of_app(), with_demo=False)
    if organisation and find_organisation(organisation) is None:
        made = Organisation(name=organisation, currency=currency, country=country, timezone=timezone)
        with history.acting(Actor(None, 0), "command init"), refusals():
            save_organisation(made, actor=Actor(None, 0))
            seed_reference(made)
            db.session.commit()
    names = list(db.session.scalars(select(Organisation.name).order_by(Organisation.name)))
    answer(
        {"organisations": names},
        f"The database is ready. Organisations: {', '.join(names) or 'none yet'}.",
        as_json,
    )


@click.command()
@as_json
@with_appcontext
def demo(as_json: bool) -> None:
    """Make the demo organisation with its users and customers, or complete it."""
    settings = settings_of_app()
    upgrade()
    with history.acting(Actor(None, 0), "command demo"):
        organisation = seed_demo(settings.data_dir)
        db.session.commit()
    logins = demo_logins(settings)
    answer({"organisation": organisation.name, "logins": logins},
           "\n".join([f"Organisation {organisation.name} is ready.", *login_lines(logins)]), as_json)  # fmt: skip


@click.command()
@click.option(
    "--demo/--no-demo",
    "with_demo",
    default=None,
    help="Fill a new database with the demo; by default where HUB_PUBLIC_URL leads to this machine.",
)
@with_appcontext
def up(with_demo: bool | None) -> None:
    """Run everything: web, workers, scheduler and, without REDIS_URL, the queue server."""
    settings = settings_of_app()
    wanted = settings.is_private if with_demo is None else with_demo

    def greeting() -> list[str]:
        hints = login_lines(demo_logins(settings)) if has_any(User) else [FIRST_STEPS]
        return ["", f"Customer Hub runs at {settings.public_url}", *hints, "Ctrl-C stops it.", ""]

    sys.exit(jobs.processes.run(settings, lambda: prepare_database(settings, with_demo=wanted), greeting))


def demo_logins(settings: Settings) -> list[dict[str, str]]:
    path = settings.data_dir / LOGINS_FILE
    logins: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return logins


def login_lines(logins: list[dict[str, str]]) -> list[str]:
    return [f"  {login['role']:<9} {login['email']:<24} {login['password']}" for login in logins]


@click.command()
@click.option("--queue", default=DEFAULT, show_default=True, help="Which queue to work through.")
@with_appcontext
def worker(queue: str) -> None:
    """Work through a queue; `up` starts these by itself."""
    app: Any = current_app
    sys.exit(jobs.worker.run(app._get_current_object(), settings_of_app(), queue))


@click.command("create-user")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.ADMIN.value, show_default=True)
@click.option("--organisation", required=True, help="The organisation the user works in.")
@click.option("--platform", is_flag=True, help="May create organisations and choose one.")
@click.option("--data-protection", is_flag=True, help="May delete customers for good.")
@as_json
@with_appcontext
def create_user(
    email: str, name: str, role: str, organisation: str, platform: bool, data_protection: bool, as_json: bool
) -> None:
    """Make a user and print the link with which they set their password."""
    settings = settings_of_app()
    system = Actor(None, organisation_or_exit(organisation).id)
    user = User(email=email, name=name, role=Role(role), platform=platform, data_protection=data_protection)
    with history.acting(system, "command create-user"), refusals():
        accounts.save_user(user, actor=system)
        link = OneTimeLinks.of(settings).make(user, TemplatePurpose.WELCOME, now=clock.now())
        db.session.commit()
    text = f"{user.email} was added. Set the password here, within 72 hours:\n{link}"
    answer({"email": user.email, "link": link}, text, as_json)


@click.command("synthesize")
@click.option("--customers", "count", type=click.IntRange(1, 5_000_000), required=True, help="How many to add.")
@click.option("--organisation", default="Demo", show_default=True)
@as_json
@with_appcontext
def synthesize_command(count: int, organisation: str, as_json: bool) -> None:
    """Add made-up customers, to see how the hub behaves when it is full."""
    found = organisation_or_exit(organisation)
    bar, move = progress_bar("Customers", count)
    with bar, history.acting(Actor(None, found.id), "command synthesize"), refusals():
        made = synthesize(found, count, move)
    answer({"made": made}, f"{made:,} customers were added to {found.name}.", as_json)


@click.command("import-customers")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--organisation", required=True, help="The organisation to import into.")
@click.option("--dry-run", is_flag=True, help="Check and compare, but save nothing.")
@click.option("--good-rows-only", is_flag=True, help="Save the good rows where others are in error.")
@click.option("--errors", type=click.Path(path_type=Path), help="Write the rows in error to this workbook.")
@as_json
@with_appcontext
def import_customers(
    file: Path, organisation: str, dry_run: bool, good_rows_only: bool, errors: Path | None, as_json: bool
) -> None:
    """Import customers from an Excel workbook.

    Exit status 0 where no row is in error, 1 where one is (then nothing is saved unless --good-rows-only), 2 where the
    file cannot be used.
    """
    found = organisation_or_exit(organisation)
    bar, move = progress_bar("Rows", None)
    with bar, refusals():
        result = jobs.imports.import_file(
            file,
            organisation_id=found.id,
            dry_run=dry_run,
            good_rows_only=good_rows_only,
            errors_path=errors,
            progress=move,
        )
    answer(result.as_dict(), told_import(result), as_json)
    sys.exit(1 if result.errors else 0)


def told_import(result: ImportResult) -> str:
    """The result of an import as people read it."""
    tally = result.tally
    lines = [f"row {error.row}, {error.column}: {error.reason}" for error in result.errors]
    lines += [f"row {notice.row}: {notice.text}" for notice in result.notices]
    lines += [f"ignored column: {name}" for name in result.ignored_columns]
    lines.append(
        f"{tally.new:,} new, {tally.changed:,} changed, {tally.unchanged:,} unchanged, {tally.error:,} in error"
    )
    lines.append("Saved." if result.saved else "Nothing was saved.")
    return "\n".join(lines)


@click.command()
@click.option(
    "--as-of", "as_of", type=click.DateTime(["%Y-%m-%d"]), help="The day, such as 2026-01-31.  [default: today]"
)
@click.option("--organisation", help="Only this organisation.  [default: every active one]")
@click.option("--dry-run", is_flag=True, help="Only tell how many there would be.")
@as_json
@with_appcontext
def remind(as_of: datetime | None, organisation: str | None, dry_run: bool, as_json: bool) -> None:
    """Plan the reminders of reviews and compliance documents of a day, as the daily job does.

    May be repeated, also for a day in the past: what was planned is not planned again. Each organisation has its own
    today.
    """
    ids = [organisation_or_exit(organisation).id] if organisation else jobs.organisations.organisation_ids()
    outcome = reminders.Outcome()
    bar, move = progress_bar("Reminders", None)
    with bar, refusals():
        for key in ids:
            day = as_of.date() if as_of else alerts.today(key)
            outcome += jobs.reminders.remind_organisation(key, as_of=day, dry_run=dry_run, progress=move)
    result = {"planned": outcome.planned, "not_sent": dict(outcome.not_sent), "dry_run": dry_run}
    lines = [f"{outcome.planned:,} reminders {'would be' if dry_run else 'were'} planned."]
    lines += [f"{count:,} not sent: {reason}." for reason, count in outcome.not_sent.most_common()]
    answer(result, "\n".join(lines), as_json)


@click.command()
@click.option("--customer", "account_number", required=True, help="Its account number.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="The day that it is about; today where none is named.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The PDF to write.")
@click.option("--organisation", help="Needed where there are several.")
@as_json
@with_appcontext
def report(account_number: str, as_of: datetime | None, out: Path, organisation: str | None, as_json: bool) -> None:
    """Write the performance report of a customer, as PDF. It is typeset in a process of its own."""
    found = organisation_or_exit(organisation) if organisation else only_organisation_or_exit()
    customer = db.session.scalar(
        select(Customer).where(Customer.organisation_id == found.id, Customer.account_number == account_number.strip())
    )
    if customer is None:
        raise Refused(f"{found.name} has no customer with the account number {account_number!r}.")
    name = customer.name
    try:
        with refusals():
            content = jobs.reports.make_now(customer, as_of=as_of.date() if as_of else None)
        out.write_bytes(content)
    except NotTypeset as error:
        raise click.ClickException(f"The report could not be made: {error}") from None
    except OSError as error:
        raise Refused(f"{out}: {error.strerror}") from None
    answer({"file": str(out), "bytes": len(content)}, f"The report of {name} is in {out}.", as_json)


class refusals:  # noqa: N801  (read as a sentence: with refusals())
    """Turns a HubError into one line on standard error and exit status 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, HubError):
            db.session.rollback()
            raise Refused(error.message) from None


COMMANDS: tuple[click.Command, ...] = (
    init, demo, up, worker, create_user, import_customers, synthesize_command, remind, report,
)  # fmt: skip
