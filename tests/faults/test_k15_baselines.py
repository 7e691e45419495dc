"""Every baseline that a task lists is built for that task and shown a made-up sample of its input.

On both tracks, by what tries a user's own model before a run. Tasks that differ in nothing that a
model sees, such as the folds of a dataset, are tried once.
"""

import pytest
import torch

from bench import entry, kinds, models, trial
from bench import task as tasks
from bench.files import sha256_json
from bench.predict import observe

SIDE = 16


def _seen_by_models(task):
    return sha256_json(
        [
            str(entry.baseline_folder(task)),
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
            entry.baseline(n, task).name for n in entry.baseline_names(task)
        ):
            yield pytest.param(name, model, id=f"{name}-{model}")


@pytest.mark.parametrize(("name", "model"), list(_listed()))
def test_a_baseline_runs_on_its_task(name, model):
    task = tasks.load(name)
    found = entry.baseline(model, task)
    for track in ("sample", "official"):
        trial.attempt(found.on(track), task, track)
    if not found.model.learns:
        # What needs no training is run on numbers too: codecs do nothing without. Few pixels do.
        kind = kinds.kind_of(task)
        batch = kind.blank(task, found.input.model_copy(update={"size": SIDE}))
        network = models.build(found, kind.outputs(task)).eval()
        with torch.inference_mode():
            seen = observe(task, kind, network, [batch], torch.device("cpu"), kind.schema(task))
        assert seen.num_rows == 1
