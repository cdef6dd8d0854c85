"""Whether customers that are the same are found, and others are not."""

import pytest

from customerhub.customers.duplicates import MOST, bare_name, find_duplicates
from customerhub.customers.records import save_record
from models.base import db
from tests.approvals.conftest import counted, make_office, office, prospect

__all__ = ["office"]  # a fixture made elsewhere

KNOWN = (
    "Müller & Söhne Maschinenbau GmbH", "Nordwind Logistik AG", "Hansen Shipping Ltd", "Café Königin KG",
    "Bright Harbour Telecom Inc", "Société Générale de Transport SA", "Øresund Marine ApS", "Blue Lake Farming LLP",
    "Blue Lake Hotels Ltd", "Silver Oak Consulting Ltd", "Kowalski Transport sp", "Al Noor Trading LLC", "AB Ltd", "3M",
    "Grüne Wiese eG", "Meyer Elektrotechnik GmbH", "Schmidt Elektrotechnik GmbH", "Ünal Gıda AŞ", "Rossi e Figli SRL",
    "Van der Berg Bouw BV",
)  # fmt: skip
# What somebody types, and which of the known customers it is.
SAME = {
    "Muller & Sohne Maschinenbau": 0, "MÜLLER UND SÖHNE MASCHINENBAU": 0, "Müller & Söhne Maschienenbau GmbH": 0,
    "Maschinenbau Müller Söhne": 0, "Mueller & Söhne Maschinenbau": 0, "Nordwind Logistic AG": 1,
    "Nord wind Logistik": 1,
    "Logistik Nordwind GmbH": 1, "Nordwnid Logistik": 1, "hansen shipping limited": 2, "Hanson Shipping Ltd": 2,
    "Cafe Konigin": 3, "Café Koenigin KG": 3, "Bright Harbor Telecom": 4, "Brigth Harbour Telecom, Inc.": 4,
    "Societe Generale de Transport": 5, "Oresund Marine": 6, "Blue Lake Farming": 7, "Blue Lake Farmings LLP": 7,
    "Silver Oaks Consulting": 9, "Kowalsky Transport": 10, "Al-Noor Trading": 11, "A.B. Limited": 12, "3M GmbH": 13,
    "Gruene Wiese": 14, "Unal Gida": 17, "Rossi & Figli S.r.l.": 18, "Vandenberg Bouw": None, "Berg Bouw, Van der": 19,
}  # fmt: skip
OTHER = (
    "Blue Lake Airlines", "Silver Birch Consulting", "Nordlicht Logistik", "Hansen Bakery", "Bright Harbour Hotels",
    "Müller Transport", "Elektrotechnik Becker", "Königin Apotheke", "Trading Partners", "Red Lake Farming Group",
    "Oak Tree Nursery", "Marine Surveyors", "ABC", "4M",
)  # fmt: skip


@pytest.fixture
def known(office):
    made = [prospect(office, name=name) for name in KNOWN]
    for customer in made:
        save_record(customer, actor=office.system)
    db.session.commit()
    return made


def found(office, **values):
    return [(each.customer.name, each.alike) for each in find_duplicates(values, organisation_id=office.id)]


def test_most_of_the_same_are_found_and_few_others(office, known):
    """Of what is told at least nine in ten are the same, and of what is the same at least nine in ten are told."""
    right = wrong = missed = 0
    lost, strange = [], []
    for typed, number in SAME.items():
        names = {name for name, _ in found(office, name=typed)}
        wanted = {KNOWN[number]} if number is not None else set()
        right, wrong, missed = right + len(names & wanted), wrong + len(names - wanted), missed + len(wanted - names)
        lost += [(typed, name) for name in wanted - names]
        strange += [(typed, name) for name in names - wanted]
    for typed in OTHER:
        names = {name for name, _ in found(office, name=typed)}
        wrong += len(names)
        strange += [(typed, name) for name in names]
    assert right / (right + wrong) >= 0.9, strange
    assert right / (right + missed) >= 0.9, lost


