"""The files of embeddings of an entry."""

from bench.base.errors import BenchError
from bench.evaluate import embedding_files
from bench.models.embeddings import probed
from bench.submissions.checks import Submission


def values(submission: Submission) -> str | None:
    """Files with an embedding in each row, of one width, finite and in the declared dtype."""
    if (entry := submission.embedded) is None:
        return None
    count, width = 0, None
    for path in entry.paths:
        for samples, block in embedding_files.blocks(path, entry.embeddings):
            if width is None:
                width = block.shape[1]
                entry.embeddings.check_width(width)
            if block.shape[1] != width:
                raise BenchError(
                    f"{path}: expected {width} dimensions as before, found {block.shape[1]}",
                    "embed all samples by one model",
                )
            count += len(samples)
    if not count:
        raise BenchError("expected embeddings, found no row", "write a row for each sample")
    return f"{count:,} embeddings of {width} dimensions in {entry.embeddings.dtype}"


def task(submission: Submission) -> str | None:
    """A task whose images as a whole have a target."""
    if (entry := submission.embedded) is None:
        return None
    probed(entry, submission.task, "ridge")
    return f"heads are fitted on the splits of {submission.task.name}"
