"""Red, amber or green: the worse of two risks, in code and in lists."""

from itertools import product

import pytest
from sqlalchemy import select

from customerhub.contracts.risks import rag, rag_column
from models import Contract
from models.base import db
from models.enums import Risk
from tests import factories as make

RISKS = (None, Risk.LOW, Risk.MEDIUM, Risk.HIGH)  # the worse, the further right


@pytest.mark.parametrize(("business", "contract"), list(product(RISKS, RISKS)))
def test_it_is_the_worse_of_the_two(business, contract):
    assert rag(business, contract) is RISKS[max(RISKS.index(business), RISKS.index(contract))]


def test_a_list_agrees_with_the_rule(session):
    organisation = make.OrganisationFactory()
    customer = make.CustomerFactory(organisation=organisation)
    for business, contract in product(RISKS, RISKS):
        make.ContractFactory(
            organisation=organisation, customer_id=customer.id, business_risk=business, contract_risk=contract
        )
    rows = db.session.execute(select(Contract.business_risk, Contract.contract_risk, rag_column())).all()
    assert len(rows) == 16
    assert [row.rag for row in rows] == [rag(row.business_risk, row.contract_risk) for row in rows]
    for risk in Risk:
        found = db.session.scalars(select(Contract).where(rag_column() == risk)).all()
        assert len(found) == {Risk.LOW: 3, Risk.MEDIUM: 5, Risk.HIGH: 7}[risk]
    assert len(db.session.scalars(select(Contract).where(rag_column().is_(None))).all()) == 1
