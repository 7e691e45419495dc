"""A page for each task, made of what is declared of it, its dataset and its baselines.

Folds of a cross-validation stand on the page of the task whose folds they are.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from bench import data, kinds
from bench.base.paths import data_root
from bench.evaluate import predictions
from bench.metrics.scales import scale
from bench.metrics.titles import meaning, title, unit
from bench.models import entries
from bench.results.manifest import Manifest
from bench.results.reported import Number
from bench.spec import task as tasks
from bench.spec.expected import Expected, expectations
from bench.spec.floors import is_floor
from bench.spec.task import Task
from scripts.docs.links import ROOT
from scripts.docs.words import block, code, page, plain, table

_MANY = 24
_PICTURES = "images/samples"
_SAMPLES = ROOT / "bench" / "report" / "leaderboard" / "samples"


def pages(numbers: Sequence[Number], shipped: Sequence[Manifest] = ()) -> dict[str, str]:
    """The page of every task that is no fold of another, by its place on the site.

    Args:
        numbers: published ones, those of experiments that are related to a task among them.
        shipped: the runs that ship, which tell what scores a task has.
    """
    every = [tasks.load(name) for name in tasks.names()]
    expected = expectations()
    found = {}
    for task in every:
        if task.folds_of:
            continue
        folds = [one for one in every if one.folds_of == task.name]
        names = {task.name, *(one.name for one in folds)}
        known = [one for one in numbers if one.task in names or names & set(one.related)]
        scores = {model: one for (of, model), one in expected.items() if of == task.name}
        named = _metrics(task, shipped)
        found[f"tasks/{task.name}.md"] = _page(task, folds, scores, known, named)
    return found


def address(task: Task) -> str:
    """The place of a task's page on the site."""
    return f"tasks/{task.folds_of or task.name}.md"


def pictures() -> dict[str, Path]:
    """The pictures of samples of datasets by their place on the site."""
    return {f"{_PICTURES}/{path.name}": path for path in sorted(_SAMPLES.glob("*.webp"))}


def _page(
    task: Task,
    folds: Sequence[Task],
    expected: dict[str, Expected],
    numbers: Sequence[Number],
    metrics: Sequence[str],
) -> str:
    return page(
        f"# {task.name}",
        f"**{plain(task.title)}**",
        plain(task.about),
        _picture(task.dataset),
        _facts(task),
        "## Run it",
        _commands(task),
        "## Protocol",
        plain(task.protocol),
        "## Data",
        *_data(task),
        "## Splits",
        _splits([task, *folds]),
        "## What a model is fed",
        *_inputs(task),
        "## Scores",
        *_scores(task, metrics),
        "## Baselines",
        *_baselines(task, expected),
        "## Published numbers",
        *_published(task, numbers),
        "## Predictions made elsewhere",
        *_predictions(task),
    )


def _picture(dataset: str) -> str:
    place = f"{_PICTURES}/{dataset}.webp"
    if place not in pictures():
        return ""
    caption = f"Simulated samples in the format of `{dataset}`: the sample track."
    return f"![Samples of {dataset}, simulated](../{place})\n\n{caption}"


def _facts(task: Task) -> str:
    known = scale(task.primary.rpartition("_")[0])
    rows = [
        ["kind", code(task.kind)],
        ["ranked by", f"{title(task.primary)} ({code(task.primary)}), {meaning(task.primary)}"],
        ["range", f"{_bound(known.low)} to {_bound(known.high)} {unit(task.primary)}".strip()],
        ["classes", "; ".join(map(plain, task.classes))],
        ["worst group by", ", ".join(map(code, task.groups))],
        ["extra packages", f"`pip install 'rs-bench[{task.extra}]'`" if task.extra else ""],
        ["version", str(task.version)],
        ["digest", code(task.digest)],
        ["superseded by", code(task.superseded_by)],
    ]
    return table(["", ""], [row for row in rows if row[1]])


