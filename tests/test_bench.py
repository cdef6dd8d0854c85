"""The measurements are started by hand: here is held that their addresses are there."""

import pytest

from bench import exports
from bench.cases import CASES, MORE_CASES, Case, CaseData, path_of
from views.customers.columns import COLUMNS

CASE_DATA = CaseData(
    organisation=1, size=200_000, status=2, rare_status=3, busy_customer=4, middle_customer=5, reference="B5"
)


@pytest.mark.parametrize("case", [*CASES, *MORE_CASES], ids=lambda case: case.name)
def test_each_case_has_an_address(case: Case) -> None:
    for pattern in filter(None, (case.path, case.plain)):
        assert "{" not in path_of(pattern, CASE_DATA)


def test_the_baseline_of_exports_has_the_columns_that_are_exported() -> None:
    assert set(exports.COLUMNS) <= {column.name for column in COLUMNS}
    assert len(exports.build_core_select(1).selected_columns) == len(exports.COLUMNS)
