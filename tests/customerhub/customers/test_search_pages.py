"""Pages of what a search finds, in every order the list offers, against filtering and sorting in Python."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text

from customerhub.core import clock, history
from customerhub.core.permissions import Actor, select_visible
from customerhub.customers import search_pages
from customerhub.customers.search_pages import FIRST_WALK, find_page
from models import Customer, Organisation
from models.base import db
from models.derived_columns import derive_columns
from models.enums import Risk
from tests.support import factories as make

COUNT = 4_500  # more than twice what is walked along an order before all matches are looked up
SORTS = ("sort_name", "reference_key", "account_number", "start_date", "portal_access")
LIMIT = 21
# What each finds, along the order of the names.
SEARCH_TEXTS = (
    "office",  # everybody
    "office 1",  # every third or so
    "crowded",  # one in twenty of the first 2,000, all of the others
    "zulu",  # the last 300
    "alpha",  # the first 300
    "zulu offi",
    "lonely",  # three
    "nobody",
    "z",  # beginnings of names, far back
    "al",  # beginnings of names and of references
    "ref-",  # three letters and more are looked for within
    "re",  # beginnings of most references
    "77",  # beginnings of account numbers
    "Q",  # of account numbers, as typed or in small letters
)
OFFSETS = (0, 20, 140, 280, 400, 1_700, 2_400, COUNT - 5, COUNT + 300)


def build_rows(organisation: Organisation, status_id: int, region_id: int) -> list[dict[str, Any]]:
    dice = random.Random(7)
    rows = []
    for number in range(COUNT):
        first_word = choose_first_word(number)
        is_crowded = number > FIRST_WALK + 50 or number % 20 == 0
        words = [first_word, "Crowded" if is_crowded else "Quiet", *(["Lonely"] if number % 2_000 == 5 else [])]
        is_prospect = dice.random() < 0.1
        account = f"{dice.choice(('77', 'q', 'Q', ''))}{dice.randrange(10**6):06d}{number}"
        row = {
            "organisation_id": organisation.id,
            "account_number": account,
            "name": " ".join([*words, str(dice.randrange(8))]),  # many have one name
            "reference": None
            if is_prospect
            else f"{dice.choice(('Ref', 'REF', 'Al'))}-{dice.randrange(10**6)}-{number}",
            "registration_number": f"N{number}",
            "is_prospect": is_prospect,
            "portal_access": number % 4 == 0,
            "email": f"office{dice.randrange(100)}@example.com",
            "start_date": None if is_prospect else date(2026, 1, 1) - timedelta(days=dice.randrange(50)),
            "risk": Risk.LOW,
            "status_id": status_id,
            "region_id": region_id,
            "correspondence_modes": [],
            "created_at": clock.get_now(),
        }
        rows.append(row | derive_columns(row))
    dice.shuffle(rows)
    return rows


def choose_first_word(number: int) -> str:
    if number < 300:
        return "alpha"
    return "zulu" if number >= COUNT - 300 else f"m{number * 26 // COUNT:02d}"


@pytest.fixture
def crowd(session) -> Iterator[list[dict[str, Any]]]:
    """Many customers, with many that are alike, beside some of the same of another organisation."""
    for count in (COUNT, 500):
        organisation = make.OrganisationFactory()
        status = make.CustomerStatusFactory(organisation=organisation)
        region = make.CatalogItemFactory(organisation=organisation)
        session.execute(
            insert(Customer),
            build_rows(organisation, status.id, region.id)[:count],
            execution_options=history.bulk_options(),
        )
    session.execute(text("ANALYZE customer"))  # as the database does in time: without it PostgreSQL reads far too much
    session.commit()
    columns = ("id", "organisation_id", "name", "reference", "account_number", "email", "registration_number")
    query = select(*(getattr(Customer, name) for name in dict.fromkeys((*columns, *SORTS))))
    return [dict(row) for row in session.execute(query.order_by(func.random())).mappings()]


def is_found(row: dict[str, Any], search_text: str) -> bool:
    words = search_text.lower().split()
    if all(len(word) < 3 for word in words):
        beginnings = (row["name"], row["reference"], row["account_number"])
        return any((text or "").lower().startswith(" ".join(words)) for text in beginnings)
    texts = [row[name] or "" for name in ("name", "reference", "account_number", "email", "registration_number")]
    return all(any(word in text.lower() for text in texts) for word in words)


def sort_in_python(rows: list[dict[str, Any]], column: str, *, descending: bool) -> list[int]:
    """The ids in order. A missing value is the least for SQLite and the greatest for PostgreSQL."""
    are_blanks_last = db.engine.dialect.name == "postgresql"
    rows = sorted(
        rows,
        key=lambda row: ((row[column] is None) == are_blanks_last, row[column] or type_of_blank(column), row["id"]),
    )
    return [row["id"] for row in (reversed(rows) if descending else rows)]


def type_of_blank(column: str) -> Any:
    return {"start_date": date.min, "portal_access": False}.get(column, "")


def build_order(column: str, *, descending: bool) -> list[Any]:
    keys = [getattr(Customer, column), Customer.id]
    return [key.desc() for key in keys] if descending else keys


SIZES = {
    "as they are": {},
    "as if all were many": {"SAMPLE_SIZE": 3 * search_pages.SAMPLE_RUN, "FIRST_WALK": 100, "LONGEST_WALK": 150},
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_every_page_is_what_filtering_and_sorting_in_python_gives(crowd, sizes, monkeypatch):
    """Whether there are more than are counted or not, and however little the sample tells."""
    for name, size in sizes.items():
        monkeypatch.setattr(search_pages, name, size)
    organisation_id = min(row["organisation_id"] for row in crowd)
    own_rows = [row for row in crowd if row["organisation_id"] == organisation_id]
    check_cases(own_rows)
    query, dice = select_visible(Customer, Actor(None, organisation_id)), random.Random(3)
    for search_text in SEARCH_TEXTS:
        found = [row for row in own_rows if is_found(row, search_text)]
        for column in SORTS:
            for descending in (False, True):
                expected = sort_in_python(found, column, descending=descending)
                order = build_order(column, descending=descending)
                for offset, max_count in zip(dice.sample(OFFSETS, 5), (0, 0, 0, len(found), 7), strict=True):
                    is_exact = dice.random() < 0.2
                    page = find_page(
                        query,
                        search_text,
                        order=order,
                        offset=offset,
                        limit=LIMIT,
                        max_count=max_count,
                        is_exact=is_exact,
                    )
                    assert page.ids == expected[offset : offset + LIMIT], (search_text, column, descending, offset)
                    assert page.total == (len(found) if is_exact else min(len(found), max_count + 1))


def check_cases(rows: list[dict[str, Any]]) -> None:
    """Of what is common, rare, early and late in the order, and of what is sorted, there is something."""
    by_name = sorted(rows, key=lambda row: (row["sort_name"], row["id"]))
    shares = {text: sum(is_found(row, text) for row in by_name[:FIRST_WALK]) / FIRST_WALK for text in SEARCH_TEXTS}
    assert shares["office"] == 1
    assert 0.05 < shares["crowded"] < 0.1
    assert shares["zulu"] == shares["z"] == shares["nobody"] == 0
    assert sum(is_found(row, "crowded") for row in rows) > COUNT / 2
    assert len({row["sort_name"] for row in rows}) * 10 < len(rows), "many have one name"
