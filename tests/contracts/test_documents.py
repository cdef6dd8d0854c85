"""What docs/contracts.md draws is what the tables of moves say."""

import re
from pathlib import Path

import pytest

from customerhub.contracts import moves
from models.enums import ContractStatus, OrderStatus

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "contracts.md"


def test_the_drawings_are_those_of_the_tables():
    drawn = re.findall(r"```mermaid\n(.*?)\n```", DOCUMENT.read_text(), re.DOTALL)
    assert drawn == [moves.contract_diagram(), moves.order_diagram()], "print them anew and put them in"


@pytest.mark.parametrize(
    ("drawing", "statuses", "table", "own"),
    [
        (moves.contract_diagram(), ContractStatus, moves.CONTRACT_MOVES, [("Draft", "Live")]),
        (moves.order_diagram(), OrderStatus, moves.ORDER_MOVES, []),
    ],
    ids=["contracts", "orders"],
)
def test_every_arrow_of_the_table_is_drawn_once(drawing, statuses, table, own):
    names = {
        status.value: name for status in statuses for name in re.findall(f'state "{status.value}" as (\\w+)', drawing)
    }
    assert names.keys() == {status.value for status in statuses}
    arrows = re.findall(r"^    (\w+) --> (\w+): ", drawing, re.MULTILINE)
    wanted = [(before.value, move.after.value) for move in table for before in move.before] + own
    assert sorted(arrows) == sorted((names[before], names[after]) for before, after in wanted)
