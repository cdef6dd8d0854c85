"""Finding customers, against a slow search over Python strings, on both databases."""

import random
import unicodedata

import pytest
from sqlalchemy import select

from customerhub import history
from customerhub.customers.search import FEW, best_matches, exact_match, found_ids, found_rows, matching
from customerhub.permissions import Actor, scope
from models import Account, Customer, Organisation
from models.base import db
from tests import factories as make
from tests.world import World

# name, reference, account number, email, contact number, registration number
KNOWN = (
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
TYPED = (
    *("konig", "KÖNIG", "essen konig", "essen  09876", "delicia", "ssen e", "h s", "e\u0301ssen", "é", "  ", "x"),
    *("“", '"', '"tables"', 'bobby "tables"', "b'ob", "%", "_", "100%", "l_f", "n_f%", "natural_", "natural"),
    *("natural foods", "lodz", "oeuvre strasse", "STRASSE", "back\\slash", "\\", "kö", "ł", "김치", "서울", "김"),
    *("a", "a b", "a b c", "ab", "A1", "zz", "ZZ-TOP", "Z", "ab-", "AB-1", "aB-", "200", "2000", "(21)", "🚀🚀🚀"),
    *("OR", "or not near", "NOT", "near(", "*", "^1", "tables OR konig", "konig*", "search_text:konig", "{konig}"),
    *("-konig", "555", "555 098", "hrb 12", "hrb12", "nobody", "que delicia koene"),
)


def plainly(text: str) -> str:
    """Without case, accents and doubled spaces."""
    spelled = text.casefold().translate(str.maketrans({"ł": "l", "œ": "oe", "ø": "o"}))
    return " ".join("".join(c for c in unicodedata.normalize("NFD", spelled) if not unicodedata.combining(c)).split())


def slow_search(typed: str) -> set[str]:
    words = plainly(typed).split()
    found = set()
    for known in KNOWN:
        haystack = plainly(" ".join(text for text in known if text))
        if any(len(unicodedata.normalize("NFC", word)) >= 3 for word in words):
            hit = all(word in haystack for word in words)
        else:
            hit = any(plainly(text).startswith(" ".join(words)) for text in known[:3])
        if hit:
            found.add(known[0])
    return found


@pytest.fixture
def searched(session) -> Organisation:
    """An organisation with the known customers, and another one with the same."""
    organisation = make.OrganisationFactory()
    for owner in (organisation, make.OrganisationFactory()):
        status, region = make.CustomerStatusFactory(organisation=owner), make.CatalogItemFactory(organisation=owner)
        for name, reference, account, email, contact, registration in KNOWN:
            make.CustomerFactory(
                organisation=owner, name=name, reference=reference, account_number=account, email=email,
                contact_number=contact, registration_number=registration, status_id=status.id, region_id=region.id,
                departments=[],
            )  # fmt: skip
    session.commit()
    return organisation


def found_by(typed: str, organisation: Organisation) -> set[str]:
    query = select(Customer.name).where(Customer.organisation_id == organisation.id, matching(typed))
    return set(db.session.scalars(query))


def test_search_finds_what_a_slow_search_finds(searched):
    wrong = {
        typed: (found, expected)
        for typed in TYPED
        if (found := found_by(typed, searched)) != (expected := slow_search(typed))
    }
    assert wrong == {}


def test_search_finds_any_fragments_that_a_slow_search_finds(searched):
    dice = random.Random(42)
    for _ in range(300):
        text = dice.choice([text for text in dice.choice(KNOWN) if text])
        start = dice.randrange(len(text))
        typed = text[start : start + dice.randrange(1, 8)]
        if dice.random() < 0.3:
            typed += " " + dice.choice(dice.choice(KNOWN)[:2])[:4]
        if dice.random() < 0.3:
            typed = typed.upper()
        assert found_by(typed, searched) == slow_search(typed), typed


def test_search_follows_every_change(world: World):
    customer = db.session.get_one(Customer, world.ours.customers[0])
    ours = db.session.get_one(Organisation, world.ours.id)
    with_actor(customer, name="Zwergnase")
    assert found_by("wergna", ours) == {"Zwergnase"}
    with_actor(customer, name="Rübezahl")
    assert found_by("wergna", ours) == set()
    assert found_by("rubez", ours) == {"Rübezahl"}
    with_actor(customer, contact_number="0815 4711")
    assert found_by("4711 rubezahl", ours) == {"Rübezahl"}


def with_actor(customer: Customer, **values: str) -> None:
    with history.acting(Actor(None, customer.organisation_id), "test"):
        for name, value in values.items():
            setattr(customer, name, value)
        db.session.commit()


def test_a_reference_or_account_number_leads_to_its_customer(searched):
    leads_to = {
        "koene": "Königlich Essen", "200001": "Königlich Essen", " QUEDE ": "Que Delícia", "AB-1": "Que Delícia",
        "ŁÓDŹ": "Łódź Œuvre Straße", "koen": None, "%": None, "": None, "Königlich Essen": None, "20000": None,
    }  # fmt: skip
    for typed, name in leads_to.items():
        found = exact_match(typed, Actor(None, searched.id))
        assert (found.name if found else None) == name, typed


def test_the_number_of_any_account_leads_to_its_customer(searched, session):
    customer = session.scalars(select(Customer).where(Customer.organisation_id == searched.id)).first()
    with history.acting(Actor(None, searched.id), "test"):
        session.add(Account(organisation_id=searched.id, customer_id=customer.id, number="77-2"))
        session.commit()
    assert exact_match("77-2", Actor(None, searched.id)) is customer


def test_suggestions_begin_with_what_begins_so(searched):
    actor = Actor(None, searched.id)
    assert [row.name for row in best_matches("a", actor, 8)] == ["a b c", "Ab", "Łódź Œuvre Straße", "Que Delícia"]
    assert [row.name for row in best_matches("natural", actor, 8)] == ["100 Naturals Foods", "100% Natural_Foods"]
    assert len(best_matches("2000", actor, 3)) == 3
    assert best_matches("   ", actor, 8) == []
    assert {row.organisation_id for row in best_matches("200", actor, 50)} == {searched.id}


FORMS = {
    "few": {"total": 3, "skipped": 0},
    "some": {"total": FEW + 1, "skipped": 0},
    "many": {"total": 10_001, "skipped": 0},
    "many, far back": {"total": 10_001, "skipped": 100_000},
}


@pytest.mark.parametrize("form", FORMS)
def test_however_many_rows_match_the_same_are_found(searched, form):
    query = scope(Customer, Actor(None, searched.id))
    for typed in TYPED:
        expected = set(db.session.scalars(query.with_only_columns(Customer.name).where(matching(typed))))
        ids = db.session.scalars(found_ids(query, typed, 10_000)).all()
        rows = db.session.scalars(found_rows(query, typed, many=10_000, **FORMS[form])).unique().all()
        assert len(ids) == len(expected), typed
        assert {row.name for row in rows} == expected, typed
        assert sorted(ids) == sorted(row.id for row in rows), typed


def test_counting_may_stop_early_but_not_too_early(searched):
    query = scope(Customer, Actor(None, searched.id))
    for typed in ("a", "2000", "20", "natural"):
        all_of_them = len(db.session.scalars(found_ids(query, typed)).all())
        assert all_of_them > 1, typed
        assert len(db.session.scalars(found_ids(query, typed, 1)).all()) > 1, typed
