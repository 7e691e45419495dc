"""Signatures that know nothing of their own pixel."""

import torch

from bench.models.baseline import build
from bench.spec import task as tasks

CONTRACT = tasks.load("augmentation-consistency").input("s2")


def changed(name, images, seed=0):
    network = build(f"architectures.floors_signatures.{name}", {}, CONTRACT, 0)
    (point,) = network.points
    return network(images, point, torch.Generator().manual_seed(seed))


def images(dates=3, side=8):
    return torch.rand(dates, len(CONTRACT.bands), side, side)


def test_pixels_change_places_and_signatures_stay_whole():
    given = images()
    found = changed("UnrelatedPixels", given)
    for before, after in zip(given.flatten(2), found.flatten(2), strict=True):
        assert not torch.equal(before, after)
        rows = [sorted(map(tuple, one.T.tolist())) for one in (before, after)]
        assert rows[0] == rows[1]
    # Each date has an order of its own, and a seed gives the same ones again.
    same = changed("UnrelatedPixels", given[:1].expand_as(given))
    assert not torch.equal(same[0], same[1])
    assert torch.equal(found, changed("UnrelatedPixels", given))


def test_one_signature_is_that_of_all_pixels():
    given = images()
    found = changed("MeanSignature", given)
    assert found.shape == given.shape
    torch.testing.assert_close(found[1, 2], given[1, 2].mean().expand(8, 8))
