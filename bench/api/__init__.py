"""The Python API: what the command line does, as functions that return objects.

The names here are those of the package itself: ``bench.run`` is `bench.api.run`. No function prints
anything; what the command line says is logged at level INFO by the logger ``bench``. Whatever a
function changes of the process, such as the state of random generators, it restores.

>>> import bench, torch
>>> network = torch.nn.Sequential(
...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
... )
>>> run = bench.run("reben-mlc", network, contract="s1", name="means", track="sample", limit=8)
>>> run.primary.name, run.samples
('ap_macro', 8)
>>> bench.results()["entry"].tolist()
['means']
"""

from bench.api.known import compare, curves, leaderboard, load_task, query, results, tasks
from bench.api.result import PrimaryScore, Run
from bench.api.running import build, load_run, run, score, train

__all__ = [
    "PrimaryScore",
    "Run",
    "build",
    "compare",
    "curves",
    "leaderboard",
    "load_run",
    "load_task",
    "query",
    "results",
    "run",
    "score",
    "tasks",
    "train",
]
