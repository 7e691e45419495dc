"""Run folders, the truth behind every result.

``results/runs/<run id>/`` holds

- ``run.json``: the manifest; ``status`` is ``predicting`` until everything is there;
- ``part-00000.parquet`` ...: the observations, each part written at once by atomic rename;
- ``attributes.parquet``: what the samples can be grouped by.

A run is recognised by its identity: task digest, data, entry digest, seed and arithmetic. The same
identity continues where it stopped, or is found complete.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.base import locks
from bench.base.errors import BenchError, RequestError, unknown
from bench.base.files import atomic_path, sha256_file, sha256_json, sweep
from bench.base.paths import absolute
from bench.results import manifest as manifests
from bench.results.manifest import Manifest
from bench.results.records import Identity

RUN_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
"""What the id of a run looks like, and so the name of its folder."""

_IMPORTED = ".imported"


@dataclass(frozen=True)
class Run:
    """A run folder."""

    folder: Path

    @property
    def name(self) -> str:
        """The run id."""
        return self.folder.name

    @property
    def manifest_path(self) -> Path:
        """Where its manifest is."""
        return self.folder / "run.json"

    def manifest(self) -> Manifest:
        """The content of ``run.json``.

        Raises:
            BenchError: as `bench.results.manifest.read`.
        """
        return manifests.read(self.manifest_path)

    def write_manifest(self, manifest: Manifest) -> Manifest:
        """Replace ``run.json``; gives it as it stands there, with the hash of its content."""
        return manifests.write(manifest, self.manifest_path)

    def complete(self) -> bool:
        """Whether the run finished."""
        return self.manifest_path.is_file() and self.manifest().status == "complete"

    def part(self, index: int) -> Path:
        """Where a part of the observations is."""
        return self.folder / f"part-{index:05d}.parquet"

    def parts(self) -> list[Path]:
        """The parts that are there, in order."""
        return sorted(self.folder.glob("part-*.parquet"))

    def write_part(self, index: int, observations: pa.Table) -> None:
        """Write one part; it appears whole or not at all."""
        with atomic_path(self.part(index)) as temporary:
            pq.write_table(observations, temporary, compression="zstd")

    def observations(self) -> pa.Table:
        """All observations, in the order of the parts.

        Raises:
            BenchError: a part is damaged or there is none.
        """
        if not self.parts():
            raise BenchError(f"run {self.name} holds no observations", "repeat it with --force")
        try:
            return pa.concat_tables([_table(path) for path in self.parts()])
        except (OSError, pa.ArrowException) as error:
            raise BenchError(
                f"observations of run {self.name} can't be read: {error}",
                "repeat the run with --force",
            ) from error

    @property
    def imported(self) -> bool:
        """Whether it was made elsewhere: paths in its manifest are a stranger's words."""
        return (self.folder / _IMPORTED).exists()

    def mark_imported(self) -> None:
        """Note that it was made elsewhere."""
        (self.folder / _IMPORTED).touch()

    def attributes_path(self) -> Path:
        """Where the attributes of the samples are."""
        return self.folder / "attributes.parquet"

    def attributes(self) -> pa.Table | None:
        """What the samples can be grouped by, rows as in the observations; None without any."""
        path = self.attributes_path()
        return _table(path) if path.is_file() else None

    def hashes(self) -> dict[str, str]:
        """The SHA-256 of every part, and of the attributes."""
        there = [path for path in (self.attributes_path(), *self.parts()) if path.is_file()]
        return {path.name: sha256_file(path) for path in there}

    def observations_sha256(self, volatile: Sequence[str]) -> str:
        """The SHA-256 of what was observed, but for columns that measure the machine."""
        if not volatile:
            return sha256_json(self.hashes())
        digest = hashlib.sha256()
        for column in (table := self.observations().drop_columns(list(volatile))).column_names:
            digest.update(f"{column}\n".encode())
            sink = pa.BufferOutputStream()
            values = table.select([column]).combine_chunks()
            with pa.ipc.new_stream(sink, values.schema) as writer:
                writer.write_table(values)
            digest.update(sink.getvalue())
        return digest.hexdigest()

    def discard_parts(self) -> None:
        """Remove all observations."""
        for path in self.parts():
            path.unlink()

    def lock(self) -> contextlib.AbstractContextManager[object]:
        """Hold the run from now on until the context that is returned is left.

        What a killed process left half written in the folder is removed.

        Raises:
            BenchError: another process holds it, or the folder can't be written.
        """
        hold = contextlib.ExitStack()
        hold.enter_context(locks.held(self.folder / ".lock", f"is working on run {self.name}"))
        sweep(self.folder)
        return hold


def all_runs(results: Path) -> Iterator[Run]:
    """The runs under a results folder that have a manifest, complete or not, in order of name."""
    for path in sorted((results / "runs").glob("*/run.json")):
        yield Run(path.parent)


def find(results: Path, name: str) -> Run:
    """A run by its id, by an unambiguous beginning of it, or by the path of its folder.

    Raises:
        RequestError: there is none, or several.
    """
    folder = absolute(name)
    if (folder / "run.json").is_file():
        return Run(folder)
    known = {run.name: run for run in all_runs(results)}
    if name in known:
        return known[name]
    fitting = [run for full, run in known.items() if full.startswith(name)]
    if len(fitting) > 1:
        raise RequestError(f"{len(fitting)} runs begin with {name!r}", "give more of the run id")
    if not fitting:
        raise unknown("run", name, known, f"looked in {results / 'runs'}")
    return fitting[0]


def choose(results: Path, stem: str, identity: Identity, force: bool) -> Run:
    """The run folder for an identity: the one there is, or a new one.

    Args:
        results: the results folder.
        stem: readable beginning of the run id.
        identity: what is run; runs of one identity have equal observations.
        force: begin another run where a complete one is there.
    """
    stem = f"{stem}.{sha256_json(identity.content())[:10]}"
    attempt = 1
    while True:
        run = Run(results / "runs" / (stem if attempt == 1 else f"{stem}.{attempt}"))
        if not (force and run.complete()):
            return run
        attempt += 1


def check_coverage(run: Run, observations: pa.Table, samples: Sequence[str]) -> None:
    """Make sure that every sample was observed exactly once and nothing else was.

    Raises:
        BenchError: it wasn't.
    """
    observed = observations.column("sample").to_pylist()
    if observed != list(samples):
        missing = sorted(set(samples) - set(observed))
        raise BenchError(
            f"run {run.name} observed {len(observed)} samples, expected {len(samples)} "
            f"({len(missing)} missing{', first ' + missing[0] if missing else ''})",
            "repeat it with --force",
        )


def _table(path: Path) -> pa.Table:
    # `pyarrow.parquet.read_table` imports pandas first.
    with pq.ParquetFile(path) as file:
        return file.read()
