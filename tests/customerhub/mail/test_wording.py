"""The light markup of templates: two forms of one text, out of which no value and no text breaks."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.mail.markup import LINE_LENGTH, collapse_whitespace, render, render_line, render_literal, wrap_line
from tests.customerhub.notifications.reading import HtmlReading

FRAGMENTS = [
    "{{a}}",
    "{{ b }}",
    "{{link}}",
    "{{nobody}}",
    "{{",
    "}}",
    "{% for x in y %}",
    "{{a.b}}",
    "**",
    "*",
    "__",
    "_",
    "\n",
    "\n\n",
    "\r\n",
    "- ",
    "\n- ",
    "\n  - ",
    "\n    ",
    "* ",
    "1. ",
    "---",
    "`",
    "#",
    ">",
    "<b>",
    "</p>",
    "<!--",
    "]]>",
    "&amp;",
    "&",
    '"',
    "'",
    "\\",
    "[x](javascript:alert(1))",
    "https://",
    "https://a.example/",
    "http://b.example/?q=",
    "?c={{a}}",
    "(https://c.example/d).",
    "javascript:alert(1)",
    "\t",
    "\x0b",
    "\u2028",
    "\xa0",
    "\ue000",
    "\U000f0000",
    "\U000f0001",
    "Kö",
    "word",
    " ",
]
sources = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=24).map("".join)
values = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=8).map("".join)
ADDRESS = "https://hub.example.com/x?id=1&t=2"


def render_html(source, **given_values):
    """The HTML of a text without its styles."""
    return re.sub(r' style="[^"]*"', "", str(render(source, given_values, link_names={"link"}).html))


@pytest.mark.parametrize(
    ("source", "expected_html", "text"),
    [
        ("One\r\ntwo\r\n\r\n \nthree\n", "<p>One<br>\ntwo</p>\n<p>three</p>", "One\ntwo\n\nthree"),
        ("**Due** on **{{a}}**s.", "<p><strong>Due</strong> on <strong>&lt;A&gt;</strong>s.</p>", "Due on <A>s."),
        ("**a\nb** c", "<p><strong>a</strong><br>\n<strong>b</strong> c</p>", "a\nb c"),
        ("****a\nb****", "<p><strong><strong>a</strong></strong><br>\n<strong><strong>b</strong></strong></p>", "a\nb"),
        ("2 ** 3 ** 4, *x*, __y__, **z", "<p>2 ** 3 ** 4, *x*, __y__, **z</p>", "2 ** 3 ** 4, *x*, __y__, **z"),
        (
            "Do:\n- one\n- **two**\n  more\n\nEnd",
            "<p>Do:</p>\n<ul><li>one</li>\n<li><strong>two</strong><br>\nmore</li></ul>\n<p>End</p>",
            "Do:\n\n- one\n- two\n  more\n\nEnd",
        ),
        ("- a\n  - b\n- - c", "<ul><li>a<br>\n- b</li>\n<li>- c</li></ul>", "- a\n  - b\n- - c"),
        (
            "-no\n-- \n* no\n+ no\n1. no\n31. May\n# no\n> no\n    no",
            "<p>-no<br>\n--<br>\n* no<br>\n+ no<br>\n1. no<br>\n31. May<br>\n# no<br>\n&gt; no<br>\nno</p>",
            "-no\n--\n* no\n+ no\n1. no\n31. May\n# no\n> no\nno",
        ),
        ("<b>x</b> &amp; \\* `c`", "<p>&lt;b&gt;x&lt;/b&gt; &amp;amp; \\* `c`</p>", "<b>x</b> &amp; \\* `c`"),
        (
            "(See https://a.example/b_c?d=1&e.)",
            '<p>(See <a href="https://a.example/b_c?d=1&amp;e">https://a.example/b_c?d=1&amp;e</a>.)</p>',
            "(See https://a.example/b_c?d=1&e.)",
        ),
        (
            "[a](https://b.example) ftp://c javascript:d",
            '<p>[a](<a href="https://b.example">https://b.example</a>) ftp://c javascript:d</p>',
            "[a](https://b.example) ftp://c javascript:d",
        ),
        (
            "Go: {{link}}!",
            f'<p>Go: <a href="{ADDRESS.replace("&", "&amp;")}">{ADDRESS.replace("&", "&amp;")}</a>!</p>',
            f"Go: {ADDRESS}!",
        ),
        (
            "https://a.example/{{b}}/x",
            '<p><a href="https://a.example/R%26D%20%2F%22%3C/x">https://a.example/R%26D%20%2F%22%3C/x</a></p>',
            "https://a.example/R%26D%20%2F%22%3C/x",
        ),
        ("{{web}}", "<p>https://evil.example</p>", "https://evil.example"),
        (
            "{{nobody}} {{ a.b }} {{}} {{{a}}}",
            "<p>{{nobody}} {{ a.b }} {{}} {{{a}}}</p>",
            "{{nobody}} {{ a.b }} {{}} {{{a}}}",
        ),
        (
            "One\n{{none}}\ntwo\n\n{{none}}\n\n- {{none}}\n\n- x\n- {{none}}\n- y",
            "<p>One<br>\ntwo</p>\n<ul><li>x</li>\n<li>y</li></ul>",
            "One\ntwo\n\n- x\n- y",
        ),
        ("\U000f0000 {{a}} \U000f0001", "<p>� &lt;A&gt; �</p>", "� <A> �"),
        ("{{lines}}", "<p>a - b ** c **</p>", "a - b ** c **"),
        ("  \n", "", ""),
    ],
)
def test_examples(source, expected_html, text):
    placeholder_values = {
        "a": "<A>",
        "b": 'R&D /"<',
        "none": " ",
        "link": ADDRESS,
        "web": "https://evil.example",
        "lines": "a\n\n- b\r\n** c **\x00",
    }
    assert render_html(source, **placeholder_values) == expected_html
    assert render(source, placeholder_values, link_names={"link"}).text == text


@pytest.mark.parametrize(
    ("source", "links"),
    [
        ("https://a.example/x, https://b.example.", ["https://a.example/x", "https://b.example"]),
        ("https://a.example/x?! (https://b.example/y)", ["https://a.example/x", "https://b.example/y"]),
        ("https://a.example/wiki/X_(y)", ["https://a.example/wiki/X_(y)"]),
        ("[https://a.example/x] {https://b.example/y}", ["https://a.example/x", "https://b.example/y"]),
        ('<https://a.example/x> "https://b.example/y"', ["https://a.example/x", "https://b.example/y"]),
        ("'https://c.example/z'", ["https://c.example/z"]),
        ("**https://a.example/x**", ["https://a.example/x"]),
        ("https://127.0.0.1:5000/x http://localhost/y#z", ["https://127.0.0.1:5000/x", "http://localhost/y#z"]),
        ("https://münchen.example/straße", ["https://münchen.example/straße"]),
        ("https://{{a}}/x/{{a}}.", ["https://word/x/word"]),
        ("javascript:alert(1) javascript://a.example/%0aalert(1) JAVASCRIPT:x data:text/html,x vbscript:x", []),
        ("ftp://a.example file:///etc/passwd //a.example/x mailto:a@b.example", []),
        ("www.a.example a.example a@b.example 10.0.0.1", []),
        ("https:// http: https:///x", []),
    ],
)
def test_only_whole_addresses_of_the_web_are_links(source, links):
    assert HtmlReading(str(render(source, {"a": "word"}).html)).links == links


@given(sources, values, values)
def test_nothing_breaks_out_of_the_html_and_both_forms_say_the_same_words(source, first, second):
    done = render(source, {"a": first, "b": second, "link": ADDRESS}, link_names={"link"})
    html_reading = HtmlReading(str(done.html))
    assert html_reading.words == done.text.split()
    assert all(re.match(r"https?://", link) for link in html_reading.links)


@given(sources, values.filter(lambda value: collapse_whitespace(value)))
def test_a_value_is_shown_and_changes_nothing_else(source, value):
    """Whatever a value is, the elements are those that any word in its place gives."""
    tame = HtmlReading(str(render(source, {"a": "word"}).html))
    wild = HtmlReading(str(render(source, {"a": value}).html))
    assert wild.shape == tame.shape
    if "{{a}}" in source and not wild.links and "{{{" not in source and "}}}" not in source:
        assert collapse_whitespace(value) in " ".join(wild.words)


@given(sources, values)
def test_a_line_stays_one_line(source, value):
    done = render_line(source, {"a": value, "b": value})
    assert len(done.splitlines()) <= 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", done)


@given(st.text())
def test_what_is_said_literally_has_no_markup(text):
    done = render_literal(text, "**x** - {{a}} https://a.example")
    html_reading = HtmlReading(str(done.html))
    assert set(html_reading.shape) <= {"p", "/p", "br"}
    assert html_reading.words == done.text.split()
    assert "**x** - {{a}} https://a.example" in done.text


@given(st.text(alphabet="ab \xa0", max_size=300))
def test_lines_are_filled_and_no_word_is_broken(text):
    done = wrap_line(text, "- ", "  ")
    assert done.split() == f"- {text}".split()
    for line in done.split("\n"):
        assert len(line) <= LINE_LENGTH or " " not in line[2:].strip(" ") or len(line.split(" ")[-1]) > LINE_LENGTH - 4


def test_an_address_is_not_broken():
    address = "https://hub.example.com/" + "ab-cd_ef." * 30
    assert address in render("word " * 20 + "{{link}}", {"link": address}).text.split()


@pytest.mark.parametrize(
    "source",
    [
        "*" * 20_000,
        "- " * 10_000,
        "**a " * 5000,
        "- a\n" * 5000,
        "http://" * 2800,
        "{{a}}" * 4000,
        "{" * 20_000,
        "_*" * 10_000,
        "\n- " * 6000,
        "  " * 10_000,
        "".join(f"{{{{a{n}}}}}" for n in range(2500)),
        "https://a)" * 2000,
    ],
)
def test_the_longest_text_takes_no_time(source):
    started_at = time.thread_time()
    render(source, {"a": "<"})
    assert time.thread_time() - started_at < 2, "seconds of computing; a tenth is usual"
