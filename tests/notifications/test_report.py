"""What a performance report tells: read from the database, laid out, and printed."""

import io
import re
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy import event, select

import models
from customerhub import history, rendering, storage
from customerhub.errors import Invalid, NotAllowed, NotFound
from customerhub.notifications import charts, report
from customerhub.notifications.letterhead import contrast
from customerhub.notifications.report import (
    ContractFact,
    DocumentFact,
    InvoiceFact,
    LineFact,
    PaymentFact,
    UsageFact,
    report_data,
    request_report,
)
from customerhub.notifications.report_pages import document_of
from customerhub.permissions import Actor
from models import Customer
from models.base import db
from models.enums import AlertRule, ContractStatus, OutboxState, Risk, Role, Severity, StatusBehaviour
from tests import factories as make
from tests.notifications.reports import DAY, EMPTY, FULL, bare, made, pages_of, strings_in, text_of
from tests.world import World

D = Decimal
TODAY = date(2026, 3, 15)


@pytest.fixture
def today(world: World) -> Any:
    """The middle of a day that everybody agrees on."""
    with time_machine.travel(datetime(2026, 3, 15, 12, tzinfo=UTC), tick=False):
        yield TODAY


@pytest.fixture
def customer(world: World) -> Customer:
    """One that nothing hangs on but a contact and an account."""
    known = db.session.get_one(Customer, world.ours.customers[0])
    return make.CustomerFactory(
        organisation=owner(world), name="Aurora", region_id=known.region_id, status_id=known.status_id
    )


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def owned(world: World, customer: Customer) -> dict[str, Any]:
    return {"organisation": owner(world), "customer_id": customer.id}


def change(row: Any, **values: Any) -> None:
    with history.acting(Actor(None, getattr(row, "organisation_id", row.id)), "test"):
        for name, value in values.items():
            setattr(row, name, value)
        db.session.flush()


# --- Read from the database ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("today")
def test_the_record_is_told_with_names_not_keys(world: World, customer: Customer) -> None:
    manager = db.session.get_one(models.User, world.ours.users[Role.AGENT])
    change(
        customer, account_manager_id=manager.id, risk=Risk.HIGH, credit_limit=D(500), vat_number="DE136695976",
        billing_day=7, phone="x", contact_number="+49 30 1", credit_check_company="Checkers",
    )  # fmt: skip
    make.AddressFactory(**owned(world, customer))
    make.AccountFactory(**owned(world, customer), number="ZZ9", balance=D("12.34"))
    data = report_data(customer, as_of=TODAY)
    told, standing = data.customer, data.standing
    region = db.session.get_one(models.CatalogItem, customer.region_id)
    status = db.session.get_one(models.CustomerStatus, customer.status_id)
    assert (told.name, told.account_number, told.region) == ("Aurora", customer.account_number, region.name)
    assert told.managers == [("Account manager", "The agent")]
    assert told.numbers == [("VAT number", "DE136695976")]
    assert told.departments == [customer.departments[0].name]
    assert [name for name, _, _ in told.contacts] == ["Kim"]
    assert told.address == "1 Market Street, DE"
    assert ("Billing cycle", "Monthly, day 7") in told.billing
    assert (standing.status, standing.behaviour, standing.risk) == (status.name, status.behaviour, Risk.HIGH)
    assert (standing.credit_limit, standing.credit_check) == (D(500), "Checkers")
    assert [(each.number, each.balance, each.is_main) for each in data.accounts] == [
        (customer.account_number, D(0), True),
        ("ZZ9", D("12.34"), False),
    ]
    assert data.balance == D("12.34")
    organisation = owner(world)
    assert (data.organisation, data.currency, data.dates) == (
        organisation.name,
        organisation.currency,
        organisation.date_format,
    )


