"""What all heads do alike."""

import numpy as np
import pytest
import torch

from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.models import heads
from bench.models.heads.base import Head
from tests.models.heads.drawn import one_hot, samples

FORMS = [
    (method, task)
    for method in heads.METHODS
    for task in ("labels", "class", "value")
    if (method, task) != ("logistic", "value")
]


def fitted(method, task, **options):
    x, _, weight = samples(40, 6)
    head = heads.find(method)(6, 3, task)
    assert head.choices == 0
    with torch.inference_mode():
        head.fit(x, one_hot(np.arange(40) % 3, 3), weight)
    return head


@pytest.mark.parametrize(("method", "task"), FORMS)
def test_each_choice_is_one_of_every(method, task):
    head = fitted(method, task)
    features = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0))
    every = head.every(features)
    assert every.shape == (head.choices, 2, 5, 3)
    assert every.dtype == torch.float32
    assert len(set(head.choices_named)) == head.choices > 1
    for index in range(head.choices):
        head.choose(index)
        torch.testing.assert_close(head(features), every[index], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("method", "task"), FORMS)
def test_the_state_is_the_solution_that_was_taken(method, task):
    head = fitted(method, task)
    head.choose(2)
    other = heads.find(method)(6, 3, task, samples=40)
    other.load_state_dict(head.state_dict())
    features = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(other(features), head(features))
    expected = {"x", "y", "weight", "k"} if method == "knn" else {"linear.weight", "linear.bias"}
    assert set(head.state_dict()) == expected


@pytest.mark.parametrize("method", heads.METHODS)
def test_wrong_arrays_are_refused(method):
    x, y, weight = samples(10, 6)
    head: Head = heads.find(method)(6, 3, "labels")
    for wrong in (
        (x[:, :5], y, None),
        (x, y[:, :2], None),
        (x[:9], y, None),
        (x[:0], y[:0], None),
        (x, y[:, 0], None),
        (x, y + 1, None),
        (x, np.where(y, np.nan, y), None),
        (x, y, weight[:9]),
        (x, y, -weight),
        (x, y, 0 * weight),
        (x, y, np.full(10, np.nan)),
        (np.where(x == x[3, 3], np.nan, x), y, weight),
    ):
        with pytest.raises(BenchError):
            head.fit(*wrong)


def test_methods_are_named():
    with pytest.raises(RequestError, match="did you mean ridge"):
        heads.find("rigde")


def test_weights_go_through_a_file(tmp_path):
    head = fitted("knn", "labels")
    path = tmp_path / "model.safetensors"
    weights.save(head, path)
    other = heads.find("knn")(6, 3, "labels", samples=40)
    weights.fill(other, path)
    assert torch.equal(other(torch.ones(1, 6)), head(torch.ones(1, 6)))
