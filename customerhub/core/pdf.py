"""Typesetting documents as PDF, in processes that never fork afterwards.

Typst keeps threads, and a fork copies none of them: a forked process that typesets would wait for them for ever. So a
process says that it forks no more before it typesets (`allow_typesetting`), as a worker's process for one job does; any
other one has a process of its own do it (`typeset_in_subprocess`), and the web does neither (`forbid_typesetting`).

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import manimgx_fonts

from customerhub.core.config import MIB
from customerhub.core.picture_limits import describe_excess, find_excess

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATES: Final = ROOT / "templates" / "documents"
FONTS: Final = Path(manimgx_fonts.__file__).parent
STANDARDS: Final = ("a-2a", "ua-1")  # to be kept for years, and read aloud; refuses characters that no font has
MAX_SECONDS: Final = 60  # the longest that one document may take
MAX_MEGABYTES: Final = 1024  # of address space, of which a report takes a fifth
MAX_DESCRIBED_CHARACTERS: Final = 12  # characters without a font that are told one by one

_MISSING_TEXT: Final = re.compile(r"the text `\"(.+?)\"` could not be displayed", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\u\{([0-9a-f]+)\}")
_OUT_OF_MEMORY: Final = re.compile(r"memory allocation|MemoryError|cannot allocate|failed to map", re.IGNORECASE)
# Each thread reserves address space, and a machine may have a hundred cores.
_FEW_THREADS: Final = {"RAYON_NUM_THREADS": "2", "MALLOC_ARENA_MAX": "2"}
log = logging.getLogger(__name__)

_allowed_process_id: int | None = None  # the process that said it forks no more
_forbidden = False
_typesetting_process_id: int | None = None  # the process that has typeset, this one or the one it was forked from


class TypesettingError(Exception):
    """The document could not be made. The message says why, for the log."""


@dataclass(frozen=True)
class Document:
    """A document to be made: a template's file name, its data as JSON can hold it, and its pictures by their names.

    One that `is_isolated` is made by a process of its own everywhere, as nobody knows what it takes.
    """

    template: str
    data: Mapping[str, Any]
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    is_isolated: bool = False


def allow_typesetting() -> None:
    """Let this process typeset. To be called only where it forks no more."""
    global _allowed_process_id
    if _typesetting_process_id not in (None, os.getpid()):
        raise RuntimeError("this process was forked by one that had typeset: what it typesets would never end")
    _allowed_process_id = os.getpid()


def forbid_typesetting() -> None:
    """Forbid this process, and what it forks, to typeset or wait for it: users wait for its answers."""
    global _forbidden
    _forbidden = True


def is_typesetting_allowed() -> bool:
    return _allowed_process_id == os.getpid() and not _forbidden


def build_pdf(document: Document) -> bytes:
    """The document as PDF: made here where that is allowed, else in a process of its own. Raises TypesettingError."""
    if is_typesetting_allowed() and not document.is_isolated:
        return typeset(document)
    return typeset_in_subprocess(document)


def _check_pictures(document: Document) -> None:
    """Raise TypesettingError for a picture that is too large to be decoded."""
    for name, content in document.pictures.items():
        if excess := find_excess(content):
            raise TypesettingError(f"{name}: {describe_excess(excess)}")


def typeset(document: Document) -> bytes:
    """The document as PDF, made in this process. Raises TypesettingError, RuntimeError in a process where it is not
    allowed.

    Characters that no font has are shown as boxes, and passed to the template.
    """
    global _typesetting_process_id
    if not is_typesetting_allowed():
        raise RuntimeError("documents are typeset in a worker's job or by typeset_in_subprocess(), not in this process")
    _check_pictures(document)
    _typesetting_process_id = os.getpid()
    inputs = {"data": json.dumps(document.data, allow_nan=False)}
    with tempfile.TemporaryDirectory() as folder:  # all that a template may read
        source = Path(folder) / document.template
        shutil.copyfile(TEMPLATES / document.template, source)
        for name, content in document.pictures.items():
            (Path(folder) / name).write_bytes(content)
        with _limited_memory():
            return _compile_with_missing_characters(source, inputs)


def _compile_with_missing_characters(source: Path, inputs: dict[str, str]) -> bytes:
    try:
        return _compile(source, inputs, STANDARDS)
    except TypesettingError as error:
        missing = list_missing_characters(str(error))
        if not missing:
            raise
        log.warning("%s: no font has %s", source.name, describe_characters(missing))
    return _compile(source, {**inputs, "missing": describe_characters(missing)}, ())


@contextmanager
def _limited_memory() -> Iterator[None]:
    """Within this block the process gets MAX_MEGABYTES of address space beyond what it has, or as little as it may.

    Typst ends a process that gets no more: that is better than a machine without memory.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([used + MAX_MEGABYTES * MIB, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _compile(source: Path, inputs: dict[str, str], standards: tuple[str, ...]) -> bytes:
    import typst

    compile_document: Any = typst.compile  # its types name each standard
    try:
        pdf = compile_document(
            source,
            root=source.parent,
            font_paths=[FONTS],
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=list(standards),
        )
    except RuntimeError as error:
        raise TypesettingError(getattr(error, "diagnostic", None) or str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how a fault in Typst itself arrives
            raise
        raise TypesettingError(f"Typst has failed: {error}") from error
    assert isinstance(pdf, bytes)
    return pdf


def list_missing_characters(diagnostic: str) -> list[str]:
    """The characters that Typst says it has no font for, each once."""
    texts = (_ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) for text in _MISSING_TEXT.findall(diagnostic))
    return list(dict.fromkeys(character for text in texts for character in text))


def describe_characters(characters: list[str]) -> str:
    """Characters by their numbers: U+5C0F, U+7C73 and 3 more."""
    numbers = ", ".join(f"U+{ord(character):04X}" for character in characters[:MAX_DESCRIBED_CHARACTERS])
    remaining_count = len(characters) - MAX_DESCRIBED_CHARACTERS
    return f"{numbers} and {remaining_count} more" if remaining_count > 0 else numbers


# --- In a process of its own -------------------------------------------------------------------------------------


def typeset_in_subprocess(document: Document, *, seconds: int = MAX_SECONDS, megabytes: int = MAX_MEGABYTES) -> bytes:
    """The document as PDF, made by a process of its own that has so much time and memory at most. Raises
    TypesettingError.
    """
    if _forbidden:
        raise RuntimeError("this process answers people: have a job make the document")
    _check_pictures(document)
    job = {
        "template": document.template,
        "data": document.data,
        "pictures": {name: base64.b64encode(content).decode() for name, content in document.pictures.items()},
    }
    try:
        process = subprocess.run(  # noqa: S603  # its words are ours
            [sys.executable, "-m", "customerhub.core.pdf", str(seconds), str(megabytes)],
            input=json.dumps(job, allow_nan=False).encode(),
            capture_output=True,
            timeout=seconds,
            cwd=ROOT,
            env=_FEW_THREADS | {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TypesettingError(f"It took longer than {seconds} s") from error
    if process.returncode != 0 or not process.stdout.startswith(b"%PDF-"):
        error_output = process.stderr.decode(errors="replace").strip()[-2000:]
        cause = f"it needed more than {megabytes} MB of memory: " if _OUT_OF_MEMORY.search(error_output) else ""
        raise TypesettingError(f"The process ended with {process.returncode}: {cause}{error_output}")
    return process.stdout


def main(seconds: int, megabytes: int) -> int:
    """The process of its own: a job on standard input, a PDF on standard output."""
    for limit, maximum in ((resource.RLIMIT_AS, megabytes * MIB), (resource.RLIMIT_CPU, seconds)):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (maximum if hard == resource.RLIM_INFINITY else min(maximum, hard), hard))
    allow_typesetting()
    job = json.load(sys.stdin.buffer)
    pictures = {name: base64.b64decode(text) for name, text in job["pictures"].items()}
    try:
        pdf = typeset(Document(job["template"], job["data"], pictures))
    except TypesettingError as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(pdf)
    sys.stdout.flush()
    return 0


def _log_fork_after_typesetting() -> None:
    """Nothing can keep a process from forking; what it forks cannot typeset, and somebody should know of it."""
    if _typesetting_process_id == os.getpid():
        log.error("a process that has typeset forks:\n%s", "".join(traceback.format_stack()[:-1]))


os.register_at_fork(before=_log_fork_after_typesetting)

if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
