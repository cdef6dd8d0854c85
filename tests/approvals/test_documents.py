"""What docs/approvals.md says of the stages is what the code does."""

import re
from pathlib import Path

from customerhub.approvals import stages
from models.enums import Stage

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "approvals.md"


def test_the_drawing_is_that_of_the_table():
    [drawn] = re.findall(r"```mermaid\n(.*?)\n```", DOCUMENT.read_text(), re.DOTALL)
    assert drawn == stages.diagram(), "print stages.diagram() anew and put it into docs/approvals.md"


def test_every_arrow_of_the_table_is_drawn_once():
    arrows = re.findall(r"^    (\w+) --> (\w+): ", stages.diagram(), re.MULTILINE)
    moves = [(before.name, move.after.name) for move in stages.MOVES for before in move.before]
    moves += [(before.name, after.name) for before, after in stages.FALLBACK.items()]
    assert sorted(arrows) == sorted((a.capitalize(), b.capitalize()) for a, b in moves)
    assert all(f'state "{stage.value}" as' in stages.diagram() for stage in Stage)
