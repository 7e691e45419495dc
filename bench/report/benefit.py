"""What training with an augmentation gains, beside how consistent the augmentation is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.base.errors import RequestError
from bench.kinds.consistency.scores import RECONSTRUCTION
from bench.report.compare import compare
from bench.results import runs
from bench.results.manifest import Manifest
from bench.spec.floors import is_floor

TASK, CONSISTENCY = "augmentation-benefit", "augmentation-consistency"

_NONE = "none"


@dataclass(frozen=True)
class Benefit:
    """One augmentation.

    Attributes:
        name, strength: the augmentation and its magnitude.
        seeds: how many trainings stand behind the gain.
        gain, low, high: the primary score with it minus that without, and the 95 % interval.
        verdict: of `bench.report.compare`: ``better``, ``worse`` or ``tied``, corrected for all
            pairs.
        ratio, ratio_low, ratio_high: augmented over original deviation at this magnitude; None
            where the augmentation was not run on the consistency task, or not at it.
        consistent: whether that is within the task's tolerance.
    """

    name: str
    strength: float
    seeds: int
    gain: float | None
    low: float | None
    high: float | None
    verdict: str
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    consistent: bool | None


def benefits(results: Path, track: str) -> list[Benefit]:
    """The gain of every augmentation that was trained with, by falling consistency.

    Raises:
        RequestError: nothing, or only one entry, was trained; or nothing without augmentation.
    """
    recorded = _latest(results, TASK, track)
    trained = {name: one for name, one in recorded.items() if not is_floor(name)}
    bare = [name for name, manifest in trained.items() if _augmentation(manifest)[0] == _NONE]
    others = [name for name in trained if name not in bare]
    if len(bare) != 1 or not others:
        raise RequestError(
            f"expected runs of {TASK} with and without augmentation on the {track} track, found "
            f"{', '.join(trained) or 'none'}",
            f"`bench run --task {TASK} --model none`, then with an augmentation",
        )
    measured = _latest(results, CONSISTENCY, track)
    found = compare([*others, bare[0]], TASK, results, track)
    rows = []
    for pair in found.pairs:
        if pair.second != len(others):
            continue
        name, strength = _augmentation(trained[others[pair.first]])
        ratio, low, high, verdict = _consistency(measured.values(), name, strength)
        rows.append(
            Benefit(
                name=name,
                strength=strength,
                seeds=len(found.sides[pair.first].seeds),
                gain=pair.value,
                low=pair.low,
                high=pair.high,
                verdict=pair.verdict,
                ratio=ratio,
                ratio_low=low,
                ratio_high=high,
                consistent=None if verdict is None else verdict == 1,
            )
        )
    return sorted(rows, key=lambda row: (row.ratio is None, row.ratio, row.name))


def claim(rows: Sequence[Benefit]) -> str:
    """Whether what is inconsistent brings no gain, in words; and that it is a reconstruction."""
    wrong = [row for row in rows if row.consistent is False]
    gained = [row.name for row in wrong if row.verdict == "better"]
    if not wrong:
        return f"{RECONSTRUCTION}\n'inconsistent, so no gain': nothing was inconsistent"
    verdict = f"contradicted by {', '.join(gained)}" if gained else "not contradicted"
    return (
        f"{RECONSTRUCTION}\n'inconsistent, so no gain': {verdict}; {len(wrong)} of {len(rows)} are "
        f"inconsistent, {len(gained)} of these train better than without"
    )


def _latest(results: Path, task: str, track: str) -> dict[str, Manifest]:
    """The latest complete run of every entry of a task, on all of its samples."""
    begun = [run for run in runs.all_runs(results) if run.name.startswith(f"{task}.")]
    known = [manifest for run in begun if (manifest := run.manifest()).status == "complete"]
    whole = [m for m in known if m.track == track and not (m.partial or m.degradation)]
    return {m.entry.name: m for m in sorted(whole, key=lambda m: m.started)}


def _augmentation(manifest: Manifest) -> tuple[str, float]:
    trained = manifest.entry.trained
    options = trained.recipe.get("options") if trained else None
    if not isinstance(options, dict):
        return _NONE, 0.0
    name, strength = options.get("augmentation", _NONE), options.get("strength", 0)
    return str(name), float(strength) if isinstance(strength, int | float) else 0.0


def _consistency(
    manifests: Iterable[Manifest], name: str, strength: float
) -> tuple[float | None, float | None, float | None, float | None]:
    """Ratio with interval and verdict of an augmentation at a magnitude, as L1 says."""
    for manifest in manifests:
        model = manifest.entry.model
        if model is None or model.arguments.get("name") != name:
            continue
        at = {
            score.metric: score
            for score in manifest.scores
            if score.average == "points" and not score.slice and float(score.label) == strength
        }
        if at:
            ratio = at["ratio"]
            return ratio.value, ratio.low, ratio.high, at["consistent"].value
    return None, None, None, None
