"""Searching in the database finds what `fold_text` says is the same, on both databases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import literal, select

from models.base import db
from models.folding import contains_text, equals_text, folded, starts_with_text
from models.keys import fold_text

TEXTS = st.text(
    st.one_of(
        st.characters(max_codepoint=0x24F, exclude_categories=["Cs", "Cc"]),
        st.sampled_from("ßæœþøđðħłŧıİΣςσ김치東京ÄÖÜéèÉ\u0301\u200b\u00ad\u2060 ЙйЁё"),
    ),
    max_size=20,
)


def fold_in_database(text: str) -> str | None:
    return db.session.scalar(select(folded(literal(text))))


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    "text",
    [
        "Königlich ESSEN",
        "STRAẞE",
        "Łódź",
        "İstanbul",
        "김치",
        "ΣΊΣΥΦΟΣ",
        "Zo\u0308e",
        "\u200bAL\xadFKI",
        "ŒUVRE  Þór",
        "",
        "100% a_b\\",
    ],
)
def test_the_database_folds_as_we_do(text):
    assert fold_in_database(text) == fold_text(text)


def test_nothing_stays_nothing(session):
    assert session.scalar(select(folded(literal(None)))) is None


def test_any_text_is_folded_alike(session):
    @given(TEXTS)
    def check(text):
        folded_text = fold_in_database(text)
        assert folded_text is not None
        assert " ".join(folded_text.split()) == fold_text(text)

    check()


@pytest.mark.parametrize(
    ("condition", "searched", "is_found"),
    [
        (contains_text, "KÖNIG", True),
        (contains_text, "konig", True),
        (contains_text, "k%g", False),
        (contains_text, "k_nig", False),
        (starts_with_text, "kon", True),
        (starts_with_text, "essen", False),
        (equals_text, "koniglich  essen", True),
        (equals_text, "koniglich", False),
    ],
)
def test_conditions_ignore_case_and_accents(session, condition, searched, is_found):
    assert session.scalar(select(condition(literal("Königlich Essen"), searched))) in (is_found, int(is_found))
