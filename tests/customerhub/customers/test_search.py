"""Finding customers, against a slow search over Python strings, on both databases."""

import random
import unicodedata

import pytest
from sqlalchemy import select

from customerhub.core import history
from customerhub.core.permissions import Actor, select_visible
from customerhub.customers.search import (
    build_search_condition,
    find_exact_match,
    list_suggestions,
    select_first_matches,
    select_matching_ids,
)
from models import Account, Customer, Organisation
from models.base import db
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations

# name, reference, account number, email, contact number, registration number
KNOWN_CUSTOMERS = (
    ("Königlich Essen", "KOENE", "200001", "office@koeniglich.example", "+49 555 09876", "HRB 12"),
    ("Que Delícia", "QUEDE", "AB-1", "que@delicia.example", "(21) 555-4252", "BR 10"),
    ('Bobby "Tables" Ltd', "B'OB", "200003", "bobby@tables.example", "555", None),
    ("100% Natural_Foods", "N_F%", "200004", "hello@natural.example", None, "R_1%"),
    ("Łódź Œuvre Straße", "łódź", "a9", "łódź@oeuvre.example", None, None),
    ("100 Naturals Foods", "NXF1", "200006", "hello2@natural.example", None, None),
    ("Back\\slash & Söhne", "BS\\1", "200007", "back@slash.example", None, None),
    ("a b c", "A1", "Z", "abc@single.example", None, None),
    ("김치 서울", "KIM", "200009", "kim@seoul.example", None, None),
    ("Tilde ~ OR NOT NEAR", "OR", "200010", "or@near.example", "*", "^1"),
    ("Ab", "X", "zz-Top", "ab@two.example", None, None),
    ("Emoji 🚀🚀🚀 Launch", "ROCKET", "200012", "launch@emoji.example", None, None),
)
SEARCH_TEXTS = (
    *("konig", "KÖNIG", "essen konig", "essen  09876", "delicia", "ssen e", "h s", "e\u0301ssen", "é", "  ", "x"),
    *("“", '"', '"tables"', 'bobby "tables"', "b'ob", "%", "_", "100%", "l_f", "n_f%", "natural_", "natural"),
    *("natural foods", "lodz", "oeuvre strasse", "STRASSE", "back\\slash", "\\", "kö", "ł", "김치", "서울", "김"),
    *("a", "a b", "a b c", "ab", "A1", "zz", "ZZ-TOP", "Z", "ab-", "AB-1", "aB-", "200", "2000", "(21)", "🚀🚀🚀"),
    *("OR", "or not near", "NOT", "near(", "*", "^1", "tables OR konig", "konig*", "search_text:konig", "{konig}"),
    *("-konig", "555", "555 098", "hrb 12", "hrb12", "nobody", "que delicia koene"),
)


def normalize(text: str) -> str:
    """Without case, accents and doubled spaces."""
    spelled = text.casefold().translate(str.maketrans({"ł": "l", "œ": "oe", "ø": "o"}))
    return " ".join("".join(c for c in unicodedata.normalize("NFD", spelled) if not unicodedata.combining(c)).split())


def slow_search(search_text: str) -> set[str]:
    words = normalize(search_text).split()
    found = set()
    for customer in KNOWN_CUSTOMERS:
        registration = customer[5] or ""
        bare = "".join(character for character in registration if character.isalnum())
        haystack = normalize(" ".join(text for text in (*customer, bare) if text))
        if any(len(unicodedata.normalize("NFC", word)) >= 3 for word in words):
            hit = all(word in haystack for word in words)
        else:
            hit = any(normalize(text).startswith(" ".join(words)) for text in customer[:3])
        if hit:
            found.add(customer[0])
    return found


@pytest.fixture
def search_org(session) -> Organisation:
    """An organisation with the known customers, and another one with the same."""
    organisation = make.OrganisationFactory()
    for owner in (organisation, make.OrganisationFactory()):
        status, region = make.CustomerStatusFactory(organisation=owner), make.CatalogItemFactory(organisation=owner)
        for name, reference, account, email, contact, registration in KNOWN_CUSTOMERS:
            make.CustomerFactory(
                organisation=owner,
                name=name,
                reference=reference,
                account_number=account,
                email=email,
                contact_number=contact,
                registration_number=registration,
                status_id=status.id,
                region_id=region.id,
                departments=[],
            )
    session.commit()
    return organisation


