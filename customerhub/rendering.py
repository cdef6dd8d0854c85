"""Typesetting documents as PDF, in processes that never fork afterwards.

Typst keeps threads, and a fork copies none of them: a forked process that typesets would wait for them for ever. So a
process says that it forks no more before it typesets (`allow`), as a worker's process for one job does; any other one
has a process of its own do it (`typeset_apart`), and the web does neither (`forbid`).

What people wrote is data: it is handed to a template as JSON and is never part of its source.
"""

import base64
import json
import logging
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import manimgx_fonts

ROOT: Final = Path(__file__).resolve().parent.parent
TEMPLATES: Final = ROOT / "templates" / "documents"
FONTS: Final = Path(manimgx_fonts.__file__).parent
STANDARDS: Final = ("a-2a", "ua-1")  # to be kept for years, and read aloud; refuses characters that no font has
SECONDS: Final = 60  # the longest that one document may take
MEGABYTES: Final = 2048  # of address space, of which a report takes a tenth
MOST_TOLD: Final = 12  # characters without a font that are told one by one

_MISSING: Final = re.compile(r"the text `\"(.+?)\"` could not be displayed", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\u\{([0-9a-f]+)\}")
log = logging.getLogger(__name__)

_allowed: int | None = None  # the process that said it forks no more
_forbidden = False
_typeset: int | None = None  # the process that has typeset, this one or the one it was forked from


class NotTypeset(Exception):
    """The document could not be made. The message says why, for the log."""


@dataclass(frozen=True)
class Document:
    """A document to be made: a template's file name, its data as JSON can hold it, and its pictures by their names."""

    template: str
    data: Mapping[str, Any]
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def allow() -> None:
    """Let this process typeset. To be called only where it forks no more."""
    global _allowed
    if _typeset not in (None, os.getpid()):
        raise RuntimeError("this process was forked by one that had typeset: what it typesets would never end")
    _allowed = os.getpid()


def forbid() -> None:
    """Let this process, and what it forks, neither typeset nor wait for it: somebody waits for its answers."""
    global _forbidden
    _forbidden = True


def is_allowed() -> bool:
    return _allowed == os.getpid() and not _forbidden


def pdf_of(document: Document) -> bytes:
    """The document as PDF: made here where that is allowed, else in a process of its own. Raises NotTypeset."""
    return typeset(document) if is_allowed() else typeset_apart(document)


def typeset(document: Document) -> bytes:
    """The document as PDF, made in this process. Raises NotTypeset, RuntimeError in a process that is not `allow`ed to.

    Characters that no font has are shown as boxes, and the template is told of them.
    """
    global _typeset
    if not is_allowed():
        raise RuntimeError("documents are typeset in a worker's job or by typeset_apart(), not in this process")
    _typeset = os.getpid()
    inputs = {"data": json.dumps(document.data, allow_nan=False)}
    with tempfile.TemporaryDirectory() as folder:  # all that a template may read
        source = Path(folder) / document.template
        shutil.copyfile(TEMPLATES / document.template, source)
        for name, content in document.pictures.items():
            (Path(folder) / name).write_bytes(content)
        try:
            return _compiled(source, inputs, STANDARDS)
        except NotTypeset as error:
            missing = missing_characters(str(error))
            if not missing:
                raise
            log.warning("%s: no font has %s", document.template, told(missing))
        return _compiled(source, {**inputs, "missing": told(missing)}, ())


def _compiled(source: Path, inputs: dict[str, str], standards: tuple[str, ...]) -> bytes:
    import typst

    compile_document: Any = typst.compile  # its types name each standard
    try:
        made = compile_document(
            source,
            root=source.parent,
            font_paths=[FONTS],
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=list(standards),
        )
    except RuntimeError as error:
        raise NotTypeset(getattr(error, "diagnostic", None) or str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how a fault in Typst itself arrives
            raise
        raise NotTypeset(f"Typst has failed: {error}") from error
    assert isinstance(made, bytes)
    return made


def missing_characters(diagnostic: str) -> list[str]:
    """The characters that Typst says it has no font for, each once."""
    texts = (_ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) for text in _MISSING.findall(diagnostic))
    return list(dict.fromkeys(character for text in texts for character in text))


def told(characters: list[str]) -> str:
    """Characters by their numbers: U+5C0F, U+7C73 and 3 more."""
    numbers = ", ".join(f"U+{ord(character):04X}" for character in characters[:MOST_TOLD])
    more = len(characters) - MOST_TOLD
    return f"{numbers} and {more} more" if more > 0 else numbers


# --- In a process of its own -------------------------------------------------------------------------------------


def typeset_apart(document: Document, *, seconds: int = SECONDS, megabytes: int = MEGABYTES) -> bytes:
    """The document as PDF, made by a process of its own that has so much time and memory at most. Raises NotTypeset."""
    if _forbidden:
        raise RuntimeError("this process answers people: have a job make the document")
    job = {
        "template": document.template,
        "data": document.data,
        "pictures": {name: base64.b64encode(content).decode() for name, content in document.pictures.items()},
    }
    try:
        done = subprocess.run(  # noqa: S603  # its words are ours
            [sys.executable, "-m", "customerhub.rendering", str(seconds), str(megabytes)],
            input=json.dumps(job, allow_nan=False).encode(),
            capture_output=True,
            timeout=seconds,
            cwd=ROOT,
            env={name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotTypeset(f"It took longer than {seconds} s") from error
    if done.returncode != 0 or not done.stdout.startswith(b"%PDF-"):
        told_last = done.stderr.decode(errors="replace").strip()[-2000:]
        raise NotTypeset(f"The process ended with {done.returncode}: {told_last}")
    return done.stdout


def main(seconds: int, megabytes: int) -> int:
    """The process of its own: a job on standard input, a PDF on standard output."""
    for limit, most in ((resource.RLIMIT_AS, megabytes * 1024 * 1024), (resource.RLIMIT_CPU, seconds)):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    allow()
    job = json.load(sys.stdin.buffer)
    pictures = {name: base64.b64decode(text) for name, text in job["pictures"].items()}
    try:
        made = typeset(Document(job["template"], job["data"], pictures))
    except NotTypeset as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(made)
    sys.stdout.flush()
    return 0


def _before_fork() -> None:
    """Nothing can keep a process from forking; what it forks cannot typeset, and somebody should know of it."""
    if _typeset == os.getpid():
        log.error("a process that has typeset forks:\n%s", "".join(traceback.format_stack()[:-1]))


os.register_at_fork(before=_before_fork)

if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