@pytest.mark.usefixtures("today")
def test_contracts_orders_lines_and_documents_are_all_told(world: World, customer: Customer) -> None:
    mine = owned(world, customer)
    risks = {"business_risk": Risk.HIGH, "contract_risk": Risk.LOW}
    make.ContractFactory(**mine, number="K1", name="First", value=D("10.50"), connections=3, status="Live", **risks)
    make.ContractFactory(**mine, number="K2", start_date=date(2026, 1, 1), end_date=date(2027, 1, 1))
    make.CustomerOrderFactory(**mine, number="O1", connections=4)
    line = make.BillingLineFactory(**mine, minimum_cost=D("9.99"), cost_per_unit=D("0.000001"))
    make.ComplianceDocumentFactory(**mine, certificate="B", expiry_date=date(2027, 1, 1))
    make.ComplianceDocumentFactory(**mine, certificate="A", expiry_date=date(2026, 1, 1), file_id=None)
    data = report_data(customer, as_of=TODAY)
    assert data.contracts == [
        ContractFact("K2", data.contracts[0].name, ContractStatus.DRAFT, None, None, 0, date(2026, 1, 1),
                     date(2027, 1, 1)),
        ContractFact("K1", "First", ContractStatus.LIVE, Risk.HIGH, D("10.50"), 3, date(2025, 1, 31), None),
    ]  # fmt: skip
    assert [(each.number, each.connections) for each in data.orders] == [("O1", 4)]
    location = db.session.get_one(models.Location, line.location_id)
    assert data.lines == [
        LineFact(line.id, line.commodity.name, "line", location.name, D("9.99"), D("0.000001"), date(2024, 2, 29), None)
    ]
    assert [(each.certificate, each.on_file) for each in data.documents] == [("A", False), ("B", True)]
    assert data.costs == {line.commodity.name: [D("9.99")] * 12}


@pytest.mark.usefixtures("today")
def test_nothing_of_anybody_else_is_told(world: World, customer: Customer) -> None:
    """The customers of the world have something in every table."""
    data = report_data(customer, as_of=TODAY)
    for rows in (data.contracts, data.orders, data.lines, data.documents, data.alerts, data.messages, data.review.done):
        assert list(rows) == []
    full = report_data(db.session.get_one(Customer, world.ours.customers[0]), as_of=TODAY)
    assert full.contracts
    assert full.lines
    assert full.documents
    assert full.review.done
    assert not any("Their" in text for text in strings_in(document_of(full).data))


@pytest.mark.usefixtures("today")
def test_reviews_done_later_are_not_told_and_the_waiting_one_is(world: World, customer: Customer) -> None:
    change(
        customer, review_start_date=date(2025, 1, 31), review_frequency=3, created_at=datetime(2024, 1, 1, tzinfo=UTC)
    )
    for due_on, done_on in ((date(2025, 7, 31), date(2025, 8, 2)), (date(2025, 10, 31), date(2025, 11, 20))):
        make.ReviewFactory(**owned(world, customer), due_on=due_on, done_on=done_on)

    def state(as_of: date) -> tuple[int, date | None, bool, date]:
        review = report_data(customer, as_of=as_of).review
        return len(review.done), review.waiting, review.overdue, review.following[0]

    assert state(date(2025, 7, 30)) == (0, date(2025, 4, 30), True, date(2025, 7, 31))
    assert state(date(2025, 8, 1)) == (0, date(2025, 7, 31), False, date(2025, 10, 31))
    assert state(date(2025, 8, 2)) == (1, None, False, date(2025, 10, 31))
    assert state(date(2025, 11, 14)) == (1, date(2025, 10, 31), False, date(2026, 1, 31))
    assert state(date(2025, 11, 15)) == (1, date(2025, 10, 31), True, date(2026, 1, 31))
    assert state(date(2026, 1, 30)) == (2, None, False, date(2026, 1, 31))
    assert state(TODAY) == (2, date(2026, 1, 31), True, date(2026, 4, 30))


