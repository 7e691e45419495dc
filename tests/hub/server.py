"""A Hub on the loopback interface: the part of its HTTP protocol that the real client speaks here.

Repositories are folders below a root, ``OWNER/NAME`` of models and ``datasets/OWNER/NAME`` of
datasets; what an earlier commit held stays readable. A fault can be put on any endpoint.
"""

import base64
import hashlib
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

TOKEN = "hf_alicesverysecrettoken"
"""The token of the only user, alice."""

WRITING = (
    *("create", "validate-yaml", "preupload", "batch", "upload", "verify", "commit"),
    *("whoami", "discussions", "request"),
)
READING = ("info", "resolve")
LISTING = ("list",)

FAULTS = (401, 403, 404, 409, 429, 500, "refuse", "lose", "half", "stall", "nonsense")
"""A status, or: close before anything is done, close after it is done, close in the middle of the
answer, say nothing for longer than the client waits, answer with what isn't JSON."""

STALL_S = 0.3

_LARGE = (".safetensors", ".parquet")


def commit_of(repository: Path) -> str:
    """The commit of a repository: another one whenever a file has other content."""
    files = [(path, hashlib.sha256(content).hexdigest()) for path, content in _files(repository)]
    return hashlib.sha1(repr(files).encode(), usedforsecurity=False).hexdigest()


def _files(folder: Path) -> list[tuple[str, bytes]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]


@dataclass
class Request:
    """An open pull request."""

    number: int
    title: str
    files: dict[str, bytes]


@dataclass
class Instead:
    """An answer of any kind: what its body is made of is sent until it ends or nobody listens."""

    body: Callable[[], Iterable[bytes]]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Hub(ThreadingHTTPServer):
    """The server.

    Attributes:
        fetched: the names of the files that were downloaded.
        commits: repository and message of every commit made through the protocol.
        requests: the pull requests of each repository.
        objects: large files, by SHA-256; they may be there before any commit names them.
        fault: what goes wrong at which endpoint, or None.
        met: how often the fault was met.
        refuse: a status to answer everything with, or None.
        claimed_sizes: lies about the sizes of files, by name.
        seen: every endpoint that was asked.
        instead: what it says at an endpoint in place of the truth.
        said: how many such answers were begun, and their bytes that were sent.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.fetched: list[str] = []
        self.commits: list[tuple[str, str]] = []
        self.requests: dict[str, list[Request]] = {}
        self.objects: dict[str, bytes] = {}
        self.fault: tuple[str, Any] | None = None
        self.met = 0
        self.refuse: int | None = None
        self.claimed_sizes: dict[str, int] = {}
        self.seen: set[str] = set()
        self.instead: dict[str, Instead] = {}
        self.said = [0, 0]
        self.lock = threading.RLock()
        self.stalled = threading.Event()
        self.xet = ""
        self.xet_hashes = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what is tested here."""

    def at(self, name: str, commit: str) -> Path | None:
        """The folder of a repository at a revision."""
        folder = self.root / name
        past = self.root / ".past" / f"{name.replace('/', '--')}@{commit}"
        if commit in ("main", commit_of(folder)):
            return folder
        return past if past.is_dir() else None

    def apply(self, name: str, files: dict[str, bytes], gone: list[str]) -> str:
        """Commit at once."""
        folder = self.root / name
        past = self.root / ".past" / f"{name.replace('/', '--')}@{commit_of(folder)}"
        shutil.copytree(folder, past, dirs_exist_ok=True)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        for path in gone:
            (folder / path).unlink()
        return commit_of(folder)


