"""Checking, saving and reverting imports of customers in the background, and importing a file at once.

Each may run twice, be killed half-way and run again: what was begun and not ended has changed no customer.
"""

import logging
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from flask import current_app
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from customerhub.core import clock, history
from customerhub.core.config import Settings
from customerhub.core.errors import Conflict, HubError
from customerhub.core.leases import Superseded
from customerhub.core.locking import is_contention
from customerhub.core.permissions import Actor, restore_actor
from customerhub.core.xlsx.package import UnusableFile
from customerhub.customers.importing import worker_steps
from customerhub.customers.importing.import_file import ImportResult, import_open_file
from customerhub.customers.importing.transitions import POSTPONE_CHECK
from jobs import queue
from jobs.leased_work import leased_work, resume_lost
from models import CustomerImport, User
from models.base import db
from models.enums import TransferState
from models.sqlite import read_only_transaction

ATTEMPTS = 3  # how often a file is gone through where somebody else was faster
ABANDONED_AFTER = timedelta(minutes=15)  # longer than any save or revert takes
PROGRESS_SECONDS = 3600  # how long the queue server keeps how far a save is

log = logging.getLogger(__name__)


def check(import_id: int) -> None:
    """Find out what would become of each row. The rows done are committed as it goes, so that a page can show them."""
    lease = worker_steps.claim_check(import_id)
    db.session.commit()
    if lease is None:
        return

    def fail(error: Exception) -> None:
        worker_steps.fail(lease, _error_message(error, import_id))

    with leased_work(worker_steps.LEASES, lease, waiting_state=POSTPONE_CHECK.to_state, fail=fail):
        for _done in worker_steps.check(lease, max_rows=_settings().max_import_rows):
            db.session.commit()


def save(import_id: int) -> None:
    """Save what was confirmed, in the name of who confirmed it, in one transaction.

    Where the customers changed after the preview nothing is saved, and a new preview is made.
    """
    try:
        with _acting_as_user(import_id) as actor, _published_progress(import_id) as progress:
            worker_steps.save(import_id, actor=actor, max_rows=_settings().max_import_rows, progress=progress)
            db.session.commit()
    except Superseded:
        db.session.rollback()
    except OperationalError:
        db.session.rollback()
        raise
    except Conflict:
        db.session.rollback()
        worker_steps.request_recheck(import_id, worker_steps.CHECKED_AGAIN)
        db.session.commit()
        check(import_id)
    except Exception as error:
        db.session.rollback()
        worker_steps.return_to_preview(import_id, f"Nothing was saved. {_error_message(error, import_id)}")
        db.session.commit()


def revert(import_id: int) -> None:
    """Take back what an import did, in the name of who wants that, in one transaction."""
    try:
        with _acting_as_user(import_id) as actor, _published_progress(import_id) as progress:
            worker_steps.revert(import_id, actor=actor, progress=progress)
            db.session.commit()
    except OperationalError:
        db.session.rollback()
        raise
    except Exception as error:
        db.session.rollback()
        worker_steps.return_to_done(import_id, f"Nothing was reverted. {_error_message(error, import_id)}")
        db.session.commit()


def resume() -> str:
    """Queue again what lost its job, as when the queue server was away or a worker was killed for good."""
    now = clock.get_now()
    jobs_by_state = {TransferState.SAVING: save, TransferState.RUNNING: revert}
    unheard = select(CustomerImport.id, CustomerImport.state).where(  # one transaction each: nobody hears of it
        CustomerImport.state.in_(jobs_by_state), CustomerImport.started_at < now - ABANDONED_AFTER
    )
    lost_checks = [(check, import_id) for import_id in worker_steps.LEASES.list_lost(now=now)]
    return resume_lost([*lost_checks, *((jobs_by_state[state], key) for key, state in db.session.execute(unheard))])


