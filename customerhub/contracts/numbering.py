"""Numbers of contracts and orders: made by the system, unique in an organisation."""

from typing import Final

from sqlalchemy import select

from customerhub.core.number_sequences import reserve_numbers
from models import Contract, CustomerOrder
from models.base import db

PREFIXES: Final[dict[type[Contract] | type[CustomerOrder], str]] = {Contract: "C", CustomerOrder: "O"}


def take_number(model: type[Contract] | type[CustomerOrder], organisation_id: int) -> str:
    """The next free number, such as C100001. Those that somebody typed by hand are passed over."""
    while True:
        number = f"{PREFIXES[model]}{reserve_numbers(organisation_id, model.__tablename__, 1)}"
        with db.session.no_autoflush:
            existing_rows = select(model.id).where(model.organisation_id == organisation_id, model.number == number)
            if db.session.scalar(existing_rows) is None:
                return number
