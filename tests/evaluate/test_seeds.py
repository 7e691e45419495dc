"""Several trainings of one entry: the variance over seeds beside that over samples."""

import numpy as np
import pytest

from bench.base.errors import RequestError
from bench.evaluate import seeds
from bench.metrics import stats
from bench.report.compare import compare
from bench.report.estimate import estimate, of_manifest, p_values
from bench.report.leaderboard.boards import boards
from bench.report.leaderboard.read import read
from bench.results.runs import all_runs
from tests.tiny import TASK, brief, tiny
from tests.typed import Prompt


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0-4", [0, 1, 2, 3, 4]), ("7", [7]), ("2,0, 5-6", [0, 2, 5, 6]), ("1,1-2", [1, 2])],
)
def test_seeds_are_read(text, expected):
    assert seeds.parse(text) == expected


@pytest.mark.parametrize("text", ["", "4-0", "a", "1,,2", "-1", "0-4294967296", "0-1000000", "1.5"])
def test_what_are_no_seeds_is_refused(text):
    with pytest.raises(RequestError, match=r"expected seeds such as 0-4|at most 1,000 seeds"):
        seeds.parse(text)


ASKED = f"run --task {TASK} --model mine --track sample"


def test_seeds_stand_in_place_of_a_seed():
    assert seeds.asked(None, 3) is None
    assert seeds.asked("0-1", 0) == [0, 1]
    with pytest.raises(RequestError, match="expected --seed or --seeds, found both"):
        seeds.asked("0-1", 3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, sample_data):
    """A folder with an entry that was trained twice, its prompt, and what was printed."""
    folder = tmp_path_factory.mktemp("seeds")
    prompt = Prompt(folder, tmp_path_factory.mktemp("home"))
    brief(folder / "mine", 1)
    return folder, prompt, prompt.in_process(f"{ASKED} --seeds 0,2").stdout


def test_the_variance_is_split(trained):
    folder, _, printed = trained
    manifests = [run.manifest() for run in all_runs(folder / "results")]
    assert [one.seed for one in sorted(manifests, key=lambda one: one.seed)] == [0, 2]
    mean = estimate(manifests[0].task.primary, list(map(of_manifest, manifests)))
    values = np.array([one.primary.value for one in manifests])
    assert mean.value == pytest.approx(values.mean())
    assert mean.seed_error == pytest.approx(values.std(ddof=1) / np.sqrt(2))
    left_out = np.mean([one.left_out for one in manifests], axis=0)
    assert mean.unit_error == pytest.approx(float(stats.spread_over_units(left_out).error))
    assert mean.low < mean.value < mean.high
    unit = manifests[0].primary.sampling_unit
    for text in (f"mean {mean.value:.4f}", f"{mean.unit_error:.4f} over {unit}s"):
        assert text in printed
    assert f"{mean.seed_error:.4f} over 2 trainings" in printed


def test_page_and_comparison_say_the_same(trained):
    folder, prompt, _ = trained
    (folder / "random").mkdir()
    tiny(folder / "random")
    prompt.in_process(f"run --task {TASK} --model random --track sample")
    (board,) = boards(read(folder / "results")[0])
    rows = {row.result.entry: row for row in board.ranked}
    found = compare(sorted(rows), TASK, folder / "results")
    assert [side.name for side in found.sides] == ["brief", "tiny"]
    for side in found.sides:
        for name in ("value", "low", "high", "unit_error", "seed_error"):
            expected = getattr(side, name)
            shown = getattr(rows[side.name].score, name)
            assert shown == (None if expected is None else pytest.approx(expected, rel=1e-9))
    scores = [rows[name].score for name in sorted(rows)]
    assert p_values(scores)[0, 1] == pytest.approx(found.pairs[0].p, rel=1e-6)
    assert board.visible == pytest.approx(found.visible)
    apart = rows["brief"].place.tier != rows["tiny"].place.tier
    assert apart == (found.pairs[0].verdict != "tied")


def test_the_command_gives_every_run_as_json(trained):
    _, prompt, _ = trained
    found = prompt.in_process(f"{ASKED} --seeds 0,2 --json").json()
    assert [one["seed"] for one in found] == [0, 2]


def test_one_seed_is_said_to_be_one(trained):
    _, prompt, _ = trained
    assert (
        "0; one training, so that the spread over seeds is unknown"
        in prompt.in_process(ASKED).stdout
    )


def test_weights_that_are_there_have_no_seeds(trained):
    folder, prompt, _ = trained
    weights = next((folder / "results" / "entries" / TASK).glob("brief-*-0-*")).relative_to(folder)
    done = prompt.in_process(
        f"run --task {TASK} --model {weights} --track sample --seeds 0-1", code=2
    )
    assert "has its weights already" in done.stderr
    assert "would be one and the same" in done.stderr
