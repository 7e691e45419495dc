"""torchvision beside torch, and determinism."""

import importlib
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.base import torch_setup

ROOT = Path(__file__).resolve().parents[2]


def _state(folder: Path, then: str = "") -> str:
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n" + (
        "import bench.base.torch_setup as s; print(s.torchvision_state())\n" + then
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_torchvision_that_does_not_match_can_be_imported(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "_C.so").write_bytes(b"not a library")
    # What a real torchvision does on import, and fails to do without the operator's schema.
    (package / "__init__.py").write_text(
        "import torch\n"
        "@torch.library.register_fake('torchvision::nms')\n"
        "def nms(dets, scores, iou_threshold):\n    return dets\n"
    )
    found = _state(tmp_path, "import torchvision; print('imported')")
    assert found.splitlines() == ["mismatched: operators declared", "imported"]


def test_a_torchvision_whose_operators_load_is_untouched(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").touch()
    # Any library that loads beside torch stands for the operators.
    (package / "_C.so").symlink_to(Path(torch.__file__).parent / "lib" / "libtorch.so")
    found = _state(tmp_path, "import torch; print(hasattr(torch.ops.torchvision, 'nms'))")
    assert found.splitlines() == ["matching", "False"]


def test_the_torchvision_of_this_environment_can_be_imported() -> None:
    if torch_setup.torchvision_state() == "absent":
        pytest.skip("torchvision is not installed")
    transforms = importlib.import_module("torchvision.transforms.functional")
    assert transforms.hflip(torch.arange(3.0)[None]).tolist() == [[2.0, 1.0, 0.0]]


@pytest.mark.parametrize("module", ["bench.models.open_clip", "bench.kinds.common.augmentations"])
def test_what_imports_torchvision_settles_it_first(module: str) -> None:
    """In a process that has imported nothing else, as that of ``--model open_clip:NAME``."""
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_generator_is_seeded() -> None:
    draws = []
    for _ in range(2):
        flags = torch_setup.deterministic(5)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert flags["seed"] == 5
    assert flags["cublas_workspace"] in (":4096:8", ":16:8")
    assert flags["threads"] == torch.get_num_threads()
