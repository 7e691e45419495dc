"""Fetch the JavaScript libraries of the leaderboard at pinned versions, with their licences.

Run ``python scripts/vendor.py`` after changing a pin below. npm fetches each published archive; it
is used only if it has the pinned hash, which is the registry's ``dist.integrity``.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "bench" / "leaderboard" / "vendor"

# In the order in which the page loads them.
LIBRARIES = (
    {
        "name": "preact",
        "version": "10.29.8",
        "file": "dist/preact.min.js",
        "integrity": "sha512-ej2aVZ+vZ8WO7tvlQWRM9N63A0KzF9q4mWJfDUHgYaIofWY9hu74QdnQrjoPMmZi2/nZ5gN0bJCQF49xQqx09Q==",
        "for": "rendering: text is set as text, whatever it holds",
    },
    {
        "name": "htm",
        "version": "3.1.1",
        "file": "dist/htm.umd.js",
        "integrity": "sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
        "for": "templates of Preact without a build step",
    },
    {
        "name": "@tanstack/table-core",
        "version": "8.21.3",
        "file": "build/umd/index.production.js",
        "integrity": "sha512-ldZXEhOBb8Is7xLs01fR3YEc3DERiz5silj8tnGkFZytt1abEvl/GhUmCE0PMLaMPTa3Jk4HbKmRlHmu+gCftg==",
        "for": "sorting, filtering, column choice and selection of tables",
    },
    {
        "name": "d3-array",
        "version": "3.2.5",
        "file": "dist/d3-array.min.js",
        "integrity": "sha512-Th8qGXoBalmWsstpkuhmBuTsBQIFqYOJtjlBvNVvBfJ8E3uYusBUwUR8HU20U0qKKQkgCvKyR1YjiozWadk5QA==",
        "for": "ticks and extents of charts",
    },
)


def main() -> None:
    """Fetch, check and write every library, its licence and ``vendor.json``."""
    listed = []
    for library in LIBRARIES:
        script, licence, kind = fetch(library)
        stem = library["name"].rpartition("/")[2]
        (TARGET / f"{stem}.js").write_bytes(script)
        (TARGET / f"{stem}.LICENSE").write_bytes(licence)
        listed.append(library | {"licence": kind, "script": f"{stem}.js"})
    text = json.dumps(listed, indent=1) + "\n"
    (TARGET / "vendor.json").write_text(text, encoding="utf-8")


def fetch(library: dict[str, str]) -> tuple[bytes, bytes, str]:
    """The script, the licence's text and its SPDX name, from the published archive."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = f"{library['name']}@{library['version']}"
        subprocess.run(
            ["npm", "pack", wanted, "--pack-destination", folder],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        (archive,) = Path(folder).glob("*.tgz")
        digest = hashlib.sha512(archive.read_bytes()).digest()
        found = "sha512-" + base64.b64encode(digest).decode()
        if found != library["integrity"]:
            sys.exit(f"{wanted}: expected {library['integrity']}, found {found}")
        with tarfile.open(archive) as package:
            about = json.loads(member(package, "package.json"))
            script = member(package, library["file"])
            return script, member(package, "LICENSE"), about["license"]


def member(package: tarfile.TarFile, name: str) -> bytes:
    """A file of an npm archive, read without unpacking it."""
    stream = package.extractfile(f"package/{name}")
    if stream is None:
        sys.exit(f"{name} is no file")
    # A comment with the address of a source map would make the browser's tools ask for it.
    lines = stream.read().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b"//# sourceMappingURL="))


if __name__ == "__main__":
    main()
