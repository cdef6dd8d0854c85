"""Typesetting by typst: what people wrote is data, and never part of a template's source."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import manimgx_fonts
import typst

TEMPLATES: Final = Path(__file__).parent / "templates"


def typeset(template: str, data: Mapping[str, Any]) -> bytes:
    """A template of this folder as PDF. Characters that no font has are shown as boxes."""
    inputs = {"data": json.dumps(data)}
    return typst.compile(TEMPLATES / template, format="pdf", font_paths=_find_fonts(), sys_inputs=inputs)


@functools.cache
def _find_fonts() -> typst.Fonts:
    """The fonts, looked for once."""
    return typst.Fonts(include_system_fonts=False, font_paths=[Path(manimgx_fonts.__file__).parent])
