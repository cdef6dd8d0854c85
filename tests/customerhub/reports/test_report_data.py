"""What a performance report contains, as read from the database, and who may request one."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

import models
from customerhub.reports import report_data
from customerhub.reports.report_data import build_report_data
from customerhub.reports.report_facts import (
    ContractFact,
    LineFact,
)
from customerhub.reports.report_layout import build_document
from models import Customer
from models.base import db
from models.enums import AlertRule, ContractStatus, OutboxState, Risk, Role, Severity, StatusBehaviour
from tests.support import factories as make
from tests.support.report_data import TODAY, D, change_row, list_strings
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, own_organisation


def customer_values(organisations: TwoOrganisations, customer: Customer) -> dict[str, Any]:
    return {"organisation": own_organisation(organisations), "customer_id": customer.id}


def fill_record(organisations: TwoOrganisations, customer: Customer) -> None:
    manager = db.session.get_one(models.User, organisations.own.users[Role.AGENT])
    change_row(
        customer,
        account_manager_id=manager.id,
        risk=Risk.HIGH,
        credit_limit=D(500),
        vat_number="DE136695976",
        billing_day=7,
        phone="x",
        contact_number="+49 30 1",
        credit_check_company="Checkers",
    )
    make.AddressFactory(**customer_values(organisations, customer))
    make.AccountFactory(**customer_values(organisations, customer), number="ZZ9", balance=D("12.34"))


@pytest.mark.usefixtures("today")
def test_the_record_is_reported_with_names_not_keys(organisations: TwoOrganisations, customer: Customer) -> None:
    fill_record(organisations, customer)
    data = build_report_data(customer, as_of=TODAY)
    particulars, standing = data.customer, data.standing
    region = db.session.get_one(models.CatalogItem, customer.region_id)
    status = db.session.get_one(models.CustomerStatus, customer.status_id)
    assert (particulars.name, particulars.account_number, particulars.region) == (
        "Aurora",
        customer.account_number,
        region.name,
    )
    assert particulars.managers == [("Account manager", "The agent")]
    assert particulars.numbers == [("VAT number", "DE136695976")]
    assert particulars.departments == [customer.departments[0].name]
    assert [name for name, _, _ in particulars.contacts] == ["Kim"]
    assert particulars.address == "1 Market Street, DE"
    assert ("Billing cycle", "Monthly, day 7") in particulars.billing
    assert (standing.status, standing.behaviour, standing.risk) == (status.name, status.behaviour, Risk.HIGH)
    assert (standing.credit_limit, standing.credit_check) == (D(500), "Checkers")
    assert [(each.number, each.balance, each.is_main) for each in data.accounts] == [
        (customer.account_number, D(0), True),
        ("ZZ9", D("12.34"), False),
    ]
    assert data.balance == D("12.34")
    organisation = own_organisation(organisations)
    assert (data.organisation, data.currency, data.date_format) == (
        organisation.name,
        organisation.currency,
        organisation.date_format,
    )


@pytest.mark.usefixtures("today")
def test_contracts_orders_lines_and_documents_are_reported(organisations: TwoOrganisations, customer: Customer) -> None:
    own_values = customer_values(organisations, customer)
    risks = {"business_risk": Risk.HIGH, "contract_risk": Risk.LOW}
    make.ContractFactory(
        **own_values, number="K1", name="First", value=D("10.50"), connections=3, status="Live", **risks
    )
    make.ContractFactory(**own_values, number="K2", start_date=date(2026, 1, 1), end_date=date(2027, 1, 1))
    make.CustomerOrderFactory(**own_values, number="O1", connections=4)
    line = make.BillingLineFactory(**own_values, minimum_cost=D("9.99"), cost_per_unit=D("0.000001"))
    make.ComplianceDocumentFactory(**own_values, certificate="B", expiry_date=date(2027, 1, 1))
    make.ComplianceDocumentFactory(**own_values, certificate="A", expiry_date=date(2026, 1, 1), file_id=None)
    data = build_report_data(customer, as_of=TODAY)
    assert data.contracts == [
        ContractFact(
            "K2", data.contracts[0].name, ContractStatus.DRAFT, None, None, 0, date(2026, 1, 1), date(2027, 1, 1)
        ),
        ContractFact("K1", "First", ContractStatus.LIVE, Risk.HIGH, D("10.50"), 3, date(2025, 1, 31), None),
    ]
    assert [(each.number, each.connections) for each in data.orders] == [("O1", 4)]
    location = db.session.get_one(models.Location, line.location_id)
    assert data.lines == [
        LineFact(line.id, line.commodity.name, "line", location.name, D("9.99"), D("0.000001"), date(2024, 2, 29), None)
    ]
    assert [(each.certificate, each.on_file) for each in data.documents] == [("A", False), ("B", True)]
    assert data.costs == {line.commodity.name: [D("9.99")] * 12}


@pytest.mark.usefixtures("today")
def test_nothing_of_other_customers_is_reported(organisations: TwoOrganisations, customer: Customer) -> None:
    """The customers of the two organisations have something in every table."""
    data = build_report_data(customer, as_of=TODAY)
    for rows in (
        data.contracts,
        data.orders,
        data.lines,
        data.documents,
        data.alerts,
        data.messages,
        data.review.past_reviews,
    ):
        assert list(rows) == []
    full_report = build_report_data(db.session.get_one(Customer, organisations.own.customers[0]), as_of=TODAY)
    assert full_report.contracts
    assert full_report.lines
    assert full_report.documents
    assert full_report.review.past_reviews
    assert not any("Their" in text for text in list_strings(build_document(full_report).data))


@pytest.mark.usefixtures("today")
def test_reviews_done_later_are_left_out_and_the_open_one_is_reported(
    organisations: TwoOrganisations, customer: Customer
) -> None:
    change_row(
        customer, review_start_date=date(2025, 1, 31), review_frequency=3, created_at=datetime(2024, 1, 1, tzinfo=UTC)
    )
    for due_on, done_on in ((date(2025, 7, 31), date(2025, 8, 2)), (date(2025, 10, 31), date(2025, 11, 20))):
        make.ReviewFactory(**customer_values(organisations, customer), due_on=due_on, done_on=done_on)

    def state(as_of: date) -> tuple[int, date | None, bool, date]:
        review = build_report_data(customer, as_of=as_of).review
        return len(review.past_reviews), review.open_due_date, review.overdue, review.next_dates[0]

    assert state(date(2025, 7, 30)) == (0, date(2025, 4, 30), True, date(2025, 7, 31))
    assert state(date(2025, 8, 1)) == (0, date(2025, 7, 31), False, date(2025, 10, 31))
    assert state(date(2025, 8, 2)) == (1, None, False, date(2025, 10, 31))
    assert state(date(2025, 11, 14)) == (1, date(2025, 10, 31), False, date(2026, 1, 31))
    assert state(date(2025, 11, 15)) == (1, date(2025, 10, 31), True, date(2026, 1, 31))
    assert state(date(2026, 1, 30)) == (2, None, False, date(2026, 1, 31))
    assert state(TODAY) == (2, date(2026, 1, 31), True, date(2026, 4, 30))


@pytest.mark.usefixtures("today")
def test_a_dropped_customer_has_no_overdue_review(organisations: TwoOrganisations, customer: Customer) -> None:
    dropped = make.CustomerStatusFactory(organisation=own_organisation(organisations), behaviour=StatusBehaviour.NONE)
    change_row(
        customer,
        review_start_date=date(2025, 1, 31),
        review_frequency=3,
        status_id=dropped.id,
        created_at=datetime(2024, 1, 1, tzinfo=UTC),
    )
    review = build_report_data(customer, as_of=TODAY).review
    assert (review.open_due_date, review.overdue) == (date(2026, 1, 31), False)


@pytest.mark.usefixtures("today")
def test_messages_are_of_the_days_of_the_organisation(organisations: TwoOrganisations, customer: Customer) -> None:
    change_row(own_organisation(organisations), timezone="Pacific/Auckland")
    moments = {
        "before": datetime(2026, 3, 10, 10, 59, 59, tzinfo=UTC),  # 23:59:59 there
        "after": datetime(2026, 3, 10, 11, 0, 0, tzinfo=UTC),  # midnight there
    }
    for subject, moment in moments.items():
        make.OutboxMessageFactory(
            organisation=own_organisation(organisations), customer_id=customer.id, subject=subject, created_at=moment
        )
    make.OutboxMessageFactory(
        organisation=own_organisation(organisations),
        customer_id=customer.id,
        subject="cancelled",
        state=OutboxState.CANCELLED,
        created_at=moments["before"],
    )
    data = build_report_data(customer, as_of=date(2026, 3, 10))
    assert [(each.day, each.subject) for each in data.messages] == [(date(2026, 3, 10), "before")]
    assert data.message_count == 1
    assert {each.subject for each in build_report_data(customer, as_of=date(2026, 3, 11)).messages} == {
        "before",
        "after",
    }


@pytest.mark.usefixtures("today")
def test_of_many_messages_the_newest_are_reported(organisations: TwoOrganisations, customer: Customer) -> None:
    for number in range(report_data.MOST_MESSAGES + 5):
        make.OutboxMessageFactory(
            organisation=own_organisation(organisations), customer_id=customer.id, subject=f"Message {number}"
        )
    data = build_report_data(customer, as_of=TODAY)
    assert data.message_count == report_data.MOST_MESSAGES + 5
    assert [each.subject for each in data.messages] == [
        f"Message {number}" for number in range(report_data.MOST_MESSAGES + 4, 4, -1)
    ]


@pytest.mark.usefixtures("today")
def test_alerts_of_staff_are_reported_and_rules_as_facts(organisations: TwoOrganisations, customer: Customer) -> None:
    own_values = customer_values(organisations, customer)
    make.AlertFactory(**own_values, text="Ring first", severity=Severity.INFO)
    make.AlertFactory(**own_values, text="Past", valid_until=TODAY - timedelta(days=1))
    make.AlertFactory(**own_values, text="Expired document", rule=AlertRule.DOCUMENT)
    make.AlertFactory(**own_values, text="Blacklisted", rule=AlertRule.BLACKLISTED, severity=Severity.CRITICAL)
    data = build_report_data(customer, as_of=TODAY)
    assert data.alerts == [(Severity.CRITICAL, "Blacklisted"), (Severity.INFO, "Ring first")]


@pytest.mark.usefixtures("today")
def test_it_takes_as_many_queries_for_much_as_for_little(organisations: TwoOrganisations, customer: Customer) -> None:
    def queries() -> int:
        db.session.expire_all()
        db.session.expunge_all()
        again = db.session.get_one(Customer, key)
        with record_statements() as statements:
            build_document(build_report_data(again, as_of=TODAY))
        return len(statements)

    key = customer.id

    def add() -> None:
        own_values = {"organisation": own_organisation(organisations), "customer_id": key}
        for factory in (
            make.ContractFactory,
            make.CustomerOrderFactory,
            make.BillingLineFactory,
            make.ComplianceDocumentFactory,
            make.AlertFactory,
            make.ContactFactory,
        ):
            factory(**own_values)
        reviewer = make.UserFactory(organisation=own_organisation(organisations))
        make.ReviewFactory(**own_values, done_by_id=reviewer.id, due_on=None)
        make.OutboxMessageFactory(**own_values)

    add()
    few = queries()
    for _ in range(20):
        add()
    assert queries() == few
    assert few < 20
