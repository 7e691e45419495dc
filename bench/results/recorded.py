"""A run that is found complete: is it still what would be made now?

What decides its number is its identity, and another identity is another run. What only labels it is
brought up to date; what may have changed a number without changing the identity is said.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.results import integrity
from bench.results.runs import Run

Manifest = Mapping[str, Any]

_WORDS = ("entry", "trust", "division", "inputs")


def refresh(run: Run, now: Manifest) -> list[str]:
    """Bring the words of a complete run up to date.

    Args:
        run: a complete run.
        now: the manifest that it would be begun with now.

    Returns:
        What is to be said: that it was altered, which is left as it is, which words changed, and
        what it was made with that is different now.
    """
    checked = integrity.check(run)
    if checked.altered:
        return [f"it is not as it was made: {'; '.join(checked.altered)}"]
    before = checked.manifest
    said = list(differences(before, now))
    ours, theirs = before["entry"], now["entry"]
    words = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    if words:
        said.append(f"brought up to date: {', '.join(words)}")
    after = dict(before) | {key: now[key] for key in _WORDS}
    if after != before:
        run.write_manifest(after)
    return said


def differences(before: Manifest, now: Manifest) -> Iterator[str]:
    """What may have changed a number, a line each."""
    packages = before.get("arithmetic") or {}
    for name, version in now["arithmetic"].items():
        if packages.get(name, version) != version:
            yield f"{name} was {packages[name]}, is {version}"
    was, made = before["harness"], now["harness"]
    # Runs of earlier versions don't say which code made them.
    known = "code_sha256" in was
    if (
        (known and was["code_sha256"] != made["code_sha256"])
        or was["version"] != made["version"]
        or (not known and was.get("commit") != made["commit"])
    ):
        yield f"the harness was {_named(was)}, is {_named(made)}"
    noted, there = before["data"].get("files"), now["data"].get("files")
    if noted and there and noted != there:
        same = noted["count"] == there["count"] and noted["bytes"] == there["bytes"]
        yield (
            f"the files of the dataset were {noted['count']} with {noted['bytes']} bytes, are "
            f"{there['count']} with {there['bytes']}"
            + (", some of them written since" if same else "")
            + "; the records that were looked at are the same"
        )


def _named(made: Manifest) -> str:
    commit = f" at {made['commit'][:12]}" if made.get("commit") else ""
    code = f", code {made['code_sha256'][:12]}" if made.get("code_sha256") else ""
    return f"{made['version']}{commit}{' (changed)' if made.get('dirty') else ''}{code}"
