"""Imports, exports, operations on many rows and the runs of scheduled jobs."""

import factory

import models
from customerhub.core import clock
from models.enums import (
    RowOutcome,
)
from tests.support.factories.base import OrganisationRow, Row, StoredFileFactory, related_id
from tests.support.factories.users import UserFactory


class PeriodicRunFactory(Row):
    class Meta:
        model = models.PeriodicRun

    name = factory.Sequence(lambda n: f"jobs.work.every_{n}")
    started_at = factory.LazyFunction(clock.get_now)


class ListExportFactory(OrganisationRow):
    class Meta:
        model = models.ListExport

    user_id = related_id(UserFactory)
    screen = "customers"
    title = "Customers"
    format = "csv"
    query = factory.LazyFunction(lambda: {"address": "?", "columns": ["name"]})


class CustomerImportFactory(OrganisationRow):
    class Meta:
        model = models.CustomerImport

    user_id = related_id(UserFactory)
    file_id = related_id(StoredFileFactory, name="customers.xlsx")
    file_name = "customers.xlsx"


class ImportRowFactory(Row):
    class Meta:
        model = models.ImportRow

    row_number = factory.Sequence(lambda n: n + 2)
    outcome = RowOutcome.NEW


class OperationRunFactory(OrganisationRow):
    class Meta:
        model = models.OperationRun

    user_id = related_id(UserFactory)
    screen = "customers"
    operation = "edit-fields"
    title = "Edit fields: 2 customers"
    noun = "customer"
    past_tense = "changed"
    address = "?"
    entries = factory.LazyFunction(list)


class OperationRunRowFactory(Row):
    class Meta:
        model = models.OperationRunRow

    row_id = factory.Sequence(lambda n: n + 1)
    seen_version = 1
