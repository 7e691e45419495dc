"""Running what a stranger submitted: in a child, with little time and memory and no secrets.

The child knows the folder of the entry, the datasets and nothing else: its environment is made of a
few harmless names, its home is an empty folder, and the Hub's client in it is offline. An entry
brings no code; this is the second line, for what a file of weights or observations may do to the
libraries that read it.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from bench.base import bounded_json
from bench.base.children import harmless
from bench.base.errors import BenchError, RequestError
from bench.base.files import write_json
from bench.base.paths import absolute, data_root
from bench.models import entries
from bench.results.runs import RUN_ID
from bench.spec.task import in_one_line

_COMPUTING = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")

_MAX_ANSWER = 1 << 20
_MAX_TOLD = 2_000


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds, and bytes of memory in each of its processes."""

    seconds: int = 6 * 3600
    memory: int = 32 << 30


@dataclass(frozen=True)
class SandboxJob:
    """What the child does, from a folder of its own: check an entry, then run it.

    Attributes:
        folder: of the entry.
        task: its task.
        track: on which it is run.
        results: where the child leaves its run.
        seed: the seed that the entry was trained with.
    """

    folder: Path
    task: str
    track: Literal["official", "sample"]
    results: Path
    seed: int

    def __post_init__(self) -> None:
        for name in ("folder", "results"):
            object.__setattr__(self, name, absolute(getattr(self, name)))


@dataclass(frozen=True)
class Done:
    """How it ended: the id of the run, or why there is none.

    Attributes:
        run: the run's id; empty where there is none.
        refused: why the entry can't be taken as it is; empty where it can.
        failed: why it wasn't run to the end, though it may be next time.
    """

    run: Annotated[str, Field(pattern=rf"^(|{RUN_ID})$")] = ""
    refused: Annotated[str, Field(max_length=_MAX_TOLD)] = ""
    failed: Annotated[str, Field(max_length=_MAX_TOLD)] = ""


def run(job: SandboxJob, limits: Limits, home: Path) -> Done:
    """Check and run an entry in a child.

    Killed, the same job continues where it was.

    Args:
        job: what to do.
        limits: what it may use.
        home: an empty folder that the child may take for the user's own.
    """
    answer = job.results / "answer.json"
    answer.unlink(missing_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    job.results.mkdir(parents=True, exist_ok=True)
    request = json.dumps(asdict(job) | {"limits": asdict(limits)}, default=str)
    log = job.results / "stderr.txt"
    with log.open("wb") as stderr:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.submissions.sandbox", request],
            stdin=subprocess.PIPE,
            stdout=stderr,
            stderr=stderr,
            cwd=home,
            env=_environment(home),
            start_new_session=True,
        )
        try:
            child.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            return Done(refused=f"it took longer than {limits.seconds} s")
        finally:
            _end(child)
    if os.path.lexists(answer):
        return _done(answer)
    if child.returncode == -signal.SIGXCPU:
        return Done(refused="it used up its time on the processor")
    last = _end_of(log).decode("utf-8", "replace").strip().splitlines()
    return Done(failed=f"its process ended with {child.returncode}: {last[-1] if last else '-'}")


def _done(answer: Path) -> Done:
    """What a child answered; whatever ran in it may have written that."""
    try:
        if answer.is_symlink():
            raise BenchError(f"{answer.name} is a link")
        return TypeAdapter(Done).validate_python(bounded_json.read(answer, _MAX_ANSWER))
    except (BenchError, ValidationError) as error:
        found = error.message if isinstance(error, BenchError) else in_one_line(error)
        return Done(refused=f"its process left no answer as it should: {found}"[:_MAX_TOLD])


def _end_of(log: Path) -> bytes:
    with log.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _MAX_TOLD))
        return stream.read(_MAX_TOLD)


def _environment(home: Path) -> dict[str, str]:
    home = absolute(home)
    own = {"HOME": home, "XDG_CACHE_HOME": home, "HF_HOME": home / "hf", "BENCH_DATA": data_root()}
    return (
        harmless(*_COMPUTING)
        | {name: str(path) for name, path in own.items()}
        | {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    )


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Stop a child that still runs, and all that it started."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.stdin is not None:
        child.stdin.close()


def _run_job(asked: Mapping[str, Any]) -> Done:
    """What the child does, within its limits."""
    from bench.base import bounded_toml
    from bench.evaluate import stages as evaluate
    from bench.evaluate.request import Request
    from bench.spec import entry
    from bench.spec import task as tasks
    from bench.submissions import check

    folder = Path(asked["folder"])
    task = tasks.load(asked["task"])
    faults = [f for f in check.check(folder, task, dry_run=False) if not f.passed]
    if faults:
        shown = "; ".join(f"{fault.id}: {fault.found}" for fault in faults)
        return Done(refused=shown[:_MAX_TOLD])
    predicted = "predictions" in bounded_toml.read(folder / "entry.toml", entry.MAX_DECLARATION)
    if not predicted:
        found = entries.load(folder, task).on(asked["track"])
        if found.weights is None and found.model.learns:
            return Done(refused="it has no weights: nothing is trained here")
    manifest = evaluate.run(
        Request(
            task=task.name,
            model=f"predictions:{folder}" if predicted else str(folder),
            track=asked["track"],
            seed=asked["seed"],
            results=Path(asked["results"]),
        )
    )
    return Done(run=manifest.run)


def _limit(limits: Mapping[str, int]) -> None:
    """Bind this process and all it starts.

    What counts is writable memory: a CUDA driver alone reserves more addresses than any limit
    on those would allow.
    """
    seconds = limits["seconds"] * (os.cpu_count() or 1)
    for what, most in (
        (resource.RLIMIT_DATA, limits["memory"]),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


def _end_with_parent() -> None:
    """Stop this process and all it started when the other end of its input is gone."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def _child(request: str) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asked = json.loads(request)
    _limit(asked["limits"])
    try:
        done = _run_job(asked)
    except RequestError as error:
        done = Done(refused=str(error)[:_MAX_TOLD])
    except BenchError as error:
        done = Done(failed=str(error)[:_MAX_TOLD])
    except (MemoryError, RuntimeError) as error:
        # Of these torch raises the second one.
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        done = Done(refused="it needs more memory than it may have")
    write_json(Path(asked["results"]) / "answer.json", asdict(done))


if __name__ == "__main__":
    _child(sys.argv[1])
