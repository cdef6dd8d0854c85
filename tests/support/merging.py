"""Merging two customers."""

from customerhub.customers.merging import merge_customers
from models.base import db
from tests.customerhub.approvals.conftest import acting


def merge_records(approval_org, survivor, other, **more):
    with acting(approval_org.manager):
        merge_customers(survivor, other, actor=approval_org.manager, **more)
        db.session.commit()
