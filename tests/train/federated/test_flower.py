"""Federations on Flower, in the environment that has it: by calls, simulated, and by processes."""

import os
import socket
import subprocess
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGKILL

import pytest
import torch
from safetensors.torch import load_file

from bench import models
from bench.data import ensure_sample
from bench.data.reben import simulate as simulated
from bench.models import entries
from bench.spec import task as tasks

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("BENCH_FEDERATED_PYTHON", ROOT / ".venv-federated" / "bin" / "python"))
pytestmark = pytest.mark.skipif(
    not PYTHON.is_file(), reason=f"no Flower at {PYTHON}: `make federated-env` puts it there"
)

COUNTRIES, SPLITS = ("Finland", "Serbia"), ("train", "validation", "test")
APP = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "federation"
version = "1.0.0"
description = "Two countries on one machine"
license = "Apache-2.0"

[tool.flwr.app]
publisher = "nobody"
[tool.flwr.app.components]
serverapp = "bench.train.federated.flower:server"
clientapp = "bench.train.federated.flower:client"
[tool.flwr.app.config]
task = "reben-federated"
model = "{model}"
track = "sample"
seed = 0
device = "cpu"
clients = 2
results = "{results}"
"""
LINK = """
[superlink]
default = "here"
[superlink.here]
address = "{address}"
insecure = true
"""


def environment(home, **others):
    """Flower and Ray keep what they keep in a home of their own."""
    kept = {name: os.environ[name] for name in ("LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "PATH": os.pathsep.join((str(PYTHON.parent), os.environ["PATH"])),
        "HOME": str(home),
        "FLWR_HOME": str(home / "flwr"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
        **others,
    }


def test_on_flower_as_in_one_process(tmp_path):
    # The sockets of Ray have paths of a hundred bytes at most.
    with tempfile.TemporaryDirectory(prefix="ray") as short:
        done = subprocess.run(
            [PYTHON, "-m", "pytest", "-q", "tests/train/federated/on_flower.py"],
            cwd=ROOT,
            env=environment(tmp_path, RAY_TMPDIR=short),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout


def free_port():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


def until(what, holds, processes):
    """Wait until something holds, as long as the processes live."""
    for _ in range(3000):
        if holds():
            return
        assert all(one.poll() is None for one in processes), f"ended before {what}"
        time.sleep(0.1)
    pytest.fail(f"not after five minutes: {what}")


@contextmanager
def started(log, environment, *command):
    """A process with its children, which end with it."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [PYTHON.with_name(command[0]), "--insecure", *command[1:]],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    except BaseException:
        print(log.name, log.read_text(errors="replace"), sep="\n")
        raise
    finally:
        os.killpg(process.pid, SIGKILL)
        process.wait()


def answers(port):
    with socket.socket() as own:
        return own.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def samples(tmp_path, monkeypatch):
    """The sample data of two countries, a few patches of each, instead of seven."""
    write = simulated.write

    def fewer(root, planned):
        few = defaultdict(list)
        for patch in planned:
            few[patch.region.name, patch.split].append(patch)
        groups = [few[country, split][:8] for country in COUNTRIES for split in SPLITS]
        write(root, planned=[patch for group in groups for patch in group])

    monkeypatch.setattr(simulated, "write", fewer)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    ensure_sample("reben-federated", lambda text: None)
    return tmp_path / "data"


def test_a_server_and_its_clients_are_processes_that_meet_over_loopback(tmp_path, samples, bench):
    task = tasks.load("reben-federated")
    entry = models.find("convmixer-fedavg-ds2", task).on("sample")
    recipe = entry.recipe["sample"].model_copy(update={"rounds": 1, "local_epochs": 1})
    (tmp_path / "entry").mkdir()
    entries.save(entry.model_copy(update={"recipe": {"sample": recipe}}), tmp_path / "entry")
    app, home, results = (tmp_path / name for name in ("app", "home", "results"))
    app.mkdir()
    text = APP.format(model=tmp_path / "entry", results=results)
    (app / "pyproject.toml").write_text(text, encoding="utf-8")
    port = free_port()
    (home / "flwr").mkdir(parents=True)
    link = LINK.format(address=f"127.0.0.1:{port}")
    (home / "flwr" / "config.toml").write_text(link, encoding="utf-8")
    held = environment(home, BENCH_DATA=str(samples))
    log = tmp_path / "server.log"
    with ExitStack() as running:
        # What an app needs is here; nothing is to be installed when it runs.
        server = ("flower-superlink", "--disable-runtime-dependency-installation")
        processes = [running.enter_context(started(log, held, *server, "--port", str(port)))]
        until("the server answers", lambda: answers(port), processes)
        for country in COUNTRIES:
            node = ("flower-supernode", "--superlink", f"127.0.0.1:{port}")
            own = ("--port", str(free_port()), "--node-config", f'client="{country}"')
            client = started(tmp_path / f"{country}.log", held, *node, *own)
            processes.append(running.enter_context(client))
        flwr = PYTHON.with_name("flwr")
        subprocess.run([flwr, "run", app], cwd=home, env=held, check=True, timeout=300)
        until("the task ends", lambda: "Finished task" in log.read_text("utf-8"), processes)
    (folder,) = (results / "entries" / task.name).iterdir()
    trained = entries.load(folder, task)
    federation = trained.trained.federation
    assert sorted(federation.clients) == list(COUNTRIES)
    (round_,) = federation.rounds
    assert (round_.clients, round_.left_out) == (2, {})
    typed = ["train", "--task", task.name, "--model", tmp_path / "entry", "--results", "here"]
    bench([*typed, "--track", "sample", "--device", "cpu"], OMP_NUM_THREADS="1")
    (alone,) = (bench.folder / "here").rglob("model.safetensors")
    weights = load_file(trained.weights)
    for name, tensor in load_file(alone).items():
        torch.testing.assert_close(weights[name], tensor, atol=1e-5, rtol=0)
