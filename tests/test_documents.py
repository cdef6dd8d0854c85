"""The documents lead somewhere: every link has its file and heading, every decision its place in the list."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
# What a folder or file in backticks looks like. Those of a line marked † are to come.
PLACE = re.compile(r"`((?:customerhub|deploy|docs|jobs|models|requirements|seed|templates|tests|views)/[\w./-]*)`")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists() or (heading and heading not in headings_of(file)):
            broken.append(target)
    assert broken == []


def headings_of(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    assert [record.name[:4] for record in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]
    listed = re.findall(
        r"^\| \[(\d{4})\]\((.+)\) \| (.+) \|$", (DECISIONS / "README.md").read_text("utf-8"), re.MULTILINE
    )
    titles = [record.read_text("utf-8").split("\n")[0].partition(". ")[2] for record in RECORDS]
    assert listed == [(record.name[:4], record.name, title) for record, title in zip(RECORDS, titles, strict=True)]


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_decision_has_its_parts(record: Path) -> None:
    lines = record.read_text(encoding="utf-8").split("\n")
    assert lines[0].startswith(f"# {int(record.name[:4])}. ")
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "structure.md", *RECORDS], ids=name_of)
def test_places_that_are_named_exist(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").split("\n")
    places = {place for line in lines if "†" not in line for place in PLACE.findall(line)}
    missing = {place for place in places if not (ROOT / place).exists()}
    assert missing <= EXAMPLES


EXAMPLES = {"views/setup/warehouses.py"}  # what CONTRIBUTING.md has people write
