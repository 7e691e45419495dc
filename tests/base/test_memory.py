"""How freed memory is kept for the next array."""

import os
import platform
import subprocess
import sys

import pytest

CODE = """
import resource
from bench.base.memory import keep_freed_memory
import numpy as np
print(keep_freed_memory())
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(64 * 2**20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def _measured(**environment: str) -> tuple[str, int]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    said, faults = done.stdout.split()
    return said, int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_a_second_array_gets_the_memory_of_the_first() -> None:
    said, faults = _measured()
    assert said == "True"
    assert faults < 64


def test_settings_of_the_environment_stay() -> None:
    said, _ = _measured(MALLOC_TOP_PAD_="131072")
    assert said == "False"
