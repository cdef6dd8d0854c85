"""Putting away what interrupted work left behind."""

import os
import time

from jobs import housekeeping


def test_unfinished_files_go_after_a_day(app, session):
    folder = app.config["HUB"].files_dir / "unfinished"
    folder.mkdir(parents=True)
    for name, age in (("old", 25), ("fresh", 23)):
        (folder / name).write_bytes(b"x")
        at = time.time() - age * 3600
        os.utime(folder / name, (at, at))
    housekeeping.tidy()
    housekeeping.tidy()
    assert [path.name for path in folder.iterdir()] == ["fresh"]
