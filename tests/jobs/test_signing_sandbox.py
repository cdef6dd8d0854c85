"""The signing sandbox beside a hub: when `up` starts it, and what it says where it does not."""

import socket
import sqlite3
import urllib.request
from contextlib import closing

import pytest

from customerhub.core.config import Settings
from tests.jobs.conftest import StartCommand
from tests.jobs.test_processes import UP_COMMAND, http_status
from tests.support.servers import free_port, wait_until

STARTED = "Press Ctrl-C to stop"
DOCUMENTS = """
    SELECT envelope.status, invoice_profile.status, contract.status, envelope.signed_file_id IS NOT NULL
    FROM envelope JOIN invoice_profile ON invoice_profile.id = envelope.invoice_profile_id
    JOIN contract ON contract.invoice_profile_id = invoice_profile.id
"""


@pytest.fixture
def ports() -> dict[str, str]:
    return {"PORT": str(free_port()), "HUB_SANDBOX_PORT": str(free_port()), "HUB_WEB_WORKERS": "1"}


def read_page(port: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
        return str(answer.read().decode())


def test_a_new_demo_has_documents_in_every_state(
    start: StartCommand, ports: dict[str, str], hub_settings: Settings
) -> None:
    run = start("-m", "flask", "--app", "app", "up", **ports, HUB_SIGNING_SANDBOX="yes")
    run.wait_for(STARTED, seconds=120)
    assert f"Documents are signed in the sandbox at http://127.0.0.1:{ports['HUB_SANDBOX_PORT']}" in run.output

    def list_documents() -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(hub_settings.data_dir / "hub.sqlite3")) as database:
            return sorted(database.execute(DOCUMENTS).fetchall())

    expected = [
        ("completed", "Profile Completed", "Live", 1),
        ("declined", "NDA Declined", "Draft", 0),
        ("sent", "NDA Pending", "Draft", 0),
        ("sent", "NDA Pending", "Draft", 0),
    ]
    wait_until(lambda: list_documents() == expected, 60)
    assert "Please sign: non-disclosure agreement with Demo" in read_page(ports["HUB_SANDBOX_PORT"])


def test_a_port_that_is_taken_keeps_the_sandbox_away_and_nothing_else(
    start: StartCommand, ports: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", int(ports["HUB_SANDBOX_PORT"]))):
        run = start(*UP_COMMAND, **ports, HUB_SIGNING_SANDBOX="yes")
        run.wait_for(STARTED, seconds=90)
        assert "The signing sandbox is not started: HUB_SANDBOX_PORT is" in run.output
        assert http_status(int(ports["PORT"])) == 200


@pytest.mark.parametrize("setting", [{}, {"HUB_SIGNING_SANDBOX": "yes", "HUB_PUBLIC_URL": "https://hub.example.com"}])
def test_it_is_not_started_where_it_is_not_wanted_or_others_reach_the_hub(
    start: StartCommand, ports: dict[str, str], setting: dict[str, str]
) -> None:
    run = start(*UP_COMMAND, **ports, **setting)
    run.wait_for(STARTED, seconds=90)
    assert "sandbox" not in run.output
    with pytest.raises(OSError, match="refused"):
        read_page(ports["HUB_SANDBOX_PORT"])


def test_the_command_refuses_a_hub_that_others_reach(start: StartCommand, ports: dict[str, str]) -> None:
    run = start("-m", "flask", "--app", "app", "signing-sandbox", **ports, HUB_PUBLIC_URL="https://hub.example.com")
    assert run.wait(60) == 2
    assert "not for a hub that others reach: HUB_PUBLIC_URL is https://hub.example.com" in run.output
