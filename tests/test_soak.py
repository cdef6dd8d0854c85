"""The soak program for a few answers, and that it would see what is broken."""

import pytest
from flask import Flask
from sqlalchemy import text

from models.base import db
from tests.processes.soak import fill_demo, run_soak
from tests.support.invariants import list_broken

DAMAGES = {
    "UPDATE account SET number = 'other' WHERE id = 1": "customer 1 has number",
    "UPDATE approval_task SET state = 'withdrawn', decided_at = created_at WHERE state = 'open'": "0 open onboarding",
    "UPDATE customer SET website = 'https://unrecorded.example' WHERE id = 2": "customer 2: website is",
    "UPDATE stored_file SET size = size + 1": "bytes, its content",
}


@pytest.mark.slow
def test_nothing_breaks_for_some_answers_and_damage_is_seen(app: Flask) -> None:
    fill_demo(app)
    findings = run_soak(app, seconds=60, people=5, seed=1, max_answers=50)
    assert findings.failures == []
    assert findings.answers[200]
    with app.app_context():
        for damage, sentence in DAMAGES.items():
            db.session.execute(text(damage))
            db.session.commit()
            assert any(sentence in each for each in list_broken(app.config["HUB"].files_dir)), damage
        content = next(app.config["HUB"].files_dir.glob("??/*"))
        content.with_name("f" * 40).write_bytes(b"orphan")
        assert f"content {'f' * 40} belongs to no file" in list_broken(app.config["HUB"].files_dir)
