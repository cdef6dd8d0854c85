"""Queue servers that answer and refuse: what an operator meets when memory, disk or password are not right."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from tests.support.servers import Valkey, wait_until


@dataclass(frozen=True)
class Refusal:
    """A way to refuse: `begin` and `end` are told by a connection that the server trusts throughout."""

    cause: str  # as it is told to people
    begin: Callable[[Redis, Path], object]
    end: Callable[[Redis], object]


def _fill_disk(connection: Redis, folder: Path) -> None:
    """A snapshot cannot be written, as on a full disk: a folder has its name."""
    (folder / "dump.rdb").mkdir()
    connection.config_set("save", "3600 1")
    connection.bgsave()
    wait_until(lambda: connection.info("persistence")["rdb_last_bgsave_status"] == "err")


def _ask_for_password(connection: Redis, _folder: Path) -> None:
    """Those who are connected stay trusted, so they are thrown out."""
    connection.config_set("requirepass", "swordfish")
    connection.execute_command("CLIENT", "KILL", "SKIPME", "yes")


REFUSALS = {
    "OOM": Refusal(
        "its memory is full",
        lambda connection, _folder: connection.config_set("maxmemory", "1"),
        lambda connection: connection.config_set("maxmemory", "0"),
    ),
    "MISCONF": Refusal("it cannot write to its disk", _fill_disk, lambda connection: connection.config_set("save", "")),
    "READONLY": Refusal(
        "it is a read-only replica",
        lambda connection, _folder: connection.replicaof("127.0.0.1", "1"),
        lambda connection: connection.replicaof("NO", "ONE"),
    ),
    "NOREPLICAS": Refusal(
        "it has too few replicas",
        lambda connection, _folder: connection.config_set("min-replicas-to-write", "1"),
        lambda connection: connection.config_set("min-replicas-to-write", "0"),
    ),
    "NOAUTH": Refusal(
        "the password is missing or wrong",
        _ask_for_password,
        lambda connection: connection.config_set("requirepass", ""),
    ),
}


class RefusingServer:
    """`server`, which the test has refuse for a while."""

    def __init__(self, server: Valkey) -> None:
        self._folder = server.data_dir / "queue"
        self.connection = Redis.from_url(server.url, single_connection_client=True)

    def begin(self, kind: str) -> None:
        REFUSALS[kind].begin(self.connection, self._folder)

    def end(self, kind: str) -> None:
        REFUSALS[kind].end(self.connection)
