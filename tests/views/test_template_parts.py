"""Every part that templates are made of has a user, and every template uses what it imports."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "templates"
IMPORT = re.compile(r"{% from '(?P<part>parts/\w+\.html)' import (?P<names>[\w, ]+) %}")


def read_templates() -> dict[str, str]:
    return {str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.html")}


TEMPLATES = read_templates()


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_what_a_template_imports_it_uses(name: str) -> None:
    text = IMPORT.sub("", TEMPLATES[name])
    for found in IMPORT.finditer(TEMPLATES[name]):
        for macro in found["names"].split(", "):
            assert f"{{% macro {macro}(" in TEMPLATES[found["part"]]
            assert re.search(rf"\b{macro}\(", text), macro


def test_each_macro_has_a_user() -> None:
    for name, text in TEMPLATES.items():
        for macro in re.findall(r"{% macro (\w+)\(", text):
            used_here = len(re.findall(rf"(?<!macro )\b{macro}\(", text))
            imported = [
                other
                for other, each in TEMPLATES.items()
                for found in IMPORT.finditer(each)
                if found["part"] == name and macro in found["names"].split(", ")
            ]
            assert used_here or imported, f"{name}: {macro}"
