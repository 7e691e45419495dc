"""Freed memory that is kept for the next array, beside the C library's own settings."""

import os
import subprocess
import sys
from typing import Any

import pytest

CODE = """
import time
import bench.base.torch_setup
import timm, torch
network = timm.create_model("efficientnet_lite0").eval()
images = torch.zeros(32, 3, 224, 224)
with torch.inference_mode():
    network(images)
    begun = time.perf_counter()
    for _ in range(4):
        network(images)
print((time.perf_counter() - begun) / 4)
"""


def _seconds(**environment: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is on Linux")
def test_inference(benchmark: Any) -> None:
    """A batch of 32 pictures through EfficientNet-Lite0."""
    # Any setting of the environment leaves the library as it is; this one is its default.
    peer = min(
        _seconds(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") for _ in "ab"
    )
    ours = min(_seconds() for _ in "ab")
    benchmark.pedantic(_seconds, rounds=1)
    benchmark.extra_info["name"] = "inference with kept memory"
    benchmark.extra_info["peer"] = "the settings of the C library"
    benchmark.extra_info["ratio"] = round(peer / ours, 2)
    benchmark.extra_info["limit"] = "nothing is gained where the system hands out pages at once"
