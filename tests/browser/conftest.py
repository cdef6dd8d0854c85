"""A real browser against a real server.

A test that uses `page` fails on any error in the browser's console, on any error in a page's script and on any
request to another host than the server under test.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from app import create_app
from customerhub.config import Settings
from jobs.parent_death import die_with_parent
from tests.databases import Databases, settings_for
from tests.servers import Valkey, free_port, leave_out, wait_until

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@dataclass
class LiveServer:
    """A web server in processes of its own. `app` is the same hub in this process, to prepare and look at data."""

    url: str
    settings: Settings
    app: Flask


@dataclass
class Faults:
    """What went wrong in the browser. A test that provokes an error `allow`s it by a piece of its text."""

    home: str
    found: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, text: str) -> None:
        self.allowed.append(text)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.found.append(f"console: {message.text} ({message.location.get('url', '')})")

    def on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "about") and address.netloc != self.home:
            self.found.append(f"request to another host: {request.url}")

    def unexpected(self) -> list[str]:
        return [fault for fault in self.found if not any(text in fault for text in self.allowed)]


@pytest.fixture(scope="module")
def live_server(
    databases_of: Callable[[str], Databases], valkey_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """The hub over an empty SQLite database and a folder of its own, for the tests of one module."""
    port = free_port()
    environment = {
        "DATABASE_URL": databases_of("sqlite").fresh("live"),
        "HUB_DATA_DIR": str(tmp_path_factory.mktemp("live")),
        "HUB_SECRET_KEY": "tests",
        "HUB_WEB_WORKERS": "1",
        "PORT": str(port),
        "REDIS_URL": valkey_server.url,
    }
    parent = os.getpid()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "--config",
            ROOT / "deploy" / "gunicorn.conf.py",
            "app:create_app()",
        ],
        cwd=ROOT,
        env={**os.environ, **environment},
        start_new_session=True,
        preexec_fn=lambda: die_with_parent(parent),
    )
    settings = settings_for(
        environment["DATABASE_URL"],
        Path(environment["HUB_DATA_DIR"]),
        PORT=str(port),
        REDIS_URL=valkey_server.url,
    )
    wait_until(lambda: _listens(process, port))
    yield LiveServer(settings.public_url, settings, create_app(settings))
    process.terminate()
    process.wait(15)


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    if process.poll() is not None:
        pytest.fail(f"the web server ended with exit code {process.returncode}")
    table = Path("/proc/net/tcp").read_text()
    return f"0100007F:{port:04X} 00000000:0000 0A" in table


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    program = shutil.which("chromium")
    if program is None:
        leave_out("Chromium is not installed")
        return
    node, _script = compute_driver_executable()
    if subprocess.run([node, "--version"], capture_output=True, check=False).returncode:
        leave_out("Playwright's own program does not run here (is libatomic1 installed?)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def browser_context(browser: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    """A browser profile that starts empty. Its pages resolve addresses against the live server."""
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def faults(live_server: LiveServer) -> Faults:
    """What went wrong in the test's pages; a test that provokes an error says so here."""
    return Faults(urlsplit(live_server.url).netloc)


@pytest.fixture
def page(browser_context: BrowserContext, faults: Faults) -> Iterator[Page]:
    """A page of the live server. The test fails where anything goes wrong in it or in a page it opens."""
    browser_context.on("console", faults.on_console)
    browser_context.on("weberror", lambda error: faults.found.append(f"script: {error.error}"))
    browser_context.on("request", faults.on_request)
    yield browser_context.new_page()
    assert faults.unexpected() == []
