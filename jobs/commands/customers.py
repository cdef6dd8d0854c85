"""Commands about customers: import, reminders, reports, generated ones."""

import sys
from datetime import datetime
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from customerhub.core import history, organisation_dates
from customerhub.core.pdf import TypesettingError
from customerhub.core.permissions import Actor
from customerhub.customers.importing.import_file import ImportResult
from customerhub.notifications.reminders import PlanResult
from jobs import imports, per_organisation, reminders, reports
from jobs.commands.console import (
    CommandError,
    as_json,
    command_errors,
    only_organisation_or_exit,
    organisation_or_exit,
    print_result,
    progress_bar,
)
from models import Customer
from models.base import db
from seed.synthesize import synthesize

NOTHING_SAVED = "Nothing was saved."


@click.command("synthesize")
@click.option("--customers", "count", type=click.IntRange(1, 5_000_000), required=True, help="Number of customers.")
@click.option("--organisation", default="Demo", show_default=True)
@as_json
@with_appcontext
def synthesize_command(count: int, organisation: str, as_json: bool) -> None:
    """Add generated customers for load tests."""
    found = organisation_or_exit(organisation)
    bar, update_progress = progress_bar("Customers", count)
    with bar, history.act_as(Actor(None, found.id), "command synthesize"), command_errors():
        added_count = synthesize(found, count, update_progress)
    print_result({"made": added_count}, f"{added_count:,} customers were added to {found.name}.", as_json)


@click.command("import-customers")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--organisation", required=True, help="Organisation to import into.")
@click.option("--dry-run", is_flag=True, help="Check and compare, but save nothing.")
@click.option("--good-rows-only", is_flag=True, help="Save the valid rows even if other rows have errors.")
@click.option("--errors", type=click.Path(path_type=Path), help="Write the rows with errors to this workbook.")
@as_json
@with_appcontext
def import_customers(
    file: Path, organisation: str, dry_run: bool, good_rows_only: bool, errors: Path | None, as_json: bool
) -> None:
    """Import customers from an Excel workbook.

    Exit status 0 if no row has errors, 1 if any row has errors (nothing is saved then, except with --good-rows-only),
    2 if the file cannot be used.
    """
    found = organisation_or_exit(organisation)
    bar, update_progress = progress_bar("Rows", None)
    with bar, command_errors(NOTHING_SAVED):
        result = imports.import_file(
            file,
            organisation_id=found.id,
            dry_run=dry_run,
            good_rows_only=good_rows_only,
            errors_path=errors,
            progress=update_progress,
        )
    print_result(result.as_dict(), format_import_result(result), as_json)
    sys.exit(1 if result.errors else 0)


def format_import_result(result: ImportResult) -> str:
    """The result of an import as people read it."""
    tally = result.counts
    lines = [
        f"{f'sheet {error.sheet}, ' if error.sheet else ''}row {error.row}, {error.column}: {error.reason}"
        for error in result.errors
    ]
    lines += [f"row {notice.row}: {notice.text}" for notice in result.notices]
    lines += [f"ignored column: {name}" for name in result.ignored_columns]
    lines += [f"{result.hidden_parts}."] if result.hidden_parts else []
    lines.append(
        f"{tally.new:,} new, {tally.changed:,} changed, {tally.unchanged:,} unchanged, {tally.error:,} with errors"
    )
    lines.append("Saved." if result.is_saved else NOTHING_SAVED)
    return "\n".join(lines)


@click.command()
@click.option("--as-of", "as_of", type=click.DateTime(["%Y-%m-%d"]), help="Date, e.g. 2026-01-31.  [default: today]")
@click.option("--organisation", help="Only this organisation.  [default: all active ones]")
@click.option("--dry-run", is_flag=True, help="Count the reminders without planning them.")
@as_json
@with_appcontext
def remind(as_of: datetime | None, organisation: str | None, dry_run: bool, as_json: bool) -> None:
    """Plan the reminders for reviews and compliance documents of one day, as the daily job does.

    Safe to repeat, also for past dates: no reminder is planned twice. Today is the current date in each organisation's
    time zone.
    """
    organisation_ids = [organisation_or_exit(organisation).id] if organisation else per_organisation.organisation_ids()
    outcome = PlanResult()
    bar, update_progress = progress_bar("Reminders", None)
    with bar, command_errors():
        for key in organisation_ids:
            day = as_of.date() if as_of else organisation_dates.organisation_today(key)
            outcome += reminders.remind_organisation(key, as_of=day, dry_run=dry_run, progress=update_progress)
    result = {"planned": outcome.planned, "not_sent": dict(outcome.not_sent), "dry_run": dry_run}
    lines = [f"{outcome.planned:,} reminders {'would be' if dry_run else 'were'} planned."]
    lines += [f"{count:,} not sent: {reason}." for reason, count in outcome.not_sent.most_common()]
    print_result(result, "\n".join(lines), as_json)


@click.command()
@click.option("--customer", "account_number", required=True, help="Account number of the customer.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Date of the report.  [default: today]")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="PDF file to write.")
@click.option("--organisation", help="Required if there are several organisations.")
@as_json
@with_appcontext
def report(account_number: str, as_of: datetime | None, out: Path, organisation: str | None, as_json: bool) -> None:
    """Write the performance report of a customer to a PDF file."""
    found = organisation_or_exit(organisation) if organisation else only_organisation_or_exit()
    customer = db.session.scalar(
        select(Customer).where(Customer.organisation_id == found.id, Customer.account_number == account_number.strip())
    )
    if customer is None:
        raise CommandError(f"{found.name} has no customer with the account number {account_number!r}.")
    name = customer.name
    try:
        with command_errors():
            content = reports.make_report(customer, as_of=as_of.date() if as_of else None)
        out.write_bytes(content)
    except TypesettingError as error:
        raise click.ClickException(f"The report could not be created: {error}") from None
    except OSError as error:
        raise CommandError(f"{out}: {error.strerror}") from None
    print_result({"file": str(out), "bytes": len(content)}, f"The report of {name} was written to {out}.", as_json)