@pytest.mark.parametrize(("name", "bare"), [
    ("Müller GmbH & Co. KG", "muller"), ("A.B.C. Ltd.", "abc"), ("S.A.R.L. Dupont", "dupont"),
    ("The Company", "the company"),
    ("GmbH", "gmbh"), ("", ""), ("  --  ", ""), ("北京 电信", "北京 电信"), ("B & O", "b o"),
])  # fmt: skip
def test_names_are_compared_without_what_does_not_tell_them_apart(name, bare):
    assert bare_name(name) == bare


@pytest.mark.parametrize(
    ("has", "typed", "alike"),
    [
        ("one@customer.example", "ONE@customer.example", True),
        ("a@customer.example, one@customer.example", "two@x.example; one@customer.example", True),
        ("one@customer.example", "none@customer.example", False),
        ("someone@customer.example", "one@customer.example", False),
        (None, "", False),
    ],
)
def test_one_email_address_in_common_is_enough(office, has, typed, alike):
    made = prospect(office, name="Somebody", email=has)
    save_record(made, actor=office.system)
    assert found(office, name="Quite Another", email=typed) == ([("Somebody", ("email",))] if alike else [])


@pytest.mark.parametrize(
    ("has", "typed", "alike"),
    [
        ("+49 30 40485210", "030/40485210", True), ("+49 30 40485210", "0049 (0)30 4048-5210", True),
        ("030 40485210", "+49.30.40485211", False), ("12345", "12345", False), ("+44 20 7946 0001", "2079460001", True),
    ],
)  # fmt: skip
def test_phone_numbers_are_the_same_however_they_are_written(office, has, typed, alike):
    made = prospect(office, name="Somebody", contact_number=has)
    save_record(made, actor=office.system)
    assert found(office, name="Quite Another", contact_number=typed) == ([("Somebody", ("phone",))] if alike else [])


def test_who_is_alike_in_most_comes_first_and_few_are_told(office):
    for number in range(MOST + 3):
        save_record(prospect(office, name="Nordwind Logistik", reference=f"R{number}"), actor=office.system)
    best = prospect(office, name="Nordwind Logistics", email="a@customer.example", contact_number="030 40485210")
    save_record(best, actor=office.system)
    told = find_duplicates(
        {"name": "Nordwind Logistik", "email": "a@customer.example", "contact_number": "+49 30 40485210"},
        organisation_id=office.id,
    )
    assert len(told) == MOST
    assert (told[0].customer, told[0].alike) == (best, ("name", "email", "phone"))
    own = find_duplicates({"name": "Nordwind Logistik"}, organisation_id=office.id, except_ids=[told[1].customer.id])
    assert told[1].customer not in [each.customer for each in own]


def test_other_organisations_are_not_looked_at(office, known):
    other = make_office("Another Telecom")
    values = {"name": KNOWN[0], "email": "a@customer.example", "contact_number": "030 40485210"}
    assert find_duplicates(values, organisation_id=other.id) == []


@pytest.mark.parametrize("name", ["", " ", "-", "%", "_", '"', "'", 'a"b OR c', "x" * 200, "a " * 100, "\\", "NOT"])
def test_odd_names_harm_nothing(office, known, name):
    assert isinstance(found(office, name=name, email='%,_;"', contact_number="()"), list)


def test_the_number_of_queries_is_bounded(office, known):
    emails = ", ".join(f"person{number}@customer.example" for number in range(20))
    values = {
        "name": "One two three four " + "Longwords " * 15, "email": emails, "contact_number": "030 40485210",
    }  # fmt: skip
    organisation_id = office.id
    with counted(db.session.get_bind()) as statements:
        find_duplicates(values, organisation_id=organisation_id)
    assert len([each for each in statements if "FROM customer" in each]) <= 11
