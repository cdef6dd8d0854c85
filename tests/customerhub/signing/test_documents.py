"""The diagrams of the documents are drawn from the tables of transitions."""

import re
from pathlib import Path

from customerhub.signing.requests import REQUEST_STATES
from customerhub.signing.transitions import ENVELOPE_STATUSES, SIGNER_STATUSES

TEXT = (Path(__file__).parents[3] / "docs" / "signing.md").read_text(encoding="utf-8")


def test_the_diagrams_show_the_tables():
    drawn = re.findall(r"```mermaid\n(.*?)\n```", TEXT, re.DOTALL)
    assert drawn == [machine.build_diagram() for machine in (ENVELOPE_STATUSES, SIGNER_STATUSES, REQUEST_STATES)]
