"""What one value of a customer may be: forms, imports and jobs all ask these rules."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.customers import rules
from customerhub.errors import Invalid
from models.enums import Risk

BLANKS = ["", " ", "\t", " \r\n ", "\u00a0", "\u200b"]
CLEANERS = {
    "text": lambda text: rules.clean_text(text, longest=40),
    "lines": lambda text: rules.clean_text(text, longest=40, lines=True),
    "email": rules.clean_email,
    "emails": rules.clean_emails,
    "website": rules.clean_website,
    "date": rules.clean_date,
    "frequency": rules.clean_frequency,
    "risk": rules.clean_risk,
    "day of month": rules.clean_day_of_month,
    "month": rules.clean_month,
}
HOSTILE = [
    *("\x00", "a\x00b", "\x1b[31m", "\ud800", "a\u202eb", "\x85a\x85b"),
    *("9" * 5000, "x" * 5000, "٣" * 400, "ﷺ" * 60),
    *("<script>alert(1)</script>" * 20, "'; DROP TABLE customer; --", "{{7*7}}"),
    *("-1", "1e9999", "NaN"),
]


def refusal(cleaner, text):
    with pytest.raises(Invalid) as caught:
        cleaner(text)
    return caught.value.message


@pytest.mark.parametrize("text", [text for text in BLANKS if text != "\u200b"])
@pytest.mark.parametrize("name", CLEANERS)
def test_a_blank_text_gives_none(name, text):
    assert CLEANERS[name](text) is None


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", CLEANERS)
def test_nothing_worse_than_a_refusal_comes_of_a_hostile_text(name, text):
    try:
        kept = CLEANERS[name](text)
    except Invalid as error:
        kept = error.message
        assert len(kept) < 200
    assert "\x00" not in str(kept)


@given(st.text(max_size=30))
@pytest.mark.parametrize("name", CLEANERS)
def test_what_was_kept_is_kept_again(name, text):
    try:
        kept = CLEANERS[name](text)
    except Invalid:
        return
    if kept is not None:
        assert CLEANERS[name](str(kept)) == kept


# --- Texts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Königlich Essen ", "Königlich Essen"),
        ("one\r\ntwo\tthree", "one two three"),
        ("a  b", "a  b"),
        ("<b>", "<b>"),
    ],
)
def test_a_text_is_trimmed_onto_one_line(text, kept):
    assert rules.clean_text(text, longest=40) == kept


def test_lines_stay_lines_where_they_may():
    assert rules.clean_text("one\r\ntwo\rthree\n\tfour\n", longest=40, lines=True) == "one\ntwo\nthree\n\tfour"


@pytest.mark.parametrize("text", ["\u200b", "\u200b \u200d", "\u2060", "\u00ad"])
def test_a_text_in_which_nothing_can_be_seen_is_blank(text):
    assert rules.clean_text(text, longest=40) is None


@pytest.mark.parametrize("code", [0, 7, 0x0B, 0x1B, 0x7F, 0x80, 0x9F, 0x2028, 0x202E, 0x2066, 0xFEFF, 0xD800, 0xDFFF])
def test_a_character_that_cannot_be_shown_is_refused(code):
    assert "cannot be shown" in refusal(CLEANERS["text"], f"a{chr(code)}b")
    assert "cannot be shown" in refusal(CLEANERS["lines"], f"a{chr(code)}b")


def test_the_length_counts_after_trimming():
    assert rules.clean_text(" " * 100 + "x" * 40 + "\n" * 100, longest=40) == "x" * 40
    assert refusal(CLEANERS["text"], "x" * 41) == "This has 41 characters; 40 is the most"


@given(st.text(max_size=60), st.booleans())
def test_a_kept_text_is_short_trimmed_and_printable(text, lines):
    try:
        kept = rules.clean_text(text, longest=20, lines=lines)
    except Invalid:
        return
    if kept is not None:
        assert 0 < len(kept) <= 20
        assert kept == kept.strip()
        assert lines or not set(kept) & set("\r\n\t")
        kept.encode()


# --- Email and web addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("office@alfreds.example", "office@alfreds.example"),
        (" Office.Berlin+x@Alfreds.EXAMPLE ", "Office.Berlin+x@alfreds.example"),
        ("kärnten@bücher.example", "kärnten@bücher.example"),
        ("kim@xn--bcher-kva.example", "kim@bücher.example"),
        ("kim@mail.xn--bcher-kva.example", "kim@mail.bücher.example"),
        ("kim@BU\u0308CHER.example", "kim@bücher.example"),
    ],
)
def test_an_email_address_is_kept(text, kept):
    assert rules.clean_email(text) == kept


@pytest.mark.parametrize(
    "text",
    ["office", "@x.example", "a@", "a@b", "a b@x.example", "a@x..example", "a@-x.example", "a..b@x.example", "a@x.test",
     "a@localhost", "a@b.example, c@d.example", "<a@b.example>", "a@b.example\r\nBcc: c@d.example", "a@b.example\x00",
     "a@[127.0.0.1]", "a@xn--a.example", "a@ab--c.example", "x" * 65 + "@x.example", "a@" + "x" * 250 + ".example"],
)  # fmt: skip
def test_what_is_no_email_address_is_refused(text):
    assert "email address" in refusal(rules.clean_email, text)


@given(st.from_regex(rules._PLAIN_EMAIL, fullmatch=True))
def test_the_quick_way_agrees_with_the_library(text):
    from email_validator import EmailNotValidError, validate_email

    try:
        expected = validate_email(text, check_deliverability=False, strict=True).normalized
    except EmailNotValidError:
        expected = None
    if len(text) <= 64:
        assert rules.clean_email(text) == expected


def test_several_addresses_are_kept_each_once():
    typed = "a@x.example;b@x.example , a@X.example,, "
    assert rules.clean_emails(typed) == "a@x.example, b@x.example"


def test_one_bad_address_among_several_is_named():
    assert "“nobody”" in refusal(rules.clean_emails, "a@x.example, nobody")


def test_too_many_addresses_are_refused():
    many = ",".join(f"person{number}@customer.example" for number in range(20))
    assert "500 is the most" in refusal(rules.clean_emails, many)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("www.example.com", "https://www.example.com"),
        ("http://example.com/a?b=c#d", "http://example.com/a?b=c#d"),
        ("HTTPS://Bücher.example:8443", "HTTPS://Bücher.example:8443"),
        ("10.0.0.1", "https://10.0.0.1"),
    ],
)
def test_a_web_address_gets_a_scheme(text, kept):
    assert rules.clean_website(text) == kept


@pytest.mark.parametrize(
    "text",
    ["javascript://example.com/%0aalert(1)", "javascript:alert(1)", "data:text/html,x", "ftp://example.com", "example",
     "https://", "https://.", "https://a..b", "exa mple.com", "https://user:pass@example.com", "https://bank.com@evil.com",
     "https://[::1", "https://example.com:99999", "https://example.com\\@evil.com", "//example.com"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(text):
    assert "web address" in refusal(rules.clean_website, text)


@pytest.mark.parametrize("length", range(285, 305))
def test_a_web_address_that_was_kept_can_be_saved_again(length):
    bare = "example.com/" + "x" * (length - 12)
    if length + len("https://") > 300:
        assert "300 is the most" in refusal(rules.clean_website, bare)
    else:
        kept = rules.clean_website(bare)
        assert rules.clean_website(kept) == kept == f"https://{bare}"


# --- Dates, numbers and choices ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("31/01/2025", "2025-01-31"),
        ("1/2/2025", "2025-02-01"),
        ("2025-01-31", "2025-01-31"),
        ("2025-1-3", "2025-01-03"),
        ("2025-01-31T00:00:00", "2025-01-31"),
        ("2025-01-31 00:00", "2025-01-31"),
        ("45688", "2025-01-31"),
        ("45688.75", "2025-01-31"),
        ("60", "1900-02-28"),
        ("59", "1900-02-28"),
        ("61", "1900-03-01"),
        ("2199-12-31", "2199-12-31"),
        ("1900-01-01", "1900-01-01"),
    ],
)
def test_a_date_is_read(text, day):
    assert rules.clean_date(text) == date.fromisoformat(day)


@pytest.mark.parametrize(
    "text",
    ["31/02/2025", "2025-13-01", "0001-01-01", "9999-12-31", "1899-12-31", "2200-01-01", "0", "-1", "999999",
     "31.01.2025", "01/31/2025", "yesterday", "2025-01-31 12:30", "1e4", "45688.", "31/01/25"],
)  # fmt: skip
def test_what_is_no_date_in_reach_is_refused(text):
    assert refusal(rules.clean_date, text)


@given(st.dates(rules.EARLIEST, rules.LATEST))
def test_every_date_in_reach_is_read_in_both_notations(day):
    assert rules.clean_date(day.isoformat()) == day
    assert rules.clean_date(f"{day:%d/%m/%Y}") == day


@pytest.mark.parametrize(("text", "months"), [("3", 3), ("3 Months", 3), ("1 month", 1), ("12MONTHS", 12), (" 6 ", 6)])
def test_a_frequency_is_read(text, months):
    assert rules.clean_frequency(text) == months


@pytest.mark.parametrize("text", ["0", "13", "-1", "3 years", "1.5", "monthly", "months", "9" * 5000])
def test_what_is_no_frequency_is_refused(text):
    assert "1 Month to 12 Months" in refusal(rules.clean_frequency, text)


@pytest.mark.parametrize(
    ("text", "risk"), [("Low", Risk.LOW), (" green", Risk.LOW), ("AMBER", Risk.MEDIUM), ("red", Risk.HIGH)]
)
def test_a_risk_is_read_by_name_and_by_colour(text, risk):
    assert rules.clean_risk(text) is risk


@pytest.mark.parametrize(("text", "day"), [("1", 1), ("31", 31), ("07", 7)])
def test_a_day_of_the_month_is_read(text, day):
    assert rules.clean_day_of_month(text) == day


@pytest.mark.parametrize("text", ["0", "32", "-1", "1.0", "first", "100"])
def test_what_is_no_day_of_a_month_is_refused(text):
    assert refusal(rules.clean_day_of_month, text)


@pytest.mark.parametrize(
    ("text", "month"), [("12", 12), ("December", 12), ("dec", 12), ("JUNE", 6), ("jul", 7), ("1", 1)]
)
def test_a_month_is_read_by_number_and_by_name(text, month):
    assert rules.clean_month(text) == month


@pytest.mark.parametrize("text", ["0", "13", "ju", "juno", "decembre", "-1"])
def test_what_is_no_month_is_refused(text):
    assert refusal(rules.clean_month, text)


# --- Several values together -------------------------------------------------------------------------------


@given(st.integers(1, 31), st.integers(1, 12))
def test_a_year_ends_on_a_day_of_some_year(day, month):
    try:
        date(2024, month, day)  # a leap year has every day
    except ValueError:
        with pytest.raises(Invalid):
            rules.check_year_end(day, month)
    else:
        rules.check_year_end(day, month)


@pytest.mark.parametrize(
    ("day", "month", "field"),
    [(31, None, "year_end_day"), (None, 12, "year_end_day"), (0, 12, "year_end_day"), (-5, 1, "year_end_day"),
     (1, 0, "year_end_month"), (1, 13, "year_end_month"), (1, -1, "year_end_month"), (30, 2, "year_end_day")],
)  # fmt: skip
def test_an_impossible_year_end_is_refused_at_its_field(day, month, field):
    with pytest.raises(Invalid) as caught:
        rules.check_year_end(day, month)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("start", "frequency", "field"),
    [
        (date(2025, 1, 1), None, "review_frequency"),
        (None, 3, "review_start_date"),
        (date(2025, 1, 1), 0, "review_frequency"),
        (date(2025, 1, 1), 13, "review_frequency"),
        (date(2025, 1, 1), -1, "review_frequency"),
    ],
)
def test_reviews_need_a_start_and_a_frequency(start, frequency, field):
    with pytest.raises(Invalid) as caught:
        rules.check_review(start, frequency)
    assert caught.value.field == field


def test_reviews_may_be_left_out():
    rules.check_review(None, None)
    rules.check_year_end(None, None)


FULL = {"name": "A", "reference": "A", "email": "a@x.example", "region_id": 1, "start_date": date(2025, 1, 1),
        "risk": Risk.LOW, "departments": [object()]}  # fmt: skip


@pytest.mark.parametrize("left_out", FULL)
def test_each_particular_is_missed_by_name(left_out):
    values = {name: value for name, value in FULL.items() if name != left_out}
    assert [field for field, _ in rules.missing_particulars(values)] == [left_out]


def test_everything_missing_is_said_at_once():
    assert {field for field, _ in rules.missing_particulars({})} == set(FULL)
    assert rules.missing_particulars(FULL) == []


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, {"name", "registration_number", "contacts"}),
        ({"name": "A", "identity_number": "1", "contacts": [1]}, set()),
        ({"name": "A", "registration_number": "1", "contacts": [1]}, set()),
        ({"name": "A", "registration_number": "1"}, {"contacts"}),
    ],
)
def test_a_prospect_needs_little(values, missing):
    assert {field for field, _ in rules.missing_particulars({"is_prospect": True, **values})} == missing


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        (" , ;\n", []),
        ("Sales", ["Sales"]),
        ("Sales,  Key   accounts;Sales\nIT", ["Sales", "Key accounts", "IT"]),
    ],
)
def test_names_in_a_list_are_split(text, names):
    assert rules.split_names(text) == names


def test_who_has_a_note_on_the_relationship_has_one():
    assert rules.implied({"relationship_note": "Since 1990"}) == {"existing_relationship": True}
    assert rules.implied({"relationship_note": None}) == {}
