"""A process of several that is killed is told by its device and its signal, in one line."""

import pytest
from torch.multiprocessing.spawn import ProcessExitedException

from bench.base.errors import BenchError
from bench.evaluate import predict

DEATH = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


class Deadly:
    """Kills the process that it is sent to."""

    def __reduce__(self):
        return exec, (DEATH,)


def job(folder, entry):
    return predict.Job(
        "reben-mlc", entry, folder, ["a", "b"], folder / "run", "cpu", "32-true", 1, 0
    )


def test_a_process_that_the_system_kills(tmp_path):
    with pytest.raises(BenchError, match=r"device [01] of 2 was killed by SIGKILL") as told:
        predict.predict(job(tmp_path, Deadly()), 2, lambda done, total: None)
    assert "lack of memory" in told.value.message
    assert "the same command continues" in told.value.hint


def test_a_process_that_ends_without_an_error(tmp_path, monkeypatch):
    class Context:
        def join(self, timeout):
            raise ProcessExitedException("ended", 1, 7, 3)

    monkeypatch.setattr(predict, "start_processes", lambda *given, **named: Context())
    with pytest.raises(BenchError, match="device 1 of 2 ended with exit code 3"):
        predict.predict(job(tmp_path, None), 2, lambda done, total: None)
