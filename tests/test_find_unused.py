"""Nothing lies about that no page uses."""

import runpy
from pathlib import Path

FIND = runpy.run_path(str(Path(__file__).resolve().parents[1] / "deploy" / "find_unused.py"))
list_unused = FIND["list_unused"]


def test_what_nothing_uses_is_found():
    files = {
        "templates/page.html": "{% macro used() %}{% endmacro %}{% macro lonely() %}{% endmacro %}{{ used() }}",
        "templates/other.html": '<b class="on">',
        "views/static/a.css": ".on { color: red } .off { color: blue } .chip-red { top: 1.5px }",
        "views/static/a.js": "function go() {}\nconst stay = (a) => a;\nfunction gone() {}\ngo(stay);",
        "views/static/icons.svg": '<symbol id="plus"></symbol><symbol id="moon"></symbol>',
        "views/a.py": "def run(): pass\n\n\ndef walk(): run()\n\n\n@hook\ndef called(): icon('plus')\n",
    }
    assert sorted(list_unused(files)) == [
        "templates/page.html: macro lonely",
        "views/a.py: definition walk",
        "views/static/a.css: class off",
        "views/static/a.js: function gone",
        "views/static/icons.svg: icon moon",
    ]


def test_the_repository_has_nothing_unused():
    assert list(list_unused(FIND["read_files"]())) == []
