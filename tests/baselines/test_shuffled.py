"""The control on shuffled pixels: what it keeps of an image, and what it doesn't."""

import torch

from baselines.architectures.shuffled import shuffled
from bench import models
from bench.spec import task as tasks

TASK = tasks.load("reben-mlc")


def images(count=3):
    return torch.randn(count, 10, 24, 24, generator=torch.Generator().manual_seed(0))


def test_pixels_stay_whole_and_change_their_places():
    seen = images()
    found = shuffled(seen)
    assert found.shape == seen.shape
    for before, after in zip(seen.flatten(2), found.flatten(2), strict=True):
        assert not torch.equal(before, after)
        order = [before[0].tolist().index(value) for value in after[0].tolist()]
        assert sorted(order) == list(range(576))
        torch.testing.assert_close(before[:, order], after)


def test_the_order_is_that_of_the_image_in_any_batch_and_layout():
    seen = images()
    found = shuffled(seen)
    torch.testing.assert_close(shuffled(seen[1:2]), found[1:2])
    torch.testing.assert_close(shuffled(seen.to(memory_format=torch.channels_last)), found)
    places = [
        [row[0].tolist().index(value) for value in after[0].tolist()]
        for row, after in zip(seen.flatten(2), found.flatten(2), strict=True)
    ]
    assert places[0] != places[1]


def test_it_is_the_same_network_on_other_pixels():
    torch.manual_seed(0)
    control = models.build(models.find("resnet18-shuffled-s2", TASK), 19).eval()
    twin = models.build(models.find("resnet18-s2", TASK), 19).eval()
    twin.load_state_dict(control.network.state_dict())
    with torch.inference_mode():
        seen = images()
        torch.testing.assert_close(control(seen), twin(shuffled(seen)))
