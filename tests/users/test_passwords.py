"""Keeping and judging passwords."""

from unittest.mock import patch

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from customerhub.errors import Invalid
from customerhub.users import passwords

GOOD = "plum sofa ticket nine"


def test_a_hash_is_argon2id_and_tells_nothing():
    kept = passwords.hash_password(GOOD)
    assert kept.startswith("$argon2id$")
    assert GOOD not in kept
    assert kept != passwords.hash_password(GOOD)
    assert len(kept) <= 200


def test_only_the_same_password_is_right():
    kept = passwords.hash_password(GOOD)
    assert passwords.verify(GOOD, kept)
    for wrong in ("", GOOD.upper(), GOOD + " ", GOOD[:-1], "x" * 100_000, "\x00", GOOD + "\x00"):
        assert not passwords.verify(wrong, kept)


@settings(max_examples=5, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_it(text):
    assert not passwords.verify(text, None)


@pytest.mark.parametrize("kept", [None, "", "not a hash", "$argon2id$v=19$broken"])
def test_what_is_no_hash_is_nobodys(kept):
    assert not passwords.verify(GOOD, kept)


def test_the_work_is_done_where_there_is_no_account():
    with patch.object(passwords, "_hasher", wraps=passwords._hasher) as hasher:
        passwords.verify(GOOD, None)
    hasher.verify.assert_called_once()
    assert passwords._NOBODY.split("$")[3] == passwords.hash_password(GOOD).split("$")[3]  # the same cost


def test_the_same_characters_typed_otherwise_are_the_same_password():
    kept = passwords.hash_password("Kaffeehäuser am Fluß"[:8] + "\u00e4user am Strand")
    assert passwords.verify("Kaffeehäuser am Fluß"[:8] + "a\u0308user am Strand", kept)


def test_a_hash_with_other_parameters_is_outdated():
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    assert passwords.verify(GOOD, weak)
    assert passwords.is_outdated(weak)
    assert not passwords.is_outdated(passwords.hash_password(GOOD))


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "eleven char",
        "x" * 129,
        "123456789012",
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        "abcabcabcabcabc",
        "abcdefghijklmn",
        "ponmlkjihgfedcba",
        "qwertyuiopasdf",
        "1q2w3e4r5t6y",
        "password1234",
        "Password2026!",
        "P@ssw0rd12345",
        "passwordpassword",
        "Welcome123456",
        "iloveyou!!!!!!",
        "qwertyuiop12",
        "administrator",
        "robin.sample@example.com",
        "my robin.sample pass",
        "Robin Sample 2026 x",
        "xx-rObInSaMpLe-yy",
        "the sample of kings",
        "٠١٢٣٤٥٦٧٨٩٠١",
        "１２３４５６７８９０１２",
        "١q٢w٣e٤r٥t٦y",
        "ａｂｃｄｅｆｇｈｉｊｋｌ",
        "password١٢٣٤",
    ],
)
def test_what_is_easy_to_guess_is_refused(password):
    with pytest.raises(Invalid) as refusal:
        passwords.check_strength(password, email="robin.sample@example.com", name="Robin Sample")
    assert refusal.value.field == "password"
    assert password not in refusal.value.message or not password


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "correct battery stapler",
        "Grüße aus Übersee 7",
        "k8$Lq2!vXz0p",
        "x9" * 2 + "plum sofa",
        "ß" * 4 + "plum sofa",
    ],
)
def test_what_is_hard_to_guess_is_taken(password):
    passwords.check_strength(password, email="robin.sample@example.com", name="Robin Sample")


def test_a_short_name_may_be_part_of_a_password():
    passwords.check_strength("annual bolt harvest", email="an@example.com", name="An Li")