def done_rows(import_id: int) -> int | None:
    """How many rows a save or revert that is under way has behind it; None where nobody knows.

    Its transaction shows nobody anything until it ends, so the queue server is told instead.
    """
    try:
        row_count = queue.get_queue().connection.get(_progress_key(import_id))
    except (RedisError, OSError):
        return None
    return int(row_count) if row_count else None


def import_file(
    path: Path,
    *,
    organisation_id: int,
    dry_run: bool = False,
    good_rows_only: bool = False,
    errors_path: Path | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> ImportResult:
    """Import a workbook at once, as the command line does, and commit.

    Without `good_rows_only` nothing is saved where a row is in error. The rows in error go into `errors_path` as a
    workbook. `progress` gets the rows done and about how many there are. Raises UnusableFile where the file cannot
    be used, Conflict where others kept being faster, HubError where the set-up lacks something.
    """
    options = {"dry_run": dry_run, "good_rows_only": good_rows_only, "progress": progress}
    for _attempt in range(ATTEMPTS):
        db.session.rollback()  # of what the caller has looked up: this one decides anew whether it only reads
        try:
            return _import_once(path, errors_path, Actor(None, organisation_id), options)
        except (Conflict, OperationalError) as error:
            if not is_contention(error):
                raise
            log.info("%s: another change came first, going through it again", path.name)
        finally:
            db.session.rollback()
    raise Conflict("Other users are changing these customers. Nothing was saved. Try again later")


def _import_once(path: Path, errors_path: Path | None, actor: Actor, options: dict[str, Any]) -> ImportResult:
    with ExitStack() as stack, history.act_as(actor, "command import-customers"):
        if options["dry_run"]:
            stack.enter_context(read_only_transaction())
        file = stack.enter_context(_open(path, "rb"))
        errors_file = stack.enter_context(TemporaryFile()) if errors_path else None
        max_rows = _settings().max_import_rows
        result = import_open_file(file, actor=actor, max_rows=max_rows, errors_file=errors_file, **options)
        if errors_path and errors_file:
            errors_file.seek(0)
            with _open(errors_path, "wb") as target:
                shutil.copyfileobj(errors_file, target)
        if result.is_saved:
            db.session.commit()
        return result


def _open(path: Path, mode: str) -> BinaryIO:
    try:
        return cast(BinaryIO, path.open(mode))
    except OSError as error:
        raise UnusableFile(f"{path}: {error.strerror}") from error


def _settings() -> Settings:
    settings: Settings = current_app.config["HUB"]
    return settings


@contextmanager
def _acting_as_user(import_id: int) -> Iterator[Actor]:
    """As the one who confirmed or reverted. Raises NotAllowed where they may no longer work there."""
    customer_import = db.session.get_one(CustomerImport, import_id)
    user = db.session.get_one(User, customer_import.acting_user_id or customer_import.user_id)
    actor = restore_actor(user, customer_import.organisation_id)
    with history.act_as(actor, worker_steps.source_of(import_id)):
        yield actor


def _progress_key(import_id: int) -> str:
    return f"hub:import:{import_id}:done"


@contextmanager
def _published_progress(import_id: int) -> Iterator[Callable[[int], object]]:
    """What tells the queue server how far the work is, until it ends; without a server the work goes on."""
    connection = queue.get_queue().connection

    def publish(done: int) -> None:
        with suppress(RedisError, OSError):
            connection.set(_progress_key(import_id), done, ex=PROGRESS_SECONDS)

    try:
        yield publish
    finally:
        with suppress(RedisError, OSError):
            connection.delete(_progress_key(import_id))


def _error_message(error: Exception, import_id: int) -> str:
    """`error` in words for users: its message, or where to look."""
    if isinstance(error, HubError):
        return error.message
    reference = secrets.token_hex(4)
    log.error("import %s failed, reference %s", import_id, reference, exc_info=error)
    return f"Something went wrong. Contact your administrator and quote reference {reference}"
