"""How long saving a new customer by its form takes beside Django's admin.

    pip install "django>=5.2,<5.3"
    python -m bench new-customer [--rounds 60]

The same entries (a customer with three contacts, two documents and an address, the other fields as the form begins) are
posted to both, signed in, through the whole WSGI application in one process, on SQLite; both take turns. Figures are
CPU time of the whole request. What Django's admin leaves out is told in `bench/django_admin.py`.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select

from bench.data import Store
from bench.report import print_table
from customerhub.core import history
from customerhub.core.permissions import Actor
from models import CatalogItem, Department, NotificationTemplate, User
from models.base import db
from models.enums import CatalogType, Role, TemplatePurpose
from seed.demo import email_of, seed_demo
from tests.support.browser_client import Browser, FormReader

WARM_UP = 12
HUB_FORM, DJANGO_FORM = "/admin/customers/new/", "/admin/peer/customer/add/"

_numbers = count(1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench new-customer", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        hub = store.create_empty("sqlite", "peers")
        with hub.app_context():
            measures = {"Customer Hub": _prepare_hub(hub, Path(folder)), "Django admin": _prepare_django(Path(folder))}
            for _ in range(WARM_UP):
                for measure in measures.values():
                    measure()
            figures = {name: [] for name in measures}
            for _ in range(options.rounds):
                for name, measure in measures.items():
                    figures[name].append(measure() * 1000)
    base = figures["Django admin"]
    rows = [
        [
            name,
            f"{statistics.median(values):.1f}",
            f"{min(values):.1f}",
            f"{statistics.median(values) / statistics.median(base):.2f}",
            f"{min(values) / min(base):.2f}",
        ]
        for name, values in figures.items()
    ]
    print_table(("saving a new customer", "median ms", "least ms", "times Django, median", "least"), rows)


def _prepare_hub(app: Flask, folder: Path) -> Callable[[], float]:
    """What saves one customer and returns the seconds of the request."""
    with history.act_as(Actor(None, 0), "bench"):
        organisation = seed_demo(folder)
        db.session.commit()
    user_id = db.session.scalars(select(User.id).where(User.email == email_of(Role.ADMIN))).one()
    browser = Browser(app, user_id)
    region = select(CatalogItem.id).where(CatalogItem.type == CatalogType.REGION).limit(1)
    template = (
        select(NotificationTemplate.id).where(NotificationTemplate.purpose == TemplatePurpose.COMPLIANCE).limit(1)
    )
    department = select(Department.id).where(Department.organisation_id == organisation.id).limit(1)
    own_values = {
        "region_id": str(db.session.scalars(region).one()),
        "departments": str(db.session.scalars(department).one()),
    }
    template_id = str(db.session.scalars(template).one())

    def save() -> float:
        number = next(_numbers)
        values = browser.read_form(HUB_FORM) | _customer_values(number) | own_values
        for name, rows in _list_parts(number, template_id).items():
            values |= {f"{name}-{at}-{key}": value for at, row in enumerate(rows) for key, value in row.items()}
        began = time.process_time()
        answer = browser.post(HUB_FORM, values)
        return _check(answer.status_code, 303, time.process_time() - began)

    return save


def _prepare_django(folder: Path) -> Callable[[], float]:
    from bench import django_admin

    client = django_admin.start(folder)
    ids = django_admin.add_references()
    reader = DjangoFormReader()
    reader.feed(client.get(DJANGO_FORM).content.decode())
    first_values = {name: values for name, values in reader.values.items() if name}
    own_values = {"region": ids["catalog_item"], "departments": ids["department"], "status": ids["customer_status"]}

    def save() -> float:
        number = next(_numbers)
        values = first_values | _customer_values(number) | own_values | {"account_number": str(number)}
        for name, rows in _list_parts(number, ids["notification_template"]).items():
            prefix = f"{django_admin.table_of(name)}_by_customer"
            values[f"{prefix}-TOTAL_FORMS"] = str(len(rows))
            for at, row in enumerate(rows):
                values |= {f"{prefix}-{at}-{key.removesuffix('_id')}": value for key, value in row.items()}
        began = time.process_time()
        answer = client.post(DJANGO_FORM, values)
        return _check(answer.status_code, 302, time.process_time() - began)

    return save


def _check(status: int, expected: int, seconds: float) -> float:
    if status != expected:
        raise RuntimeError(f"saving answered {status}")
    return seconds


def _customer_values(number: int) -> dict[str, Any]:
    return {
        "name": f"Firm {number}",
        "reference": f"R-{number}",
        "email": f"office@firm{number}.example",
        "registration_number": f"HRB {number}",
        "start_date": "2026-11-29",
        "risk": "Low",
    }


def _list_parts(number: int, template_id: str) -> dict[str, list[dict[str, str]]]:
    """The rows of each list of the form."""
    document = {"expiry_date": "2199-03-01", "reviewer_email": "reviewer@peer.example", "template_id": template_id}
    address = {"kind": "registered", "lines": "1 High Street", "country": "DE", "postal_code": "", "city": ""}
    contacts = [{"name": f"Person {at}", "email": f"p{at}@firm{number}.example"} for at in range(3)]
    return {
        "contacts": [{**contact, "role": "manager", "phone": ""} for contact in contacts],
        "compliance_documents": [{**document, "certificate": f"Certificate {at}"} for at in range(2)],
        "addresses": [address],
    }


class DjangoFormReader(FormReader):
    """Reads Django's form, which is told by its id."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form" and dict(attrs).get("id") == "customer_form":
            self.in_form = 1
        super().handle_starttag(tag, attrs)
