"""How addresses and forms name rows."""

import pytest

from views.http.urls import parse_id


@pytest.mark.parametrize(("text", "row_id"), [("7", 7), ("007", 7), ("0", 0), ("9" * 18, 10**18 - 1)])
def test_a_key_is_read(text: str, row_id: int) -> None:
    assert parse_id(text) == row_id


@pytest.mark.parametrize("text", ["", " 7", "-7", "7.0", "1e3", "seven", "²", "٧", "9" * 19, "7\n"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert parse_id(text) is None
