"""The rules of the code that `make check` holds beside the linters."""

import runpy
from pathlib import Path

import pytest

CHECK = runpy.run_path(str(Path(__file__).resolve().parents[1] / "deploy" / "check_code.py"))
LONG_FUNCTION = "def build():\n" + "    pass\n" * 40


def list_reasons(text: str, path: str = "customerhub/example.py") -> list[str]:
    return [reason for _, reason in CHECK["list_breaches"](path, text)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1\n" * 401, "401 lines; at most 400: divide it"),
        (LONG_FUNCTION, "41 lines; at most 40: divide it"),
        ("x = 1 if a else 2 if b else 3\n", "a conditional expression within another: write if and return"),
        ("x = (1 if a else 2) if b else 3\n", "a conditional expression within another: write if and return"),
        ("x = [1]  # fmt" + ": skip\n", "the formatter decides how code is laid out"),
        ("def told():\n    pass\n", "told: a function is named verb + noun"),
        ("class Row:\n    def kept(self):\n        pass\n", "kept: a function is named verb + noun"),
    ],
)
def test_a_breach_is_found(text: str, reason: str) -> None:
    assert list_reasons(text) == [reason]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n" * 400,
        "def build():\n" + "    pass\n" * 39,
        "x = 1 if a else 2\n",
        "def flush():\n    pass\n",
        "def describe_references():\n    pass\n",
        "def _told():\n    pass\n",
        "class Row:\n    @property\n    def balance(self):\n        pass\n",
    ],
)
def test_what_keeps_the_rules_is_let_pass(text: str) -> None:
    assert list_reasons(text) == []


def test_names_in_tests_are_free() -> None:
    assert list_reasons("def told():\n    pass\n", "tests/example.py") == []
