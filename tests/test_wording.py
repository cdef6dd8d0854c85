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
    "How far they are",
    "Whom to ask",
    "What was said",
    "Asked for by",
    "Asked for:",
    "Ask to blacklist",
    "Ask to remove",
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
    "so there is nothing to do",
    "makes a portal user",
    "Pass credit ref",
    "Fail credit ref",
    "Review every",
    "Where it runs on",
    "What moves from",
    "not checked yet",
    "gave you:",
    "Where it stands",
    "of before",
    # actions that are not there yet
    "Drop the customer instead",
    "drop them instead",
    "reinstated",
    "corresponding action",
    "delete customers permanently",
)
# For these the trade has nouns: requester, assignee, operator.
OLD_WORDS = ("whoever", "whom", "somebody", "told")
# Of a label alone; within a sentence each may be right.
OLD_LABELS = (
    "How far",
    "Reach",
    "Why",
    "Asked for",
    "Holds",
    "To come",
    "Written",
    "Held",
    "Ready",
    "Create anyway",
    "Per month",
    "People",
    "Dealer / D100",
    "Together",
    "By status",
    "1 to 12",
)
OLD_TEXTS = re.compile(
    "|".join(map(re.escape, OLD_PHRASES))
    + rf"|(?<!financial )year end: |\b(?:{'|'.join(OLD_WORDS)})\b(?!@)"
    + rf"|(?-i:(?:^|>)\s*(?:{'|'.join(map(re.escape, OLD_LABELS))}):?\s*(?:<|$))",
    re.IGNORECASE,
)
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)  # of a template


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
    texts = list_texts(path) if path.suffix == ".py" else [COMMENT.sub("", path.read_text(encoding="utf-8"))]
    assert [match[0] for text in texts if (match := OLD_TEXTS.search(text))] == []


def test_an_old_text_would_be_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""Say why."""\n\nLABELS = ("Say why", "Reach", "Reach them", "Somebody", "somebody@x.example")\n'
    )
    assert [text for text in list_texts(module) if OLD_TEXTS.search(text)] == ["Say why", "Reach", "Somebody"]
    assert OLD_TEXTS.search("<th>Per month</th>")
