"""What people read is plain business English: none of the old phrases is left in a label, help text, mail or error."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("customerhub", "views", "jobs", "models", "seed")
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*") if path.suffix in (".html", ".txt"))
MODULES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if "migrations" not in path.parts]
OLD_PHRASES = (
    "How far it is",
    "Whom to ask",
    "What was said",
    "Asked for by",
    "whoever asked",
    "mend the file",
    "good rows",
    "Rows are in error",
    "Say why",
    "Say what people",
    "This is needed",
    "Not done yet",
    "Left out",
    "Every chosen row",
    "Look into your mailbox",
    "Forgotten your password",
    "The same again",
    "present password",
    "switched off",
    "Empty or low invoices",
    "Bill length",
    "Charges pile up",
    "commas between them",
    "next free number is taken",
    "Short and unique, such",
    "sign in and see nothing",
    "May use the portal",
    "May see in the portal",
    "Of the record that stays",
    "What the record holds",
    "The worse of the two",
    "runs until somebody",
    "What it is about",
    "A new one, named",
    "document due within a month",
    "Nothing had to be decided",
    "Removes files that nobody",
    "Of every amount that",
    "Never whoever",
    "most likely you",
    "For you to decide",
    "It was over already",
    "It is yours already",
    "The two are one record",
    "and mails them",
    "has no reviewer email",
    # actions that are not there yet
    "Drop the customer instead",
    "drop them instead",
    "reinstated",
    "corresponding action",
    "delete customers permanently",
)
OLD_TEXTS = re.compile("|".join(map(re.escape, OLD_PHRASES)) + "|(?<!financial )year end: ", re.IGNORECASE)


def list_texts(module: Path) -> Iterator[str]:
    """The text literals of a module that are no docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    first_statements = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and node.body]
    docstrings = {id(statement.value) for statement in first_statements if isinstance(statement, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("path", [*TEMPLATES, *MODULES, ROOT / "app.py"], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_old_text_is_left(path: Path) -> None:
    texts = list_texts(path) if path.suffix == ".py" else [path.read_text(encoding="utf-8")]
    assert [match[0] for text in texts if (match := OLD_TEXTS.search(text))] == []


def test_an_old_text_would_be_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('"""Say why."""\n\nLABEL = "Say why"\n')
    assert [text for text in list_texts(module) if OLD_TEXTS.search(text)] == ["Say why"]
