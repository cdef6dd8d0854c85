"""What partners register."""

from sqlalchemy import select

import models
from customerhub.approvals import tasks
from models.base import db
from models.enums import TaskKind

FORM_VALUES = {
    "name": "Sandbank Surf & Sail",
    "registration_number": "HRB 77 120",
    "registration_date": "2019-03-04",
    "customer_type": "private limited",
    "vat_number": "DE136695976",
    "website": "sandbank.example",
    "contact_name": "Jonas Petersen",
    "email": "office@sandbank.example",
    "contact_number": "+49 4651 990",
    "address": "Strandweg 3",
    "postal_code": "25980",
    "city": "Sylt",
    "country": "DE",
    "comment": "Soon, please.",
}


def get_registered(name: str = FORM_VALUES["name"]) -> models.Customer:
    return db.session.scalars(select(models.Customer).where(models.Customer.name == name)).one()


def onboarding_task(customer: models.Customer) -> models.ApprovalTask:
    task = tasks.find_latest_task(customer, TaskKind.ONBOARDING)
    assert task is not None
    return task