def search_names(search_text: str, organisation: Organisation) -> set[str]:
    query = select(Customer.name).where(
        Customer.organisation_id == organisation.id, build_search_condition(search_text)
    )
    return set(db.session.scalars(query))


def test_search_finds_what_a_slow_search_finds(search_org):
    wrong = {
        search_text: (found, expected)
        for search_text in SEARCH_TEXTS
        if (found := search_names(search_text, search_org)) != (expected := slow_search(search_text))
    }
    assert wrong == {}


def test_search_finds_any_fragments_that_a_slow_search_finds(search_org):
    dice = random.Random(42)
    for _ in range(300):
        text = dice.choice([text for text in dice.choice(KNOWN_CUSTOMERS) if text])
        start = dice.randrange(len(text))
        search_text = text[start : start + dice.randrange(1, 8)]
        if dice.random() < 0.3:
            search_text += " " + dice.choice(dice.choice(KNOWN_CUSTOMERS)[:2])[:4]
        if dice.random() < 0.3:
            search_text = search_text.upper()
        assert search_names(search_text, search_org) == slow_search(search_text), search_text


def test_search_follows_every_change(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    organisation = db.session.get_one(Organisation, organisations.own.id)
    save_as_agent(customer, name="Zwergnase")
    assert search_names("wergna", organisation) == {"Zwergnase"}
    save_as_agent(customer, name="Rübezahl")
    assert search_names("wergna", organisation) == set()
    assert search_names("rubez", organisation) == {"Rübezahl"}
    save_as_agent(customer, contact_number="0815 4711")
    assert search_names("4711 rubezahl", organisation) == {"Rübezahl"}


def save_as_agent(customer: Customer, **values: str) -> None:
    with history.act_as(Actor(None, customer.organisation_id), "test"):
        for name, value in values.items():
            setattr(customer, name, value)
        db.session.commit()


def test_a_reference_or_account_number_leads_to_its_customer(search_org):
    leads_to = {
        "koene": "Königlich Essen",
        "200001": "Königlich Essen",
        " QUEDE ": "Que Delícia",
        "AB-1": "Que Delícia",
        "ŁÓDŹ": "Łódź Œuvre Straße",
        "koen": None,
        "%": None,
        "": None,
        "Königlich Essen": None,
        "20000": None,
    }
    for search_text, name in leads_to.items():
        found = find_exact_match(search_text, Actor(None, search_org.id))
        assert (found.name if found else None) == name, search_text


def test_the_number_of_any_account_leads_to_its_customer(search_org, session):
    customer = session.scalars(select(Customer).where(Customer.organisation_id == search_org.id)).first()
    with history.act_as(Actor(None, search_org.id), "test"):
        session.add(Account(organisation_id=search_org.id, customer_id=customer.id, number="77-2"))
        session.commit()
    assert find_exact_match("77-2", Actor(None, search_org.id)) is customer


def test_suggestions_begin_with_what_begins_so(search_org):
    actor = Actor(None, search_org.id)
    assert [row.name for row in list_suggestions("a", actor, 8)] == ["a b c", "Ab", "Łódź Œuvre Straße", "Que Delícia"]
    assert [row.name for row in list_suggestions("natural", actor, 8)] == ["100 Naturals Foods", "100% Natural_Foods"]
    assert len(list_suggestions("2000", actor, 3)) == 3
    assert list_suggestions("   ", actor, 8) == []
    assert {row.organisation_id for row in list_suggestions("200", actor, 50)} == {search_org.id}


def test_counting_may_stop_early_but_not_too_early(search_org):
    query = select_visible(Customer, Actor(None, search_org.id))
    for search_text in ("a", "2000", "20", "natural"):
        all_of_them = set(db.session.scalars(select_matching_ids(query, search_text)))
        assert len(all_of_them) > 1, search_text
        for max_count in (0, 1, 1000):
            first = db.session.scalars(select_first_matches(query, search_text, [Customer.id], max_count)).all()
            assert len(set(first)) == len(first) == min(len(all_of_them), max_count + 1), search_text
            assert set(first) <= all_of_them
