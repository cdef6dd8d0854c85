"""What docs/contracts.md draws is what the tables of moves say."""

import re
from pathlib import Path

import pytest

from customerhub.contracts import transitions
from models.enums import ContractStatus, OrderStatus

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "contracts.md"


def test_the_drawings_are_those_of_the_tables():
    drawn = re.findall(r"```mermaid\n(.*?)\n```", DOCUMENT.read_text(), re.DOTALL)
    assert drawn == [transitions.CONTRACT_STATUSES.build_diagram(), transitions.ORDER_STATUSES.build_diagram()], (
        "print them anew and put them in"
    )


@pytest.mark.parametrize(
    ("drawing", "statuses", "table", "own"),
    [
        (
            transitions.CONTRACT_STATUSES.build_diagram(),
            ContractStatus,
            transitions.CONTRACT_STATUSES.choices,
            [("Draft", "Live")],
        ),
        (transitions.ORDER_STATUSES.build_diagram(), OrderStatus, transitions.ORDER_STATUSES.choices, []),
    ],
    ids=["contracts", "orders"],
)
def test_every_arrow_of_the_table_is_drawn_once(drawing, statuses, table, own):
    names = {
        status.value: name for status in statuses for name in re.findall(f'state "{status.value}" as (\\w+)', drawing)
    }
    assert names.keys() == {status.value for status in statuses}
    arrows = re.findall(r"^    (\w+) --> (\w+): ", drawing, re.MULTILINE)
    expected_arrows = [(before.value, move.to_state.value) for move in table for before in move.from_states] + own
    assert sorted(arrows) == sorted((names[before], names[after]) for before, after in expected_arrows)
