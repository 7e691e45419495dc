"""Every baseline that a task lists is built for that task and shown a made-up sample of its input.

On both tracks, by what tries a user's own model before a run. Tasks that differ in nothing that a
model sees, such as the folds of a dataset, are tried once.
"""

import pytest
import torch

from bench import kinds, models
from bench.base.files import sha256_json
from bench.evaluate import trial
from bench.kinds.common.observing import observe
from bench.models import entries
from bench.spec import task as tasks

SIDE = 16

_SEARCHED = ("JPEGXL", "KLT", "KLTJPEG2000", "ScalarQuantiser")
SLOW = {
    *((f"hyspecnet-compression{end}", of) for end in ("", "-hard") for of in _SEARCHED),
    ("s2-compression", "HyCoT"),
    ("s2-compression", "CAE1D"),
}


def _seen_by_models(task):
    return sha256_json(
        [
            [name for name, _, _ in entries.baselines(task)],
            task.kind,
            task.classes,
            task.settings,
            [[name, task.input(name).model_dump(mode="json")] for name in task.inputs],
        ]
    )


def _listed():
    alike = {_seen_by_models(task): task.name for task in map(tasks.load, tasks.names())}
    for name in sorted(alike.values()):
        task = tasks.load(name)
        # Of a baseline's two names the longer one.
        for model in dict.fromkeys(
            entries.baseline(n, task).name for n in entries.baseline_names(task)
        ):
            # Minutes: hundreds of bands in search of a rate, or attention over each pixel's bands.
            # The same architectures run always on the other of the two data sets.
            slow = (
                name,
                entries.baseline(model, task).model.architecture.rpartition(".")[2],
            ) in SLOW
            marks = pytest.mark.soak if slow else ()
            yield pytest.param(name, model, id=f"{name}-{model}", marks=marks)


# Networks of the official track are large: all of them take minutes to build.
@pytest.mark.parametrize("track", ["sample", pytest.param("official", marks=pytest.mark.soak)])
@pytest.mark.parametrize(("name", "model"), list(_listed()))
def test_a_baseline_runs_on_its_task(name, model, track):
    task = tasks.load(name)
    found = entries.baseline(model, task).on(track)
    trial.attempt(found, task, track)
    if not found.model.learns:
        # What needs no training is run on numbers too: codecs do nothing without. Few pixels do.
        kind = kinds.of(task)
        batch = kind.blank(found.input.model_copy(update={"size": SIDE}))
        network = models.build(found, kind.outputs()).eval()
        with torch.inference_mode():
            seen = observe(kind, network, [batch], torch.device("cpu"), kind.schema())
        assert seen.num_rows == 1
