"""The six expectations that the field published, each with the figure of a results folder.

Source: "No One Knows the State of the Art in Geospatial Foundation Models", arXiv:2605.12678, which
audited 152 papers and asks for named-licence weight release, shared core evaluations, marks for
copied and re-run baselines, variance, one shared evaluation harness, and controls of data,
architecture and algorithm. Every figure is counted from the results; none is written down here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from bench.report.leaderboard.boards import Board, Row
from bench.report.leaderboard.encoders import encoder_of
from bench.report.leaderboard.read import Result
from bench.spec.floors import is_floor

SOURCE = "https://arxiv.org/abs/2605.12678"
"""Where the expectations are published."""


@dataclass(frozen=True)
class Expectation:
    """What the field asks for, and how far these results are.

    Attributes:
        asked: in a few words.
        figure: of these results.
        says: what the figure counts.
    """

    asked: str
    figure: str
    says: str


def expectations(
    results: Sequence[Result], boards: Sequence[Board], published: int
) -> list[Expectation]:
    """All six, in the order in which they were published.

    Args:
        results: every recorded run.
        boards: those that show the present meaning of their tasks.
        published: how many numbers of publications stand beside them.
    """
    rows = [row for board in boards for row in board.ranked]
    models = [row for row in rows if not is_floor(row.result.entry)]
    return [
        _weights(models),
        _shared(boards),
        _copied(rows, published),
        _variance(rows),
        _harness(results),
        _controls(boards),
    ]


def _weights(models: Sequence[Row]) -> Expectation:
    named = _entries(models, lambda result: bool(result.facts.get("licence")))
    had = _entries(models, lambda result: bool(result.facts.get("licence")) and _remade(result))
    of = _entries(models, lambda result: True)
    return Expectation(
        "Weights under a named licence",
        _share(had, of),
        f"of {_count(of, 'entry', 'entries')} name a licence and a published source of their "
        f"weights, or the recipe that makes them again; {named} name a licence",
    )


def _remade(result: Result) -> bool:
    """Whether what it was run with can be had: fetched, trained again, or there is nothing to."""
    encoder = encoder_of(result)
    fetched = result.facts.get("source", "").startswith("hf:")
    public = encoder is not None and encoder.weights is not None and bool(encoder.weights.source)
    trained = bool(result.facts.get("trained_seed"))
    return fetched or public or trained or not result.weights_sha256


def _shared(boards: Sequence[Board]) -> Expectation:
    tasks = {board.task for board in boards if _models(board)}
    several = {board.task for board in boards if len(_models(board)) > 1}
    return Expectation(
        "Shared core evaluations",
        str(len(several)),
        "tasks on which two or more models were run under one declared protocol, "
        f"of {len(tasks)} with results",
    )


def _copied(rows: Sequence[Row], published: int) -> Expectation:
    handed_in = sum(row.result.trust == "rescored" for row in rows)
    return Expectation(
        "Copied and re-run numbers marked",
        f"{published:,} / {len(rows):,}",
        "copied from publications, each with its source / computed here, "
        f"{handed_in:,} of them from handed-in predictions; never ranked together",
    )


def _variance(rows: Sequence[Row]) -> Expectation:
    known = sum(row.score is not None and row.score.low is not None for row in rows)
    seeded = sum(len(row.trainings) > 1 for row in rows)
    return Expectation(
        "Variance reported",
        _share(known, len(rows)),
        f"of {_count(len(rows), 'ranked score')} have a 95 % interval over test samples; "
        f"{seeded} rest on several trainings, and vary over seeds too",
    )


def _harness(results: Iterable[Result]) -> Expectation:
    listed = list(results)
    versions = {(result.harness_version, result.harness_commit) for result in listed}
    return Expectation(
        "One harness for all",
        "1" if listed else "0",
        f"evaluator made {_count(len(listed), 'run')} in {_count(len(versions), 'version')}; "
        "a digest of each task's meaning keeps different questions apart",
    )


def _controls(boards: Sequence[Board]) -> Expectation:
    found = [_controlled(board) for board in boards if len(_models(board)) > 1]
    counts = [sum(factor in one for one in found) for factor in range(3)]
    return Expectation(
        "Data, architecture, algorithm apart",
        f"{sum(bool(one) for one in found)} of {len(found)}",
        "boards hold models that differ in one thing only: "
        f"pretraining data on {counts[0]}, architecture on {counts[1]}, algorithm on {counts[2]}",
    )


def _controlled(board: Board) -> set[int]:
    """By which of data (0), architecture (1) and algorithm (2) alone two models differ."""
    known = [found for row in _models(board) if (found := _factors(row.result))]
    differing = (
        [index for index in range(3) if one[index] != other[index]]
        for one, other in combinations(sorted(set(known)), 2)
        if one[3] == other[3]
    )
    return {factors[0] for factors in differing if len(factors) == 1}


def _factors(result: Result) -> tuple[str, str, str, str] | None:
    """Pretraining, architecture, algorithm and inputs of a model; None where they aren't known."""
    recipe = result.facts.get("recipe", "")
    if result.trust != "rerun" or not recipe:
        return None
    encoder = encoder_of(result)
    if encoder is None:
        data = result.facts.get("training_data", "")
        return data, result.facts.get("architecture", ""), recipe, result.inputs
    weights = encoder.weights.sha256 if encoder.weights else ""
    method = f"{result.facts.get('method', '')} {recipe}"
    return weights, encoder.architecture, method, result.inputs


def _models(board: Board) -> list[Row]:
    return [row for row in board.ranked if not is_floor(row.result.entry)]


def _entries(rows: Iterable[Row], wanted: Callable[[Result], bool]) -> int:
    """How many different entries are as wanted; one that stands on several boards counts once."""
    return len({row.result.entry for row in rows if wanted(row.result)})


def _share(part: int, whole: int) -> str:
    return f"{int(100 * part / whole)} %" if whole else "none yet"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
