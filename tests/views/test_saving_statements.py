"""How often saving and approving ask the database: the cases that docs/benchmarks.md has figures of.

More than these many, and a rule asks again what another one has asked already.
"""

from typing import Any

import pytest

from bench.saving import record_case, run_case
from bench.saving_cases import CASES, MANY, SavingCase, SavingData, fill_organisation
from bench.statements import StatementLog
from models.base import db

NEW, EDIT, ONE, MANY_AT_ONCE = CASES
# SQLite numbers the rows of one table one by one.
MOST = {NEW.name: {"sqlite": 26, "postgresql": 22}, EDIT.name: 10, ONE.name: 9}
MOST_BESIDE_UPDATES = 12  # of many at once, however many there are
FEW = 10


def record_warm(app: Any, case: SavingCase, data: SavingData) -> StatementLog:
    """What the case sends, the second time: by then all that is looked up once a process is known."""
    db.session.remove()
    run_case(app, case, data)
    return record_case(app, case, data)


def describe_log(log: StatementLog) -> str:
    return "\n".join(text for text, _ in log.statements)


@pytest.mark.parametrize("case", [NEW, EDIT, ONE], ids=lambda case: case.name)
def test_saving_asks_each_thing_once(app, session, case):
    log = record_warm(app, case, fill_organisation(1))
    most = MOST[case.name]
    counted = [text for text, _ in log.statements]
    assert len(counted) <= (most if isinstance(most, int) else most[db.engine.dialect.name]), describe_log(log)
    assert log.list_repeated() == []


def test_many_approvals_ask_no_more_than_few(app, session):
    data = fill_organisation(MANY)
    logs = []
    for number in (FEW, MANY):
        case = SavingCase("some", lambda data, number=number: data.tasks[:number], MANY_AT_ONCE.save)
        logs.append(record_warm(app, case, data))
        assert logs[-1].list_repeated() == []
    counts = [log.count_by_kind() for log in logs]
    updates = [several.pop("update") for several in counts]
    assert counts[0] == counts[1], describe_log(logs[1])
    assert updates == [2, 2]  # the customers and the tasks, each in the version that was read
    assert sum(counts[1].values()) <= MOST_BESIDE_UPDATES, describe_log(logs[1])
