"""What a text, an email address and a web address of a customer may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.core import validation
from customerhub.core.errors import Invalid
from tests.support.value_rules import CLEANERS, refusal_message

# --- Texts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  Königlich Essen ", "Königlich Essen"),
        ("one\r\ntwo\tthree", "one two three"),
        ("a  b", "a  b"),
        ("<b>", "<b>"),
    ],
)
def test_a_text_is_trimmed_onto_one_line(text, cleaned):
    assert validation.clean_text(text, max_length=40) == cleaned


def test_lines_stay_lines_where_they_may():
    assert (
        validation.clean_text("one\r\ntwo\rthree\n\tfour\n", max_length=40, multiline=True) == "one\ntwo\nthree\n\tfour"
    )


@pytest.mark.parametrize("text", ["\u200b", "\u200b \u200d", "\u2060", "\u00ad"])
def test_a_text_in_which_nothing_can_be_seen_is_blank(text):
    assert validation.clean_text(text, max_length=40) is None


@pytest.mark.parametrize("code", [0, 7, 0x0B, 0x1B, 0x7F, 0x80, 0x9F, 0x2028, 0x202E, 0x2066, 0xFEFF, 0xD800, 0xDFFF])
def test_a_character_that_cannot_be_shown_is_refused(code):
    assert "cannot be shown" in refusal_message(CLEANERS["text"], f"a{chr(code)}b")
    assert "cannot be shown" in refusal_message(CLEANERS["lines"], f"a{chr(code)}b")


def test_the_length_counts_after_trimming():
    assert validation.clean_text(" " * 100 + "x" * 40 + "\n" * 100, max_length=40) == "x" * 40
    assert refusal_message(CLEANERS["text"], "x" * 41) == "Too long: 41 characters, at most 40"


@given(st.text(max_size=60), st.booleans())
def test_a_kept_text_is_short_trimmed_and_printable(text, lines):
    try:
        cleaned = validation.clean_text(text, max_length=20, multiline=lines)
    except Invalid:
        return
    if cleaned is not None:
        assert 0 < len(cleaned) <= 20
        assert cleaned == cleaned.strip()
        assert lines or not set(cleaned) & set("\r\n\t")
        cleaned.encode()


# --- Email and web addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("office@alfreds.example", "office@alfreds.example"),
        (" Office.Berlin+x@Alfreds.EXAMPLE ", "Office.Berlin+x@alfreds.example"),
        ("kärnten@bücher.example", "kärnten@bücher.example"),
        ("kim@xn--bcher-kva.example", "kim@bücher.example"),
        ("kim@mail.xn--bcher-kva.example", "kim@mail.bücher.example"),
        ("kim@BU\u0308CHER.example", "kim@bücher.example"),
    ],
)
def test_an_email_address_is_kept(text, cleaned):
    assert validation.clean_email(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "office",
        "@x.example",
        "a@",
        "a@b",
        "a b@x.example",
        "a@x..example",
        "a@-x.example",
        "a..b@x.example",
        "a@x.test",
        "a@localhost",
        "a@b.example, c@d.example",
        "<a@b.example>",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example\x00",
        "a@[127.0.0.1]",
        "a@xn--a.example",
        "a@ab--c.example",
        "x" * 65 + "@x.example",
        "a@" + "x" * 250 + ".example",
    ],
)
def test_what_is_no_email_address_is_refused(text):
    assert "email address" in refusal_message(validation.clean_email, text)


@given(st.from_regex(validation._PLAIN_EMAIL, fullmatch=True))
def test_the_quick_way_agrees_with_the_library(text):
    from email_validator import EmailNotValidError, validate_email

    try:
        expected = validate_email(text, check_deliverability=False, strict=True).normalized
    except EmailNotValidError:
        expected = None
    if len(text) <= 64:
        assert validation.clean_email(text) == expected


def test_several_addresses_are_kept_each_once():
    emails = "a@x.example;b@x.example , a@X.example,, "
    assert validation.clean_emails(emails) == "a@x.example, b@x.example"


def test_one_bad_address_among_several_is_named():
    assert "“nobody”" in refusal_message(validation.clean_emails, "a@x.example, nobody")


def test_too_many_addresses_are_refused():
    many = ",".join(f"person{number}@customer.example" for number in range(20))
    assert "at most 500" in refusal_message(validation.clean_emails, many)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("www.example.com", "https://www.example.com"),
        ("http://example.com/a?b=c#d", "http://example.com/a?b=c#d"),
        ("HTTPS://Bücher.example:8443", "HTTPS://Bücher.example:8443"),
        ("10.0.0.1", "https://10.0.0.1"),
    ],
)
def test_a_web_address_gets_a_scheme(text, cleaned):
    assert validation.clean_website(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "javascript://example.com/%0aalert(1)",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.com",
        "example",
        "https://",
        "https://.",
        "https://a..b",
        "exa mple.com",
        "https://user:pass@example.com",
        "https://bank.com@evil.com",
        "https://[::1",
        "https://example.com:99999",
        "https://example.com\\@evil.com",
        "//example.com",
    ],
)
def test_what_is_no_web_address_is_refused(text):
    assert "web address" in refusal_message(validation.clean_website, text)


@pytest.mark.parametrize("length", range(285, 305))
def test_a_web_address_that_was_kept_can_be_saved_again(length):
    bare = "example.com/" + "x" * (length - 12)
    if length + len("https://") > 300:
        assert "at most 300" in refusal_message(validation.clean_website, bare)
    else:
        cleaned = validation.clean_website(bare)
        assert validation.clean_website(cleaned) == cleaned == f"https://{bare}"
