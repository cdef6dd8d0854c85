"""A real browser against a real server.

A test that uses `page` fails on any error in the browser's console, on any error in a page's script and on any
request to another host than the server under test.
"""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    StorageState,
    expect,
    sync_playwright,
)
from sqlalchemy import select

from app import create_app
from customerhub.core import history
from customerhub.core.config import Settings, load_settings
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_customer
from customerhub.users.passwords import DEMO_PASSWORD
from models import Contact, Customer, Organisation
from models.base import db
from models.enums import Role
from seed.demo import email_of
from tests.browser.accessibility import AccessibilityCheck
from tests.browser.steps import sign_in
from tests.support.running_processes import RunningCommand
from tests.support.servers import free_port, skip_test

OpenAs = Callable[..., Page]
SECONDS = 15_000  # for what a page should do at once, on a machine that does much else
expect.set_options(timeout=SECONDS)
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
    """The whole hub in processes of its own. `app` is the same hub in this process, to prepare and look at data."""

    url: str
    settings: Settings
    app: Flask
    processes: RunningCommand

    @contextmanager
    def pause_processes(self, words: str) -> Iterator[None]:
        """Hold the processes with `words` in their command line, as a machine does that has no time for them."""
        numbers = self.processes.find(words)
        assert numbers, f"no process with {words!r} in its command line"
        try:
            _signal_processes(numbers, signal.SIGSTOP)
            yield
        finally:
            _signal_processes(numbers, signal.SIGCONT)

    @contextmanager
    def slow_processes(self, words: str) -> Iterator[None]:
        """Let the processes with `words` in their command line work for a moment now and then only."""
        over = threading.Event()

        def alternate() -> None:
            while not over.wait(0.05):
                with self.pause_processes(words):
                    over.wait(0.4)

        with ThreadPoolExecutor(1) as pool:
            holding = pool.submit(alternate)
            try:
                yield
            finally:
                over.set()
                holding.result()


def _signal_processes(numbers: Sequence[int], signal_number: signal.Signals) -> None:
    for number in numbers:
        with suppress(ProcessLookupError):  # it may have ended meanwhile
            os.kill(number, signal_number)


def add_prospect(server: LiveServer, name: str, reference: str) -> int:
    """Adds a customer with little more than a name; its id."""
    with server.app.app_context():
        organisation = db.session.scalars(select(Organisation)).first()
        assert organisation is not None
        actor = Actor(None, organisation.id)
        with history.act_as(actor, "test"):
            customer = Customer(name=name, reference=reference, is_prospect=True, registration_number=reference)
            customer.contacts = [Contact(name=name)]
            save_customer(customer, actor=actor)
            db.session.commit()
        return customer.id


@dataclass
class PageFaults:
    """What went wrong in the browser. A test that provokes an error `allow`s it by a piece of its text."""

    base_url: str
    messages: list[str] = field(default_factory=list)
    allowed_texts: list[str] = field(default_factory=list)

    def allow(self, text: str) -> None:
        self.allowed_texts.append(text)

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self.on_console)
        context.on("weberror", lambda error: self.messages.append(f"script: {error.error}"))
        context.on("request", self.on_request)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.messages.append(f"console: {message.text} ({message.location.get('url', '')})")

    def on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "about") and address.netloc != self.base_url:
            self.messages.append(f"request to another host: {request.url}")

    def unexpected_messages(self) -> list[str]:
        return [fault for fault in self.messages if not any(text in fault for text in self.allowed_texts)]


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The hub with its demo data, as `make run` starts it: web, workers, scheduler and queue server."""
    folder = tmp_path_factory.mktemp("live")
    environment = {
        "HUB_DATA_DIR": str(folder / "hub"),
        "HUB_SECRET_KEY": "tests",
        "HUB_WEB_WORKERS": "1",
        "PORT": str(free_port()),
        "HUB_SANDBOX_PORT": str(free_port()),
    }
    run = RunningCommand(["-m", "flask", "--app", "app", "up"], folder / "log", environment, loads_everything=True)
    try:
        run.wait_for("is running at", seconds=90)
        settings = load_settings(environment)
        yield LiveServer(settings.public_url, settings, create_app(settings), run)
        run.send(signal.SIGTERM)
        assert run.wait() == 0
    finally:
        run.end()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    program = shutil.which("chromium")
    if program is None:
        skip_test("Chromium is not installed")
        return
    node, _script = compute_driver_executable()
    if subprocess.run([node, "--version"], capture_output=True, check=False).returncode:
        skip_test("Playwright's own program does not run here (is libatomic1 installed?)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def browser_context(browser: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    """A browser profile that starts empty. Its pages resolve addresses against the live server."""
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SECONDS)
    yield context
    context.close()


@pytest.fixture
def faults(live_server: LiveServer) -> PageFaults:
    """What went wrong in the test's pages; a test that provokes an error says so here."""
    return PageFaults(urlsplit(live_server.url).netloc)


@pytest.fixture(scope="session")
def sign_in_as(browser: Browser, live_server: LiveServer) -> Callable[[Role], StorageState]:
    """The cookies of somebody signed in with a role; each role signs in once."""
    known: dict[Role, StorageState] = {}

    def cookies(role: Role) -> StorageState:
        if role not in known:
            page = browser.new_page(base_url=live_server.url)
            sign_in(page, email_of(role), DEMO_PASSWORD)
            page.wait_for_url(lambda url: "/sign-in" not in url)
            known[role] = page.context.storage_state()
            page.close()
        return known[role]

    return cookies


@pytest.fixture
def open_as(
    browser: Browser, live_server: LiveServer, faults: PageFaults, sign_in_as: Callable[[Role], StorageState]
) -> Iterator[OpenAs]:
    """Opens a browser of its own for each person. The test fails where anything goes wrong in one of them."""
    opened: list[BrowserContext] = []

    def open_as(role: Role | None, *, width: int = 1440, height: int = 900, **options: Any) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": height},
            storage_state=sign_in_as(role) if role else None,
            **options,
        )
        context.set_default_timeout(SECONDS)
        faults.watch(context)
        opened.append(context)
        return context.new_page()

    yield open_as
    for context in opened:
        context.close()
    assert faults.unexpected_messages() == []


@pytest.fixture(scope="session")
def accessibility() -> AccessibilityCheck:
    """Judges pages; it remembers for all tests what it has judged."""
    return AccessibilityCheck()


@pytest.fixture
def page(open_as: OpenAs) -> Page:
    """A page of the live server in a browser profile that starts empty."""
    return open_as(None, width=1280)
