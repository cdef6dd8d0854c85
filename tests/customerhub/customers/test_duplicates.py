"""Whether customers that are the same are found, and others are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.customers.duplicates import MAX_DUPLICATES, find_duplicates, normalise_name
from customerhub.customers.records import save_record
from models.base import db
from models.keys import fold_text
from tests.customerhub.approvals.conftest import build_prospect, make_approval_org
from tests.support.statements import record_statements

KNOWN_NAMES = (
    "Müller & Söhne Maschinenbau GmbH",
    "Nordwind Logistik AG",
    "Hansen Shipping Ltd",
    "Café Königin KG",
    "Bright Harbour Telecom Inc",
    "Société Générale de Transport SA",
    "Øresund Marine ApS",
    "Blue Lake Farming LLP",
    "Blue Lake Hotels Ltd",
    "Silver Oak Consulting Ltd",
    "Kowalski Transport sp",
    "Al Noor Trading LLC",
    "AB Ltd",
    "3M",
    "Grüne Wiese eG",
    "Meyer Elektrotechnik GmbH",
    "Schmidt Elektrotechnik GmbH",
    "Ünal Gıda AŞ",
    "Rossi e Figli SRL",
    "Van der Berg Bouw BV",
)
# What somebody types, and which of the stored customers it is.
SAME_NAMES = {
    "Muller & Sohne Maschinenbau": 0,
    "MÜLLER UND SÖHNE MASCHINENBAU": 0,
    "Müller & Söhne Maschienenbau GmbH": 0,
    "Maschinenbau Müller Söhne": 0,
    "Mueller & Söhne Maschinenbau": 0,
    "Nordwind Logistic AG": 1,
    "Nord wind Logistik": 1,
    "Logistik Nordwind GmbH": 1,
    "Nordwnid Logistik": 1,
    "hansen shipping limited": 2,
    "Hanson Shipping Ltd": 2,
    "Cafe Konigin": 3,
    "Café Koenigin KG": 3,
    "Bright Harbor Telecom": 4,
    "Brigth Harbour Telecom, Inc.": 4,
    "Societe Generale de Transport": 5,
    "Oresund Marine": 6,
    "Blue Lake Farming": 7,
    "Blue Lake Farmings LLP": 7,
    "Silver Oaks Consulting": 9,
    "Kowalsky Transport": 10,
    "Al-Noor Trading": 11,
    "A.B. Limited": 12,
    "3M GmbH": 13,
    "Gruene Wiese": 14,
    "Unal Gida": 17,
    "Rossi & Figli S.r.l.": 18,
    "Vandenberg Bouw": None,
    "Berg Bouw, Van der": 19,
}
OTHER_NAMES = (
    "Blue Lake Airlines",
    "Silver Birch Consulting",
    "Nordlicht Logistik",
    "Hansen Bakery",
    "Bright Harbour Hotels",
    "Müller Transport",
    "Elektrotechnik Becker",
    "Königin Apotheke",
    "Trading Partners",
    "Red Lake Farming Group",
    "Oak Tree Nursery",
    "Marine Surveyors",
    "ABC",
    "4M",
)


@pytest.fixture
def known_customers(approval_org):
    customers = [build_prospect(approval_org, name=name) for name in KNOWN_NAMES]
    for customer in customers:
        save_record(customer, actor=approval_org.system)
    db.session.commit()
    return customers


def duplicate_names(approval_org, **values):
    return [
        (each.customer.name, each.matching_fields) for each in find_duplicates(values, organisation_id=approval_org.id)
    ]


def test_most_of_the_same_are_found_and_few_others(approval_org, known_customers):
    """Of what is told at least nine in ten are the same, and of what is the same at least nine in ten are told."""
    right = wrong = missed = 0
    lost, strange = [], []
    for entered_name, number in SAME_NAMES.items():
        names = {name for name, _ in duplicate_names(approval_org, name=entered_name)}
        expected_names = {KNOWN_NAMES[number]} if number is not None else set()
        right, wrong, missed = (
            right + len(names & expected_names),
            wrong + len(names - expected_names),
            missed + len(expected_names - names),
        )
        lost += [(entered_name, name) for name in expected_names - names]
        strange += [(entered_name, name) for name in names - expected_names]
    for entered_name in OTHER_NAMES:
        names = {name for name, _ in duplicate_names(approval_org, name=entered_name)}
        wrong += len(names)
        strange += [(entered_name, name) for name in names]
    assert right / (right + wrong) >= 0.9, strange
    assert right / (right + missed) >= 0.9, lost


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("Müller GmbH & Co. KG", "muller"),
        ("A.B.C. Ltd.", "abc"),
        ("S.A.R.L. Dupont", "dupont"),
        ("The Company", "the company"),
        ("GmbH", "gmbh"),
        ("", ""),
        ("  --  ", ""),
        ("北京 电信", "北京 电信"),
        ("B & O", "b o"),
        ("Polska Sp. z o.o.", "polska"),
        ("Novák spol. s r.o.", "novak"),
        ("Novák s.r.o.", "novak"),
        ("Kaufmann e.K.", "kaufmann"),
        ("Rossi S.p.A.", "rossi"),
        ("Mærsk A/S", "maersk"),
        ("A & S Trading", "a s trading"),
        ("Meyer mbH & Co. KG", "meyer"),
        ("Meyer UG", "meyer"),
        ("Acme Pty. Ltd.", "acme"),
        ("Kuala Sdn. Bhd.", "kuala"),
        ("Virtanen Oy Ab", "virtanen"),
        ("ООО Ромашка", "ромашка"),
        ("Ünal Gıda A.Ş.", "unal gida"),
        ("UK Power", "uk power"),
        ("Private Jets", "private jets"),
        ("Folk och fä HB", "folk och fa"),
    ],
)
def test_names_are_compared_without_what_does_not_distinguish_them(name, bare):
    assert normalise_name(name) == bare


FORMS = (
    "AB, AG, AS, ASA, BV, Co., Company, Corp., Corporation, C.V., eG, e.K., e.V., GbR, GmbH, Holding, Inc."
    ", Incorporated, KG, KGaA, Limited, LLC, L.L.C., LLP, LP, Ltd, Ltd., mbH, N.V., Oy, Oyj, OHG, PLC, Pte, Pty, S.A."
    ", SARL, S.A.R.L., SAS, SE, S.L., S.p.A., S.r.l., UG, GmbH & Co. KG, GmbH und Co. KG, UG & Co. KG, Pty Ltd"
    ", Pte. Ltd., Holding AG"
)
BARE_NAMES = st.lists(st.sampled_from(["Müller", "Nordwind", "Élan", "3M", "Łódź", "北京", "O'Neil"]), min_size=1).map(
    " ".join
)


@given(BARE_NAMES, st.sampled_from(FORMS.split(", ")), st.sampled_from([str, str.upper, str.lower]))
def test_a_legal_form_at_either_end_tells_no_names_apart(name, form, spell):
    assert normalise_name(f"{name} {spell(form)}") == normalise_name(name)
    assert normalise_name(f"{name}, {spell(form)}") == normalise_name(name)
    assert normalise_name(f"{spell(form)} {name}") == normalise_name(name)


@given(st.text(max_size=60))
def test_any_name_has_a_spelling_that_is_its_own(name):
    bare = normalise_name(name)
    assert bare or not any(character.isalnum() for character in name.replace(".", "")) or not fold_text(name)


@pytest.mark.parametrize(
    ("stored_text", "entered_text", "alike"),
    [
        ("one@customer.example", "ONE@customer.example", True),
        ("a@customer.example, one@customer.example", "two@x.example; one@customer.example", True),
        ("one@customer.example", "none@customer.example", False),
        ("someone@customer.example", "one@customer.example", False),
        (None, "", False),
    ],
)
def test_one_email_address_in_common_is_enough(approval_org, stored_text, entered_text, alike):
    customer = build_prospect(approval_org, name="Somebody", email=stored_text)
    save_record(customer, actor=approval_org.system)
    assert duplicate_names(approval_org, name="Quite Another", email=entered_text) == (
        [("Somebody", ("email",))] if alike else []
    )


@pytest.mark.parametrize(
    ("stored_text", "entered_text", "alike"),
    [
        ("+49 30 40485210", "030/40485210", True),
        ("+49 30 40485210", "0049 (0)30 4048-5210", True),
        ("030 40485210", "+49.30.40485211", False),
        ("12345", "12345", False),
        ("+44 20 7946 0001", "2079460001", True),
    ],
)
def test_phone_numbers_are_the_same_however_they_are_written(approval_org, stored_text, entered_text, alike):
    customer = build_prospect(approval_org, name="Somebody", contact_number=stored_text)
    save_record(customer, actor=approval_org.system)
    assert duplicate_names(approval_org, name="Quite Another", contact_number=entered_text) == (
        [("Somebody", ("phone",))] if alike else []
    )


def test_the_most_alike_come_first_and_few_are_listed(approval_org):
    for number in range(MAX_DUPLICATES + 3):
        save_record(
            build_prospect(approval_org, name="Nordwind Logistik", reference=f"R{number}"), actor=approval_org.system
        )
    best = build_prospect(
        approval_org, name="Nordwind Logistics", email="a@customer.example", contact_number="030 40485210"
    )
    save_record(best, actor=approval_org.system)
    duplicates = find_duplicates(
        {"name": "Nordwind Logistik", "email": "a@customer.example", "contact_number": "+49 30 40485210"},
        organisation_id=approval_org.id,
    )
    assert len(duplicates) == MAX_DUPLICATES
    assert (duplicates[0].customer, duplicates[0].matching_fields) == (best, ("name", "email", "phone"))
    own = find_duplicates(
        {"name": "Nordwind Logistik"}, organisation_id=approval_org.id, except_ids=[duplicates[1].customer.id]
    )
    assert duplicates[1].customer not in [each.customer for each in own]


def test_other_organisations_are_not_looked_at(approval_org, known_customers):
    other = make_approval_org("Another Telecom")
    values = {"name": KNOWN_NAMES[0], "email": "a@customer.example", "contact_number": "030 40485210"}
    assert find_duplicates(values, organisation_id=other.id) == []


@pytest.mark.parametrize("name", ["", " ", "-", "%", "_", '"', "'", 'a"b OR c', "x" * 200, "a " * 100, "\\", "NOT"])
def test_odd_names_harm_nothing(approval_org, known_customers, name):
    assert isinstance(duplicate_names(approval_org, name=name, email='%,_;"', contact_number="()"), list)


def test_the_number_of_queries_is_bounded(approval_org, known_customers):
    emails = ", ".join(f"person{number}@customer.example" for number in range(20))
    values = {
        "name": "One two three four " + "Longwords " * 15,
        "email": emails,
        "contact_number": "030 40485210",
    }
    organisation_id = approval_org.id
    with record_statements() as statements:
        find_duplicates(values, organisation_id=organisation_id)
    assert len([each for each in statements if "FROM customer" in each]) <= 11
