"""The package that people install: what is in it, and that it runs from an empty folder without the checkout."""

import ast
import gzip
import json
import os
import signal
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hatchling.builders.wheel import WheelBuilder

import app
from customer_hub import main
from jobs.processes.parent_death import die_with_parent
from tests.support.servers import free_port, wait_until

ROOT = Path(__file__).resolve().parents[1]
CODE = ("app.py", "customer_hub.py", "customerhub", "jobs", "models", "sandbox", "seed", "templates", "views")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def packed_files() -> set[str]:
    """What the wheel would hold beside its metadata."""
    return {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}


def files_of(part: str) -> Iterator[str]:
    path = ROOT / part
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file() and "__pycache__" not in file.parts:
            yield str(file.relative_to(ROOT))


def test_the_wheel_holds_everything_that_runs_and_nothing_else() -> None:
    packed = packed_files()
    assert packed == {file for part in CODE for file in files_of(part)}
    for suffix in (".py", ".mako", ".ini", ".html", ".css", ".js", ".svg", ".txt", ".typ"):
        assert any(file.endswith(suffix) for file in packed), suffix


def test_what_the_wheel_holds_imports_nothing_of_the_checkout_that_it_lacks() -> None:
    packed = packed_files()
    there = {file.partition("/")[0].removesuffix(".py") for file in packed}
    ours = {path.stem for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".py"}
    lacking = {
        f"{file} imports {name}"
        for file in packed
        if file.endswith(".py")
        for name in imported_modules((ROOT / file).read_text(encoding="utf-8"))
        if name in ours - there
    }
    assert lacking == set()


def imported_modules(source: str) -> Iterator[str]:
    """The first part of the name of every module that is imported."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_the_program_has_every_command() -> None:
    assert PROJECT["scripts"] == {"customer-hub": "customer_hub:main"}
    assert {command.name for command in app.COMMANDS} | {"db"} == main.commands.keys()


def test_help_creates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["--help"], ["init", "--help"]):
        assert CliRunner().invoke(main, words).exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_ends_the_program_with_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["init"], env={"PORT": "abc", "HUB_DATA_DIR": str(tmp_path)})
    assert (result.exit_code, result.output) == (1, "Error: PORT is 'abc': expected a whole number\n")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel was installed into; the libraries are those of the tests."""
    wheels, target = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("installed")
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(wheels), versions=["standard"])
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(target)]
    subprocess.run([sys.executable, *words, wheel], check=True)
    return target


def environment(installed: Path, **more: str) -> dict[str, str]:
    """Settings come from the test alone."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1", **more}


def call(installed: Path, folder: Path, *words: str) -> str:
    """What the installed program prints, run in `folder`."""
    command = [sys.executable, installed / "bin" / "customer-hub", *words]
    done = subprocess.run(
        command, cwd=folder, env=environment(installed), check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout


@pytest.mark.slow
def test_an_installed_hub_keeps_its_data_below_the_current_folder(installed: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in installed.rglob("*")}
    assert call(installed, tmp_path, "--version") == f"customer-hub {PROJECT['version']}\n"
    assert json.loads(call(installed, tmp_path, "init", "--organisation", "X", "--json")) == {"organisations": ["X"]}
    assert (tmp_path / "instance" / "hub.sqlite3").exists()
    assert {path: path.stat().st_mtime_ns for path in installed.rglob("*")} == before


@pytest.mark.slow
def test_an_installed_hub_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    port, parent = free_port(), os.getpid()
    log = tmp_path / "log"
    (tmp_path / "empty").mkdir()
    settings = environment(installed, PORT=str(port), HUB_DATA_DIR=str(tmp_path / "data"), HUB_WEB_WORKERS="1")
    with log.open("wb") as file:
        hub = subprocess.Popen(
            [sys.executable, installed / "bin" / "customer-hub", "up", "--no-demo"],
            cwd=tmp_path / "empty",
            env=settings,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent),
        )
    try:
        wait_until(lambda: "Press Ctrl-C to stop" in log.read_text() or hub.poll() is not None, 120)
        assert hub.poll() is None, log.read_text()
        assert "`customer-hub create-user" in log.read_text()
        for path, marker in (("sign-in", 'name="email"'), ("static/hub.css", "--accent"), ("readyz", '"ready"')):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
                assert marker in answer.read().decode(), path
        sheet = urllib.request.Request(f"http://127.0.0.1:{port}/static/hub.css", headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(sheet, timeout=30) as answer:
            assert "--accent" in gzip.decompress(answer.read()).decode()
    finally:
        hub.send_signal(signal.SIGINT)
        assert hub.wait(60) == 0, log.read_text()
    assert list((tmp_path / "empty").iterdir()) == []
