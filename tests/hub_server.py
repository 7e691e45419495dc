"""A Hub on the loopback interface: the part of its protocol that reading a repository needs.

Repositories are folders ``OWNER/NAME`` below a root. A repository's only revisions are ``main``
and its present commit.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


def commit_of(repository: Path) -> str:
    """The commit of a repository: another one whenever a file is written."""
    files = [(path.name, path.stat().st_mtime_ns) for path in sorted(repository.iterdir())]
    return hashlib.sha1(repr(files).encode(), usedforsecurity=False).hexdigest()


class Hub(ThreadingHTTPServer):
    """The server; ``fetched`` lists what was downloaded, ``refuse`` is a status to answer with."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.fetched: list[str] = []
        self.refuse: int | None = None
        self.claimed_sizes: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _answer(self) -> None:
        parts = urlsplit(self.path).path.strip("/").split("/")
        if self.server.refuse is not None:
            self._error(self.server.refuse)
        elif parts[:2] == ["api", "models"] and len(parts) in (4, 6):
            self._info("/".join(parts[2:4]), parts[5] if len(parts) == 6 else "main")
        elif len(parts) == 5 and parts[2] == "resolve":
            self._file("/".join(parts[:2]), parts[3], parts[4])
        else:
            self._error(404)

    def _repository(self, name: str, revision: str) -> Path | None:
        folder = self.server.root / name
        if not folder.is_dir():
            self._error(404, "RepoNotFound")
        elif revision not in ("main", commit_of(folder)):
            self._error(404, "RevisionNotFound")
        else:
            return folder
        return None

    def _info(self, name: str, revision: str) -> None:
        if (folder := self._repository(name, revision)) is None:
            return
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        files = [
            {"rfilename": file, "size": size, "blobId": "0" * 40}
            for file, size in (sizes | self.server.claimed_sizes).items()
            if file in sizes
        ]
        info = {"_id": "0", "id": name, "modelId": name, "sha": commit_of(folder), "tags": []}
        self._send(json.dumps(info | {"siblings": files, "private": False}).encode(), {})

    def _file(self, name: str, revision: str, file: str) -> None:
        if (folder := self._repository(name, revision)) is None:
            return
        if not (folder / file).is_file():
            self._error(404, "EntryNotFound")
            return
        content = (folder / file).read_bytes()
        if self.command == "GET":
            self.server.fetched.append(file)
        self._send(
            content,
            {
                "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Repo-Commit": commit_of(folder),
            },
        )

    def _error(self, status: int, code: str = "") -> None:
        self._send(b"", {"X-Error-Code": code} if code else {}, status)

    def _send(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@contextmanager
def serving(root: Path) -> Iterator[Hub]:
    """A running Hub of the repositories below ``root``."""
    with Hub(root) as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
