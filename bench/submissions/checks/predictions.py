"""The file of predictions of an entry."""

from bench import data
from bench.base import parquet
from bench.base.errors import BenchError
from bench.data import Dataset
from bench.evaluate import predictions
from bench.kinds.common import scoring
from bench.spec.entry import Predicted
from bench.submissions.checks import Subject, Unmet

_ROWS = 64


def columns(subject: Subject) -> str | None:
    """A Parquet file with the columns of the task's schema, of bounded size."""
    if (entry := subject.predicted) is None:
        return None
    schema = predictions.form(entry.file, subject.task)
    return f"{parquet.rows(entry.file, schema):,} rows of {', '.join(schema.names)}"


def values(subject: Subject) -> str | None:
    """Every value is there, finite and in its range."""
    if (entry := subject.predicted) is None:
        return None
    _require_columns(subject, entry)
    found = predictions.tables(entry.file, subject.task)
    return f"{sum(piece.num_rows for piece in found):,} rows"


def samples(subject: Subject) -> str | None:
    """Every sample of the scored split is predicted once, and nothing else."""
    if (entry := subject.predicted) is None:
        return None
    _require_columns(subject, entry)
    task = subject.task
    found = predictions.samples(entry.file, task)
    declared = task.published(task.split)
    if (len(found), data.ids_sha256(found)) == (declared.size, declared.ids_sha256):
        return f"all {len(found):,} of the official track"
    known = {
        track: predictions.expected(task, dataset) for track, dataset in _datasets(subject).items()
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


def fit(subject: Subject) -> str | None:
    """The first predictions fit their samples, where the data is here."""
    if (entry := subject.predicted) is None or not subject.dry_run:
        return None
    task = subject.task
    try:
        piece = next(predictions.tables(entry.file, task)).slice(0, _ROWS)
    except (BenchError, StopIteration) as error:
        raise Unmet from error
    asked = set(piece.column("sample").to_pylist())
    for track, dataset in _datasets(subject).items():
        if asked <= set(predictions.expected(task, dataset)):
            found = predictions.kind_of(task).from_predictions(task, dataset, piece)
            scoring.check_scale(task, found)
            return f"{piece.num_rows} rows on the {track} track"
    return None


def _require_columns(subject: Subject, entry: Predicted) -> None:
    try:
        parquet.rows(entry.file, predictions.form(entry.file, subject.task))
    except BenchError as error:
        raise Unmet from error


def _datasets(subject: Subject) -> dict[str, Dataset]:
    """The task's dataset on the tracks that are ready here; a dry run makes the sample track."""
    name = subject.task.dataset
    roots = {"official": data.official_root(name), "sample": data.sample_root(name)}
    if subject.dry_run:
        data.ensure_sample(name, lambda text: None)
    return {
        track: data.reader(name).open_dataset(root)
        for track, root in roots.items()
        if data.is_there(root)
    }
