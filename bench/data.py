"""The databases that are measured: 2,000, 20,000 and 200,000 made-up customers, on SQLite and on PostgreSQL.

Each is made once by the real migration and the real seeds, and kept until one of these changes. A second
organisation has a quarter as many customers, so that what keeps organisations apart costs what it really costs.
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select, text

from app import create_app
from bench.cluster import Cluster
from bench.custom_fields import fill_custom_fields
from bench.tasks import fill_tasks
from customerhub.core import clock, history
from customerhub.core.config import load_settings
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_customer
from models import (
    BilledUser,
    BillingLine,
    Commodity,
    ComplianceDocument,
    Contact,
    Customer,
    Department,
    Location,
    NotificationTemplate,
    Organisation,
)
from models.base import db
from models.enums import ContactRole, TemplatePurpose
from seed.demo import seed_demo
from seed.reference import seed_reference
from seed.synthesize import synthesize

SIZES = (2_000, 20_000, 200_000)
KINDS = ("sqlite", "postgresql")
OTHER = "Other"
BUSY = "Inline Fifty Ltd"
LINES, DOCUMENTS, CONTACTS = 30, 10, 10
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class BenchDatabase:
    """One database with `size` customers in the measured organisation, and the hub over it."""

    kind: str
    size: int
    url: str
    app: Flask


class Store:
    """The databases under a folder. Servers that it starts end with `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._cluster: Cluster | None = None

    def open(self, kind: str, size: int) -> BenchDatabase:
        """The database of this kind and size, made now where it is not there or no longer up to date."""
        name = f"hub_{size}"
        marker = self.folder / f"{kind}_{name}.made"
        recipe = _recipe()
        is_current = marker.exists() and marker.read_text() == recipe
        if not is_current:
            marker.unlink(missing_ok=True)
        url = self._url(kind, name, fresh=not is_current)
        app = _app(url, self.folder / f"{kind}_{name}.files")
        if not is_current:
            fill_database(app, size)
            marker.write_text(recipe)
        return BenchDatabase(kind, size, url, app)

    def create_empty(self, kind: str, name: str, **settings: str) -> Flask:
        """The hub over a database of this kind with nothing in it, made now. `settings` are environment variables."""
        app = _app(self._url(kind, name, fresh=True), self.folder / f"{kind}_{name}.files", **settings)
        with app.app_context():
            upgrade()
        return app

    def copy(self, database: BenchDatabase, name: str) -> BenchDatabase:
        """The same rows in another database, made now, which may be changed."""
        with database.app.app_context():
            for engine in db.engines.values():
                engine.dispose()
        url = self._url(database.kind, name, fresh=True)
        if database.kind == "sqlite":
            shutil.copy(*(each.removeprefix("sqlite:///") for each in (database.url, url)))
        if database.kind == "postgresql" and self._cluster is not None:
            original = f"hub_{database.size}"
            self._cluster.execute(f"DROP DATABASE {name}", f"CREATE DATABASE {name} TEMPLATE {original}")
        app = _app(url, self.folder / f"{database.kind}_{name}.files")
        return BenchDatabase(database.kind, database.size, url, app)

    def close(self) -> None:
        if self._cluster is not None:
            self._cluster.stop()

    def _url(self, kind: str, name: str, *, fresh: bool) -> str:
        if kind == "sqlite":
            path = self.folder / f"{name}.sqlite3"
            if fresh:
                for suffix in ("", "-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
            return f"sqlite:///{path}"
        if self._cluster is None:
            self._cluster = Cluster(self.folder / "postgresql")
        if fresh:
            self._cluster.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
        return self._cluster.build_url(name)


def _recipe() -> str:
    """What a database is made by, in one word: another word, another database."""
    parts = sorted((ROOT / "models" / "migrations" / "versions").glob("*.py")) + sorted((ROOT / "seed").glob("*.py"))
    own_parts = [Path(__file__).with_name(name) for name in ("data.py", "tasks.py", "custom_fields.py")]
    text_of_all = b"".join(path.read_bytes() for path in [*parts, *own_parts])
    return hashlib.sha256(text_of_all).hexdigest()


def _app(url: str, folder: Path, **settings: str) -> Flask:
    defaults = {"DATABASE_URL": url, "HUB_DATA_DIR": str(folder), "HUB_SECRET_KEY": "bench"}
    return create_app(load_settings(defaults | settings))


def update_statistics(database_kind: str) -> None:
    """Clean up and count what is there, as the autovacuum of PostgreSQL does in time."""
    if database_kind == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def fill_database(app: Flask, size: int) -> None:
    """Migrate and fill the database of `app`; the seed has it gather its statistics."""
    started_at = time.monotonic()
    with app.app_context():
        upgrade()
        with history.act_as(Actor(None, 0), "bench"):
            demo = seed_demo(app.config["HUB"].data_dir)
            other = Organisation(name=OTHER)
            db.session.add(other)
            db.session.flush()
            seed_reference(other)
            db.session.commit()
            existing_count = db.session.scalar(select(func.count()).where(Customer.organisation_id == demo.id)) or 0
            _add_busy_customer(demo)
            synthesize(demo, size - existing_count - 1, _progress_printer(demo.name, size, started_at))
            synthesize(other, size // 4, _progress_printer(other.name, size // 4, started_at))
            fill_tasks(demo)
            fill_custom_fields(demo)
        update_statistics(db.engine.dialect.name)
        for engine in db.engines.values():
            engine.dispose()


def _progress_printer(name: str, size: int, started_at: float) -> Callable[[int], None]:
    def print_progress(done: int) -> None:
        if done % 20_000 == 0 or done == size:
            print(f"  {name}: {done:,} of {size:,} customers, {time.monotonic() - started_at:.0f} s", flush=True)

    return print_progress


def _add_busy_customer(organisation: Organisation) -> None:
    """A customer with fifty rows on its form: billing lines, compliance documents and contacts."""
    key = organisation.id
    non_prospects = Customer.organisation_id == key, Customer.region_id.is_not(None)
    template_customer = db.session.scalars(select(Customer).where(*non_prospects).order_by(Customer.id).limit(1)).one()
    customer = Customer(
        name=BUSY,
        reference="BUSY-50",
        email="office@fifty.example",
        registration_number="HRB 505050",
        region_id=template_customer.region_id,
        start_date=clock.get_today() - timedelta(days=400),
        risk=template_customer.risk,
        account_manager_id=template_customer.account_manager_id,
        departments=list(template_customer.departments),
    )
    customer.billing_lines = _lines(key)
    customer.compliance_documents = _documents(key)
    roles = cycle(ContactRole)
    customer.contacts = [
        Contact(name=f"Person {n}", role=next(roles), email=f"person{n}@fifty.example", phone=f"+49 30 {n}")
        for n in range(CONTACTS)
    ]
    save_customer(customer, actor=Actor(None, key))
    db.session.commit()


def _ids(model: Any, key: int, *where: Any) -> Iterator[int]:
    """The ids of the rows of an organisation, over and over."""
    return cycle(
        list(db.session.scalars(select(model.id).where(model.organisation_id == key, *where).order_by(model.id)))
    )


def _lines(key: int) -> list[BillingLine]:
    commodities, locations = _ids(Commodity, key), _ids(Location, key)
    departments, billed = _ids(Department, key), _ids(BilledUser, key)
    return [
        BillingLine(
            commodity_id=next(commodities),
            minimum_cost=Decimal(n),
            cost_per_unit=Decimal("1.25"),
            location_id=next(locations),
            department_id=next(departments),
            billed_user_id=next(billed),
            active_from=clock.get_today(),
        )
        for n in range(LINES)
    ]


def _documents(key: int) -> list[ComplianceDocument]:
    templates = _ids(NotificationTemplate, key, NotificationTemplate.purpose == TemplatePurpose.COMPLIANCE)
    return [
        ComplianceDocument(
            certificate=f"Certificate {n}",
            expiry_date=clock.get_today() + timedelta(days=30 * n),
            reviewer_email="reviewer@demo.example",
            template_id=next(templates),
        )
        for n in range(DOCUMENTS)
    ]