def _bound(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else ("infinity" if value > 0 else "minus infinity")


def _commands(task: Task) -> str:
    model = _first(task)
    return page(
        block(
            f"bench info {task.name}\n"
            f"bench run --task {task.name} --model {model}\n"
            f"bench results --task {task.name} --reported\n",
            "bash",
        ),
        "Without the published data on the machine it runs on the sample track, and says so.",
    )


def _first(task: Task) -> str:
    """A baseline to begin with: one that is no floor, if there is one."""
    own = [name for name, _, _ in entries.baselines(task)]
    scored = {model.rpartition("-")[0] for of, model in expectations() if of == task.name}
    return min(own, key=lambda name: (is_floor(name), name not in scored, own.index(name)))


def _data(task: Task) -> Iterator[str]:
    declared = task.declaration
    folder = data.official_root(task.dataset).relative_to(data_root())
    yield table(
        ["", ""],
        [
            ["dataset", f"{code(task.dataset)}: {plain(declared['title'])}"],
            ["licence", plain(declared["licence"])],
            ["size", plain(declared["size"])],
            ["from", f"<{declared['url']}>"],
            ["simulated data", f"version {code(declared['sample_version'])}"],
            *([["without data", plain(declared["missing"])]] if "missing" in declared else []),
        ],
    )
    if declared.get("about"):
        yield plain(declared["about"])
    yield (
        f"What the publishers offer is unpacked into `$BENCH_DATA/{folder}` "
        f"(`bench data list {task.dataset}` prints the whole path):"
    )
    yield block(declared["layout"].strip())
    yield table(
        ["file", "MD5"],
        [[code(one["name"]), code(one.get("md5", ""))] for one in declared.get("files", ())],
    )
    yield "Then look whether it is whole, and make it fast to read:"
    yield block(f"bench data verify {task.dataset}\nbench data prepare {task.dataset}\n", "bash")
    yield f"Cite: {plain(declared['citation'])}"


def _splits(parts: Sequence[Task]) -> str:
    """The splits of a task and of its folds."""
    rows = []
    for task in parts:
        roles = {task.training: "learnt from", task.validation: "chosen by", task.split: "scored"}
        for name in task.splits:
            known = task.published(name)
            rows.append(
                [
                    *([code(task.name)] if len(parts) > 1 else []),
                    code(name),
                    roles.get(name, ""),
                    f"{known.size:,}" if known.size else "",
                    task.checked(name),
                    code(known.ids_sha256 or ""),
                ]
            )
    said = []
    for group in data.together(parts[0].dataset):
        if set(group["splits"]) & {name for task in parts for name in task.splits}:
            size = f"{group['size']:,} samples" if "size" in group else "one list of ids"
            said.append(f"{', '.join(map(code, group['splits']))} together are held to {size}.")
    heads = ["split", "used", "samples", "held to", "SHA-256 of the sorted ids"]
    return page(
        table([*(["task"] if len(parts) > 1 else []), *heads], rows),
        " ".join(said),
        "[Tracks and data](../tracks.md) says what is done with a copy that differs.",
    )


def _inputs(task: Task) -> Iterator[str]:
    rows = []
    for name in task.inputs:
        contract = task.input(name)
        units = ", ".join(f"{sensor}: {unit}" for sensor, unit in contract.units.items())
        size = contract.size
        rows.append(
            [
                code(name),
                _bands(contract.bands),
                plain(units),
                f"{size} px, {contract.resampling}" if size else "as it is",
                code(contract.statistics) or "none",
            ]
        )
    yield (
        "A model is fed by one of these input contracts (closed division) or by one that its entry "
        "declares (open division). The first is the default."
    )
    yield table(["input", "bands in order", "unit", "size", "statistics"], rows)
    yield f"A model is: {plain(kinds.of(task).interface)}"


def _in_words(metric: str) -> str:
    return ", ".join(part for part in (plain(title(metric)), meaning(metric)) if part)


def _bands(bands: Sequence[str]) -> str:
    """The bands of an input; of many the first and the last."""
    if len(bands) <= _MANY:
        return code(" ".join(bands))
    return f"{len(bands)}: {code(' '.join([*bands[:3], '...', *bands[-3:]]))}"


def _metrics(task: Task, shipped: Sequence[Manifest]) -> list[str]:
    """The names of the scores of a task, by a run of it that ships, else by one of its kind."""
    alike = sorted(shipped, key=lambda one: one.task.name != task.name)
    first = next((one for one in alike if one.task.kind == task.kind), None)
    scores = first.scores if first else ()
    return list(dict.fromkeys(f"{one.metric}_{one.average}" for one in scores if not one.slice))


def _scores(task: Task, metrics: Sequence[str]) -> Iterator[str]:
    kind = kinds.of(task)
    yield (
        f"Ranked by {code(task.primary)}. Kept of every sample, so that scores can be computed "
        "again without the model:"
    )
    yield table(
        ["column", "type"], [[code(field.name), code(field.type)] for field in kind.schema()]
    )
    if task.settings:
        yield "Settings of the kind that this task declares:"
        yield table(["setting", "value"], [[code(k), code(v)] for k, v in task.settings.items()])
    yield table(["score", "in words"], [[code(m), _in_words(m)] for m in metrics])
    yield (
        f"`bench run --task {task.name} --model {_first(task)} --full` prints every score. "
        "[Statistics](../statistics.md) says how intervals are made."
    )


def _baselines(task: Task, expected: dict[str, Expected]) -> Iterator[str]:
    yield (
        f"`bench run --task {task.name} --model NAME` runs one. Expected scores are those of the "
        "sample track (simulated data, seed 0), which `bench regress` compares with; they say "
        "nothing about the published data."
    )
    rows = [_baseline(task, own, raw, expected) for own, _, raw in entries.baselines(task)]
    for what, floors in (("Models", False), ("Floors", True)):
        chosen = [row for named, row in rows if is_floor(named) is floors]
        if chosen:
            heads = ["--model", "what it is", "inputs", f"expected {code(task.primary)}"]
            yield f"### {what}"
            yield table([f"`{heads[0]}`", *heads[1:]], chosen)


def _baseline(
    task: Task, name: str, raw: dict[str, object], expected: dict[str, Expected]
) -> tuple[str, list[str]]:
    inputs = raw.get("inputs", task.inputs)
    assert isinstance(inputs, Sequence)
    scores = [
        f"{code(given)} {one.value:.3f} \\[{one.low:.3f}, {one.high:.3f}\\]"
        for given in inputs
        if (one := expected.get(f"{name}-{given}")) and one.task_digest == task.digest
    ]
    return name, [
        code(name),
        plain(raw.get("title", "")),
        ", ".join(map(code, inputs)),
        "; ".join(scores),
    ]


def _published(task: Task, numbers: Sequence[Number]) -> Iterator[str]:
    own = [one for one in numbers if not one.related]
    order = sorted(own, key=lambda one: (-(one.year or 0), one.source, one.place))
    if own:
        yield (
            "Printed in publications, on the published data and under protocols of their own: they "
            "stand beside results on the leaderboard and are never ranked with them."
        )
    else:
        yield f"None is known to rs-bench for {code(task.name)}."
    for _, of_source in groupby(order, key=lambda one: one.source):
        yield from _source(list(of_source))
    if other := [one for one in numbers if one.related]:
        yield "### Related experiments"
        yield (
            "Published numbers of what is no task here. They are never ranked, and never count as "
            "the best published of this task."
        )
        order = sorted(other, key=lambda one: (one.task, one.why, one.source, one.place))
        for (name, why), of_experiment in groupby(order, key=lambda one: (one.task, one.why)):
            yield f"**{code(name)}**: {plain(why)}."
            for _, of_source in groupby(of_experiment, key=lambda one: one.source):
                yield from _source(list(of_source), heading=False)


def _source(numbers: Sequence[Number], *, heading: bool = True) -> Iterator[str]:
    first = numbers[0]
    cited = f"{plain(first.authors)}{f', {first.year}' if first.year else ''}. <{first.url}>"
    if heading:
        yield f"### {plain(first.title)}"
        yield cited
    else:
        yield f"{plain(first.title)}. {cited}"
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for one in numbers:
        if not one.label:
            key = (one.task, one.place, one.entry, one.inputs, one.setting)
            rows.setdefault(key, {})[f"{one.metric}_{one.average}"] = _value(one)
    alike: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row, values in rows.items():
        alike.setdefault(tuple(values), []).append(row)
    for metrics, keys in alike.items():
        yield _rows(metrics, {key: rows[key] for key in keys})
    if by_class := sum(bool(one.label) for one in numbers):
        yield f"{by_class} more by class."
    for which, label in (("differs", "Differs"), ("doubt", "In doubt")):
        said: dict[str, list[str]] = {}
        for one in numbers:
            if (words := getattr(one, which)) and one.place not in said.setdefault(words, []):
                said[words].append(one.place)
        yield "\n".join(f"- {label} ({plain('; '.join(at))}): {plain(w)}" for w, at in said.items())
    if first.leaves_out:
        best = " None of it is better." if first.best_shown else ""
        yield f"- Not shown: {plain(first.leaves_out)}.{best}"


def _value(one: Number) -> str:
    """A published number on the scale of the harness, with its deviation over seeds."""
    if one.published_unit == "million":
        return f"{one.published:g} million"
    return f"{one.value:.4g}" + (f" ± {one.std:.4g}" if one.std is not None else "")


def _rows(metrics: Sequence[str], rows: dict[tuple[str, ...], dict[str, str]]) -> str:
    """A table of rows of a source; what is the same in all of them and empty has no column."""
    heads = ["task", "where", "entry", "input", "setting"]
    kept = [
        column
        for column, head in enumerate(heads)
        if any(key[column] for key in rows)
        and (head != "task" or len({key[column] for key in rows}) > 1)
    ]
    return table(
        [*(heads[column] for column in kept), *map(code, metrics)],
        [[*(plain(key[c]) for c in kept), *values.values()] for key, values in rows.items()],
    )


def _predictions(task: Task) -> Iterator[str]:
    if kinds.of(task).prediction_schema() is None:
        yield f"Tasks of the kind {code(task.kind)} take models only."
        return
    yield (
        f"A Parquet file with a row for each sample of the split {code(task.split)}, for "
        f"`bench run --task {task.name} --model predictions:FILE` "
        "([Submit](../submit.md#hand-in-predictions-alone)):"
    )
    yield table(
        ["column", "type", "range", "what"],
        [
            [code(c["column"]), code(c["type"]), plain(c["range"]), plain(c["about"])]
            for c in predictions.columns(task)
        ],
    )
