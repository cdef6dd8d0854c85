"""The program: `python -m sandbox --folder DIR --port N`."""

import argparse
import ipaddress
import os
import signal
import sys
from pathlib import Path

from setproctitle import setproctitle

from sandbox.application import FolderInUse
from sandbox.server import CannotListen, serve
from sandbox.store import OtherVersion


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The signing sandbox.")
    parser.add_argument("--folder", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--port", type=int, required=True, help="where to listen; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="an address of this machine alone")
    parser.add_argument("--public-url", help="under which address it is reached, if not by host and port")
    parser.add_argument("--tls-cert", type=Path, help="certificate, to listen by https")
    parser.add_argument("--tls-key", type=Path, help="the certificate's key")
    options = parser.parse_args()
    if not is_loopback(options.host):
        parser.error(f"--host is {options.host}: the sandbox has no passwords and listens on loopback only")
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key belong together")
    setproctitle("customer-hub: signing sandbox")
    os.umask(0o077)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    tls = (options.tls_cert, options.tls_key) if options.tls_cert else None
    try:
        serve(options.folder, options.host, options.port, public_url=options.public_url, tls=tls)
    except (CannotListen, FolderInUse, OtherVersion) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
