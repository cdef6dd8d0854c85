"""The lock files install everything that every supported Python needs, in one set of versions."""

import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(name: str) -> dict[str, str]:
    """Package and version of each line of a lock file."""
    lines = (FOLDER / name).read_text().splitlines()
    parts = [line.split()[0].split("==") for line in lines if "==" in line and not line.startswith((" ", "#"))]
    return {canonicalize_name(package): version for package, version in parts}


def requirements_of(lines: list[str]) -> list[str]:
    """The requirements among `lines`, without comments and references to other files, in one spelling and in order."""
    texts = [line.partition(" #")[0].strip() for line in lines]
    return sorted(str(Requirement(text)) for text in texts if text and not text.startswith(("#", "-r")))


def input_of(name: str) -> list[str]:
    return requirements_of((FOLDER / name).read_text(encoding="utf-8").splitlines())


def test_the_package_needs_what_the_base_lock_is_compiled_from() -> None:
    assert requirements_of(PROJECT["dependencies"]) == input_of("base.in")


def test_the_optional_groups_have_what_the_development_lock_is_compiled_from() -> None:
    groups = PROJECT["optional-dependencies"]
    assert requirements_of([*groups["test"], *groups["check"]]) == input_of("dev.in")
    assert groups["dev"] == ["customer-hub[test,check]"]


def test_the_development_lock_has_all_of_the_base_lock() -> None:
    """deploy/prepare takes an environment made for development as good enough to run."""
    assert pins("base.txt").items() <= pins("dev.txt").items()


@pytest.mark.parametrize("python", ["3.11.2", "3.11.9", "3.12.3", "3.13.5"])
def test_the_base_lock_is_complete_on_every_python(python: str) -> None:
    """Debian 12 has 3.11.2, Ubuntu 24.04 has 3.12.3, Debian 13 has 3.13.5."""
    environment = {
        **default_environment(),
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "extra": "",
    }
    locked = pins("base.txt")
    missing = [
        f"{package.name} needs {requirement}"
        for package in distributions()
        if canonicalize_name(package.name) in locked
        for requirement in map(Requirement, package.requires or [])
        if requirement.marker is None or requirement.marker.evaluate(environment)
        if canonicalize_name(requirement.name) not in locked
    ]
    assert missing == []
