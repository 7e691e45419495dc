"""A run that is found complete: is it still what would be made now?

What decides its number is its identity, and another identity is another run. What only labels it is
brought up to date; what may have changed a number without changing the identity is said.
"""

from collections.abc import Iterator

from bench.results import integrity
from bench.results.manifest import Manifest
from bench.results.records import HarnessRecord
from bench.results.runs import Run


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
    ours, theirs = before.entry.content(), now.entry.content()
    words = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    if words:
        said.append(f"brought up to date: {', '.join(words)}")
    after = before.labelled_as(now)
    if after != before:
        run.write_manifest(after)
    return said


def differences(before: Manifest, now: Manifest) -> Iterator[str]:
    """What may have changed a number, a line each."""
    for name, version in now.arithmetic.items():
        if before.arithmetic.get(name, version) != version:
            yield f"{name} was {before.arithmetic[name]}, is {version}"
    was, made = before.harness, now.harness
    # Runs of earlier versions don't say which code made them.
    known = was.code_sha256 is not None
    if (
        (known and was.code_sha256 != made.code_sha256)
        or was.version != made.version
        or (not known and was.commit != made.commit)
    ):
        yield f"the harness was {_named(was)}, is {_named(made)}"
    noted, there = before.data.files, now.data.files
    if noted and there and noted != there:
        same = noted.count == there.count and noted.bytes == there.bytes
        yield (
            f"the files of the dataset were {noted.count} with {noted.bytes} bytes, are "
            f"{there.count} with {there.bytes}"
            + (", some of them written since" if same else "")
            + "; the records that were looked at are the same"
        )


def _named(made: HarnessRecord) -> str:
    commit = f" at {made.commit[:12]}" if made.commit else ""
    code = f", code {made.code_sha256[:12]}" if made.code_sha256 else ""
    return f"{made.version}{commit}{' (changed)' if made.dirty else ''}{code}"
