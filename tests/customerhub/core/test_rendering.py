"""Documents are typeset where nothing forks afterwards, never where somebody waits, and within limits."""

import subprocess
import sys
import textwrap
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from customerhub.core import pdf
from customerhub.core.pdf import TypesettingError
from customerhub.reports.report_layout import build_document
from tests.support.pictures import build_blank_png
from tests.support.report_data import FULL
from tests.support.running_processes import ROOT, RunningCommand
from tests.support.servers import free_port, wait_until

pytestmark = pytest.mark.slow  # most typeset a document

SCRIPT_PROLOGUE = """
import logging, os, sys
logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
from customerhub.core import pdf
from customerhub.reports.report_layout import build_document
from tests.support.report_data import FULL

document = build_document(FULL)

def attempt(what):
    try:
        made = what()
    except RuntimeError as error:
        return f"refused: {error}"
    return "made" if made is None or made.startswith(b"%PDF-") else "odd"

def in_fork(act):
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.waitpid(child, 0)
"""


def run_script(script: str, seconds: float = 60) -> tuple[list[str], str]:
    """What a script prints in a process of its own, and what it logs."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT_PROLOGUE + textwrap.dedent(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


def test_this_process_may_not_typeset() -> None:
    """It may fork: nobody has said that it does not."""
    assert not pdf.is_typesetting_allowed()
    with pytest.raises(RuntimeError, match="not in this process"):
        pdf.typeset(build_document(FULL))
    assert pdf.build_pdf(build_document(FULL)).startswith(b"%PDF-")  # in a process of its own


def test_a_process_that_says_it_forks_no_more_may_typeset() -> None:
    printed, logged = run_script("""
        print(attempt(lambda: pdf.typeset(document)))
        pdf.allow_typesetting()
        print(attempt(lambda: pdf.typeset(document)))
        print(attempt(lambda: pdf.typeset(document)))
    """)
    assert printed[0].startswith("refused: ")
    assert (printed[1:], logged) == (["made", "made"], "")


def test_a_process_of_a_worker_may_though_its_parent_may_not() -> None:
    """As RQ does it: the parent forks for each job and typesets nothing."""
    printed, logged = run_script("""
        def job():
            pdf.allow_typesetting()
            print(attempt(lambda: pdf.typeset(document)))
        in_fork(job)
        in_fork(job)
        print(pdf.is_typesetting_allowed())
    """)
    assert (printed, logged) == (["made", "made", "False"], "")


def test_what_is_forked_after_typesetting_is_refused_instead_of_waiting_for_ever() -> None:
    printed, logged = run_script("""
        pdf.allow_typesetting()
        print(attempt(lambda: pdf.typeset(document)))
        def child():
            print(pdf.is_typesetting_allowed())
            print(attempt(lambda: pdf.typeset(document)))
            print(attempt(pdf.allow_typesetting))
        in_fork(child)
        print(attempt(lambda: pdf.typeset(document)))
    """)
    assert printed[:2] == ["made", "False"]
    assert "not in this process" in printed[2]
    assert "forked by one that had typeset" in printed[3]
    assert printed[4] == "made"
    assert "ERROR a process that has typeset forks:" in logged
    assert "in_fork(child)" in logged or "in in_fork" in logged  # where it does


def test_starting_programs_is_no_fork_that_matters() -> None:
    printed, logged = run_script("""
        import subprocess
        pdf.allow_typesetting()
        pdf.typeset(document)
        subprocess.run([sys.executable, "-c", ""], check=True)
        print(attempt(lambda: pdf.typeset_in_subprocess(document)))
    """)
    assert (printed, logged) == (["made"], "")


def test_who_is_forbidden_neither_typesets_nor_waits_for_it() -> None:
    printed, _ = run_script("""
        pdf.allow_typesetting()
        pdf.forbid_typesetting()
        print(pdf.is_typesetting_allowed())
        for way in (pdf.typeset, pdf.typeset_in_subprocess, pdf.build_pdf):
            print(attempt(lambda: way(document)))
        in_fork(lambda: print(attempt(lambda: pdf.typeset_in_subprocess(document))))
    """)
    assert printed[0] == "False"
    assert len(printed) == 5
    assert all(line.startswith("refused: ") for line in printed[1:])


def test_the_web_server_makes_no_documents(tmp_path: Path) -> None:
    """Asked of a real one, with the settings that the hub runs with."""
    port = free_port()
    words = [
        "-m",
        "gunicorn",
        "--config",
        "python:jobs.processes.gunicorn_conf",
        "tests.processes.asked_to_typeset:app",
    ]
    server = RunningCommand(
        words, tmp_path / "log", {"HUB_DATA_DIR": str(tmp_path), "PORT": str(port), "HUB_WEB_WORKERS": "1"}
    )

    def answer(way: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{way}", timeout=30) as response:
            return str(response.read().decode())

    def answers() -> bool:
        try:
            return bool(answer("typeset"))
        except OSError:
            return False

    try:
        wait_until(answers)
        for way in ("typeset", "typeset_in_subprocess", "build_pdf"):
            assert answer(way).startswith("RuntimeError: "), way
    finally:
        server.end()


def test_a_process_of_its_own_has_so_much_time_and_memory() -> None:
    pages = build_document(FULL).data
    endless = replace(build_document(FULL), data={**pages, "attention": pages["attention"] * 50_000})
    with pytest.raises(TypesettingError, match=r"longer than 2 s|ended with -"):
        pdf.typeset_in_subprocess(endless, seconds=2)
    with pytest.raises(TypesettingError, match=r"The process ended with -?\d+: it needed more than 150 MB of memory"):
        pdf.typeset_in_subprocess(endless, megabytes=150)
    assert pdf.typeset_in_subprocess(build_document(FULL), seconds=20, megabytes=700).startswith(b"%PDF-")


def test_a_picture_with_too_many_pixels_is_not_decoded() -> None:
    bomb = replace(build_document(FULL), pictures={"logo.png": build_blank_png(30_000, 30_000)})
    with pytest.raises(TypesettingError, match=r"logo\.png: The picture has 30,000 × 30,000 pixels"):
        pdf.typeset_in_subprocess(bomb)


def test_a_drawing_of_somebody_elses_is_typeset_by_a_process_of_its_own() -> None:
    """A worker's job goes on, whatever time and memory the drawing takes, and makes the report without it."""
    printed, _ = run_script("""
        from dataclasses import replace
        from customerhub.reports.performance_report import build_report_pdf
        from tests.support.report_data import SVG
        greedy = b'<svg xmlns="http://www.w3.org/2000/svg" width="90000" height="90000"><filter id="f">'
        greedy += b'<feGaussianBlur stdDeviation="9"/></filter><g filter="url(#f)">'
        greedy += b'<rect width="90000" height="90000"/></g></svg>'
        pdf.allow_typesetting()
        print(attempt(lambda: build_report_pdf(replace(FULL, logo=("logo.svg", SVG)))), pdf._typesetting_process_id)
        print(attempt(lambda: build_report_pdf(replace(FULL, logo=("logo.svg", greedy)))))
        print(attempt(lambda: pdf.build_pdf(document)), pdf._typesetting_process_id == os.getpid())
    """)
    assert printed == ["made None", "made", "made True"]


