"""Finding contracts, orders, contact persons and accounts by what is written on them, on both databases."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Select, text

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers import search_hits
from customerhub.customers.search import find_exact_match, list_suggestions
from customerhub.customers.search_hits import HitKind, find_matched_text, find_numbered_hit, list_hits
from models import Account, Contact, Contract, Customer, CustomerOrder, User
from models.base import db
from models.enums import Role
from tests.support.two_organisations import (
    TwoOrganisations,
    change_row,
    filled_database,
    get_customer,
    organisations,
)

__all__ = ["filled_database", "organisations"]  # fixtures made elsewhere


@pytest.fixture
def actor(organisations: TwoOrganisations) -> Actor:
    return Actor(None, organisations.own.id)


@pytest.fixture
def known_rows(organisations: TwoOrganisations) -> TwoOrganisations:
    """Rows with texts of their own, the same in both organisations."""
    for side in (organisations.own, organisations.foreign):
        customer_id = side.customers[0]
        rows = {
            Contract: {"number": f"WAN-7/{side.id}", "name": "Königsallee fibre ring"},
            CustomerOrder: {"number": f"PO-88/{side.id}", "description": "Fibre for the Königsallee"},
            Contact: {"name": "Søren Ångström", "email": "soren@ring.example", "phone": "+45 33 12 99 00"},
        }
        for model, values in rows.items():
            row = db.session.query(model).filter_by(customer_id=customer_id).first()
            change_row(organisations, row, **values)
        with history.act_as(Actor(None, side.id), "test"):
            db.session.add(Account(organisation_id=side.id, customer_id=customer_id, number="900777-2"))
            db.session.commit()
    return organisations


def list_found(search_text: str, actor: Actor) -> list[tuple[HitKind, str]]:
    return [(hit.kind, hit.texts[0]) for hit in list_hits(search_text, actor, 5)]


CONTRACT = (HitKind.CONTRACT, "Königsallee fibre ring")
ORDER = (HitKind.ORDER, "Fibre for the Königsallee")
CONTACT = (HitKind.CONTACT, "Søren Ångström")
ACCOUNT = (HitKind.ACCOUNT, "900777-2")


FOUND = {
    "konigsALLEE": [CONTRACT, ORDER],
    "ring fibre": [CONTRACT],
    "wan-7": [CONTRACT],
    "88/": [ORDER],
    "angstrom": [CONTACT],
    "ring.example": [CONTACT],
    "33 12 990": [],
    "99 00 soren": [CONTACT],
    "0777": [ACCOUNT],
    "fibre nobody": [],
    "fi": [],
    "": [],
    "  ": [],
    '"': [],
    "% fibre": [],
    "fibre OR nobody": [],
    "🚀🚀🚀": [],
    "x" * 500: [],
}


def test_every_word_is_found_anywhere_in_the_texts(known_rows, actor):
    assert {search_text: list_found(search_text, actor) for search_text in FOUND} == FOUND


def test_each_hit_is_of_the_own_organisation_and_of_its_customer(known_rows, actor):
    hits = list_hits("fibre", actor, 5) + list_hits("soren", actor, 5) + list_hits("900777", actor, 5)
    customer = get_customer(known_rows)
    assert {(hit.customer_id, hit.customer_name) for hit in hits} == {(customer.id, customer.name)}
    assert len(hits) == 4


def test_the_number_of_a_main_account_is_found_with_its_customer_alone(known_rows, actor):
    number = get_customer(known_rows, 1).account_number
    assert list_hits(number, actor, 5) == []
    assert [row.id for row in list_suggestions(number, actor, 5)] == [get_customer(known_rows, 1).id]


def test_a_search_follows_every_change(known_rows, actor):
    contact = db.session.query(Contact).filter_by(name="Søren Ångström", organisation_id=known_rows.own.id).one()
    change_row(known_rows, contact, name="Rübezahl", email=None)
    assert list_found("soren", actor) == []
    assert list_found("rubez", actor) == [(HitKind.CONTACT, "Rübezahl")]
    account = db.session.query(Account).filter_by(number="900777-2", organisation_id=known_rows.own.id).one()
    with history.act_as(actor, "test"):
        db.session.delete(account)
        db.session.commit()
    assert list_found("900777", actor) == []


def test_an_account_that_is_main_no_longer_is_found_by_itself(known_rows, actor):
    account = get_customer(known_rows, 1).main_account
    assert account is not None
    change_row(known_rows, account, is_main=False)
    assert list_found(account.number, actor) == [(HitKind.ACCOUNT, account.number)]


def test_short_words_find_exact_numbers(known_rows, actor):
    contract = db.session.query(Contract).filter_by(customer_id=known_rows.own.customers[0]).one()
    change_row(known_rows, contract, number="C1")
    for search_text in ("c1", "C1", " c1 "):
        assert list_found(search_text, actor) == [CONTRACT], search_text
        found = find_numbered_hit(search_text, actor)
        assert found is not None
        assert found.id == contract.id
    assert list_found("C", actor) == []


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_who_may_see_nothing_finds_nothing(known_rows, role):
    user = db.session.get_one(User, known_rows.own.users[role])
    for search_text in ("fibre", "soren", "900777", "WAN-7"):
        assert list_hits(search_text, Actor.from_user(user), 5) == []
        assert find_numbered_hit(search_text, Actor.from_user(user)) is None


@pytest.mark.parametrize("number", ["DE 123.456-789", "GB999"])
@pytest.mark.parametrize("field", ["vat_number", "registration_number"])
def test_vat_and_registration_numbers_are_found_however_they_are_written(organisations, actor, field, number):
    customer = get_customer(organisations, 1)
    change_row(organisations, customer, **{field: number})
    bare = "".join(character for character in number if character.isalnum())
    for search_text in (number, number.lower(), bare, bare.lower(), bare[1:5]):
        assert customer in list_suggestions(search_text, actor, 5), search_text
    for search_text in (number, bare.lower()):
        assert find_exact_match(search_text, actor) is customer
    assert customer not in list_suggestions(number, Actor(None, organisations.foreign.id), 5)


def test_a_reference_comes_before_the_number_of_another(organisations, actor):
    first, second = get_customer(organisations, 0), get_customer(organisations, 1)
    change_row(organisations, first, reference="X900")
    change_row(organisations, second, vat_number="X-900")
    assert find_exact_match("x900", actor) is first


def test_what_matched_is_what_is_not_seen_already():
    others = ["soren@ring.example", "+45 33 12"]
    assert find_matched_text("soren", ["Søren Ångström"], others) is None
    assert find_matched_text("ring", ["Søren Ångström"], others) == "soren@ring.example"
    assert find_matched_text("soren 33", ["Søren Ångström"], others) == "+45 33 12"
    assert find_matched_text("", ["Søren"], others) is None


@pytest.mark.parametrize("kind", HitKind)
def test_the_index_of_fragments_is_asked(known_rows, actor, kind, monkeypatch):
    """Nothing reads a whole table, which at 200,000 customers nobody would wait for."""
    for line in explain_hits("fibre konig", actor, kind, monkeypatch):
        table = search_hits.SOURCES[kind].model.__tablename__
        if db.engine.dialect.name == "sqlite":
            assert line.split()[:2] != ["SCAN", table]
        else:
            assert f"Seq Scan on {table}" not in line


def explain_hits(search_text: str, actor: Actor, kind: HitKind, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    statements: list[Select] = []
    execute = db.session.execute
    monkeypatch.setattr(search_hits, "SOURCES", {kind: replace(search_hits.SOURCES[kind])})
    load: Callable = search_hits._load_hits
    monkeypatch.setattr(search_hits, "_load_hits", lambda parts: statements.extend(parts) or load(parts))
    list_hits(search_text, actor, 5)
    explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
    [statement] = statements
    compiled = statement.compile(db.engine, compile_kwargs={"literal_binds": True})
    rows = execute(text(f"{explain} {compiled}".replace(":", "\\:"))).all()
    lines = [str(row[-1]) for row in rows]
    assert any("search" in line for line in lines), lines
    return lines


def test_the_customers_derived_texts_are_those_of_the_migration(organisations):
    """The migration appends what `derive_columns` puts last."""
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    change_row(organisations, customer, vat_number="DE 12 34", registration_number="HRB 7")
    assert customer.search_text.endswith("hrb 7 hrb7 de 12 34 de1234")
