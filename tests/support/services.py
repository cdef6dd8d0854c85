"""The services of the hub that is at work, some of them replaced for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import has_app_context

from customerhub.core import services
from customerhub.core.config import MIB
from customerhub.core.file_store import FolderStore
from customerhub.core.services import Services

# What is at work where a test has no app.
EXAMPLE = Services(
    public_url="https://hub.example.com",
    link_secret="tests",
    encryption_keys=("dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgMDE=",),
    signing_sandbox="127.0.0.1:1",
    sandbox_credentials=Path("/nonexistent/credentials.json"),
    allows_sandbox=True,
    file_store=FolderStore(Path("/nonexistent")),
    max_upload_bytes=25 * MIB,
    max_attachment_bytes=10 * MIB,
    notify_workers=lambda _message_ids: None,
    notify_signing_workers=lambda: None,
)


@contextmanager
def replaced_services(**changes: Any) -> Iterator[None]:
    """Within this block all apps have the services of the one at work with these `changes`."""
    current = replace(services.get_current() if has_app_context() else EXAMPLE, **changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "_find_current", lambda: current)
        yield


@pytest.fixture
def replace_services(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Replaces services until the test is over."""

    def replace_until_end(**changes: Any) -> None:
        block = replaced_services(**changes)
        block.__enter__()
        request.addfinalizer(lambda: block.__exit__(None, None, None))

    return replace_until_end
