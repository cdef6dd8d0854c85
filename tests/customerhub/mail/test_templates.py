"""The placeholders of message templates."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.core.errors import Invalid
from customerhub.mail.templates import PLACEHOLDERS, check_template, list_sample_values, render_body, render_subject
from models.enums import TemplatePurpose
from seed.reference import TEMPLATES

REVIEW = TemplatePurpose.REVIEW


def test_every_purpose_has_placeholders_and_every_placeholder_a_sample():
    assert set(PLACEHOLDERS) == set(TemplatePurpose)
    for purpose, names in PLACEHOLDERS.items():
        assert list_sample_values(purpose).keys() == names.keys()
        assert all(list_sample_values(purpose).values())


def test_known_placeholders_are_taken():
    check_template(REVIEW, "Review of {{customer}}", "Due on {{ review_date }}.\n{{reference}} { {x} } {y}")
    check_template(REVIEW, None, None)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{nobody}}", "There is no placeholder {{nobody}}. Only these can be used here: {{customer}}, {{reference}},"),
        ("{{Customer}}", "There is no placeholder {{Customer}}. Did you mean {{customer}}?"),
        ("{{costumer}}", "Did you mean {{customer}}?"),
        ("{{}}", "There is no placeholder {{}}."),
        ("{{customer.email}}", "{{customer.email}} is an attribute, not a placeholder. Only these can be used here:"),
        ("{{customer.__class__.__mro__[1]}}", "is an expression, not a placeholder"),
        ("{{customer|safe}}", "{{customer|safe}} is a filter, not a placeholder"),
        ("{{config}}", "There is no placeholder {{config}}"),
        ("{{customer()}}", "{{customer()}} is a call, not a placeholder"),
        ("{{ customer.upper() | e }}", "is a filter, not a placeholder"),
        ("{{ 7*7 }}", "There is no placeholder {{7*7}}"),
        ("{{certificate}}", "There is no placeholder {{certificate}}"),
        ("{{customer", "A placeholder is a name with two braces on either side, such as {{customer}}"),
        ("customer}}", "A placeholder is a name with two braces on either side"),
        ("{{{customer}}}", "A placeholder is a name with two braces on either side"),
        ("{{{{customer}}}}", "A placeholder is a name with two braces on either side"),
        ("{% for x in y %}", "Loops and conditions cannot be used here, only placeholders such as {{customer}}"),
        ("{%- if customer %}", "Loops and conditions cannot be used here"),
        ("{# note #}", "Comments cannot be used here"),
    ],
)
def test_everything_else_is_refused_by_name(source, message):
    for field, subject, body in (("subject", source, "fine"), ("body", "fine", source)):
        with pytest.raises(Invalid) as refusal:
            check_template(REVIEW, subject, body)
        assert refusal.value.field == field
        assert message in refusal.value.message


def test_a_problem_says_where_it_is():
    body = "Dear {{customer}},\r\nit is {{x}} and {{x}}\n\n  {{ reference }} {% if y %}\n{{"
    with pytest.raises(Invalid) as refusal:
        check_template(REVIEW, "Due {{z}}", body)
    problem_places = [(field, problem.split(":")[0]) for field, problem in refusal.value.problems]
    assert problem_places == [
        ("subject", "Character 5"),
        ("body", "Line 2, character 7"),
        ("body", "Line 4, character 19"),
        ("body", "Line 5, character 1"),
    ]
    lines = body.split("\n")
    assert [lines[1][6:], lines[3][18:], lines[4]] == ["{{x}} and {{x}}", "{% if y %}", "{{"]


@given(st.text(alphabet="{}%#ab| ", max_size=30))
def test_what_is_taken_holds_nothing_but_known_placeholders(source):
    """An account of its own: without its known placeholders, a text that is taken has none of the signs of code."""
    marked = source.replace("a", "customer")
    try:
        check_template(REVIEW, marked, marked)
    except Invalid:
        return
    rest = re.sub(r"\{\{ *customer *\}\}", "", marked)
    assert not any(sign in rest for sign in ("{{", "}}", "{%", "{#"))
    assert "\x01" not in render_subject(marked, {"customer": "\x01"})


@pytest.mark.parametrize("source", ["{{link}}", "Go: {{ link }}", "{{name}} {{link}}"])
@pytest.mark.parametrize("purpose", [TemplatePurpose.WELCOME, TemplatePurpose.RESET])
def test_a_one_time_link_stands_in_a_body_only(purpose, source):
    check_template(purpose, "Hello {{name}}", source)
    with pytest.raises(Invalid) as refusal:
        check_template(purpose, source, "fine")
    assert [field for field, _ in refusal.value.problems] == ["subject"]
    assert "{{link}} can be used in the body only" in refusal.value.message
    with pytest.raises(Invalid) as refusal:
        check_template(purpose, "{{nobody}}", "fine")
    assert "{{link}}" not in refusal.value.message


def test_a_subject_is_rendered_without_a_link():
    values = {"name": "Robin", "link": "https://hub.example.com/set-password/abc"}
    assert render_subject("{{name}}: {{link}}", values) == "Robin:"


def test_every_problem_is_listed():
    with pytest.raises(Invalid) as refusal:
        check_template(REVIEW, "{{a}}", "{{b}} {{c}} {{b}}")
    assert [field for field, _ in refusal.value.problems] == ["subject", "body", "body"]


def test_values_are_filled_in_once():
    values = {"customer": "{{reference}}", "reference": "<b>R&D</b>"}
    assert render_subject("{{customer}} {{ reference }} {{x}}", values) == "{{reference}} <b>R&D</b> {{x}}"
    assert "{{reference}} &lt;b&gt;R&amp;D&lt;/b&gt;" in render_body("{{customer}} {{reference}}", values).html


@pytest.mark.parametrize("name", ["link", "customer_link"])
def test_addresses_become_links_where_they_are_addresses(name):
    assert (
        '<a href="https://hub.example.com/a"'
        in render_body(f"{{{{{name}}}}}", {name: "https://hub.example.com/a"}).html
    )
    assert "<a" not in render_body(f"{{{{{name}}}}}", {name: "javascript:alert(1)"}).html
    assert "<a" not in render_body("{{customer}}", {"customer": "https://evil.example"}).html


@given(st.text())
def test_what_any_template_and_value_make_of_a_subject_is_one_line(text):
    subject = render_subject(text + "{{customer}}", {"customer": "Acme\r\nBcc: victim@example.com"})
    assert len(subject.splitlines()) == 1
    assert "Acme Bcc: victim@example.com" in subject or "{" in text


def test_the_templates_of_a_new_organisation_are_right():
    for _name, purpose, subject, body in TEMPLATES:
        check_template(purpose, subject, body)
        for source in (subject, body):
            assert "{{" not in render_body(source, list_sample_values(purpose)).text
