"""How risky a contract is: red, amber or green by the worse of its two risks."""

from typing import Any, Final

from sqlalchemy import case, or_, type_coerce

from models import Contract
from models.enums import Risk

_WORST_FIRST: Final = tuple(reversed(Risk))


def combine_risks(business: Risk | None, contract: Risk | None) -> Risk | None:
    """The worse of the two; of one that is not known the other."""
    return next((risk for risk in _WORST_FIRST if risk in (business, contract)), None)


def build_combined_risk_column() -> Any:
    """`combine_risks` of the rows of a query."""
    columns = (Contract.business_risk, Contract.contract_risk)
    kind = Contract.business_risk.type
    worst_risk = case(*((or_(*(column == risk for column in columns)), risk.value) for risk in _WORST_FIRST))
    return type_coerce(worst_risk, kind).label("rag")
