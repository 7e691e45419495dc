"""What our laboratory wants of its submissions."""

from bench.base.errors import BenchError
from bench.submissions.checks import Submission

_WORDS = 20


def readme(submission: Submission) -> str | None:
    """README.md says in twenty words or more what was done."""
    if submission.alone:
        return None
    path = submission.path / "README.md"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found = len(text.split())
    if found < _WORDS:
        raise BenchError(
            f"README.md has {found} words, expected {_WORDS} or more",
            "write what was trained, on what and how",
        )
    return f"{found} words"


def title(submission: Submission) -> str | None:
    """The entry has a title of its own."""
    if submission.alone:
        return None
    found = submission.raw.get("title")
    if not isinstance(found, str) or not found.strip():
        raise BenchError("no title", 'write title = "..." in entry.toml')
    return found
