"""HyCoT beside the same network written down plainly: same weights, same image, same run."""

import time
from types import SimpleNamespace

import torch

from bench.models import baseline
from tests.baselines.straightforward_hycot import from_latents, to_latents

SHAPE = (202, 64, 64)
ROUNDS = 2
CACHED = 512
"""Pixels at a time that suit the caches of the peer as well."""


def test_hycot_encode_decode(benchmark):
    torch.manual_seed(0)
    contract = SimpleNamespace(bands=range(SHAPE[0]), size=SHAPE[1])
    arguments = {"rates": "4", "bits": ""}
    model = baseline.build("architectures.hycot.HyCoT", arguments, contract, 0).eval()
    network, image = model.networks["cr4"], torch.rand(SHAPE)

    def ours():
        return model.decode(model.encode(image, "cr4"))

    @torch.inference_mode()
    def peer(pixels):
        return from_latents(network, to_latents(network, image[None], pixels), pixels)[0]

    # In turns, so that what else the machine does meets all.
    calls = {"ours": ours, "whole": lambda: peer(image[0].numel()), "cached": lambda: peer(CACHED)}
    seconds = {name: [] for name in calls}
    results = {}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            results[name] = call()
            seconds[name].append(time.perf_counter() - start)
    benchmark.pedantic(ours, rounds=1)
    own, whole, cached = (min(seconds[name]) for name in calls)
    benchmark.extra_info.update(
        name="HyCoT, encode and decode 64 x 64 spectra of 202 bands",
        peer="all pixels in one batch, every token of every block, softmax spelled out "
        f"({cached / own:.2f} x beside {CACHED} pixels a batch)",
        ratio=round(whole / own, 2),
        target=1.5,
        limit="half is attention: four heads of 52 x 52 products of 16 values for each pixel",
    )
    torch.testing.assert_close(results["ours"], results["whole"], rtol=0, atol=1e-5)