_ROUTES = (
    ("whoami", "GET", r"/api/whoami-v2"),
    ("create", "POST", r"/api/repos/create"),
    ("validate-yaml", "POST", r"/api/validate-yaml"),
    ("list", "GET", r"/api/models"),
    ("preupload", "POST", r"/api/(?P<kind>models|datasets)/(?P<repo>[^/]+/[^/]+)/preupload/main"),
    ("commit", "POST", r"/api/(?P<kind>models|datasets)/(?P<repo>[^/]+/[^/]+)/commit/main"),
    ("discussions", "GET", r"/api/(?P<kind>models|datasets)/(?P<repo>[^/]+/[^/]+)/discussions"),
    (
        "xet",
        "GET",
        r"/api/(models|datasets)/[^/]+/[^/]+/xet-(read|write)-token/[^/]+",
    ),
    (
        "info",
        "GET",
        r"/api/(?P<kind>models|datasets)/(?P<repo>[^/]+/[^/]+)(/revision/(?P<revision>[^/]+))?",
    ),
    ("batch", "POST", r"/(?:datasets/)?(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch"),
    ("upload", "PUT", r"/lfs/(?P<oid>[0-9a-f]{64})"),
    ("verify", "POST", r"/lfs-verify"),
    ("resolve", "GET", r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)"),
)


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"
    # Else a body waits 40 ms for the client to acknowledge its head.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_HEAD(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        url = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.body = self._chunks()
        matches = (
            (endpoint, re.fullmatch(pattern, unquote(url.path)))
            for endpoint, verb, pattern in _ROUTES
            if verb == method
        )
        endpoint, found = next((match for match in matches if match[1]), ("", None))
        if found is None:
            return self._fail(404)
        if endpoint == "commit" and "create_pr" in self.query:
            endpoint = "request"
        self.server.seen.add(endpoint)
        self.fault = None
        if self.server.fault and self.server.fault[0] == endpoint:
            self.fault = self.server.fault[1]
            self.server.met += 1
        if self.server.refuse is not None or isinstance(self.fault, int):
            return self._fail(self.server.refuse or self.fault)
        if endpoint in self.server.instead:
            return self._say(self.server.instead[endpoint])
        if self.fault == "refuse":
            return self._hang_up()
        if self.fault == "stall":
            self.server.stalled.wait(STALL_S)
            return self._hang_up()
        handler = getattr(self, f"_{endpoint.replace('-', '_')}")
        with self.server.lock:
            return handler(**{k: v for k, v in found.groupdict().items() if v is not None})

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    # Who may do what.

    def _user(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _may_write(self, repo: str) -> bool:
        if not self._user():
            self._fail(401)
        elif not repo.startswith("alice/"):
            self._fail(403)
        else:
            return True
        return False

    def _name(self, kind: str, repo: str) -> str:
        return repo if kind == "models" else f"datasets/{repo}"

    def _folder(self, name: str, revision: str) -> Path | None:
        if not (self.server.root / name).is_dir():
            self._fail(404, "RepoNotFound")
        elif (folder := self.server.at(name, revision)) is None:
            self._fail(404, "RevisionNotFound")
        else:
            return folder
        return None

    # The endpoints.

    def _whoami(self) -> None:
        if self._user():
            self._json({"type": "user", "name": "alice", "orgs": [], "auth": {}})
        else:
            self._fail(401)

    def _create(self) -> None:
        asked = json.loads(self.body)
        repo = f"{asked['organization'] or 'alice'}/{asked['name']}"
        if not self._may_write(repo):
            return
        folder = self.server.root / repo
        answer = {"url": f"{self.server.url}/{repo}", "name": repo, "id": "0"}
        if folder.is_dir():
            self._json(answer | {"error": "You already created this model repo"}, 409)
            return
        folder.mkdir(parents=True)
        (folder / ".gitattributes").write_text("*.safetensors filter=lfs\n")
        self._json(answer)

    def _xet(self) -> None:
        if not self.server.xet:
            self._fail(404)
            return
        names = {"Cas-Url": self.server.xet, "Access-Token": "x", "Token-Expiration": "9999999999"}
        self._json({}, headers={f"X-Xet-{name}": value for name, value in names.items()})

    def _validate_yaml(self) -> None:
        block = re.match(r"---\n(.*?)\n---\n", json.loads(self.body)["content"], re.DOTALL)
        try:
            known = isinstance(yaml.safe_load(block[1]), dict) if block else True
        except yaml.YAMLError:
            known = False
        faults = [] if known else [{"message": "broken metadata"}]
        self._json({"errors": faults, "warnings": []}, 200 if known else 400)

    def _preupload(self, kind: str, repo: str) -> None:
        name = self._name(kind, repo)
        if (folder := self._folder(name, "main")) is None:
            return
        ignored = folder / ".gitignore"
        names = ignored.read_text().split() if ignored.is_file() else []
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(_LARGE) else "regular",
                "shouldIgnore": file["path"] in names,
                "oid": None,
            }
            for file in json.loads(self.body)["files"]
        ]
        self._json({"files": files})

    def _batch(self, repo: str) -> None:
        objects = []
        for asked in json.loads(self.body)["objects"]:
            found = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.server.objects:
                url = self.server.url
                found["actions"] = {
                    "upload": {"href": f"{url}/lfs/{asked['oid']}?signature=secret"},
                    "verify": {"href": f"{url}/lfs-verify"},
                }
            objects.append(found)
        self._json({"transfer": "basic", "objects": objects})

    def _upload(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            self._fail(400)
            return
        self.server.objects[oid] = self.body
        self._send(b"", {})

    def _verify(self) -> None:
        known = json.loads(self.body)["oid"] in self.server.objects
        self._json({}, 200 if known else 404)

    def _commit(self, kind: str, repo: str) -> None:
        if self._may_write(repo):
            self._change(self._name(kind, repo))

    def _request(self, kind: str, repo: str) -> None:
        # Whoever has a token may open a pull request anywhere.
        if self._user():
            self._change(self._name(kind, repo))
        else:
            self._fail(401)

    def _change(self, name: str) -> None:
        if (folder := self._folder(name, "main")) is None:
            return
        lines = [json.loads(line) for line in self.body.splitlines()]
        header, files, gone = lines[0]["value"], {}, []
        if header.get("parentCommit") not in (None, commit_of(folder)):
            self._fail(412)
            return
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "deletedFile":
                gone.append(value["path"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif value["oid"] in self.server.objects:
                files[value["path"]] = self.server.objects[value["oid"]]
            else:
                self._fail(400)
                return
        answer = {"commitUrl": f"{self.server.url}/{name}/commit/x", "pullRequestUrl": None}
        if "create_pr" in self.query:
            there = self.server.requests.setdefault(name, [])
            there.append(Request(len(there) + 1, header["summary"], files))
            address = f"{self.server.url}/{name}/discussions/{len(there)}"
            self._json(answer | {"commitOid": "0" * 40, "pullRequestUrl": address})
        else:
            self.server.commits.append((name, header["summary"]))
            self._json(answer | {"commitOid": self.server.apply(name, files, gone)})

    def _discussions(self, kind: str, repo: str) -> None:
        found = [
            {
                "num": request.number,
                "title": request.title,
                "author": {"name": "alice"},
                "createdAt": "2026-01-02T03:04:05.000Z",
                "status": "open",
                "repo": {"name": repo, "type": kind.removesuffix("s")},
                "isPullRequest": True,
            }
            for request in self.server.requests.get(self._name(kind, repo), [])
        ]
        self._json({"discussions": found, "count": len(found), "start": 0})

    def _list(self) -> None:
        found = []
        for folder in sorted(self.server.root.glob("*/*")):
            readme = folder / "README.md"
            if folder.parent.name in (".past", "datasets") or not readme.is_file():
                continue
            block = re.match(r"---\n(.*?)\n---\n", readme.read_text(), re.DOTALL)
            tags = (yaml.safe_load(block[1]) or {}).get("tags", []) if block else []
            if self.query["filter"] in tags:
                name = f"{folder.parent.name}/{folder.name}"
                found.append({"_id": "0", "id": name, "modelId": name, "tags": tags})
        # A page holds two, so that following the pages is tested.
        start = int(self.query.get("cursor", 0))
        headers = {}
        if len(found) > start + 2:
            query = f"filter={self.query['filter']}&cursor={start + 2}"
            headers["Link"] = f'<{self.server.url}/api/models?{query}>; rel="next"'
        self._json(found[start : start + 2], headers=headers)

    def _info(self, kind: str, repo: str, revision: str = "main") -> None:
        name = self._name(kind, repo)
        if (folder := self._folder(name, revision)) is None:
            return
        siblings = []
        for path, content in _files(folder):
            size = self.server.claimed_sizes.get(path, len(content))
            blob = hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False)
            file = {"rfilename": path, "size": size, "blobId": blob.hexdigest()}
            if path.endswith(_LARGE):
                digest = hashlib.sha256(content).hexdigest()
                file["lfs"] = {"size": size, "sha256": digest, "pointerSize": 134}
            siblings.append(file)
        info = {"_id": "0", "id": repo, "sha": commit_of(folder), "tags": [], "private": False}
        self._json(info | {"siblings": siblings} | ({"modelId": repo} if kind == "models" else {}))

    def _resolve(self, repo: str, revision: str, path: str) -> None:
        if (folder := self._folder(repo, revision)) is None:
            return
        if not (folder / path).is_file():
            self._fail(404, "EntryNotFound")
            return
        content = (folder / path).read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": commit_of(folder),
            "Accept-Ranges": "bytes",
        }
        if self.server.xet_hashes and path.endswith(_LARGE):
            token = f"{self.server.url}/api/models/{repo}/xet-read-token/{revision}"
            headers |= {"X-Xet-Hash": "0" * 64, "X-Xet-Refresh-Route": token}
        status, start = 200, 0
        if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            status, start = 206, int(asked[1])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if self.command == "GET":
            self.server.fetched.append(path)
        self._send(content[start:], headers, status)

    # Answers.

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        text = "<html>" if self.fault == "nonsense" else json.dumps(value)
        self._send(text.encode(), {"Content-Type": "application/json"} | (headers or {}), status)

    def _fail(self, status: int | None, code: str = "") -> None:
        self._send(b"", {"X-Error-Code": code} if code else {}, status or 500)

    def _say(self, what: Instead) -> None:
        self.server.said[0] += 1
        self.close_connection = True
        self.send_response(what.status)
        for name, value in what.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for piece in what.body():
            self.wfile.write(piece)
            self.server.said[1] += len(piece)

    def _hang_up(self) -> None:
        self.close_connection = True

    def _send(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        if self.fault == "lose":
            self._hang_up()
            return
        if self.fault == "nonsense":
            content = b"<html>"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.fault == "half":
            content = content[: len(content) // 2]
            self._hang_up()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def serving(root: Path) -> Iterator[Hub]:
    """A running Hub of the repositories below ``root``."""
    root.mkdir(parents=True, exist_ok=True)
    with Hub(root) as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
