"""Entries to begin with: what ``bench init`` writes."""

import json
from pathlib import Path

import pyarrow as pa
import tomli_w

from bench.base.errors import RequestError
from bench.base.files import write_bytes
from bench.evaluate import predictions
from bench.models import entries
from bench.spec import floors
from bench.spec.entry import Declaration, Entry, Model
from bench.spec.task import Task

_HEAD = """\
name = {name}
title = ""
authors = []  # ["First Last", ...]
licence = ""  # SPDX, such as "Apache-2.0"
url = ""
note = ""
task = {task}
task_digest = {digest}  # of what the task means; `bench check` says when it changed
# All that anything was learnt from, pretraining included: DATASET/SPLIT, or words.
training_data = []  # [{training}, "ImageNet-1k"]
"""

_MODEL = """\
# One of the task's inputs: {inputs}; or a table [input] of its own, in the open division.
input = {input}

[model]
architecture = {architecture}  # timm:NAME, open_clip:NAME or baseline:MODULE.CLASS
arguments = {{{arguments}}}
weights = "model.safetensors"  # safetensors.torch.save_file(model.state_dict(), ...)
"""

_PREDICTIONS = """\

[predictions]
file = "predictions.parquet"
"""

_CARD = """\
# {name}

For task `{task}`: {title}.

What it is, how it was made, what it was trained on, what it must not be used for.

{how}
## Check and run

```
bench check {name}
bench run --task {task} --model {model}
```
"""

_HOW = """\
## predictions.parquet

One row for each sample of split `{split}`:

{columns}

```python
{code}```

"""

_WRITE = """\
import pyarrow as pa
import pyarrow.parquet as pq

# predicted: {{sample id: {{{fields}}}}}
columns = {{name: [] for name in {names}}}
for sample, values in predicted.items():
    columns["sample"].append(sample)
    for name, value in values.items():
        columns[name].append(value)
pq.write_table(pa.table(columns), "predictions.parquet", compression="zstd")
"""


def write(
    folder: Path,
    task: Task,
    *,
    predicted: bool,
    architecture: str | None = None,
    size: int | None = None,
) -> Path:
    """Write an entry that has to be filled in: ``entry.toml`` and ``README.md``.

    Args:
        folder: which is made; its name becomes the entry's.
        task: what it is for.
        predicted: for predictions instead of a model.
        architecture: of the model; that of the simplest baseline where it is None.
        size: pixels a side of the model's input; as the task's first input where it is None.

    Returns:
        The folder.

    Raises:
        RequestError: the folder holds something, its name can't be that of an entry, or the task
            takes no predictions.
    """
    name = folder.name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"{folder} is there already", "choose another name, or empty it first")
    declared = {"name": name, "task": task.name, "folder": folder}
    entries.validated(Declaration, declared, folder / "entry.toml")
    head = _HEAD.format(
        name=json.dumps(name),
        task=json.dumps(task.name),
        digest=json.dumps(task.digest),
        training=json.dumps(f"{task.dataset}/{task.training}"),
    )
    body = _PREDICTIONS if predicted else _model(task, architecture, size)
    card = _CARD.format(
        name=name,
        task=task.name,
        title=task.title,
        how=_how(task) if predicted else "",
        model=f"predictions:{name}" if predicted else name,
    )
    write_bytes(folder / "README.md", card.encode())
    write_bytes(folder / "entry.toml", (head + body).encode())
    return folder


def _model(task: Task, architecture: str | None, size: int | None) -> str:
    known = _simplest(task) if architecture is None else None
    given = known.model if known else Model(architecture=architecture or "timm:resnet18")
    own = task.input(task.inputs[0])
    body = _MODEL.format(
        inputs=", ".join(task.inputs),
        input=json.dumps(task.inputs[0]),
        architecture=json.dumps(given.architecture),
        arguments=", ".join(f"{key} = {json.dumps(v)}" for key, v in given.arguments.items()),
    )
    if size is None or size == own.size:
        return body
    whole = own.model_copy(update={"size": size}).model_dump(mode="json")
    table = tomli_w.dumps({"input": whole})
    return body.replace(f"input = {json.dumps(task.inputs[0])}\n", "") + "\n" + table


def _simplest(task: Task) -> Entry | None:
    """A baseline that learns and takes the task's first input: of fewest arguments, one of timm.

    No floor: its architecture is fitted to other features than a network's.
    """
    names = [name for name in entries.baseline_names(task) if not floors.is_floor(name)]
    found = [entries.baseline(name, task) for name in names]
    fitting = [e for e in found if e.model.learns and e.input == task.input(task.inputs[0])]

    def order(entry: Entry) -> tuple[int, bool, int, str]:
        foreign = not entry.model.architecture.startswith("timm:")
        return len(entry.model.arguments), foreign, len(entry.name), entry.name

    return min(fitting, key=order, default=None)


def _how(task: Task) -> str:
    schema = predictions.schema(task)
    lines = [
        f"- `{column['column']}`: {column['type']}, {column['range']}; {column['about']}"
        for column in predictions.columns(task)
    ]
    fields = ", ".join(f"{field.name!r}: {_value(field)}" for field in list(schema)[1:])
    code = _WRITE.format(fields=fields, names=schema.names)
    return _HOW.format(split=task.split, columns="\n".join(lines), code=code)


def _value(field: pa.Field) -> str:
    if pa.types.is_binary(field.type):
        return "bytes"
    listed = pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)
    leaf = field.type.value_type if listed else field.type
    word = "text" if pa.types.is_string(leaf) else "number"
    return f"[{word}, ...]" if listed else word
