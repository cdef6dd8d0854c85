"""Parts of templates, styles, scripts and code that nothing uses; `make check` runs it. Prints `file: kind name`.

A name counts as used where it occurs outside of its definition, so this finds too little rather than too much.

usage: python deploy/find_unused.py
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

MACRO = re.compile(r"{% macro (\w+)")
STYLE_CLASS = re.compile(r"\.([a-z][\w-]*)")
STYLE_NOISE = re.compile(r'url\([^)]*\)|/\*.*?\*/|\{[^{}]*\}|"[^"]*"', re.DOTALL)
SCRIPT_FUNCTION = re.compile(r"function (\w+)|const (\w+) = (?:async )?(?:\([^)]*\)|\w+) =>")
PYTHON_FUNCTION = re.compile(r"(?<=\n\n)(?:async )?def (\w+)|(?<=\n\n)class (\w+)|\Adef (\w+)")  # without a decorator
ICON = re.compile(r'<symbol id="([\w-]+)"')
PATTERNS = ("*.py", "*.html", "*.css", "*.js", "*.svg")
WORD = re.compile(r"[\w-]+")
# Classes whose name is put together, and those that the library of charts gives.
COMPOSED = ("below-", "chip-", "banner-", "toast-", "ink-", "fill-", "color-", "axis", "guide")
# Named by a framework alone: fixtures and hooks of pytest, migrations of Alembic, hooks of gunicorn.
FRAMEWORK_FILES = ("models/migrations/versions/", "tests/", "jobs/processes/gunicorn_conf.py")


def read_files() -> dict[str, str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PATTERNS]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603
    return {name: Path(name).read_text(encoding="utf-8") for name in names if Path(name).exists()}


def list_unused(files: dict[str, str]) -> Iterator[str]:
    """`file: kind name` of everything that is defined and not used."""
    uses = Counter(word for text in files.values() for word in re.findall(r"\w+", text))
    outside_style = Counter(
        word
        for name, text in files.items()
        if not name.endswith((".css", ".svg")) and not name.startswith("tests/")
        for word in WORD.findall(text)
    )
    for name, text in files.items():
        if name.endswith(".html"):
            yield from _list_once(name, "macro", MACRO.findall(text), uses)
        elif name.endswith(".js"):
            functions = [each for pair in SCRIPT_FUNCTION.findall(text) for each in pair if each]
            yield from _list_once(name, "function", functions, Counter(re.findall(r"\w+", text)))
        elif name.endswith(".css"):
            classes = dict.fromkeys(STYLE_CLASS.findall(STYLE_NOISE.sub(" ", text)))
            yield from _list_missing(name, "class", classes, outside_style)
        elif name.endswith("icons.svg"):
            yield from _list_missing(name, "icon", ICON.findall(text), outside_style)
        elif name.endswith(".py") and not name.startswith(FRAMEWORK_FILES):
            names = [each for pair in PYTHON_FUNCTION.findall(text) for each in pair if each]
            yield from _list_once(name, "definition", names, uses)


def _list_once(name: str, kind: str, defined: list[str], uses: Counter[str]) -> Iterator[str]:
    yield from (f"{name}: {kind} {each}" for each in defined if uses[each] < 2)


def _list_missing(name: str, kind: str, defined: list[str] | dict[str, None], uses: Counter[str]) -> Iterator[str]:
    yield from (f"{name}: {kind} {each}" for each in defined if not uses[each] and not each.startswith(COMPOSED))


def main() -> int:
    unused = list(list_unused(read_files()))
    print("\n".join(unused) if unused else "Unused parts: none")
    return 1 if unused else 0


if __name__ == "__main__":
    sys.exit(main())
