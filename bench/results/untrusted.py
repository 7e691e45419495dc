"""Observations of run folders that were made elsewhere, looked at before they are used."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from bench import kinds
from bench.base.errors import BenchError, RequestError
from bench.results import integrity, received
from bench.results.manifest import Manifest
from bench.results.runs import Run


@contextmanager
def about(run: Run) -> Iterator[None]:
    """Say of which run an error is, and of its files the names alone."""
    try:
        yield
    except BenchError as error:
        message = error.message.replace(f"{run.folder}{os.sep}", "")
        raise BenchError(f"run {run.name}: {message}", error.hint) from error


MAX_PARTS = 10_000
"""The most parts that a run may have."""


def check_observations(run: Run, manifest: Manifest) -> None:
    """Look at the observations of a run folder, and at what its samples can be grouped by.

    Raises:
        BenchError: a file is a link, holds no observations as a run of its task has them, or they
            are too large.
    """
    parts, samples = run.parts(), manifest.data.samples
    with about(run):
        if len(parts) > MAX_PARTS:
            raise BenchError(f"expected at most {MAX_PARTS:,} parts, found {len(parts):,}")
        for path in (run.manifest_path, run.attributes_path(), *parts):
            if path.is_symlink():
                raise BenchError(f"{path.name} is a link", "copy the file itself there")
        if parts:
            received.check_observations(parts, samples, _schema(run, manifest))
        if run.attributes_path().is_file():
            received.check_observations([run.attributes_path()], samples, None)


def _schema(run: Run, manifest: Manifest) -> pa.Schema | None:
    """The columns of a run's observations, if its task is here and means the same."""
    try:
        task = integrity.task_of(run, manifest)
    except RequestError:
        return None
    same = task.digest == manifest.task.digest
    return kinds.of(task).schema() if same else None
