"""The lock files install everything that every supported Python needs, in one set of versions."""

from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).resolve().parents[1] / "requirements"


def pins(name: str) -> dict[str, str]:
    """Package and version of each line of a lock file."""
    lines = (FOLDER / name).read_text().splitlines()
    parts = [line.split()[0].split("==") for line in lines if "==" in line and not line.startswith((" ", "#"))]
    return {canonicalize_name(package): version for package, version in parts}


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
