"""Every operation takes as many statements for many rows as for few, unless a rule has to look at each by itself."""

from dataclasses import replace

import pytest

from models.base import db
from models.enums import Risk
from tests.support.browser_client import Browser
from tests.support.screen_operations import CUSTOMER_OPERATIONS, ScreenOperation, no_rows
from tests.support.screen_rows import make_bare_customer
from tests.support.screen_table import SCREENS
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations
from views.admin import SCREENS as HUB_SCREENS

FEW, MANY = 3, 12
# What is done to one row after the other, and why.
DONE_SINGLY = {
    "signatures/check": "of each its signers are told apart, and its request is one that waits once",
    "signatures/resend": "of each its signers are told apart, and its request is one that waits once",
    "signatures/send-again": "of each its signers are told apart, and its request is one that waits once",
    "signatures/try-again": "of each its signers are told apart, and its request is one that waits once",
    "signatures/leave": "of each it is asked what has failed",
    "signatures/void": "of each its signers are told apart, and its request is one that waits once",
    "tasks/approve": "what one update, listing or delisting changes the next may depend on",
    "customers/review": "a customer whose risk rating changes is saved, and a save asks every rule about it",
    "contracts/live": "of each it is asked whether its customer may have one, and its profile is locked before itself",
    "users/activate": "which administrator is the last one depends on who was switched off before",
    "users/deactivate": "which administrator is the last one depends on who was switched off before",
    "users/delete": "which administrator is the last one depends on who was deleted before",
    "statuses/delete": "which status is the last that bills depends on those that were deleted before",
}
GOES_ON_ELSEWHERE = {"signatures/download-signed"}  # on the page of what a job makes
REVIEW_WITHOUT_RISK = replace(
    CUSTOMER_OPERATIONS["review"],
    row=lambda organisations: make_bare_customer(organisations, risk=Risk.HIGH),
)


def list_cases() -> list[tuple[str, str, ScreenOperation]]:
    """The operations that can be done to several rows at once: screen, name, and what is done."""
    bulk_names = {endpoint: {each.name for each in view.operations if each.bulk} for view, _, endpoint in HUB_SCREENS}
    cases = [
        (endpoint, name, operation)
        for endpoint, screen in SCREENS.items()
        for name, operation in screen.operations.items()
        if name in bulk_names[endpoint] and operation.further_rows is no_rows
    ]
    return [case for case in cases if "/".join(case[:2]) not in DONE_SINGLY] + [
        ("customers", "review", REVIEW_WITHOUT_RISK)
    ]


@pytest.mark.parametrize(("endpoint", "name", "operation"), list_cases(), ids=lambda value: str(value)[:20])
def test_many_rows_take_as_many_statements_as_few(
    organisations: TwoOrganisations, endpoint: str, name: str, operation: ScreenOperation
) -> None:
    browser = Browser(organisations.app, organisations.platform_user)
    counts = []
    for number in (FEW, FEW, MANY):  # the first fills what a process looks up once
        keys = [operation.row(organisations).id for _ in range(number)]
        url = f"/admin/{endpoint}/operation/{name}/?" + "&".join(f"id={key}" for key in keys)
        values = operation.form_values(organisations)
        values |= {f"row-{key}-{field}": value for key in keys for field, value in values.items()}  # of those with own
        db.session.commit()
        with record_statements() as statements:
            answer = browser.submit(url, **values)
        assert answer.status_code == (303 if f"{endpoint}/{name}" in GOES_ON_ELSEWHERE else 200), answer.text
        db.session.expire_all()
        model = SCREENS[endpoint].model
        assert all(operation.is_done(db.session.get(model, key)) for key in keys)
        counts.append(statements)
    assert len(counts[1]) == len(counts[2]), "\n".join(counts[2])
