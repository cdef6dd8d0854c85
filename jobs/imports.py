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
from sqlalchemy import and_, or_, select
from sqlalchemy.exc import OperationalError

from customerhub import clock, history
from customerhub.config import Settings
from customerhub.contention import is_contention
from customerhub.customers.importing import one_pass, steps
from customerhub.customers.importing.one_pass import ImportResult
from customerhub.customers.importing.workbook import Unusable
from customerhub.errors import Conflict, HubError
from customerhub.permissions import Actor, actor_again
from jobs import queue
from models import CustomerImport, User
from models.base import db
from models.enums import TransferState
from models.sqlite import reading
from models.transfer import gone_quiet

ATTEMPTS = 3  # how often a file is gone through where somebody else was faster
FORGOTTEN = timedelta(minutes=15)  # longer than any save or revert takes
NEVER_BEGUN = timedelta(minutes=3)
PROGRESS_SECONDS = 3600  # how long the queue server keeps how far a save is

log = logging.getLogger(__name__)


def check(import_id: int) -> None:
    """Find out what would become of each row. The rows done are committed as it goes, so that a page can show them."""
    claim = steps.claim_check(import_id)
    db.session.commit()
    if claim is None:
        return
    try:
        for _done in steps.check(claim, max_rows=_settings().max_import_rows):
            db.session.commit()
    except steps.Superseded:
        db.session.rollback()
    except OperationalError:
        db.session.rollback()
        _give_back(claim)
        raise  # the queue has it tried again
    except Exception as error:
        db.session.rollback()
        steps.fail(claim, _told(error, import_id))
        db.session.commit()


def _give_back(claim: steps.Claim) -> None:
    """Let it wait again; where even that cannot be noted, it is taken up once it has gone quiet."""
    with suppress(OperationalError):
        steps.give_back(claim)
        db.session.commit()


def save(import_id: int) -> None:
    """Save what was confirmed, in the name of who confirmed it, in one transaction.

    Where the customers changed after the preview nothing is saved, and a new preview is made.
    """
    try:
        with _acting(import_id) as actor, _shown(import_id) as progress:
            steps.save(import_id, actor=actor, max_rows=_settings().max_import_rows, progress=progress)
            db.session.commit()
    except steps.Superseded:
        db.session.rollback()
    except OperationalError:
        db.session.rollback()
        raise
    except Conflict:
        db.session.rollback()
        steps.check_again(import_id, steps.LOOK_AGAIN)
        db.session.commit()
        check(import_id)
    except Exception as error:
        db.session.rollback()
        steps.back_to_preview(import_id, f"Nothing was saved. {_told(error, import_id)}")
        db.session.commit()


def revert(import_id: int) -> None:
    """Take back what an import did, in the name of who wants that, in one transaction."""
    try:
        with _acting(import_id) as actor, _shown(import_id) as progress:
            steps.revert(import_id, actor=actor, progress=progress)
            db.session.commit()
    except OperationalError:
        db.session.rollback()
        raise
    except Exception as error:
        db.session.rollback()
        steps.back_to_done(import_id, f"Nothing was taken back. {_told(error, import_id)}")
        db.session.commit()


def resume() -> str:
    """Queue again what lost its job, as when the queue server was away or a worker was killed for good."""
    now = clock.now()
    waiting = {TransferState.CHECKING: check, TransferState.SAVING: save, TransferState.RUNNING: revert}
    state = CustomerImport.state
    never_begun = and_(state == TransferState.QUEUED, CustomerImport.created_at < now - NEVER_BEGUN)
    left = and_(state == TransferState.CHECKING, gone_quiet(CustomerImport, now))
    silent = state.in_((TransferState.SAVING, TransferState.RUNNING))  # one transaction each: nobody hears of it
    forgotten = and_(silent, CustomerImport.started_at < now - FORGOTTEN)
    query = select(CustomerImport.id, state).where(or_(never_begun, left, forgotten))
    found = db.session.execute(query).all()
    db.session.rollback()
    for import_id, found_in in found:
        queue.nudge(waiting.get(found_in, check), import_id, queue=queue.BULK)
    return f"{len(found)} taken up again" if found else "Nothing was left"


def done_rows(import_id: int) -> int | None:
    """How many rows a save or revert that is under way has behind it; None where nobody knows.

    Its transaction shows nobody anything until it ends, so the queue server is told instead.
    """
    try:
        told = queue.get_queue().connection.get(_progress_key(import_id))
    except (RedisError, OSError):
        return None
    return int(told) if told else None


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
    workbook. `progress` is told the rows done and about how many there are. Raises Unusable where the file cannot be
    used, Conflict where others kept being faster, HubError where the set-up lacks something.
    """
    options = {"dry_run": dry_run, "good_rows_only": good_rows_only, "progress": progress}
    for _attempt in range(ATTEMPTS):
        db.session.rollback()  # of what the caller has looked up: this one decides anew whether it only reads
        try:
            return _import_once(path, errors_path, Actor(None, organisation_id), options)
        except (Conflict, OperationalError) as error:
            if not is_contention(error):
                raise
            log.info("%s: somebody was faster, going through it again", path.name)
        finally:
            db.session.rollback()
    raise Conflict("Others keep changing these customers. Nothing was saved: try again later")


def _import_once(path: Path, errors_path: Path | None, actor: Actor, options: dict[str, Any]) -> ImportResult:
    with ExitStack() as opened, history.acting(actor, "command import-customers"):
        if options["dry_run"]:
            opened.enter_context(reading())
        file = opened.enter_context(_open(path, "rb"))
        errors_file = opened.enter_context(TemporaryFile()) if errors_path else None
        max_rows = _settings().max_import_rows
        result = one_pass.import_file(file, actor=actor, max_rows=max_rows, errors_file=errors_file, **options)
        if errors_path and errors_file:
            errors_file.seek(0)
            with _open(errors_path, "wb") as kept:
                shutil.copyfileobj(errors_file, kept)
        if result.saved:
            db.session.commit()
        return result


def _open(path: Path, mode: str) -> BinaryIO:
    try:
        return cast(BinaryIO, path.open(mode))
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error


def _settings() -> Settings:
    settings: Settings = current_app.config["HUB"]
    return settings


@contextmanager
def _acting(import_id: int) -> Iterator[Actor]:
    """As the one who confirmed or reverted. Raises NotAllowed where they may no longer work there."""
    imported = db.session.get_one(CustomerImport, import_id)
    user = db.session.get_one(User, imported.acting_user_id or imported.user_id)
    actor = actor_again(user, imported.organisation_id)
    with history.acting(actor, steps.source_of(import_id)):
        yield actor


def _progress_key(import_id: int) -> str:
    return f"hub:import:{import_id}:done"


@contextmanager
def _shown(import_id: int) -> Iterator[Callable[[int], object]]:
    """What tells the queue server how far the work is, until it ends; without a server the work goes on."""
    connection = queue.get_queue().connection

    def tell(done: int) -> None:
        with suppress(RedisError, OSError):
            connection.set(_progress_key(import_id), done, ex=PROGRESS_SECONDS)

    try:
        yield tell
    finally:
        with suppress(RedisError, OSError):
            connection.delete(_progress_key(import_id))


def _told(error: Exception, import_id: int) -> str:
    """What people read of `error`: a sentence, or where to look for what cannot be told."""
    if isinstance(error, HubError):
        return error.message
    reference = secrets.token_hex(4)
    log.error("import %s failed, reference %s", import_id, reference, exc_info=error)
    return f"Something went wrong. Tell your administrator this reference: {reference}"
