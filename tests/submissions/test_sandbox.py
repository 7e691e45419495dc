"""The child in which strangers' entries run."""

import os
import signal
import subprocess
import sys

import pytest

from bench.submissions import sandbox
from bench.submissions.sandbox import Done, Limits, SandboxJob
from tests.tiny import TASK, tiny

SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY")


def in_the_child(code, home):
    home.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        env=sandbox._environment(home),
        check=False,
    )


def test_no_secret_is_in_the_environment_of_the_child(tmp_path, monkeypatch):
    for name in SECRETS:
        monkeypatch.setenv(name, "hf_secret")
    for name in ("HOME", "XDG_CACHE_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "mine"))
    for path in ("token", "huggingface/token", ".cache/huggingface/token"):
        (tmp_path / "mine" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / path).write_text("hf_secret")
    code = "import os, huggingface_hub as h; print(h.get_token(), dict(os.environ))"
    told = in_the_child(code, tmp_path / "home").stdout
    assert told.startswith("None ")
    assert "hf_secret" not in told
    assert str(tmp_path / "mine") not in told.replace(os.environ.get("BENCH_DATA", "-"), "")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't enforce the limit")
def test_memory_is_limited(tmp_path):
    code = (
        "from bench.submissions import sandbox\n"
        "sandbox._limit({'seconds': 60, 'memory': 256 << 20})\n"
        "kept = bytearray({} << 20)\n"
        "print('fits')"
    )
    assert "fits" in in_the_child(code.replace("{}", "16", 1), tmp_path / "home").stdout
    assert "MemoryError" in in_the_child(code.replace("{}", "512", 1), tmp_path / "home").stderr


def test_who_takes_too_long_is_stopped(tmp_path):
    job = SandboxJob(tmp_path, TASK, "sample", tmp_path / "results", 0)
    done = sandbox.run(job, Limits(seconds=0), tmp_path / "home")
    assert done == Done(refused="it took longer than 0 s")


def test_the_child_of_a_killed_parent_stops(tmp_path):
    """As it is when a sync is killed: the input of the child ends."""
    code = (
        "import threading, time\nfrom bench.submissions import sandbox\n"
        "threading.Thread(target=sandbox._end_with_parent, daemon=True).start()\n"
        "print('up', flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdout.readline() == b"up\n"
        child.stdin.close()
        assert child.wait() == -signal.SIGKILL


def test_who_fails_the_checks_is_refused_and_told_why(tmp_path):
    # Whoever hands in nothing but an entry.toml of no fields.
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry" / "entry.toml").write_text("")
    job = SandboxJob(tmp_path / "entry", TASK, "sample", tmp_path / "results", 0)
    done = sandbox.run(job, Limits(), tmp_path / "home")
    assert not (done.run or done.failed)
    assert "declaration.task" in done.refused


def test_a_child_that_dies_fails_and_may_be_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "_environment", lambda home: {"PYTHONPATH": str(tmp_path)})
    (tmp_path / "torch.py").write_text("import os; os.abort()")
    entry = tiny(tmp_path / "entry")
    job = SandboxJob(entry, TASK, "sample", tmp_path / "results", 0)
    assert "its process ended with" in sandbox.run(job, Limits(), tmp_path / "home").failed
