"""The signing sandbox beside a hub: a program of its own, of which nothing is imported here."""

import errno
import os
import socket
import sys

from customerhub.core.config import Settings
from customerhub.core.pdf import ROOT

HOST = "127.0.0.1"


class SandboxRefused(Exception):
    """The sandbox is not for this hub, or cannot start. The message is one line."""


def check_exposure(settings: Settings) -> None:
    """Raises SandboxRefused for a hub that others reach: what is signed in the sandbox is not valid."""
    if not settings.is_private:
        raise SandboxRefused(f"The signing sandbox is not for a hub that others reach: {settings.exposure}.")


def check_port(settings: Settings) -> None:
    """Raises SandboxRefused where something else listens at its port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, settings.sandbox_port))
        except OSError as error:
            cause = "already in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise SandboxRefused(
                f"The signing sandbox is not started: HUB_SANDBOX_PORT is {settings.sandbox_port}: {cause}."
            ) from None


def get_address(settings: Settings) -> str:
    return f"http://{HOST}:{settings.sandbox_port}"


def execute(settings: Settings) -> int:
    """Become the sandbox."""
    words = [sys.executable, "-m", "sandbox"]
    words += ["--folder", str(settings.sandbox_dir), "--port", str(settings.sandbox_port)]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.execve(sys.executable, words, os.environ | {"PYTHONPATH": os.pathsep.join(paths)})  # noqa: S606  # our words


def is_listening(settings: Settings) -> bool:
    """Whether something answers at its port. Never blocks for long."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, settings.sandbox_port)) == 0
