"""What stands on a form beside single fields."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FormText:
    """What stands among the fields of a form and is changed elsewhere, with a link there."""

    label: str
    text: str
    link_label: str = ""
    link_url: str = ""


@dataclass(frozen=True)
class FieldPair:
    """Two fields that stand in one line under one label."""

    label: str
    names: tuple[str, str]