def test_typesetting_in_a_job_has_a_limit_of_memory() -> None:
    printed, _ = run_script("""
        import resource
        pdf.allow_typesetting()
        seen = []
        compile_it = pdf._compile
        pdf._compile = lambda *words: (seen.append(resource.getrlimit(resource.RLIMIT_AS)[0]), compile_it(*words))[1]
        before = resource.getrlimit(resource.RLIMIT_AS)
        print(attempt(lambda: pdf.typeset(document)))
        print(0 < seen[0] < 8 * 2**30, resource.getrlimit(resource.RLIMIT_AS) == before)
    """)
    assert printed == ["made", "True True"]


def test_a_process_of_its_own_knows_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its surroundings are told by a stand-in for Python, called as it is."""
    output_file = tmp_path / "told"
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nenv > {output_file}\n")
    program.chmod(0o700)
    monkeypatch.setenv("HUB_SECRET_KEY", "very secret")
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(TypesettingError):
        pdf.typeset_in_subprocess(build_document(FULL))
    assert "PATH=" in output_file.read_text()
    assert "secret" not in output_file.read_text()


def test_the_reason_of_a_failure_is_given() -> None:
    with pytest.raises(TypesettingError, match=r"does not contain key"):
        pdf.typeset_in_subprocess(replace(build_document(FULL), data={"title": "x"}))


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    printed, _ = run_script(f"""
        import tempfile
        tempfile.tempdir = {str(tmp_path)!r}
        pdf.allow_typesetting()
        print(attempt(lambda: pdf.typeset(document)))
        try:
            pdf.typeset(pdf.Document("report.typ", {{}}))
        except pdf.TypesettingError:
            print("not typeset")
    """)
    assert printed == ["made", "not typeset"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("diagnostic", "missing_characters"),
    [
        ('error: PDF/UA-1 error: the text `"小"` could not be displayed with font `"Noto Sans"`', ["小"]),
        ('the text `"\\u{10fffd}"` could not be displayed with font', ["\U0010fffd"]),
        ('the text `"ab"` could not be displayed … the text `"bc"` could not be displayed', ["a", "b", "c"]),
        ("error: unknown variable: missing", []),
    ],
)
def test_missing_characters_are_found_in_what_typst_says(diagnostic: str, missing_characters: list[str]) -> None:
    assert pdf.list_missing_characters(diagnostic) == missing_characters
