"""Checks before the hub starts; each failure is one line that names the setting at fault."""

import errno
import socket
from contextlib import suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError, ResponseError
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

import models.sqlite  # noqa: F401  # its transactions begin as writers, so a read-only file is found out here
from customerhub.core.config import Settings

RESPONSE_TIMEOUT_SECONDS = 5  # how long a server may take to answer


class CannotStart(Exception):
    """The hub cannot start here. The message is one line that names the cause."""


def listen(settings: Settings) -> socket.socket:
    """The socket the web server listens on, taken now so that nobody else can. Raises CannotStart."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise CannotStart(f"HUB_HOST is {settings.host!r}: {error.strerror or error}") from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise CannotStart(_listen_error_message(settings, error)) from error
    return listener


def check_database(settings: Settings) -> None:
    """Raise CannotStart unless the database answers and can be written."""
    address = make_url(settings.database_url)
    display_url = address.render_as_string(hide_password=True)
    connect_arguments = (
        {"timeout": RESPONSE_TIMEOUT_SECONDS} if settings.uses_sqlite else {"connect_timeout": RESPONSE_TIMEOUT_SECONDS}
    )
    try:
        engine = create_engine(address, connect_args=connect_arguments)
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        raise CannotStart(f"DATABASE_URL is {display_url!r}: {cause}") from error


def check_queue_server(settings: Settings) -> None:
    """Raise CannotStart where REDIS_URL names a server that does not answer, or has the wrong password.

    One that refuses for want of memory or disk is waited out, as it is later.
    """
    if settings.redis_url is None:
        return
    try:
        with (
            Redis.from_url(
                settings.redis_url,
                socket_connect_timeout=RESPONSE_TIMEOUT_SECONDS,
                socket_timeout=RESPONSE_TIMEOUT_SECONDS,
                retry=None,
            ) as connection,
            suppress(ResponseError),
        ):
            connection.ping()
    except (RedisError, OSError, ValueError) as error:
        raise CannotStart(f"REDIS_URL: the server does not answer: {error}") from error


def _listen_error_message(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        owner = _describe_listening_process(settings.port)
        return f"PORT is {settings.port}: already in use{f' by {owner}' if owner else ''}; set PORT to a free one"
    if error.errno == errno.EACCES:
        return f"PORT is {settings.port}: this user may not listen on it; set PORT to 1024 or more"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HUB_HOST is {settings.host!r}: not an address of this machine"
    return f"HUB_HOST is {settings.host!r} and PORT is {settings.port}: {error.strerror}"


def _describe_listening_process(port: int) -> str | None:
    """The process that listens on TCP `port`, where that can be found out."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile, or somebody else's
            if any(_link_target(link) in sockets for link in (folder / "fd").iterdir()):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                name = " ".join(word.decode(errors="replace") for word in words[:4]).strip()
                return f"process {folder.name} ({name})"
    return None


def _link_target(link: Path) -> str:
    """Where `link` points, nowhere if it has just gone."""
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _listening_inodes(port: int) -> set[str]:
    listening_state = "0A"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _lines(Path(table))[1:]:
            fields = line.split()
            if fields[3] == listening_state and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _lines(table: Path) -> list[str]:
    return table.read_text(encoding="ascii").splitlines() if table.exists() else []
