"""Baselines that are said to be those of a publication have as many parameters."""

import pytest

from bench import kinds as all_kinds
from bench import models
from bench.models import entries
from bench.spec import task as tasks


@pytest.mark.parametrize(
    ("task", "name", "parameters"),
    [
        ("pastis-crop-mapping", "tsvit-s2", 1_657_476),
        ("pastis-crop-mapping", "tsvit-s-s2", 435_524),
        ("pastis24-crop-mapping", "tsvit-s2", 1_657_476),
        ("pastis24-crop-mapping", "tsvit-s-s2", 435_524),
        ("eoekoland-crop-mapping", "tsvit-s2", 2_181_252),
        ("eoekoland-crop-mapping", "tsvit-early-s1s2planet", 2_370_692),
        ("eoekoland-crop-mapping", "tsvit-sct-s1s2planet", 5_535_876),
        ("pastis24-crop-mapping-fold3", "tsvit-released-s2", 1_657_476),
        ("eoekoland-crop-mapping", "tsvit-ca-s1s2planet", 5_532_804),
        ("magicbathy-bathymetry-agia-napa", "unet-s2", 1_925_601),
        ("magicbathy-bathymetry-puck-lagoon", "unet-aerial", 1_925_601),
    ],
)
def test_entries_have_the_published_size(task, name, parameters):
    loaded = tasks.load(task)
    network = models.build(entries.baseline(name, loaded), all_kinds.of(loaded).outputs())
    assert sum(p.numel() for p in network.parameters()) == parameters
