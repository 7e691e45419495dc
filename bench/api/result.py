"""A run as an object: its scores, its manifest, its observations."""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.display import plain
from bench.results import runs

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from rich.table import Table

    from bench.results.manifest import Manifest
    from bench.spec.score import Score

_HEADINGS = ("metric", "value", "95 % interval", "n")


@dataclass(frozen=True)
class PrimaryScore:
    """The score that ranks a run.

    Attributes:
        name: of the metric, such as ``ap_macro``.
        value: on the metric's own scale (``unit``); None where it is undefined.
        low, high: the 95 % interval over samples; None where it is undefined.
        samples: how many samples stand behind it.
        unit: such as ``fraction`` or ``dB``.
        higher_is_better: the metric's direction.

    >>> PrimaryScore("ap_macro", 0.5, 0.4, 0.6, 100, "fraction", True).value
    0.5
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    samples: int
    unit: str
    higher_is_better: bool


@dataclass(frozen=True, repr=False)
class Run:
    """A complete run: one model on one task and track.

    Attributes:
        folder: the run's folder, which holds ``run.json`` and the observations.

    >>> import bench, torch
    >>> network = torch.nn.Sequential(
    ...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
    ... )
    >>> run = bench.run("reben-mlc", network, contract="s1", name="means", track="sample", limit=8)
    >>> run.samples, run.track, run.trust
    (8, 'sample', 'rerun')
    >>> list(run.scores.columns)
    ['metric', 'average', 'label', 'slice', 'value', 'low', 'high', 'samples', 'primary']
    >>> run.observations().shape[0]
    8
    """

    folder: Path

    @property
    def name(self) -> str:
        """The run id, which is the name of its folder."""
        return self.folder.name

    @property
    def manifest(self) -> "Manifest":
        """The content of ``run.json``: task, model, data, versions, settings, cost and scores.

        Raises:
            BenchError: the file is missing or damaged.
        """
        return self._stored.manifest()

    @property
    def task(self) -> str:
        """The name of the task."""
        return str(self.manifest.task.name)

    @property
    def entry(self) -> str:
        """The name of the model's entry."""
        return str(self.manifest.entry.name)

    @property
    def track(self) -> str:
        """``official`` or ``sample``."""
        return str(self.manifest.track)

    @property
    def trust(self) -> str:
        """``rerun``, ``rescored`` or ``reported``: how the scores came to be."""
        return str(self.manifest.trust)

    @property
    def samples(self) -> int:
        """The number of evaluated samples."""
        return int(self.manifest.data.samples)

    @property
    def primary(self) -> PrimaryScore:
        """The score that ranks the run."""
        from bench.metrics.scales import scale

        manifest = self.manifest
        named = manifest.task.primary
        known = scale(named.rpartition("_")[0])
        found = next(one for one in _overall(manifest) if one.name == named)
        value, low, high = found.value, found.low, found.high
        return PrimaryScore(
            named, value, low, high, found.samples, known.unit, known.higher_is_better
        )

    @property
    def scores(self) -> "pd.DataFrame":
        """Every score of the run, a row each.

        Returns:
            ``metric`` and ``average`` name the metric; ``label`` is the class, or empty; ``slice``
            the group of samples, or empty for all; ``value``, ``low`` and ``high`` are float64 with
            a 95 % interval, NaN where undefined; ``samples`` is a count; ``primary`` is true for
            the score that ranks.
        """
        import pandas as pd

        manifest = self.manifest
        columns = ["metric", "average", "label", "slice", "value", "low", "high", "samples"]
        frame = pd.DataFrame(
            [[getattr(score, column) for column in columns] for score in manifest.scores],
            columns=columns,
        ).astype({"value": "float64", "low": "float64", "high": "float64", "samples": "int64"})
        named = manifest.task.primary
        whole = (frame["slice"] == "") & (frame["label"] == "")
        frame["primary"] = whole & (frame["metric"] + "_" + frame["average"] == named)
        return frame

    def observations(self, *, attributes: bool = False) -> "pd.DataFrame":
        """What was observed of each sample, a row each in the order of evaluation.

        Args:
            attributes: join what samples can be grouped by, such as their country.

        Returns:
            ``sample`` is the id; the other columns are those of the task's kind
            (`bench info TASK` lists them), lists as NumPy arrays.

        Raises:
            BenchError: the files are missing or damaged.
        """
        frame: pd.DataFrame = self.table().to_pandas()
        beside = self._stored.attributes() if attributes else None
        return frame if beside is None else frame.merge(beside.to_pandas(), on="sample")

    def table(self) -> "pa.Table":
        """The observations as an Arrow table, as they are stored.

        Raises:
            BenchError: the files are missing or damaged.
        """
        return self._stored.observations()

    @property
    def _stored(self) -> runs.Run:
        return runs.Run(self.folder)

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """The aggregate scores in words."""
        manifest = self.manifest
        rows = []
        for score in _overall(manifest):
            bounds = score.low, score.high
            interval = "-" if None in bounds else "[{:.4f}, {:.4f}]".format(*bounds)
            value = "-" if score.value is None else f"{score.value:.4f}"
            ranks = " (ranks)" if score.name == manifest.task.primary else ""
            rows.append((plain(score.name) + ranks, value, interval, f"{score.samples:,}"))
        return rows

    def _caption(self) -> str:
        """What was run on what, and how much it counts, in one line."""
        manifest = self.manifest
        part = ", a part of the samples: never ranked" if manifest.partial else ""
        part += (
            f", images {manifest.degradation.name}: never ranked" if manifest.degradation else ""
        )
        return plain(
            f"{manifest.entry.name} on {manifest.task.name} version "
            f"{manifest.task.version}, {manifest.track} track{part}, "
            f"{manifest.division} division, {manifest.trust}"
        )

    def __repr__(self) -> str:
        first = next((row for row in self._rows() if row[0].endswith("(ranks)")), None)
        score = "" if first is None else f", {first[0].removesuffix(' (ranks)')} {first[1]}"
        bounds = "" if first is None or first[2] == "-" else f" {first[2]}"
        return f"<Run {plain(self.name)}: {self._caption()}{score}{bounds}>"

    def __rich__(self) -> "Table":
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(self._caption()), caption=Text(f"run {plain(self.name)}"))
        for number, heading in enumerate(_HEADINGS):
            table.add_column(heading, justify="left" if number == 0 else "right")
        for row in self._rows():
            table.add_row(*map(Text, row))
        return table

    def _repr_html_(self) -> str:
        """The aggregate scores as an HTML table, for notebooks; every text is escaped."""
        heads = "".join(f"<th>{html.escape(heading)}</th>" for heading in _HEADINGS)
        lines = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        remarks = "".join(
            f"<p>{html.escape(plain(str(remark)))}</p>" for remark in self.manifest.remarks
        )
        return (
            f"<table><caption>{html.escape(self._caption())}</caption><thead><tr>{heads}</tr>"
            f"</thead><tbody>{lines}</tbody></table><p>run <code>{html.escape(plain(self.name))}"
            f"</code></p>{remarks}"
        )


def _overall(manifest: "Manifest") -> "list[Score]":
    """The scores of all samples that are one number."""
    return [score for score in manifest.scores if not (score.label or score.slice)]
