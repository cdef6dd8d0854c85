"""The placeholders of message templates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.errors import Invalid
from customerhub.notifications.templates import (
    PLACEHOLDERS,
    SAMPLES,
    check_template,
    preview,
    render,
    render_html,
    render_subject,
)
from models.enums import TemplatePurpose

REVIEW = TemplatePurpose.REVIEW


def test_every_purpose_has_placeholders_and_every_placeholder_a_sample():
    assert set(PLACEHOLDERS) == set(TemplatePurpose)
    for names in PLACEHOLDERS.values():
        assert set(names) <= set(SAMPLES)


def test_known_placeholders_are_taken():
    check_template(REVIEW, "Review of {{customer}}", "Due on {{ review_date }}.\n{{reference}} { {x} }")
    check_template(REVIEW, None, None)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{{nobody}}", "{{nobody}}"),
        ("{{Customer}}", "{{Customer}}"),
        ("{{}}", "{{}}"),
        ("{{customer.__class__}}", "{{customer.__class__}}"),
        ("{{customer|safe}}", "{{customer|safe}}"),
        ("{{config}}", "{{config}}"),
        ("{{customer()}}", "{{customer()}}"),
        ("{{ 7*7 }}", "{{7*7}}"),
        ("{{certificate}}", "{{certificate}}"),
        ("{{customer", "two braces"),
        ("customer}}", "two braces"),
        ("{{{{customer}}}}", "{{{{customer}}"),
        ("{% for x in y %}", "Only placeholders"),
        ("{# note #}", "Only placeholders"),
    ],
)
def test_everything_else_is_refused_by_name(source, told):
    for field, subject, body in (("subject", source, "fine"), ("body", "fine", source)):
        with pytest.raises(Invalid) as refusal:
            check_template(REVIEW, subject, body)
        assert refusal.value.field == field
        assert told in refusal.value.message


@pytest.mark.parametrize("source", ["{{link}}", "Go: {{ link }}", "{{name}} {{link}}"])
@pytest.mark.parametrize("purpose", [TemplatePurpose.WELCOME, TemplatePurpose.RESET])
def test_a_one_time_link_stands_in_a_body_only(purpose, source):
    check_template(purpose, "Hello {{name}}", source)
    with pytest.raises(Invalid) as refusal:
        check_template(purpose, source, "fine")
    assert [field for field, _ in refusal.value.problems] == ["subject"]
    assert "{{link}} can stand in the body only" in refusal.value.message
    with pytest.raises(Invalid) as refusal:
        check_template(purpose, "{{nobody}}", "fine")
    assert "{{link}}" not in refusal.value.message


def test_a_subject_is_rendered_without_a_link():
    values = {"name": "Robin", "link": "https://hub.example.com/set-password/abc"}
    assert render_subject("{{name}}: {{link}}", values) == "Robin: "


def test_every_problem_is_told():
    with pytest.raises(Invalid) as refusal:
        check_template(REVIEW, "{{a}}", "{{b}} {{c}} {{b}}")
    assert [field for field, _ in refusal.value.problems] == ["subject", "body", "body"]


def test_values_are_filled_in_once():
    values = {"customer": "{{reference}}", "reference": "<b>R&D</b>"}
    assert render("{{customer}} {{ reference }} {{unknown}}", values) == "{{reference}} <b>R&D</b> {{unknown}}"
    assert render_html("{{customer}} {{reference}}", values) == ["{{reference}} &lt;b&gt;R&amp;D&lt;/b&gt;"]


def test_html_shows_everything_literally():
    assert render_html("<script>alert(1)</script> {{customer}}", {"customer": '"><img src=x>'}) == [
        "&lt;script&gt;alert(1)&lt;/script&gt; &#34;&gt;&lt;img src=x&gt;"
    ]


def test_blank_lines_part_paragraphs_and_line_ends_stay():
    assert render_html("One\r\ntwo\r\n\r\n \nthree {{customer}}\n", {"customer": "a\nb"}) == [
        "One<br>\ntwo",
        "three a<br>\nb",
    ]
    assert render_html("  \n", {}) == []


@given(st.text(), st.text())
def test_no_value_breaks_out_of_html(source, value):
    for paragraph in render_html(source + "{{customer}}", {"customer": value}):
        bare = paragraph.replace("<br>", "")
        assert "<" not in bare
        assert ">" not in bare
        assert '"' not in bare


def test_a_preview_shows_samples_or_real_values():
    shown = preview(REVIEW, subject="Review of {{customer}}", body="{{customer}}, due {{review_date}}")
    assert shown.subject == "Review of Königlich Essen"
    assert "31 Jan 2026" in shown.text
    shown = preview(REVIEW, subject="{{customer}}", body="{{reference}}", values={"customer": "<Real>"})
    assert (shown.subject, shown.html) == ("<Real>", ["KOENE"])
    with pytest.raises(Invalid):
        preview(REVIEW, subject="{{nobody}}", body="")
