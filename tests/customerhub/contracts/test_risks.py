"""Red, amber or green: the worse of two risks, in code and in lists."""

from itertools import product

import pytest
from sqlalchemy import select

from customerhub.contracts.risks import build_combined_risk_column, combine_risks
from models import Contract
from models.base import db
from models.enums import Risk
from tests.support import factories as make

RISKS = (None, Risk.LOW, Risk.MEDIUM, Risk.HIGH)  # the worse, the further right


@pytest.mark.parametrize(("business", "contract"), list(product(RISKS, RISKS)))
def test_it_is_the_worse_of_the_two(business, contract):
    assert combine_risks(business, contract) is RISKS[max(RISKS.index(business), RISKS.index(contract))]


def test_a_list_agrees_with_the_rule(session):
    organisation = make.OrganisationFactory()
    customer = make.CustomerFactory(organisation=organisation)
    for business, contract in product(RISKS, RISKS):
        make.ContractFactory(
            organisation=organisation, customer_id=customer.id, business_risk=business, contract_risk=contract
        )
    rows = db.session.execute(
        select(Contract.business_risk, Contract.contract_risk, build_combined_risk_column())
    ).all()
    assert len(rows) == 16
    assert [row.rag for row in rows] == [combine_risks(row.business_risk, row.contract_risk) for row in rows]
    for risk in Risk:
        found = db.session.scalars(select(Contract).where(build_combined_risk_column() == risk)).all()
        assert len(found) == {Risk.LOW: 3, Risk.MEDIUM: 5, Risk.HIGH: 7}[risk]
    assert len(db.session.scalars(select(Contract).where(build_combined_risk_column().is_(None))).all()) == 1
