"""The diagram of the documents is drawn from the table of transitions."""

import re
from pathlib import Path

from customerhub.cases.statuses import CASE_STATUSES

PAGE = Path(__file__).parents[3] / "docs" / "cases.md"


def test_the_diagram_shows_the_table():
    drawn = re.findall(r"```mermaid\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert drawn == [CASE_STATUSES.build_diagram()]
