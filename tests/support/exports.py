"""Shorthands for tests of exports in the background."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

import models
from customerhub.core import clock, storage
from models import ListExport
from models.base import db
from models.enums import Role, TransferState
from models.sqlite import read_only_transaction
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations

State = TransferState


def request_export(
    organisations: TwoOrganisations, screen: str = "departments", *, role: Role = Role.ADMIN, address: str = "?"
) -> int:
    """An export that somebody in this role asked for."""
    query = {"address": address, "columns": []}
    export = make.ListExportFactory(
        organisation=db.session.get_one(models.Organisation, organisations.own.id),
        user_id=organisations.own.users[role],
        screen=screen,
        title=screen.capitalize(),
        format="csv",
        query=query,
        state=State.QUEUED,
    )
    db.session.commit()
    key: int = export.id
    db.session.remove()
    return key


def export_facts(export_id: int) -> tuple[TransferState, str | None, int]:
    """State, problem and rows done, asked without keeping anybody from writing."""
    with read_only_transaction():
        query = select(ListExport.state, ListExport.problem, ListExport.done_rows).where(ListExport.id == export_id)
        found = db.session.execute(query).one()
        db.session.rollback()
    return found.state, found.problem, found.done_rows


def state_of(export_id: int) -> TransferState:
    return export_facts(export_id)[0]


def lines_of(export_id: int) -> list[str]:
    """The lines of the file that was written."""
    export = db.session.get_one(ListExport, export_id)
    assert export.file is not None, export.problem
    with storage.open_file(export.file) as file:
        return file.read().decode("utf-8-sig").split("\r\n")[:-1]


def set_values(export_id: int, **values: Any) -> None:
    db.session.execute(update(ListExport).where(ListExport.id == export_id).values(**values))
    db.session.commit()


def let_lease_lapse(export_id: int) -> None:
    """As if nobody had been heard of for long."""
    set_values(export_id, claimed_until=clock.get_now() - timedelta(seconds=1))


def count_files() -> int:
    return db.session.scalar(select(func.count(models.StoredFile.id))) or 0
