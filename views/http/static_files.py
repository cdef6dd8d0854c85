"""Static files under addresses that change with their content, answered by WhiteNoise before any screen is asked.

A file has two addresses: the one with `?v=` and the digest of its content may be kept for ever, the bare one is asked
for anew each time. Any other `?v=`, such as that of another version of the hub, is answered by Flask as a bare one, so
nobody keeps a wrong file. What gzip makes smaller lies compressed in the data folder, under the digest of its content:
the folder of the program may be one that nobody can write to.
"""

import hashlib
import logging
import mimetypes
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.headers import Headers

from flask import Flask, current_app
from whitenoise import WhiteNoise
from whitenoise.compress import Compressor
from whitenoise.responders import StaticFile
from whitenoise.string_utils import decode_path_info

from views.http.security import security_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

mimetypes.add_type("font/woff2", ".woff2")  # Python has no name for it where the machine's list is missing

FOREVER_SECONDS = 365 * 24 * 3600
_EXTENSION = "hub_static_addresses"
log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Answer requests for static files before `app` does. In debug mode Flask answers them, so that edits are seen."""
    folder, settings = Path(app.static_folder or ""), app.config["HUB"]
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    digests = {path.relative_to(folder).as_posix(): _compute_digest(path) for path in files}
    addresses = {name: _build_address(app, name, digest) for name, digest in digests.items()}
    app.extensions[_EXTENSION] = None if app.debug else addresses
    if not app.debug:
        server = _StaticFileServer(app.wsgi_app, security_headers(settings), settings.data_dir / "static")
        for name, digest in digests.items():
            server.add_file(folder / name, f"{app.static_url_path}/{name}", digest)
        app.wsgi_app = server  # type: ignore[method-assign]


def static_file(path: str) -> str:
    """The address of a static file, which changes with its content, so that browsers may keep it for ever."""
    addresses: dict[str, str] | None = current_app.extensions[_EXTENSION]  # a page asks for more than a hundred
    if addresses is not None:
        return addresses[path]
    return _build_address(current_app, path, _compute_digest(Path(current_app.static_folder or "") / path))


def _build_address(app: Flask, path: str, digest: str) -> str:
    return f"{app.static_url_path}/{path}?v={digest}"


def _compute_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


class _StaticFileServer(WhiteNoise):
    """Answers for files added by `add_file`, with `headers`; all other requests are the application's."""

    FOREVER = FOREVER_SECONDS

    def __init__(self, application: "WSGIApplication", headers: Mapping[str, str], compressed_folder: Path) -> None:
        super().__init__(application, max_age=0, allow_all_origins=False)
        self._headers = headers
        self._compressed_folder = compressed_folder
        self._compressor = Compressor(use_brotli=False, quiet=True)

    def add_file(self, path: Path, address: str, digest: str) -> None:
        """Answer for the file at `address`, and at the one that has its `digest`."""
        compressed = self._find_compressed(path, digest)
        for url in (address, f"{address}?v={digest}"):
            headers = Headers([("ETag", f'W/"{digest}"')])
            self.add_mime_headers(headers, str(path), url)
            self.add_cache_headers(headers, str(path), url)
            for name, value in self._headers.items():
                headers[name] = value
            file = StaticFile(str(path), headers.items(), encodings={"gzip": str(compressed)} if compressed else None)
            file.not_modified_response.headers += list(self._headers.items())
            self.files[url] = file

    def immutable_file_test(self, _path: str, url: str) -> bool:
        return "?v=" in url

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        url, query = decode_path_info(environ.get("PATH_INFO", "")), environ.get("QUERY_STRING")
        file = self.files.get(f"{url}?{query}" if query else url)
        if file is None or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            answer: Iterable[bytes] = self.application(environ, start_response)
        else:
            answer = self.serve(file, environ, start_response)
        return answer

    def _find_compressed(self, path: Path, digest: str) -> Path | None:
        """Where the compressed content lies; None where that is hardly smaller, or cannot be kept."""
        if not self._compressor.should_compress(path.name):
            return None
        compressed = self._compressed_folder / f"{digest}.gz"
        if compressed.exists():
            return compressed
        content = path.read_bytes()
        compressed_content = self._compressor.compress_gzip(content)
        if not self._compressor.is_compressed_effectively("gzip", path, len(content), compressed_content):
            return None
        try:
            _write_at_once(compressed, compressed_content)
        except OSError as error:
            log.warning("%s is sent uncompressed: %s", path.name, error)
            return None
        return compressed


def _write_at_once(path: Path, content: bytes) -> None:
    """Write a file that nobody sees half of; several processes of a hub may write the same one."""
    path.parent.mkdir(exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
