"""What is said of intervals that few samples decide."""

import numpy as np
import pyarrow as pa
import pytest

from bench import kinds
from bench.kinds.common.scoring import FEWEST_DEGREES, deciding_units, score
from bench.spec import task as tasks

KIND = kinds.of(tasks.load("magicbathy-bathymetry-puck-lagoon"))


def observed(errors):
    """Images of 100 pixels with an RMSE each, in metres."""
    sums = np.zeros((len(errors), 6, 6))
    sums[:, 0, 0], sums[:, 0, 3] = 100, 100 * np.square(errors)
    columns = [pa.array([f"s{i}" for i in range(len(errors))])]
    columns += [
        pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
        for values in (sums.reshape(len(errors), -1), np.zeros((len(errors), 6)))
    ]
    return pa.table(columns, schema=KIND.schema())


def test_a_score_that_one_image_decides_says_so():
    errors = np.random.default_rng(0).uniform(0.8, 1.2, 40)
    alike = score(KIND, observed(errors))
    assert not any("approximate" in remark for remark in alike.remarks)
    errors[7] = 10
    (remark,) = [text for text in score(KIND, observed(errors)).remarks if "approximate" in text]
    assert "of rmse_pixels" in remark
    assert "a few samples decide its standard error (2." in remark
    assert f"at least {FEWEST_DEGREES})" in remark


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("psnr_curve", np.full(30, np.nan)),
        ("median_rank_i2t", np.r_[np.ones(29), 50]),
        ("cider_corpus", np.r_[np.arange(5.0), np.arange(5.0)]),
    ],
)
def test_nothing_is_said_without_an_interval_and_of_ten_equal_units(name, left_out):
    assert deciding_units(name, "tile", {name: left_out}) == []


def test_a_score_that_is_not_defined_leaves_no_values_without_each_unit():
    # No pixel of any image has a known depth.
    nothing = observed(np.ones(40)).to_pydict()
    nothing["sums"] = [[0.0] * 36] * 40
    table = pa.table(nothing, schema=KIND.schema())
    scored = score(KIND, table)
    assert scored.left_out == ()
    assert scored.scores[0].value is None
    assert len(score(KIND, observed(np.ones(40))).left_out) > 0