@pytest.mark.usefixtures("today")
def test_a_dropped_customer_has_no_overdue_review(world: World, customer: Customer) -> None:
    dropped = make.CustomerStatusFactory(organisation=owner(world), behaviour=StatusBehaviour.NONE)
    change(
        customer, review_start_date=date(2025, 1, 31), review_frequency=3, status_id=dropped.id,
        created_at=datetime(2024, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    review = report_data(customer, as_of=TODAY).review
    assert (review.waiting, review.overdue) == (date(2026, 1, 31), False)


@pytest.mark.usefixtures("today")
def test_messages_are_of_the_days_of_the_organisation(world: World, customer: Customer) -> None:
    change(owner(world), timezone="Pacific/Auckland")
    moments = {
        "before": datetime(2026, 3, 10, 10, 59, 59, tzinfo=UTC),  # 23:59:59 there
        "after": datetime(2026, 3, 10, 11, 0, 0, tzinfo=UTC),  # midnight there
    }
    for subject, moment in moments.items():
        make.OutboxMessageFactory(
            organisation=owner(world), customer_id=customer.id, subject=subject, created_at=moment
        )
    make.OutboxMessageFactory(
        organisation=owner(world), customer_id=customer.id, subject="cancelled", state=OutboxState.CANCELLED,
        created_at=moments["before"],
    )  # fmt: skip
    data = report_data(customer, as_of=date(2026, 3, 10))
    assert [(each.on, each.subject) for each in data.messages] == [(date(2026, 3, 10), "before")]
    assert data.messages_in_all == 1
    assert {each.subject for each in report_data(customer, as_of=date(2026, 3, 11)).messages} == {"before", "after"}


@pytest.mark.usefixtures("today")
def test_of_many_messages_the_newest_are_told(world: World, customer: Customer) -> None:
    for number in range(report.MOST_MESSAGES + 5):
        make.OutboxMessageFactory(organisation=owner(world), customer_id=customer.id, subject=f"Message {number}")
    data = report_data(customer, as_of=TODAY)
    assert data.messages_in_all == report.MOST_MESSAGES + 5
    assert [each.subject for each in data.messages] == [
        f"Message {number}" for number in range(report.MOST_MESSAGES + 4, 4, -1)
    ]


@pytest.mark.usefixtures("today")
def test_alerts_by_hand_are_told_and_rules_by_their_facts(world: World, customer: Customer) -> None:
    mine = owned(world, customer)
    make.AlertFactory(**mine, text="Ring first", severity=Severity.INFO)
    make.AlertFactory(**mine, text="Past", valid_until=TODAY - timedelta(days=1))
    make.AlertFactory(**mine, text="Expired document", rule=AlertRule.DOCUMENT)
    make.AlertFactory(**mine, text="Blacklisted", rule=AlertRule.BLACKLISTED, severity=Severity.CRITICAL)
    data = report_data(customer, as_of=TODAY)
    assert data.alerts == [(Severity.CRITICAL, "Blacklisted"), (Severity.INFO, "Ring first")]


@pytest.mark.usefixtures("today")
def test_it_takes_as_many_queries_for_much_as_for_little(world: World, customer: Customer) -> None:
    def queries() -> int:
        db.session.expire_all()
        db.session.expunge_all()
        again = db.session.get_one(Customer, key)
        count = []
        event.listen(db.engine, "before_cursor_execute", counted := lambda *_: count.append(1))
        try:
            document_of(report_data(again, as_of=TODAY))
        finally:
            event.remove(db.engine, "before_cursor_execute", counted)
        return len(count)

    key = customer.id

    def add() -> None:
        mine = {"organisation": owner(world), "customer_id": key}
        for factory in (
            make.ContractFactory, make.CustomerOrderFactory, make.BillingLineFactory, make.ComplianceDocumentFactory,
            make.AlertFactory, make.ContactFactory,
        ):  # fmt: skip
            factory(**mine)
        reviewer = make.UserFactory(organisation=owner(world))
        make.ReviewFactory(**mine, done_by_id=reviewer.id, due_on=None)
        make.OutboxMessageFactory(**mine)

    add()
    few = queries()
    for _ in range(20):
        add()
    assert queries() == few
    assert few < 20


# --- The brand -------------------------------------------------------------------------------------------------------

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080200000090"
    "7753de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="9"><rect width="30" height="9" fill="#c33"/></svg>'


def kept(world: World, content: bytes) -> int:
    actor = Actor(None, world.ours.id)
    with history.acting(actor, "test"):
        stored = storage.store(io.BytesIO(content), "logo", None, organisation_id=world.ours.id, actor=actor)
    key: int = stored.id
    return key


@pytest.mark.usefixtures("today")
def test_the_brand_is_that_of_the_customers_entity_else_of_the_first(world: World, customer: Customer) -> None:
    first = db.session.scalars(
        select(models.BusinessEntity).where(models.BusinessEntity.organisation_id == world.ours.id).order_by("id")
    ).first()
    assert first is not None
    assert report_data(customer, as_of=TODAY).brand.name == first.name
    entity = make.BusinessEntityFactory(organisation=owner(world), name="Second", brand_colour="#FFEE00")
    change(entity, logo_id=kept(world, PNG))
    change(customer, business_entity_id=entity.id)
    data = report_data(customer, as_of=TODAY)
    assert (data.brand.name, data.logo) == ("Second", ("logo.png", PNG))
    assert entity.registered_name in data.brand.foot


@pytest.mark.parametrize("content", [SVG, b'<?xml version="1.0"?>\n' + SVG], ids=["svg", "declared"])
@pytest.mark.usefixtures("today")
def test_a_logo_may_be_drawn(world: World, customer: Customer, content: bytes) -> None:
    entity = make.BusinessEntityFactory(organisation=owner(world), logo_id=kept(world, content))
    change(customer, business_entity_id=entity.id)
    assert report_data(customer, as_of=TODAY).logo == ("logo.svg", content)


@pytest.mark.usefixtures("today")
def test_what_is_no_picture_or_is_gone_is_no_logo(world: World, customer: Customer) -> None:
    entity = make.BusinessEntityFactory(organisation=owner(world), logo_id=kept(world, b"just a text"))
    change(customer, business_entity_id=entity.id)
    assert report_data(customer, as_of=TODAY).logo is None
    change(entity, logo_id=make.StoredFileFactory(organisation=owner(world)).id)
    assert report_data(customer, as_of=TODAY).logo is None
    change(entity, logo_id=kept(world, PNG + b"\0" * report.LARGEST_LOGO))
    assert report_data(customer, as_of=TODAY).logo is None


# --- Asking for it ---------------------------------------------------------------------------------------------------


def as_person(world: World, role: Role) -> Actor:
    return Actor.of(db.session.get_one(models.User, world.ours.users[role]))


@pytest.mark.usefixtures("today")
def test_who_may_see_customers_may_ask_for_a_report(world: World, customer: Customer) -> None:
    for role in (Role.AGENT, Role.MANAGER, Role.ADMIN):
        wanted = request_report(customer, as_of=TODAY, actor=as_person(world, role))
        assert wanted.query == {"customer": customer.id, "as_of": "2026-03-15"}
        assert (wanted.format, wanted.user_id) == ("pdf", world.ours.users[role])
        assert wanted.title.startswith("Performance report Aurora, ")
    for role in (Role.PARTNER, Role.CUSTOMER):
        with pytest.raises(NotAllowed):
            request_report(customer, as_of=TODAY, actor=as_person(world, role))
    theirs = db.session.get_one(Customer, world.theirs.customers[0])
    with pytest.raises(NotFound):
        request_report(theirs, as_of=TODAY, actor=as_person(world, Role.ADMIN))


@pytest.mark.parametrize("day", [None, TODAY + timedelta(days=1), date(1899, 12, 31)])
@pytest.mark.usefixtures("today")
def test_a_report_is_of_today_or_a_day_before(world: World, customer: Customer, day: date | None) -> None:
    with pytest.raises(Invalid) as refused:
        request_report(customer, as_of=day, actor=as_person(world, Role.AGENT))
    assert refused.value.field == "as_of"


@pytest.mark.usefixtures("today")
def test_today_is_the_organisations(world: World, customer: Customer) -> None:
    change(owner(world), timezone="Pacific/Auckland")  # it is the 16th there
    assert request_report(customer, as_of=date(2026, 3, 16), actor=as_person(world, Role.AGENT)).id


# --- Laid out --------------------------------------------------------------------------------------------------------


def tiles(data: report.ReportData) -> dict[str, tuple[str, str, str | None]]:
    return {each["label"]: (each["figure"], each["sub"], each["tone"]) for each in document_of(data).data["tiles"]}


def attention(data: report.ReportData) -> list[tuple[str, str]]:
    return [(each["tone"], each["text"]) for each in document_of(data).data["attention"]]


def test_the_figures_on_top() -> None:
    assert tiles(FULL) == {
        "Balance": ("4,200.50", "of 5,000.00 credit", None),
        "Cost of 12 months": ("6,337.50", "since Apr 2025", None),
        "Live contracts": ("1", "worth 1,234.50", None),
        "Documents": ("1 expired", "of 3, 1 expiring soon", "red"),
        "Next review": ("31.03.2026", "in 16 days", None),
    }


def test_what_needs_attention_comes_the_worst_first() -> None:
    over = replace(
        FULL, standing=replace(FULL.standing, credit_limit=D(4000)),
        review=replace(FULL.review, waiting=date(2026, 2, 28), overdue=True),
    )  # fmt: skip
    assert attention(over) == [
        ("red", "The balance is 200.50 above the credit limit"),
        ("red", "The review of 28.02.2026 is overdue"),
        ("red", "ISO 27001 expired on 01.03.2026, 14 days ago"),
        ("amber", "Disputes the invoice of January"),
        ("amber", "Insurance expires on 14.04.2026, in 30 days"),
    ]
    assert tiles(over)["Review due"] == ("28.02.2026", "15 days ago", "red")
    assert tiles(over)["Balance"][2] == "red"


def test_of_many_documents_five_are_named_and_the_others_counted() -> None:
    many = replace(EMPTY, documents=[DocumentFact(f"Paper {n}", date(2026, 3, 1), None, True) for n in range(8)])
    told = [text for _, text in attention(many)]
    assert len(told) == 6
    assert told[-1] == "3 more documents expired, or expire within 30 days"


@given(st.lists(st.integers(-40, 40), max_size=30), st.dates(date(2025, 1, 1), date(2027, 1, 1)))
def test_documents_are_counted_as_one_counts_them(days_left: list[int], as_of: date) -> None:
    expiries = [as_of + timedelta(days=days) for days in days_left]
    data = replace(EMPTY, as_of=as_of, documents=[DocumentFact("P", day, None, True) for day in expiries])
    expired = len([day for day in expiries if day < as_of])
    soon = len([day for day in expiries if as_of <= day <= as_of + timedelta(days=30)])
    figure, sub, tone = tiles(data)["Documents"]
    if not expiries:
        assert (figure, tone) == ("–", None)
    else:
        assert figure == (f"{expired} expired" if expired else f"{len(expiries)} valid")
        assert f"{soon or 'none'} expiring soon" in sub.lower()
        assert tone == ("red" if expired else "amber" if soon else None)


def cost_table(data: report.ReportData) -> dict[str, Any]:
    (section,) = [each for each in document_of(data).data["sections"] if each["title"] == "Usage and cost by month"]
    tables = [block for block in section["blocks"] if block["kind"] == "table"]
    found: dict[str, Any] = tables[0]
    return found


def test_usage_makes_a_month_dearer() -> None:
    used = replace(FULL, usage=[UsageFact(1, date(2026, 2, 1), D(10_000))])
    rows = {row[0]: row[1] for row in cost_table(used)["rows"]}
    assert rows["Jan 2026"] == "450.00"
    assert rows["Feb 2026"] == "900.00"
    assert cost_table(used)["total"] == ["12 months", "5,850.00", "937.50", "6,787.50"]
    assert "No usage recorded" not in " ".join(strings_in(document_of(used).data))


def test_of_many_commodities_the_dearest_have_a_column_and_sums_are_of_all() -> None:
    lines = [LineFact(n, f"Commodity {n}", "u", None, D(n), D(0), date(2020, 1, 1), None) for n in range(1, 10)]
    table = cost_table(replace(FULL, lines=lines))
    assert [each["label"] for each in table["columns"]] == [
        "Month", *(f"Commodity {n}" for n in (9, 8, 7, 6, 5)), "4 others", "Total",
    ]  # fmt: skip
    assert table["rows"][0][-2:] == ["10.00", {"text": "45.00", "strong": True}]
    assert table["total"][-1] == "540.00"


def test_a_report_of_a_day_that_is_past_says_what_it_tells_of_today() -> None:
    told = document_of(replace(FULL, as_of=date(2026, 2, 1))).data["replayed"]
    assert "as of 01.02.2026" in told
    assert "as they were on 15.03.2026" in told
    assert document_of(FULL).data["replayed"] is None


@given(st.from_regex("#[0-9a-f]{6}", fullmatch=True), st.integers(1, 6))
def test_colours_stand_out_from_paper(brand: str, how_many: int) -> None:
    colours = charts.palette(brand, how_many)
    assert len(set(colours)) == how_many
    assert contrast("#ffffff", colours[0]) >= 4.5
    assert all(contrast("#ffffff", colour) >= 3 for colour in colours)
    assert contrast("#ffffff", charts.on_paper(brand)) >= 4.5


def test_a_chart_has_nothing_in_it_that_people_wrote_and_nothing_from_elsewhere() -> None:
    lines = [replace(FULL.lines[0], commodity='<script>alert(1)</script>"&')]
    document = document_of(replace(FULL, lines=lines))
    drawn = document.pictures["costs.svg"].decode()
    assert "script" not in drawn
    assert "alert" not in drawn
    assert "href" not in drawn
    assert drawn.replace('xmlns="http://www.w3.org/2000/svg"', "").count("http") <= drawn.count("gnu.org")
    assert drawn.count("<rect") >= 12


# --- Printed ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full() -> bytes:
    return made(FULL)


def test_every_fact_is_printed(full: bytes) -> None:
    told = bare(text_of(full))
    for text in strings_in(document_of(FULL).data):
        if not text.startswith("#") and text not in INTERNAL:
            assert bare(text) in told, text


# What the data of a document says to the template, not to people.
INTERNAL = {
    "table", "pairs", "text", "empty", "heading", "chart", "meter", "green", "amber", "red", "blue", "grey",
    "costs.svg", "Cost by month and commodity",
}  # fmt: skip


def test_amounts_and_dates_are_printed_where_they_belong(full: bytes) -> None:
    told = text_of(full)
    for line in (
        "K-1 Network Live Low 31.01.2025 – 12 1,234.50",
        "K-2 Old lines Ended High 01.01.2020 01.01.2024 3 –",
        "2 contracts 15 1,234.50",
        "Jan 2026 450.00 312.50 762.50",
        "12 months 5,400.00 937.50 6,337.50",
        "Power – from 20.01.2026 312.50 0.3125 / kWh",
        "ISO 27001 01.03.2026 Expired 14 days ago reviewer@hub.example On file",
        "Insurance 14.04.2026 Expires in 30 days – No file",
        "Licence 15.04.2026 Valid – On file",
        "30.12.2025 31.12.2025 Dana Reyes High Pays later than last year",
        "02.01.2026 Review is due reviewer@hub.example Sent",
        "No invoices yet. No payments yet.",
        "All amounts are in CHF. Made on 15.03.2026 by Example Telecom.",
    ):
        assert line in told, line


def test_every_page_is_numbered_and_says_whose_it_is(full: bytes) -> None:
    pages = pages_of(full)
    assert len(pages) == 3
    for number, page in enumerate(pages, 1):
        assert page.endswith(f"Page {number} of 3")
        assert "Example Telecom Ltd" in page
        assert "Königlich Essen" in page
    assert all(page.startswith("Königlich Essen Customer performance report, as of 15.03.2026") for page in pages[1:])


def test_it_can_be_kept_for_years_and_read_aloud(full: bytes) -> None:
    reader = PdfReader(io.BytesIO(full))
    assert reader.metadata is not None
    assert reader.metadata.title == "Customer performance report: Königlich Essen"
    about = reader.xmp_metadata
    assert about is not None
    kept = about.stream.get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in kept
    assert "<pdfuaid:part>1</pdfuaid:part>" in kept
    box = reader.pages[0].mediabox
    assert (round(box.width), round(box.height)) == (595, 842)
    assert reader.attachments == {}


def test_sections_without_anything_say_so() -> None:
    told = text_of(made(EMPTY))
    for sentence in (
        "What needs attention Nothing does.", "No accounts yet.", "No contracts yet.", "No orders yet.",
        "No invoices yet.", "No payments yet.", "No usage recorded, and no billing line cost anything in these 12",
        "No compliance documents on record.", "No reviews are planned.", "No review is recorded yet.",
        "No messages were sent.",
    ):  # fmt: skip
        assert sentence in told


def test_invoices_and_payments_are_printed_once_there_are_any() -> None:
    billed = replace(
        FULL,
        invoices=[InvoiceFact("INV-1", date(2026, 2, 1), date(2026, 3, 3), D("100.50"), D("40.25"), "sent")],
        payments=[PaymentFact(date(2026, 2, 9), D("40.25"), "Bank transfer", "RF18")],
    )  # fmt: skip
    assert document_of(billed).pictures.keys() == {"billed.svg", "costs.svg"}
    told = text_of(made(billed))
    assert "INV-1 01.02.2026 03.03.2026 sent 100.50 40.25 60.25 1 invoice 100.50 40.25 60.25" in told
    assert "09.02.2026 Bank transfer RF18 40.25 1 payment 40.25" in told
    assert "No invoices yet" not in told


HOSTILE = [
    '#image("/etc/passwd")', "$ x^2 / y $", "*bold* _it_ ~ `raw`", "@reference <label>", "[brackets] {braces}",
    r"back\slash \u{41} \ ", "// comment /* more */", "= Heading", "- list", "#let x = 1; #x", "#sys.inputs",
    '"quotes" \'single\'', "<b>&amp;</b>", "%d %s {0} {{x}}", "-- --- ... ~", "#panic(1)", "fi ffi fl", "\\#{",
]  # fmt: skip


def test_what_people_wrote_is_printed_as_they_wrote_it() -> None:
    everywhere = " ".join(HOSTILE)[:190]
    data = replace(
        FULL,
        customer=replace(FULL.customer, name=everywhere, reference=HOSTILE[0], address=HOSTILE[5], region=HOSTILE[4]),
        brand=replace(FULL.brand, name=HOSTILE[0], foot=(HOSTILE[3], HOSTILE[11])),
        contracts=[replace(FULL.contracts[0], number=f"K-{n}", name=text) for n, text in enumerate(HOSTILE)],
        lines=[replace(FULL.lines[0], key=n, commodity=text) for n, text in enumerate(HOSTILE)],
        documents=[replace(FULL.documents[0], certificate=text) for text in HOSTILE],
        alerts=[(Severity.INFO, text) for text in HOSTILE],
        messages=[replace(FULL.messages[0], subject=text) for text in HOSTILE],
    )
    printed = made(data)
    told = bare(text_of(printed))
    for n, text in enumerate(HOSTILE):
        assert bare(f"K-{n} {text} Live") in told, text
        assert told.count(bare(text)) >= 5, text
    assert bare(everywhere) in told
    assert "root:" not in told
    assert [image.name for page in PdfReader(io.BytesIO(printed)).pages for image in page.images] == []


printable = st.text(
    st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S", "Zs"], max_codepoint=0x24F),
    min_size=1,
    max_size=60,
)


@settings(max_examples=20, deadline=None)
@given(st.lists(printable, min_size=1, max_size=30))
def test_no_text_keeps_a_report_from_being_made(texts: list[str]) -> None:
    data = replace(EMPTY, contracts=[replace(FULL.contracts[0], name=text) for text in texts])
    assert "No compliance documents on record." in text_of(made(data))


@pytest.mark.parametrize(
    "name", ["شركة الاتصالات", "חברת תקשורת", "Ελληνικά", "Россия", "ไทยคอม", "Հայաստան", "ქართული", "አማርኛ"]
)
def test_names_in_other_scripts_have_their_letters(name: str) -> None:
    pdf = made(replace(EMPTY, customer=replace(EMPTY.customer, name=name)))
    assert "An empty box stands" not in text_of(pdf)
    assert "<pdfuaid:part>1</pdfuaid:part>" in PdfReader(io.BytesIO(pdf)).xmp_metadata.stream.get_data().decode()


def test_it_is_said_which_characters_no_font_has() -> None:
    """Planes for private use have no letters anywhere."""
    name = "Odd \U000f0123\U0010fffd and \U000f0123 Ltd"
    told = text_of(made(replace(EMPTY, customer=replace(EMPTY.customer, name=name))))
    assert "no font has on the server that made this report: U+F0123, U+10FFFD." in told
    many = "".join(chr(0xF0000 + n) for n in range(40))
    told = text_of(made(replace(EMPTY, customer=replace(EMPTY.customer, name=many))))
    assert "U+F0000, " in told
    assert "and 28 more." in told


def test_a_large_customer_is_printed_whole() -> None:
    contracts = [replace(FULL.contracts[0], number=f"K{n:04}", name=f"Site {n} of many") for n in range(60)]
    documents = [DocumentFact(f"Paper {n:03}", DAY + timedelta(days=n - 50), "a@hub.example", True) for n in range(200)]
    pages = pages_of(made(replace(FULL, contracts=contracts, documents=documents)))
    told = " ".join(pages)
    assert all(f"K{n:04} Site {n} of many Live" in told for n in range(60))
    assert all(told.count(f"Paper {n:03} ") == (2 if n < 5 else 1) for n in range(200))  # five need attention too
    assert "60 contracts 720 74,070.00" in told
    with_contracts = [page for page in pages if "of many Live" in page]
    with_documents = [page for page in pages if "Paper " in page and "On file" in page]
    assert len(with_contracts) >= 2
    assert len(with_documents) >= 4
    assert all("Number Contract Status Risk" in page for page in with_contracts)
    assert all("Document Expires State Reviewer File" in page for page in with_documents)
    assert pages[-1].endswith(f"Page {len(pages)} of {len(pages)}")


def test_of_very_many_rows_the_first_are_printed_and_counted() -> None:
    contracts = [replace(FULL.contracts[0], number=f"K{n:05}") for n in range(1200)]
    told = text_of(made(replace(FULL, contracts=contracts)))
    assert told.count("Network Live") == 500
    assert "The first 500 of 1,200 are listed. Totals are of all." in told
    assert "1,200 contracts 14,400 1,481,400.00" in told


def test_long_words_break_and_leave_nothing_in_the_text() -> None:
    address = "a.very.long.reviewer.address@subsidiary.of.a.company.example"
    data = replace(
        FULL,
        customer=replace(FULL.customer, name="X" * 200, email="y" * 200, reference="Z" * 40),
        documents=[DocumentFact("W" * 200, date(2027, 1, 1), address, True)],
    )
    pdf = made(data)
    told = text_of(pdf)
    assert all(bare(word) in bare(told) for word in ("X" * 200, "y" * 200, "Z" * 40, "W" * 200, address))
    assert "\u200b" not in told
    assert "\ufffc" not in told
    for letter, most in (("W", 24), ("y", 33), ("X", 60)):  # what a line holds: of a column, beside a label, on top
        assert max(map(len, re.findall(f"{letter}+", told))) <= most, letter


def test_the_largest_amounts_fit() -> None:
    most = D("9999999999999.99")
    lines = [LineFact(n, f"C{n}", "u", None, most, D(0), date(2020, 1, 1), None) for n in range(6)]
    told = text_of(made(replace(FULL, lines=lines, accounts=[replace(FULL.accounts[0], balance=-most)])))
    assert "-9,999,999,999,999.99" in told
    assert f"Apr 2025 {'9,999,999,999,999.99 ' * 6}59,999,999,999,999.94" in told


BROKEN_LOGOS = {
    "cut": ("logo.png", PNG[:20]),
    "no jpeg": ("logo.jpg", b"\xff\xd8\xff\xe0junk"),
    "leads elsewhere": ("logo.svg", SVG.replace(b"<rect", b'<image href="file:///etc/passwd"/><rect')),
    "entities": ("logo.svg", b'<!DOCTYPE s [<!ENTITY a "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>'),
}


@pytest.mark.parametrize("logo", BROKEN_LOGOS.values(), ids=list(BROKEN_LOGOS))
def test_a_logo_that_cannot_be_shown_is_left_out(logo: tuple[str, bytes]) -> None:
    pdf = report.report_pdf(replace(FULL, logo=logo))
    assert pages_of(pdf)[0].startswith("Example Customer performance report")


@pytest.mark.parametrize("logo", [("logo.png", PNG), ("logo.svg", SVG)], ids=["raster", "drawn"])
def test_a_logo_takes_the_place_of_the_name(logo: tuple[str, bytes]) -> None:
    pdf = report.report_pdf(replace(FULL, logo=logo))
    assert pages_of(pdf)[0].startswith("Customer performance report")
    assert len(PdfReader(io.BytesIO(pdf)).pages[0].images) == (logo[0] == "logo.png")


def test_documents_are_read_by_a_folder_of_their_own(tmp_path: Any) -> None:
    """The template cannot read what lies beside it, nor in the folders above."""
    for place in ("report_pages.py", "../report.typ", "/etc/passwd", "/" + "../" * 12 + "etc/passwd"):
        document = replace(document_of(FULL), data={**document_of(FULL).data, "logo": place})
        with pytest.raises(rendering.NotTypeset, match=r"not found|outside|escape|denied|absolute|access"):
            rendering.typeset_apart(document)


def test_nothing_is_not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    document = replace(document_of(FULL), data={"share": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        rendering.typeset_apart(document)


def test_drawing_leaves_no_import_hook_behind():
    hooks = list(sys.meta_path)
    charts.bars(["Jan"], [[D(1)]], ["#2f5fd0"])
    assert sys.meta_path == hooks
