"""What counts as the same name, reference or number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.keys import exact_key, fold_text, number_key, remove_invisible

TEXTS = st.text(max_size=12)


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("Königlich  ESSEN", "koniglich essen"),
        (" Ærø Müller\tGmbH\n", "aero muller gmbh"),
        ("STRASSE", "straße"),
        ("Łódź", "lodz"),
        ("Đà Nẵng", "da nang"),
        ("ŒUVRE", "oeuvre"),
        ("℡ ﬁve", "tel five"),
        ("İstanbul", "istanbul"),
        ("e\u0301clair", "éclair"),
        ("김치", "김치"),
    ],
)
def test_names_are_the_same_whatever_their_case_and_accents(text, same_as):
    assert fold_text(text) == fold_text(same_as)


@pytest.mark.parametrize(("one", "other"), [("Café 1", "Café 2"), ("A B", "AB"), ("Müller", "Mueller"), ("김", "박")])
def test_different_names_stay_different(one, other):
    assert fold_text(one) != fold_text(other)


@given(TEXTS)
def test_folding_again_changes_nothing(text):
    assert fold_text(fold_text(text)) == fold_text(text)


@given(TEXTS)
def test_case_never_counts(text):
    assert fold_text(text.upper()) == fold_text(text) == fold_text(text.lower())


@pytest.mark.parametrize(("one", "other"), [("7", "007"), ("A-1", "A1"), ("a b", "ab"), ("1", "１"), ("Zoe", "Zoë")])
def test_references_differ_by_every_digit_and_sign(one, other):
    assert exact_key(one) != exact_key(other)


@pytest.mark.parametrize(("one", "other"), [("alfki", " ALFKI "), ("a  b", "A B"), ("Zoe\u0308", "zoë")])
def test_references_are_the_same_whatever_their_case_and_outer_spaces(one, other):
    assert exact_key(one) == exact_key(other)


@pytest.mark.parametrize("text", [None, "", " ", "\t\n"])
def test_nothing_has_no_key(text):
    assert exact_key(text) is None
    assert number_key(text) is None


def test_a_number_of_signs_alone_has_no_key():
    assert number_key("-- / .") is None


@pytest.mark.parametrize(
    ("one", "other"), [("DE 136.695-976", "de136695976"), ("HRB_12/34", "hrb1234"), ("１２３", "123"), ("ß", "SS")]
)
def test_numbers_are_the_same_whatever_their_spaces_and_signs(one, other):
    assert number_key(one) == number_key(other)


@pytest.mark.parametrize(
    "other",
    [
        "HRB ١٢٣٤٥",
        "HRB १२३४५",
        "HRB ❶❷❸❹❺",
        "HRB ①②③④⑤",
        "𝐇𝐑𝐁 𝟏𝟐𝟑𝟒𝟓",
        "ＨＲＢ１２３４５",  # other digits
        "НRВ 12345",
        "нrв 12345",
        "ΗRΒ 12345",
        "ηrβ 12345",  # Cyrillic and Greek letters that look the same
        "H\u200dR\u00adB\u200b1\u20602345",
        "H\u0301R\u030aB 12345",
        "ĤŘB 12345",  # signs and accents
    ],
)
def test_numbers_are_the_same_that_look_the_same(other):
    assert number_key(other) == "HRB12345"


@pytest.mark.parametrize(
    ("one", "other"), [("HRB 10", "HRB 1O"), ("B 1", "8 1"), ("Д 5", "D 5"), ("5", "55"), ("Ж", "Ш")]
)
def test_other_numbers_stay_others(one, other):
    assert number_key(one) != number_key(other)


@given(TEXTS)
def test_keys_of_keys_are_themselves(text):
    for key_of in (exact_key, number_key):
        key = key_of(text)
        assert key is None or key_of(key) == key


@given(st.text(st.sampled_from("aA1 -._/"), max_size=8), st.sampled_from([" ", "-", ".", "_", "/"]))
def test_a_sign_more_never_changes_a_number(text, sign):
    assert number_key(f"{sign}{text}{sign}") == number_key(text)


INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2064\u2800\u3164\ufe0f\ufeff"


@pytest.mark.parametrize("character", INVISIBLE)
def test_what_nobody_sees_makes_no_difference(character):
    for text in ("ALFKI", "Zoë", "김치", "می‌خواهم"):
        for changed in (character + text, text + character, text[:2] + character + text[2:]):
            assert exact_key(changed) == exact_key(text)
            assert fold_text(changed) == fold_text(text)
            assert number_key(changed) == number_key(text)
    assert exact_key(character) is None
    assert fold_text(f" {character} ") == ""


@pytest.mark.parametrize("text", ["Zoë", "東京", "김치", "नमस्ते", "مرحبا", "A\u00a0B", "א", "ﬁ"])
def test_what_people_see_stays(text):
    assert remove_invisible(text) == text
