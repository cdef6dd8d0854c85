"""Documents are typeset where nothing forks afterwards, never where somebody waits, and within limits."""

import subprocess
import sys
import textwrap
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from customerhub import rendering
from customerhub.notifications.report import render_report
from customerhub.notifications.report_pages import document_of
from customerhub.rendering import NotTypeset
from tests.jobs.running import ROOT, Running
from tests.notifications.reports import FULL
from tests.servers import free_port, wait_until

BEGIN = """
import logging, os, sys
logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
from customerhub import rendering
from customerhub.notifications.report_pages import document_of
from tests.notifications.reports import FULL
document = document_of(FULL)

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


def told_by(script: str, seconds: float = 60) -> tuple[list[str], str]:
    """What a script prints in a process of its own, and what it logs."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(script)],
        cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


def test_this_process_may_not_typeset() -> None:
    """It may fork: nobody has said that it does not."""
    assert not rendering.is_allowed()
    with pytest.raises(RuntimeError, match="not in this process"):
        render_report(FULL)
    assert rendering.pdf_of(document_of(FULL)).startswith(b"%PDF-")  # in a process of its own


def test_a_process_that_says_it_forks_no_more_may_typeset() -> None:
    printed, logged = told_by("""
        print(attempt(lambda: rendering.typeset(document)))
        rendering.allow()
        print(attempt(lambda: rendering.typeset(document)))
        print(attempt(lambda: rendering.typeset(document)))
    """)
    assert printed[0].startswith("refused: ")
    assert (printed[1:], logged) == (["made", "made"], "")


def test_a_process_of_a_worker_may_though_its_parent_may_not() -> None:
    """As RQ does it: the parent forks for each job and typesets nothing."""
    printed, logged = told_by("""
        def job():
            rendering.allow()
            print(attempt(lambda: rendering.typeset(document)))
        in_fork(job)
        in_fork(job)
        print(rendering.is_allowed())
    """)
    assert (printed, logged) == (["made", "made", "False"], "")


def test_what_is_forked_after_typesetting_is_refused_instead_of_waiting_for_ever() -> None:
    printed, logged = told_by("""
        rendering.allow()
        print(attempt(lambda: rendering.typeset(document)))
        def child():
            print(rendering.is_allowed())
            print(attempt(lambda: rendering.typeset(document)))
            print(attempt(rendering.allow))
        in_fork(child)
        print(attempt(lambda: rendering.typeset(document)))
    """)
    assert printed[:2] == ["made", "False"]
    assert "not in this process" in printed[2]
    assert "forked by one that had typeset" in printed[3]
    assert printed[4] == "made"
    assert "ERROR a process that has typeset forks:" in logged
    assert "in_fork(child)" in logged or "in in_fork" in logged  # where it does


def test_starting_programs_is_no_fork_that_matters() -> None:
    printed, logged = told_by("""
        import subprocess
        rendering.allow()
        rendering.typeset(document)
        subprocess.run([sys.executable, "-c", ""], check=True)
        print(attempt(lambda: rendering.typeset_apart(document)))
    """)
    assert (printed, logged) == (["made"], "")


def test_who_is_forbidden_neither_typesets_nor_waits_for_it() -> None:
    printed, _ = told_by("""
        rendering.allow()
        rendering.forbid()
        print(rendering.is_allowed())
        for way in (rendering.typeset, rendering.typeset_apart, rendering.pdf_of):
            print(attempt(lambda: way(document)))
        in_fork(lambda: print(attempt(lambda: rendering.typeset_apart(document))))
    """)
    assert printed[0] == "False"
    assert len(printed) == 5
    assert all(line.startswith("refused: ") for line in printed[1:])


def test_the_web_server_makes_no_documents(tmp_path: Path) -> None:
    """Asked of a real one, with the settings that the hub runs with."""
    port = free_port()
    words = ["-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "tests.customerhub.asked_to_typeset:app"]
    server = Running(
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
        for way in ("typeset", "typeset_apart", "pdf_of"):
            assert answer(way).startswith("RuntimeError: "), way
    finally:
        server.end()


def test_a_process_of_its_own_has_so_much_time_and_memory() -> None:
    pages = document_of(FULL).data
    endless = replace(document_of(FULL), data={**pages, "attention": pages["attention"] * 50_000})
    with pytest.raises(NotTypeset, match=r"longer than 2 s|ended with -"):
        rendering.typeset_apart(endless, seconds=2)
    with pytest.raises(NotTypeset, match=r"The process ended with -?\d+"):
        rendering.typeset_apart(endless, megabytes=150)
    assert rendering.typeset_apart(document_of(FULL), seconds=20, megabytes=700).startswith(b"%PDF-")


def test_a_process_of_its_own_knows_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its surroundings are told by a stand-in for Python, called as it is."""
    told = tmp_path / "told"
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nenv > {told}\n")
    program.chmod(0o700)
    monkeypatch.setenv("HUB_SECRET_KEY", "very secret")
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(NotTypeset):
        rendering.typeset_apart(document_of(FULL))
    assert "PATH=" in told.read_text()
    assert "secret" not in told.read_text()


def test_what_went_wrong_is_told() -> None:
    with pytest.raises(NotTypeset, match=r"does not contain key"):
        rendering.typeset_apart(replace(document_of(FULL), data={"title": "x"}))


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    printed, _ = told_by(f"""
        import tempfile
        tempfile.tempdir = {str(tmp_path)!r}
        rendering.allow()
        print(attempt(lambda: rendering.typeset(document)))
        try:
            rendering.typeset(rendering.Document("report.typ", {{}}))
        except rendering.NotTypeset:
            print("not typeset")
    """)
    assert printed == ["made", "not typeset"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("diagnostic", "found"),
    [
        ('error: PDF/UA-1 error: the text `"小"` could not be displayed with font `"Noto Sans"`', ["小"]),
        ('the text `"\\u{10fffd}"` could not be displayed with font', ["\U0010fffd"]),
        ('the text `"ab"` could not be displayed … the text `"bc"` could not be displayed', ["a", "b", "c"]),
        ("error: unknown variable: missing", []),
    ],
)
def test_missing_characters_are_found_in_what_typst_says(diagnostic: str, found: list[str]) -> None:
    assert rendering.missing_characters(diagnostic) == found
