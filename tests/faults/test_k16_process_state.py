"""Library calls leave the process as they found it, and don't depend on how that was."""

import functools
import logging
import os
import random
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import bench
from bench import api
from bench.base import process_state, torch_setup
from bench.base.errors import BenchError, RequestError
from bench.evaluate import predict
from tests.tiny import brief, tiny

_SWITCHES = (
    "backends.cudnn.enabled",
    "backends.cudnn.benchmark",
    "backends.cudnn.deterministic",
    "backends.cudnn.allow_tf32",
    "backends.cuda.matmul.allow_tf32",
    *(f"backends.{part}fp32_precision" for part in ("", "cuda.matmul.", "cudnn.", "cudnn.conv.")),
    *(f"backends.mkldnn.{part}fp32_precision" for part in ("", "matmul.", "conv.")),
    "utils.deterministic.fill_uninitialized_memory",
)


def switch(name):
    found = torch
    for step in name.split("."):
        found = getattr(found, step)
    return found


def state():
    """All that a caller could notice."""
    kind, keys, *rest = np.random.get_state()
    return {
        "random": random.getstate(),
        "numpy": (kind, keys.tolist(), *rest),
        "torch": torch.get_rng_state().tolist(),
        "seed": torch.initial_seed(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "threads": torch.get_num_threads(),
        "matmul": torch.get_float32_matmul_precision(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": [torch.is_autocast_enabled(device) for device in ("cpu", "cuda")],
        "environment": dict(os.environ),
        "path": list(sys.path),
        "folder": Path.cwd(),
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "errors": np.geterr(),
        "loggers": [
            logging.getLogger(name).level for name in ("lightning.pytorch", "lightning.fabric")
        ],
        "signals": [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)],
        **{name: switch(name) for name in _SWITCHES},
    }


def changed(before, after):
    return [name for name in before if before[name] != after[name]]


@pytest.fixture
def unusual():
    """A caller with settings of its own; the test's process has its own back afterwards."""
    with process_state.restored():
        random.seed(11)
        np.random.seed(12)
        torch.manual_seed(13)
        torch.set_default_dtype(torch.float64)
        torch.set_float32_matmul_precision("medium")
        torch.backends.cudnn.benchmark = True
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = True
        torch.set_num_threads(1 + torch.get_num_threads() % 2)
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
        os.environ.pop("MKL_CBWR", None)
        warnings.simplefilter("always", ResourceWarning)
        yield


@pytest.mark.parametrize("fails", [False, True])
def test_whatever_a_call_changes_is_restored(unusual, fails):
    before = state()
    try:
        with process_state.restored():
            random.random()
            np.random.rand()
            torch.rand(1)
            torch.manual_seed(5)
            torch.set_default_dtype(torch.bfloat16)
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.conv.fp32_precision = "ieee"
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.utils.deterministic.fill_uninitialized_memory = False
            torch.set_num_threads(2 + torch.get_num_threads() % 2)
            torch.set_autocast_enabled("cpu", True)
            os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
            os.environ["PATH"] = "elsewhere"
            del os.environ["HOME"]
            sys.path.insert(0, "elsewhere")
            warnings.simplefilter("ignore")
            np.seterr(all="raise")
            if fails:
                raise BenchError("it failed")
    except BenchError:
        assert fails
    assert changed(before, state()) == []


def test_a_call_begins_with_what_pytorch_begins_with():
    plain = state()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), torch.device("meta"):
        torch.set_default_dtype(torch.float64)
        try:
            with process_state.restored():
                within = state()
                assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
        finally:
            torch.set_default_dtype(torch.float32)
    begun = ("dtype", "device", "grad", "inference", "autocast", "matmul", "errors")
    assert [name for name in begun if plain[name] != within[name]] == []
    with torch.inference_mode(), process_state.restored():
        assert torch.ones(1, requires_grad=True).sum().requires_grad


def logits(run):
    return run.table().column("logits").to_pylist()


def test_runs_and_scores_and_what_fails_leave_nothing(tmp_path, sample_data, unusual):
    asked = {"task": "reben-mlc", "track": "sample", "limit": 3, "seed": 3}
    # As a caller would who never heard of torch.
    with process_state.restored():
        model = str(tiny(tmp_path / "tiny"))
        spoilt = str(tiny(tmp_path / "spoilt", lambda net: net.fc.weight.data.fill_(3e38)))
        plain = api.run(**asked, model=model, results=tmp_path / "a")
    before = state()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        odd = api.run(**asked, model=model, results=tmp_path / "b")
    assert changed(before, state()) == []
    assert logits(odd) == logits(plain) != []
    assert odd.manifest.scores == plain.manifest.scores
    with pytest.raises(BenchError, match="NaN or infinity"):
        api.run(**asked, model=spoilt, results=tmp_path / "b")
    assert changed(before, state()) == []


def test_what_reads_results_leaves_nothing(tmp_path, sample_data, unusual):
    results, page = {"results": tmp_path / "results"}, tmp_path / "page.html"
    asked = {"task": "reben-mlc", "track": "sample", "limit": 20} | results
    with process_state.restored():
        models = [str(tiny(tmp_path / name, given=name)) for name in ("s1", "s2")]
        one, other = (bench.run(model=model, **asked) for model in models)
    calls = {
        "score": lambda: bench.score(one, **results),
        "load_run": lambda: bench.load_run(one.name, **results),
        "results": lambda: bench.results(reported=True, **results),
        "query": lambda: bench.query("from runs", **results),
        "compare": lambda: bench.compare(one, other, task="reben-mlc", **results),
        "leaderboard": lambda: bench.leaderboard(page, **results),
        "tasks": bench.tasks,
        "load_task": lambda: bench.load_task("reben-mlc"),
        "build": lambda: bench.build("timm:test_resnet/s1", "reben-mlc"),
        "shown": lambda: (repr(one), one._repr_html_(), one.scores, one.observations()),
    }
    # Loggers have the levels that imports give them.
    for call in (*calls.values(), lambda: bench.train):
        call()
    before = state()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for name, call in calls.items():
            call()
            assert sorted(changed(before, state())) == ["autocast", "grad"], name
    for call in (bench.run, bench.train, functools.partial(bench.curves, task="reben-mlc")):
        with pytest.raises(RequestError):
            call("nothing", "nothing")
        assert changed(before, state()) == [], call


def test_a_training_does_not_depend_on_its_caller(tmp_path, sample_data, unusual):
    asked = {"task": "reben-mlc", "track": "sample", "model": str(brief(tmp_path / "brief", 1))}
    with process_state.restored():
        torch.set_num_threads(1)
        plain = api.train(**asked, results=tmp_path / "a")
    torch.set_num_threads(1)
    before = state()
    with torch.inference_mode():
        odd = api.train(**asked, results=tmp_path / "b")
    assert changed(before, state()) == []
    assert odd.weights_sha256() == plain.weights_sha256()


def test_a_rank_computes_with_the_settings_of_one_process(tmp_path):
    job = predict.Job(
        task="reben-mlc",
        entry=None,
        root=tmp_path,
        samples=[],
        run=tmp_path,
        device="cpu",
        precision="32-true",
        threads=torch.get_num_threads(),
        seed=7,
    )
    with process_state.restored():
        torch_setup.deterministic(7)
        wanted = torch.rand(3)
        torch.use_deterministic_algorithms(False)
        torch.manual_seed(1)
        predict._rank(0, job, 2)
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.equal(torch.rand(3), wanted)
