"""Crop mapping, depth, seabed and compression: networks give the numbers they gave when compared.

Each was given the same weights as the code of its authors, where that could be run; the file of
numbers says which and what not.
"""

import pytest
import torch

from bench.models import baseline
from tests.baselines import reference

MODULES = {
    name: baseline._load(f"architectures.{name}")
    for name in (
        *("tsvit", "tsvit_fusion", "utae", "tempcnn", "bathymetry", "seabed"),
        *("hycot", "cae1d", "cae3d", "sscnet"),
    )
}
TSViT, UTAE = MODULES["tsvit"].TSViT, MODULES["utae"].UTAE
FUSIONS = MODULES["tsvit_fusion"]
DAYS = (3, 12, 90, 200, 350)
RELEASED = {"in_rows": True, "padded": 8, "released_days": True}
SMALL = {"dim": 64, "dim_head": 16}
EOEKOLAND = {"window": 8, "temporal_depth": 6, "spatial_depth": 2, "heads": 4, "dim_head": 64}


def series(*channels, side, days=DAYS, step=1):
    """Series of these channels on common dates."""
    when = torch.tensor(days)
    when = torch.stack([when * step, when * step % 366], dim=-1)[None]
    return {
        f"S{place}": (reference.numbers(f"S{place}", (1, len(days), count, side, side)), when)
        for place, count in enumerate(channels)
    }


def images(*shape):
    """Images that are mostly in [0, 1]."""
    return 0.5 + 0.3 * reference.numbers("images", shape)


CROPS = {
    "tsvit": (lambda: TSViT(10, 19, 24), lambda: series(10, side=24)),
    "tsvit-released": (lambda: TSViT(10, 19, 24, **RELEASED), lambda: series(10, side=24)),
    "tsvit-s-released": (
        lambda: TSViT(10, 19, 24, **RELEASED, **SMALL),
        lambda: series(10, side=24),
    ),
    "tsvit-sct": (
        lambda: FUSIONS.SynchronizedFusion(16, 15, 8, "2 10 4", **EOEKOLAND),
        lambda: series(2, 10, 4, side=8),
    ),
    "tsvit-ca": (
        lambda: FUSIONS.CrossAttentionFusion(16, 15, 8, "2 10 4", **EOEKOLAND, released=True),
        lambda: series(2, 10, 4, side=8),
    ),
    "tsvit-ca-formula": (
        lambda: FUSIONS.CrossAttentionFusion(16, 15, 8, "2 10 4", **EOEKOLAND),
        lambda: series(2, 10, 4, side=8),
    ),
    "tsvit-mtc": (
        lambda: FUSIONS.TokenConcatenation(16, 15, 8, "2 10 4", **EOEKOLAND),
        lambda: series(2, 10, 4, side=8),
    ),
    "tsvit-channels": (
        lambda: FUSIONS.ChannelEncoding(16, 15, 8, **EOEKOLAND),
        lambda: series(2, 10, 4, side=8),
    ),
    "utae": (lambda: UTAE(10, 20, 128), lambda: series(10, side=16)),
    "utae-eoekoland": (
        lambda: UTAE(16, 15, 80, step=10, period=50.0),
        lambda: series(2, 10, 4, side=16, days=range(5), step=10),
    ),
    "tempcnn": (
        lambda: MODULES["tempcnn"].TempCNN(16, 15, 80, dates=5),
        lambda: series(2, 10, 4, side=4, days=range(5), step=10),
    ),
}

MAPS = {
    "magicbathy-unet": (
        lambda: MODULES["bathymetry"].MagicBathyUNet(3, 1, 36),
        lambda: images(1, 3, 36, 36).clamp(0, 1),
    ),
    "magicbathy-unet-released-test": (
        lambda: MODULES["bathymetry"].MagicBathyUNet(3, 1, 36, 30.443, released=True),
        lambda: images(1, 3, 36, 36),
    ),
    "unet-published": (
        lambda: MODULES["seabed"].PublishedUNet(3, 5, 64, window=64),
        lambda: images(1, 3, 64, 64),
    ),
    "segformer-b0-published": (
        lambda: MODULES["seabed"].PublishedSegFormer(3, 5, 64, encoder="b0", window=64),
        lambda: images(1, 3, 64, 64),
    ),
}

CODECS = {
    "hycot-cr16": ("hycot", "HyCoT", 16, (1, 2)),
    "cae1d-cr8": ("cae1d", "CAE1D", 8, (1, 2)),
    "sscnet-cr32": ("sscnet", "SSCNet", 32, (8, 16)),
    "cae3d-cr32": ("cae3d", "CAE3D", 32, (8, 16)),
}


def codec(module, name, rate):
    """The network of one rate."""
    return getattr(MODULES[module], name)(202, rates=str(rate)).networks[f"cr{rate}"]


@torch.no_grad()
@pytest.mark.parametrize("name", CROPS)
def test_crops(name):
    build, inputs = CROPS[name]
    reference.check("dense", name, reference.fill(build()).eval()(inputs()))


@torch.no_grad()
@pytest.mark.parametrize("name", MAPS)
def test_maps(name):
    build, inputs = MAPS[name]
    reference.check("dense", name, reference.fill(build()).eval()(inputs()))


@torch.no_grad()
@pytest.mark.parametrize("name", CODECS)
def test_codecs(name):
    module, kind, rate, size = CODECS[name]
    network = reference.fill(codec(module, kind, rate)).eval()
    latents = network.to_latents(images(1, 202, *size))
    reference.check("compression", f"{name}-latents", latents)
    reference.check("compression", name, network.from_latents(latents, *size))
