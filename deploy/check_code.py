"""Rules of the code that no linter holds; `make check` runs it. Prints each breach as `file:line: reason`.

usage: python deploy/check_code.py [FILE ...]   without files: every Python file of the repository
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
FORMATTER_ESCAPES = ("fmt: " + "skip", "fmt: " + "off")
NOT_OURS = ("models/migrations/versions/",)  # written once by alembic, never edited

# A function is verb + noun. One word alone is a plain verb whose object the module or class names: `outbox.flush`.
VERBS = frozenset(
    [
        "activate",
        "add",
        "allow",
        "apply",
        "assign",
        "attach",
        "authenticate",
        "begin",
        "build",
        "cancel",
        "change",
        "check",
        "choose",
        "claim",
        "close",
        "collect",
        "commit",
        "compose",
        "configure",
        "connect",
        "copy",
        "create",
        "deactivate",
        "delete",
        "deliver",
        "describe",
        "discard",
        "download",
        "drop",
        "end",
        "enqueue",
        "execute",
        "expire",
        "export",
        "fail",
        "fetch",
        "fill",
        "find",
        "flush",
        "format",
        "get",
        "hide",
        "hold",
        "import",
        "init",
        "invite",
        "install",
        "join",
        "list",
        "listen",
        "load",
        "lock",
        "main",
        "measure",
        "merge",
        "move",
        "open",
        "paginate",
        "parse",
        "perform",
        "plan",
        "pluralize",
        "preload",
        "prepare",
        "protect",
        "read",
        "rebuild",
        "record",
        "refresh",
        "register",
        "reject",
        "release",
        "remind",
        "remove",
        "rename",
        "render",
        "renew",
        "reopen",
        "replay",
        "require",
        "reset",
        "restore",
        "resume",
        "retry",
        "revert",
        "review",
        "revoke",
        "rollback",
        "run",
        "save",
        "schedule",
        "search",
        "select",
        "send",
        "serve",
        "set",
        "show",
        "shut",
        "shorten",
        "sign",
        "skip",
        "start",
        "stop",
        "store",
        "stream",
        "submit",
        "suggest",
        "sweep",
        "synthesize",
        "take",
        "tokenize",
        "typeset",
        "undo",
        "update",
        "upload",
        "validate",
        "verify",
        "wait",
        "withdraw",
        "write",
    ]
)


def list_breaches(path: str, text: str) -> Iterator[tuple[int, str]]:
    """(line, reason) of everything in the Python file `text` that the rules do not allow."""
    if (length := text.count("\n")) > MAX_FILE_LINES:
        yield 1, f"{length} lines; at most {MAX_FILE_LINES}: divide it"
    for number, line in enumerate(text.split("\n"), 1):
        if any(escape in line for escape in FORMATTER_ESCAPES):
            yield number, "the formatter decides how code is laid out"
    tree = ast.parse(text, path)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield node.lineno, f"{length} lines; at most {MAX_FUNCTION_LINES}: divide it"
        elif isinstance(node, ast.IfExp) and any(isinstance(part, ast.IfExp) for part in (node.body, node.orelse)):
            yield node.lineno, "a conditional expression within another: write if and return"
    if not path.startswith("tests/"):
        yield from _unclear_names(tree)


def _unclear_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Public functions and methods whose name is one word and no verb. A property is a noun; an override keeps its
    name.
    """
    for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]:
        for node in scope.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_one_word(node.name):
                named_elsewhere = {_last_name(decorator) for decorator in node.decorator_list} & NAMED_ELSEWHERE
                if node.name not in VERBS | FRAMEWORK_OVERRIDES and not named_elsewhere:
                    yield node.lineno, f"{node.name}: a function is named verb + noun"


# Decorators under which a name is a noun, or the address of a page or command.
NAMED_ELSEWHERE = frozenset(
    {
        "property",
        "cached_property",
        "setter",
        "override",
        "route",
        "get",
        "post",
        "expose",
        "command",
        "hybrid_property",
    }
)

# Methods that a class of ours overrides, named by the framework: smtplib, io, rq, wtforms, logging and waitress.
FRAMEWORK_OVERRIDES = frozenset(
    {
        "data",
        "filter",
        "request",  # of an HTTP client
        "getreply",
        "heartbeat",
        "process",
        "procline",
        "readable",
        "readinto",
        "received",
        "service",
        "unsubscribe",
    }
)


def _is_one_word(name: str) -> bool:
    return not name.startswith("_") and "_" not in name


def _last_name(decorator: ast.expr) -> str:
    if isinstance(decorator, ast.Call):
        return _last_name(decorator.func)
    if isinstance(decorator, ast.Attribute):
        return decorator.attr
    return decorator.id if isinstance(decorator, ast.Name) else ""


def list_files() -> list[str]:
    """Every Python file of the repository, also those not yet added to git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")  # noqa: S603
    return [path for path in found if path and not path.startswith(NOT_OURS) and Path(path).exists()]


def main() -> int:
    breaches = [
        f"{path}:{line}: {reason}"
        for path in sys.argv[1:] or list_files()
        for line, reason in sorted(list_breaches(path, Path(path).read_text(encoding="utf-8")))
    ]
    print("\n".join(breaches) if breaches else "Code rules: kept")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
