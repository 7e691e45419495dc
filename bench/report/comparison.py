"""What a comparison of entries comes to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.base.errors import RequestError
from bench.metrics import stats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CompetitorScore:
    """One entry.

    Attributes:
        name: of the entry.
        runs: one for each seed of training.
        seeds: of these.
        value, low, high: the mean of their metric and its 95 % interval; None where undefined.
        unit_error: the standard error that comes from the choice of samples.
        seed_error: the one that comes from seeds; None with one training, which says nothing of it.
    """

    name: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    value: float
    low: float | None
    high: float | None
    unit_error: float | None
    seed_error: float | None


@dataclass(frozen=True)
class Difference:
    """The first entry's metric minus the second's; None where a number is undefined.

    Attributes:
        first, second: indices of the sides.
        label: the class, or empty.
        values: of the first and of the second.
        value, low, high: their difference and its 95 % interval.
        p: of no difference.
        p_holm: the same, corrected for all pairs, or all classes, shown together.
        verdict: ``better`` or ``worse``, as the metric counts, where corrected p is below 0.05,
            else ``tied``. Of a single pair p is not corrected, and is so where the interval
            excludes 0.
        tiny: whether it is too small to matter, certain or not.
    """

    first: int
    second: int
    label: str
    values: tuple[float | None, float | None]
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    verdict: str
    tiny: bool


@dataclass(frozen=True)
class PerSample:
    """Two entries sample by sample, by the `sample_scores` of the kind.

    Attributes:
        score: what the score of a sample is; higher is better.
        ahead, behind, even: on how many samples the first entry scores higher, lower, the same.
        gains, losses: (sample, first, second) where it is furthest ahead and behind.
        mcnemar: where samples are simply right (1) or wrong (0).
    """

    score: str
    ahead: int
    behind: int
    even: int
    gains: tuple[tuple[str, float, float], ...]
    losses: tuple[tuple[str, float, float], ...]
    mcnemar: stats.McNemar | None


@dataclass(frozen=True)
class Comparison:
    """What is known of how entries differ.

    Attributes:
        task, version, digest, track, partial: what they were run on.
        metric: what is compared.
        samples: how many.
        unit, units: what is independent of each other, ``sample`` or an attribute such as ``tile``,
            and how many there are.
        visible: the smallest difference that a pair like these would show with a power of 0.8,
            median over pairs.
        method: how interval and p-value came to be, in words.
        remarks: what a reader should know besides.
        sides: the entries, as asked for.
        pairs: every two of them.
        classes: of the only pair; empty for more entries.
        per_sample: of the only pair; None for more entries.
        tiers: of each entry, 1 for all that can't be told from the best.
        ranks: of each entry, the best and the worst rank it may have.
    """

    task: str
    version: int
    digest: str
    track: str
    partial: bool
    metric: str
    samples: int
    unit: str
    units: int
    method: str
    visible: float | None
    remarks: tuple[str, ...]
    sides: tuple[CompetitorScore, ...]
    pairs: tuple[Difference, ...]
    classes: tuple[Difference, ...]
    per_sample: PerSample | None
    tiers: tuple[int, ...]
    ranks: tuple[tuple[int, int], ...]

    def to_frame(self, of: Literal["pairs", "classes", "entries"] = "pairs") -> "pd.DataFrame":
        """The comparison as a table.

        Args:
            of: ``pairs`` for a row for every two entries, ``classes`` for a row for each class
                where two entries are compared, ``entries`` for a row for each entry.

        Returns:
            Of pairs and classes: ``first`` and ``second`` (names of entries), ``label`` (of
            classes), the metric of both, their ``difference`` with ``low`` and ``high`` (95 %
            interval), ``p``, ``p_holm`` (corrected for all rows), ``verdict`` on the first one and
            ``tiny``. Of entries: ``entry``, the metric, ``tier`` (1 for all that can't be told from
            the best), ``rank_best``, ``rank_worst``, ``seeds`` and ``runs``. Undefined numbers are
            NaN.

        Raises:
            RequestError: there is no such table.
        """
        import pandas as pd

        if of == "entries":
            rows = [
                [side.name, side.value, tier, best, worst, side.seeds, side.runs]
                for side, tier, (best, worst) in zip(
                    self.sides, self.tiers, self.ranks, strict=True
                )
            ]
            names = [self.metric, "tier", "rank_best", "rank_worst", "seeds", "runs"]
            return pd.DataFrame(rows, columns=["entry", *names])
        if of not in ("pairs", "classes"):
            raise RequestError(f"unknown table {of!r:.100}", "use pairs, classes or entries")
        differences = self.pairs if of == "pairs" else self.classes
        columns = [f"{self.metric}_first", f"{self.metric}_second", "difference", "low", "high"]
        columns += ["p", "p_holm"]
        frame = pd.DataFrame(
            [
                [
                    *(self.sides[one.first].name, self.sides[one.second].name, one.label),
                    *(*one.values, one.value, one.low, one.high, one.p, one.p_holm),
                    *(one.verdict, one.tiny),
                ]
                for one in differences
            ],
            columns=["first", "second", "label", *columns, "verdict", "tiny"],
        ).astype(dict.fromkeys(columns, "float64"))
        return frame.drop(columns="label") if of == "pairs" else frame
