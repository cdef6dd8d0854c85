"""A peer: Django's admin over tables with the columns of ours, in a database of its own. Needs Django 5.2 installed.

It has sign-in, permissions and a log entry for each save; no organisations, no history by field, and looks neither for
duplicates, alerts nor the blacklist. References are typed as ids (`raw_id_fields`), which asks for no choices.
"""

import enum
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import django
import sqlalchemy as sa
from django.apps import AppConfig
from django.conf import settings
from django.db import models as fields

from bench import plain
from models.base import db

LABEL = "peer"
PARTS = dict(plain.PARTS.values())


def start(folder: Path) -> Any:
    """A client that is signed in as a superuser, over an empty database in `folder`."""
    sys.modules[LABEL] = module = ModuleType(LABEL)
    module.__path__ = [str(folder)]
    module.Config = type("Config", (AppConfig,), {"name": LABEL, "path": str(folder), "default": True})
    settings.configure(
        SECRET_KEY="bench",
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF=_build_urls(),
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "django.sqlite3")}},
        INSTALLED_APPS=[
            *(f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "sessions", "messages")),
            f"{LABEL}.Config",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()
    _register(_build_models())
    return _sign_in()


def _build_urls() -> str:
    name = f"{LABEL}_urls"
    sys.modules[name] = ModuleType(name)
    return name


def _build_models() -> dict[str, Any]:
    names = {"customer", "department", "invoice_type", *PARTS, *plain.TO_ONE.values(), *plain.LINE_TO_ONE.values()}
    return {name: _build_model(db.metadata.tables[name], names) for name in sorted(names)}


def _build_model(table: sa.Table, names: set[str]) -> Any:
    attributes: dict[str, Any] = {"__module__": LABEL, "Meta": type("Meta", (), {"app_label": LABEL})}
    for column in table.columns:
        if column.primary_key:
            continue
        target = next((key.column.table.name for key in column.foreign_keys if len(key.constraint.elements) == 1), None)
        target = target or _find_target(table, column)
        if target in names and column.name.endswith("_id"):
            key = column.name.removesuffix("_id")
            attributes[key] = fields.ForeignKey(
                target,
                fields.CASCADE,
                null=column.nullable,
                blank=column.nullable,
                related_name=f"{table.name}_by_{key}",
            )
        else:
            attributes[column.name] = _build_field(column)
    if table.name == "customer":
        for name, (_, other) in plain.LINKS.items():
            attributes[name] = fields.ManyToManyField(other, blank=True)
    return type(table.name, (fields.Model,), attributes)


def _find_target(table: sa.Table, column: sa.Column[Any]) -> str | None:
    """Of a key that names the organisation too."""
    for constraint in table.foreign_key_constraints:
        if column.name in constraint.column_keys and column.name != "organisation_id":
            return constraint.referred_table.name
    return None


def _build_field(column: sa.Column[Any]) -> Any:
    common: dict[str, Any] = {"null": column.nullable, "blank": True}
    default = getattr(column.default, "arg", None)
    if default is not None and not callable(default):
        common["default"] = default.value if isinstance(default, enum.Enum) else default
    elif not column.nullable:
        common["default"] = 0
    kind = column.type.python_type
    if kind is bool:
        return fields.BooleanField(**{**common, "default": common.get("default", False)})
    if kind is int:
        return fields.IntegerField(**common)
    if kind.__name__ == "Decimal":
        return fields.DecimalField(max_digits=18, decimal_places=4, **common)
    if kind.__name__ == "datetime":
        return fields.DateTimeField(auto_now_add=True)
    if kind.__name__ == "date":
        return fields.DateField(**common)
    return fields.CharField(max_length=255, **{**common, "default": common.get("default") or ""})


def _register(made: dict[str, Any]) -> None:
    from django.contrib import admin
    from django.core.management import call_command
    from django.db import connection
    from django.urls import path

    call_command("migrate", verbosity=0, interactive=False)
    with connection.schema_editor() as editor:
        for model in made.values():
            editor.create_model(model)

    def list_keys(model: Any, names: Any) -> list[str]:
        return [name for name in names if isinstance(model._meta.get_field(name), fields.ForeignKey)]

    inlines = [
        type(
            f"{name}Inline",
            (admin.TabularInline,),
            {"model": made[name], "fields": names, "extra": 0, "raw_id_fields": list_keys(made[name], names)},
        )
        for name, names in PARTS.items()
    ]
    customer = made["customer"]
    options = {
        "fields": plain.FORM,
        "raw_id_fields": [*list_keys(customer, [n for n in plain.FORM if n not in plain.LINKS]), *plain.LINKS],
        "inlines": inlines,
    }
    admin.site.register(customer, type("CustomerAdmin", (admin.ModelAdmin,), options))
    sys.modules[f"{LABEL}_urls"].urlpatterns = [path("admin/", admin.site.urls)]


def _sign_in() -> Any:
    from django.contrib.auth import get_user_model
    from django.test import Client

    user = get_user_model().objects.create_superuser("admin", "admin@peer.example", "peer")
    client = Client()
    client.force_login(user)
    return client


def table_of(part: str) -> str:
    """The table of a list of the form."""
    return plain.PARTS[part][0]


def add_references() -> dict[str, str]:
    """A row of each table that a customer must refer to: its id, by table."""
    from django.apps import apps

    names = ("catalog_item", "department", "customer_status", "notification_template")
    return {name: str(apps.get_model(LABEL, name).objects.create(name=name, organisation_id=1).pk) for name in names}
