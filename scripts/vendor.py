"""Fetch the JavaScript libraries of the leaderboard at pinned versions, with their licences.

Run ``python scripts/vendor.py`` after changing a pin in
``bench/report/leaderboard/vendor/vendor.json``.
npm fetches each published archive; it is used only if it has the pinned hash (the registry's
``dist.integrity``, as ``npm view NAME@VERSION dist.integrity`` prints it) and the stated licence.
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


def main() -> None:
    """Fetch, check and write every library and its licence."""
    for library in json.loads((TARGET / "vendor.json").read_text(encoding="utf-8")):
        script, licence = fetch(library)
        path = TARGET / library["script"]
        path.write_bytes(script)
        path.with_suffix(".LICENSE").write_bytes(licence)


def fetch(library: dict[str, str]) -> tuple[bytes, bytes]:
    """The script and the licence's text, from the published archive."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = f"{library['name']}@{library['version']}"
        subprocess.run(
            ["npm", "pack", wanted, "--silent", "--pack-destination", folder],
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
            if about["license"] != library["licence"]:
                sys.exit(f"{wanted}: expected {library['licence']}, found {about['license']}")
            return member(package, library["file"]), member(package, "LICENSE")


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
