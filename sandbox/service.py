"""What every request needs: the file, the address, the behaviour, the sender of events."""

from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from flask import current_app

from sandbox.behaviour import Behaviour
from sandbox.connect.delivery import EventSender
from sandbox.store import Store

EXTENSION = "signing_sandbox"


@dataclass(frozen=True)
class Service:
    """`base_uri`: the address at which the sandbox is reached, without a slash at the end. `lock`: of the folder."""

    store: Store
    folder: Path
    base_uri: str
    behaviour: Behaviour
    sender: EventSender
    lock: TextIO

    def close(self) -> None:
        """Let go of the folder, so that another sandbox may have it."""
        self.store.close()
        self.lock.close()

    @property
    def oauth_host(self) -> str:
        return self.base_uri.partition("://")[2]


def get_service() -> Service:
    service: Service = current_app.extensions[EXTENSION]
    return service
