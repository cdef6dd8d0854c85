"""What docs/approvals.md says of the stages is what the code does."""

import re
from pathlib import Path

from customerhub.approvals import stages
from models.enums import Stage

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "approvals.md"


def test_the_drawing_is_that_of_the_table():
    [drawn] = re.findall(r"```mermaid\n(.*?)\n```", DOCUMENT.read_text(), re.DOTALL)
    assert drawn == stages.STAGES.build_diagram(), (
        "print stages.STAGES.build_diagram() anew and put it into docs/approvals.md"
    )


def test_every_arrow_of_the_table_is_drawn_once():
    arrows = re.findall(r"^    (\w+) --> (\w+): ", stages.STAGES.build_diagram(), re.MULTILINE)
    moves = [(before.name, move.to_state.name) for move in stages.STAGES.choices for before in move.from_states]
    moves += [(before.name, after.name) for before, after in stages.FALLBACK_STAGES.items()]
    assert sorted(arrows) == sorted((a.capitalize(), b.capitalize()) for a, b in moves)
    assert all(f'state "{stage.value}" as' in stages.STAGES.build_diagram() for stage in Stage)
