"""The file of predictions of an entry."""

from bench import data
from bench.base import parquet
from bench.base.errors import BenchError
from bench.data import Dataset
from bench.evaluate import predictions
from bench.spec.entry import Predicted
from bench.submissions.checks import PreconditionError, Submission

_ROWS = 64


def columns(submission: Submission) -> str | None:
    """A Parquet file with the columns of the task's schema, of bounded size."""
    if (entry := submission.predicted) is None:
        return None
    schema = predictions.form(entry.file, submission.task)
    return f"{parquet.rows(entry.file, schema):,} rows of {', '.join(schema.names)}"


def values(submission: Submission) -> str | None:
    """Every value is there, finite and in its range."""
    if (entry := submission.predicted) is None:
        return None
    _require_columns(submission, entry)
    found = predictions.tables(entry.file, submission.task)
    return f"{sum(piece.num_rows for piece in found):,} rows"


def samples(submission: Submission) -> str | None:
    """Every sample of the scored split is predicted once, and nothing else."""
    if (entry := submission.predicted) is None:
        return None
    _require_columns(submission, entry)
    task = submission.task
    found = predictions.samples(entry.file, task)
    declared = task.published(task.split)
    if (len(found), data.ids_sha256(found)) == (declared.size, declared.ids_sha256):
        return f"all {len(found):,} of the official track"
    known = {
        track: predictions.expected(task, dataset)
        for track, dataset in _datasets(submission).items()
    }
    for track, ids in known.items():
        if sorted(found) == ids:
            return f"all {len(found):,} of the {track} track"
    nearest = max(known.values(), key=lambda ids: len(set(ids) & set(found)), default=[])
    if not set(nearest) & set(found):
        raise BenchError(
            f"{len(found):,} samples, none of which is known here; split {task.split} has "
            f"{declared.size or 'other'} on the official track, with fingerprint "
            f"{(declared.ids_sha256 or 'unknown')[:12]}",
            f"write the ids as the dataset does; `bench data sample {task.dataset}` shows some",
        )
    predictions.check_samples(entry.file, found, nearest)
    return None


def fit(submission: Submission) -> str | None:
    """The first predictions fit their samples, where the data is here."""
    if (entry := submission.predicted) is None or not submission.dry_run:
        return None
    task = submission.task
    try:
        piece = next(predictions.tables(entry.file, task)).slice(0, _ROWS)
    except (BenchError, StopIteration) as error:
        raise PreconditionError from error
    asked = set(piece.column("sample").to_pylist())
    for track, dataset in _datasets(submission).items():
        if asked <= set(predictions.expected(task, dataset)):
            kind = predictions.kind_of(task)
            kind.check_scale(kind.from_predictions(dataset, piece))
            return f"{piece.num_rows} rows on the {track} track"
    return None


def _require_columns(submission: Submission, entry: Predicted) -> None:
    try:
        parquet.rows(entry.file, predictions.form(entry.file, submission.task))
    except BenchError as error:
        raise PreconditionError from error


def _datasets(submission: Submission) -> dict[str, Dataset]:
    """The task's dataset on the tracks that are ready here; a dry run makes the sample track."""
    name = submission.task.dataset
    roots = {"official": data.official_root(name), "sample": data.sample_root(name)}
    if submission.dry_run:
        data.ensure_sample(name, lambda text: None)
    return {
        track: data.reader(name).open_dataset(root)
        for track, root in roots.items()
        if data.is_there(root)
    }
